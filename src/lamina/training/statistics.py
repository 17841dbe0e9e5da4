"""Batch-normalization statistics computed again, for weights that no step of training has seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from lamina.engines import residence
from lamina.operations import samples
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, as_tensor
from lamina.training.columns import Columns
from lamina.training.kept import Snapshot
from lamina.training.programs import EagerLoop, Results, Runner, Step, loop_program
from lamina.training.protocol import Trainable
from lamina.training.sources import Pace, Resident, Stream
from lamina.training.state import variables_of
from lamina.variables import Variable, memory_of

if TYPE_CHECKING:
    from lamina.layers import Layer
    from lamina.training.session import Session

FIELDS = ("moving_mean", "moving_variance")


def normalizing(model: Trainable) -> list[Layer]:
    """Return the layers that keep moving statistics of batches, and change them in training."""
    return [
        layer
        for layer in model.layers
        if layer.trainable and all(isinstance(getattr(layer, f, None), Variable) for f in FIELDS)
    ]


def recompute(session: Session, model: Trainable, source: Resident | Stream) -> None:
    """Set the moving statistics to the means of the statistics of the batches of one pass; all
    other state stays.

    Args:
        session: session of the model.
        model: model with the weights for which the statistics are computed.
        source: source of the batches of training.
    """
    layers = normalizing(model)
    if not layers or session.steps is None:
        return
    moving = [getattr(layer, field) for layer in layers for field in FIELDS]
    sums = [Variable(np.zeros(v.shape, np.float32), trainable=False) for v in moving]
    rows = Variable(np.float32(0), trainable=False)
    kept = Snapshot(variables_of(model, session.steps))
    runner: Runner | None = None
    pace = Pace()
    with without_momentum(layers), closing(source.chunks(0, pace)) as chunks:
        for data, order in chunks:
            if runner is None or isinstance(source, Stream):
                runner = _runner(session, model, data, moving, sums, rows)
            pace.begin()
            runner(order, *data.arrays)
            pace.end(len(order))
    found = [residence.settled(memory_of(v)).copy() for v in sums]
    kept.put_back()
    for variable, value in zip(moving, found, strict=True):
        variable.assign(value)


@contextmanager
def without_momentum(layers: Sequence[Layer]) -> Iterator[None]:
    """Within: what these layers record sets the moving statistics to those of the batch."""
    before = [vars(layer)["momentum"] for layer in layers]
    try:
        for layer in layers:
            vars(layer)["momentum"] = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            vars(layer)["momentum"] = momentum


def _runner(
    session: Session,
    model: Trainable,
    data: Columns,
    moving: Sequence[Variable],
    sums: Sequence[Variable],
    rows: Variable,
) -> Runner:
    steps = session.prepare(model, data, "train")

    def step(leaves: Sequence[Tensor]) -> None:
        x, _, _ = data.assembled(leaves)
        with steps.drawing("train"):
            if data.numbers is None:
                model.forward(x, training=True)
            else:
                with samples.numbered(steps.epoch_key, leaves[-1]):
                    model.forward(x, training=True)
        model.forget_penalties()
        count = as_tensor(as_number(leaves[0].shape[0]), rows.dtype)
        rows.assign_add(count)
        for variable, mean in zip(moving, sums, strict=True):
            mean.assign_add((as_tensor(variable.read(), mean.dtype) - mean) * (count / rows))

    results: Results = dict
    if session.compilation.run_eagerly:
        return EagerLoop(step, results)
    return _program(step, results, [*moving, *sums, rows, steps.count], data, model)


def _program(
    step: Step, results: Results, carried: Sequence[Variable], data: Columns, model: Trainable
) -> Runner:
    return loop_program(
        step, results, carried, data.types, f"statistics {model.name}", "averaged weights"
    )
