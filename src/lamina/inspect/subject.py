"""The subject of an inspection: a graph and its arrays, from a function or a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, describe
from lamina.ir.graph import Graph
from lamina.rewrite import simplify
from lamina.transforms import Compiled


@dataclass
class Subject:
    """A graph as recorded, which parameters its results update, and the arrays of one call."""

    recorded: Graph
    updates: dict[int, int]
    arrays: list[np.ndarray]

    @cached_property
    def simplified(self) -> Graph:
        return simplify(self.recorded)

    @cached_property
    def stages(self) -> Any:
        """All that the llvm engine makes of it, up to LLVM text."""
        from lamina.engines.llvm.pipeline import stages_of

        return stages_of(self.simplified, self.updates)


def subject(f: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Subject:
    """The subject of f(*args, **kwargs).

    Raises:
        ArgumentError: f is nothing that can be called.
    """
    models = sys.modules.get("lamina.models.model")
    if models is not None and isinstance(f, models.Model):
        return _of_model(f, *args, **kwargs)
    streams = sys.modules.get("lamina.models.streaming")
    if streams is not None and isinstance(f, streams.Stream):
        return _of_program(f.inside())
    if not callable(f):
        raise ArgumentError(
            f"inspect: got {describe(f)}, expected a function, a compiled function, a model or its "
            "stream"
        )
    compiled = f if isinstance(f, Compiled) else Compiled(_function(f))
    recorded, arrays = compiled.recorded(*args, **kwargs)
    return Subject(recorded.graph, recorded.updates, arrays)


def _function(f: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function of f's name; `Compiled` wants to read it off."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    call.__name__ = str(getattr(f, "name", getattr(f, "__name__", type(f).__name__)))
    return call


def _of_model(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> Subject:
    """Prediction of x, or one training step on the batch (x, y)."""
    from lamina.models.fitting import predictor_of, session_of
    from lamina.models.trainee import Trainee
    from lamina.training.columns import columns
    from lamina.training.programs import Program

    data, trainee = columns(x, y, sample_weight), Trainee(model)
    if y is None:
        trainee.build_for(data.input_nest)
        predicting = predictor_of(model).program(trainee, data)
        return _of_program(predicting.inside(*data.inputs))
    session = session_of(model)
    if session is None:
        raise ArgumentError(
            "inspect: a training step needs a compiled model",
            hint="call model.compile(optimizer=..., loss=...) first, or leave out the targets",
        )
    session.prepare(trainee, data, "inspect")
    program = session.runner(trainee, "train", data)
    if not isinstance(program, Program):
        raise ArgumentError(
            "inspect: this model is trained eagerly, so no program exists to inspect",
            hint="compile the model without run_eagerly=True",
        )
    order = np.arange(data.rows, dtype=np.int32)[None]
    return _of_program(program.inside(order, *data.arrays))


def _of_program(inside: tuple[Any, list[np.ndarray]]) -> Subject:
    executable, arrays = inside
    return Subject(executable.graph, executable.updates, arrays)
