"""predict: the model's outputs for rows of data, as NumPy arrays, with little around the call."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from lamina import tree
from lamina.callbacks.base import CallbackList
from lamina.interrupts import Deferred
from lamina.ir.types import TensorType
from lamina.locks import MAKING
from lamina.settings import settings
from lamina.training import checks
from lamina.training.columns import Columns, columns
from lamina.training.draws import Draws
from lamina.training.openness import Programs
from lamina.training.outputs import build_for
from lamina.training.programs import Program
from lamina.training.progress import Progress
from lamina.training.sources import Stream, is_iterable_of_batches, refuse_batch_size, steps_of
from lamina.training.stateful import batch_size_for, check_rows, sequences_held
from lamina.training.vocabularies import Vocabularies

BATCH = 256
SHOWN = 1.0  # seconds after which a prediction shows how far it is


class Predictor:
    """The prediction programs of a model, by the kind of their inputs."""

    def __init__(self) -> None:
        self._programs: Programs[Program] = Programs()
        self._quick: dict[Any, tuple[Program, list[Any], int | None]] = {}
        self._graph: Any = None
        self.vocabularies = Vocabularies()
        self._draws = Draws()

    def quick(self, model: Any, x: np.ndarray) -> Any:
        """The outputs for a few rows of one known array; None where it takes the long way.

        The shortest way from an array to the program: no nests, no copies, a check for NaN in one
        product (NaN and infinity stay what they are in a sum of squares).
        """
        if self._graph is not model._graph:
            return None
        if x.dtype.char == "d":
            x = x.astype(np.float32)
        if not x.dtype.isnative:
            return None
        known = self._quick.get((x.shape[1:], x.dtype.char, settings.engine))
        if known is None or not 0 < x.shape[0] <= BATCH or not x.flags.c_contiguous:
            return None
        program, readers, held = known
        if held is not None and held != x.shape[0]:
            return None
        for layer in readers:
            layer.check_data(x)
        if x.dtype.char == "f":
            flat = x.reshape(-1)
            if not np.dot(flat, flat) < np.inf:
                return None
        return program(x)

    def program(self, model: Any, data: Columns) -> Program:
        """The program for such inputs, made at the first need."""
        if self._graph is not model._graph:  # layers were added or taken away
            with MAKING:
                if self._graph is not model._graph:
                    self._programs, self._quick = Programs(), {}
                    self._graph = model._graph

        def make(types_: list[TensorType], reason: str) -> Program:
            return self._make(model, data, types_, reason)

        found = self._programs.find(settings.engine, model, data, make)
        if data.input_structure == tree.LEAF:
            array = data.inputs[0]
            kind = array.shape[1:], array.dtype.char, settings.engine
            readers = model._graph.readers if model._graph else self.vocabularies.of(model, data)
            self._quick[kind] = found, [layer for _, layer in readers], sequences_held(model)
        return found

    def _make(self, model: Any, data: Columns, types_: list[TensorType], reason: str) -> Program:
        def outputs(*leaves: Any) -> Any:
            with self._draws.scope():
                return model(tree.unflatten(data.input_structure, leaves), training=False)

        try:
            return Program(outputs, types_, f"predict {model.name}", reason)
        finally:
            model.reset_losses()


def predict(
    model: Any, x: Any, *, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any
) -> Any:
    """What `Trainer.predict` does."""
    told = CallbackList(callbacks, model, verbose=verbose)
    progress = Progress("Predict", None, verbose)
    progress._drawn += SHOWN
    model.stop_predicting = False
    told.tell("on_predict_begin", {})
    parts: list[Any] = []
    rows = 0
    found = batches_of(model, x, batch_size, steps, progress)
    with Deferred() as interrupt, closing(found) as batches:
        for k, part in enumerate(batches):
            told.tell("on_predict_batch_begin", k, {})
            check_batch(model, part, rows)
            rows += part.rows
            parts.append(interrupt.call(model._predictor.program(model, part), *part.inputs))
            told.tell("on_predict_batch_end", k, {})
            progress.update(k + 1, {})
            if model.stop_predicting:
                break
    progress.abandon()
    told.tell("on_predict_end", {})
    return parts[0] if len(parts) == 1 else tree.map_structure(_joined, parts[0], *parts[1:])


def _joined(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)


def check_batch(model: Any, part: Columns, first: int) -> None:
    """Build the model for the first data, and raise where they hold what it cannot take; rows are
    counted from `first`."""
    build_for(model, part)
    checks.check_inputs(model, part, first)
    model._predictor.vocabularies.check(model, part, first)


def batches_of(
    model: Any,
    x: Any,
    batch_size: int | None,
    steps: int | None,
    progress: Progress,
    default: int = BATCH,
) -> Any:
    """A generator of Columns of inputs: rows of arrays, `default` at once where no size is given,
    or the batches of an iterable."""
    if is_iterable_of_batches(x):
        refuse_batch_size(batch_size)
        source = Stream(x, steps)
        progress.total = source.steps
        with closing(source.chunks(0)) as chunks:
            for data, _ in chunks:
                check_rows(model, data.rows, batches=False)
                yield Columns(data.inputs, input_structure=data.input_structure)
        return
    data = columns(x)
    size = batch_size_for(model, batch_size, default)
    if steps is None:
        check_rows(model, data.rows)
    progress.total = steps_of(data.rows, size, steps, "predict: steps")
    for k in range(progress.total):
        rows = slice(k * size, (k + 1) * size)
        yield Columns([a[rows] for a in data.inputs], input_structure=data.input_structure)
