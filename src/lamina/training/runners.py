"""The programs of training and evaluation: one step of a model, in a loop over batches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import cast

from lamina.annotations import ArrayLike
from lamina.ir.types import TensorType
from lamina.operations import samples
from lamina.settings import settings
from lamina.tensor import Tensor, as_tensor
from lamina.training.columns import Columns, packed
from lamina.training.openness import Programs
from lamina.training.own_metrics import own_metrics, reported_metrics, results
from lamina.training.programs import (
    EagerLoop,
    Results,
    Runner,
    Step,
    WholeBatch,
    loop_program,
    one_step,
)
from lamina.training.progress import compiling
from lamina.training.protocol import STEPS, Kind, Trainable
from lamina.training.step import Steps
from lamina.variables import Variable


class Runners:
    """The programs of one training, by kind of step and data, made when they are needed."""

    def __init__(self) -> None:
        self._programs: Programs[Runner] = Programs()

    def runner(self, model: Trainable, steps: Steps, kind: Kind, columns: Columns) -> Runner:
        """Return the program for such columns: (order, *arrays) -> logs."""
        key = (kind, _frozen(model), settings.engine, columns.joined)

        def make(types_: list[TensorType], reason: str) -> Runner:
            step, logs = step_of(model, steps, kind, columns)
            name = f"{kind} {model.name}"
            if columns.joined:
                with compiling():
                    return WholeBatch(one_step(step, logs), types_, name, reason)
            carried = _carried(model, steps, kind)
            with compiling():
                return loop_program(step, logs, carried, types_, name, reason)

        return self._programs.find(key, model, columns, make)


def eager_runner(model: Trainable, steps: Steps, kind: Kind, columns: Columns) -> Runner:
    """Return a function of the same arguments and results as a program."""
    return EagerLoop(*step_of(model, steps, kind, columns))


def _frozen(model: Trainable) -> Hashable:
    """The key of the frozen layers: a program is compiled for one choice of them."""
    return tuple(layer.trainable for layer in model.layers)


def step_of(model: Trainable, steps: Steps, kind: Kind, columns: Columns) -> tuple[Step, Results]:
    """One step on the leaves of a batch, the model's own method if it has one; and the logs of all
    steps together."""
    own = model.overrides(STEPS[kind]) or model.overrides("compute_metrics")

    def of_model(leaves: Sequence[Tensor]) -> Mapping[str, Tensor]:
        with steps.drawing(kind):
            logs = model.step(kind, packed(*columns.assembled(leaves))) or {}
        return {name: as_tensor(cast(ArrayLike, value)) for name, value in logs.items()}

    def usual(leaves: Sequence[Tensor]) -> None:
        with steps.drawing(kind):
            steps.run(kind, model, *columns.assembled(leaves))

    def no_logs() -> Mapping[str, Tensor]:
        return {}

    def all_logs() -> Mapping[str, Tensor]:
        return results_of(model, steps)

    step: Step = of_model if own else usual
    return _with_numbers(step, steps, columns), no_logs if own else all_logs


def _with_numbers(step: Step, steps: Steps, columns: Columns) -> Step:
    """The step, whose layers can ask which samples the batch holds."""
    if columns.numbers is None:
        return step

    def numbered(leaves: Sequence[Tensor]) -> Mapping[str, Tensor] | None:
        with samples.numbered(steps.epoch_key, leaves[-1]):
            return step(leaves)

    return numbered


def _carried(model: Trainable, steps: Steps, kind: Kind) -> list[Variable]:
    """The Variables that a step changes, as far as is known before it is recorded."""
    state = [v for metric in own_metrics(model) for v in metric.variables]
    state += steps.metric_variables()
    if kind == "train":
        moving = [v for v in model.non_trainable_weights if not v.trainable]
        state = [
            *model.trainable_weights,
            *moving,
            *model.optimizer.variables,
            *state,
            steps.count,
        ]
    return state


def results_of(model: Trainable, steps: Steps) -> dict[str, Tensor]:
    """The results of all metrics so far, also of those that the model's attributes hold."""
    compiled = steps.results()
    each = {id(metric) for metric in steps.metrics.values()}
    own = [metric for metric in reported_metrics(model.layers) if id(metric) not in each]
    return {**compiled, **results(own, compiled)}
