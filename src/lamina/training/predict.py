"""predict: the model's outputs for rows of data, as NumPy arrays, with little around the call."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from contextlib import closing
from typing import TypeAlias

import numpy as np

from lamina import tree
from lamina.data.arrays import Array
from lamina.interrupts import Deferred
from lamina.ir.types import TensorType
from lamina.locks import MAKING
from lamina.settings import settings
from lamina.tensor import Tensor
from lamina.training import checks
from lamina.training.columns import Columns, columns
from lamina.training.draws import Draws
from lamina.training.foreign import Given, adapted
from lamina.training.openness import Programs
from lamina.training.options import Verbose
from lamina.training.programs import Program
from lamina.training.progress import Progress, compiling
from lamina.training.protocol import Listeners, Nest, Outputs, Reader, Trainable
from lamina.training.sources import Stream, is_iterable_of_batches, refuse_batch_size, steps_of
from lamina.training.stateful import batch_size_for, check_rows, sequences_held
from lamina.training.vocabularies import Vocabularies

BATCH = 256
SHOWN = 1.0  # seconds after which a prediction shows how far it is

_Quick: TypeAlias = tuple[Program, list[Reader], int | None]


class Predictor:
    """The prediction programs of a model, by the kind of their inputs."""

    def __init__(self) -> None:
        self._programs: Programs[Program] = Programs()
        self._quick: dict[Hashable, _Quick] = {}
        self._structure: Hashable = None
        self._vocabularies = Vocabularies()
        self._draws = Draws()

    def quick(self, structure: Hashable, x: Array) -> Outputs | None:
        """The outputs for a few rows of one known array, of a model with a structure of this key;
        None where it takes the long way.

        The shortest way from an array to the program: no nests, no copies, a check for NaN in one
        product (NaN and infinity stay what they are in a sum of squares).
        """
        if self._structure is not structure:
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

    def program(self, model: Trainable, data: Columns) -> Program:
        """The program for such inputs, made at the first need."""
        structure = model.structure
        if self._structure is not structure.key:  # layers were added or taken away
            with MAKING:
                if self._structure is not structure.key:
                    self._programs, self._quick = Programs(), {}
                    self._structure = structure.key

        def make(types_: list[TensorType], reason: str) -> Program:
            return self._make(model, data, types_, reason)

        found = self._programs.find(settings.engine, model, data, make)
        if data.input_structure == tree.LEAF:
            array = data.inputs[0]
            kind = array.shape[1:], array.dtype.char, settings.engine
            readers: list[Reader] = [reader for _, reader in structure.readers(0)]
            readers += [layer for _, layer in self._vocabularies.of(model, data)]
            self._quick[kind] = found, readers, sequences_held(model)
        return found

    def _make(
        self, model: Trainable, data: Columns, types_: list[TensorType], reason: str
    ) -> Program:
        def outputs(*leaves: Tensor) -> Nest:
            with self._draws.scope():
                inputs = tree.unflatten(data.input_structure, leaves)
                return model.forward(inputs, training=False)

        try:
            with compiling():
                return Program(outputs, types_, f"predict {model.name}", reason)
        finally:
            model.forget_penalties()

    def check(self, model: Trainable, part: Columns, first: int) -> None:
        """Build the model for the first data, and raise if it cannot process them; rows are counted
        from `first`."""
        model.build_for(part.input_nest)
        model.arrange()
        checks.check_inputs(model, part, first)
        self._vocabularies.check(model, part, first)


def predict(
    predictor: Predictor,
    model: Trainable,
    x: Nest,
    listeners: Listeners,
    *,
    batch_size: int | None,
    verbose: Verbose,
    steps: int | None,
    each: int = 1,
) -> Outputs:
    """Return the outputs for data; see `Model.predict`. Listeners are called for `each`
    batches at once."""
    listeners.set_params({"verbose": verbose})
    progress = Progress("Predict", None, verbose, quiet_for=SHOWN)
    model.start("predict")
    listeners.tell("on_predict_begin", {})
    parts: list[Outputs] = []
    rows = 0
    found = batches_of(model, x, batch_size, steps, progress)
    with Deferred() as interrupt, closing(found) as batches, progress.shown():
        for k, part in enumerate(batches):
            if k % each == 0:
                listeners.tell("on_predict_batch_begin", k, {})
            predictor.check(model, part, rows)
            rows += part.rows
            parts.append(interrupt.call(predictor.program(model, part), *part.inputs))
            if (k + 1) % each == 0:
                listeners.tell("on_predict_batch_end", k, {})
            progress.update(k + 1, {})
            if model.is_stopped("predict"):
                break
    if len(parts) % each:
        listeners.tell("on_predict_batch_end", len(parts) // each * each + each - 1, {})
    progress.erase()
    listeners.tell("on_predict_end", {})
    return joined(parts)


def joined(parts: list[Outputs]) -> Outputs:
    """Return the outputs of all parts of the data as one."""
    if len(parts) == 1:
        return parts[0]
    outputs: Outputs = tree.map_structure(_concatenated, parts[0], *parts[1:])
    return outputs


def _concatenated(*parts: Array) -> Array:
    return np.concatenate(parts)


def batches_of(
    model: Trainable,
    x: Nest,
    batch_size: int | None,
    steps: int | None,
    progress: Progress,
    default: int = BATCH,
) -> Generator[Columns, None, None]:
    """A generator of Columns of inputs: rows of arrays, `default` at once where no size is given,
    or the batches of an iterable."""
    x, _, _, batch_size = adapted("predict", model, Given(x, batch_size=batch_size), default)
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
