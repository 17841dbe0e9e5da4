"""Objectives of a model: a loss, a weight and metrics for each output.

`compile` keeps what the user said (Compilation); at the first data, when outputs and targets have
shapes, it becomes one Objective an output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from numbers import Real
from typing import cast

import numpy as np

from lamina import engines, losses, metrics, optimizers
from lamina.arguments import integer
from lamina.errors import ArgumentError, describe, unknown_name
from lamina.losses import Loss
from lamina.losses.base import LossLike
from lamina.metrics import Mean, Metric
from lamina.metrics.base import MetricLike
from lamina.optimizers import Optimizer
from lamina.optimizers.base import OptimizerLike
from lamina.settings import settings
from lamina.training.joint_losses import like
from lamina.training.protocol import Extents

AS_IT_IS = nullcontext()
BY_SHAPE = {*metrics.ACCURACY, *metrics.CROSSENTROPY}  # which one, loss and shapes decide


@dataclass
class Compilation:
    """The arguments of `compile`, names resolved where that needs no data."""

    optimizer: Optimizer
    loss: object = None
    loss_weights: object = None
    metrics: object = None
    weighted_metrics: object = None
    run_eagerly: bool = False
    steps_per_execution: int = 1  # after which callbacks are called
    engine: str | None = None  # None takes that of the settings at each call

    @classmethod
    def of(
        cls,
        optimizer: OptimizerLike,
        loss: object,
        loss_weights: object,
        metrics: object,
        weighted_metrics: object,
        run_eagerly: bool,
        engine: str | None,
        steps_per_execution: int | str | None = None,
    ) -> Compilation:
        """Raises UnknownNameError for a name that is none, with the nearest known one, and
        ArgumentError for weights that are not numbers."""
        _check_weights(loss_weights)
        return cls(
            optimizers.get(optimizer),
            _each(loss, _loss),
            loss_weights,
            _each(metrics, _metric),
            _each(weighted_metrics, _metric),
            bool(run_eagerly),
            _steps(steps_per_execution),
            None if engine is None else engines.engine(engine).name,
        )

    def on_its_engine(self) -> AbstractContextManager[object]:
        """Within: programs are made for the engine that `compile` was given, if it was."""
        return AS_IT_IS if self.engine is None else settings(engine=self.engine)


def _steps(given: int | str | None) -> int:
    return 1 if given in (None, "auto") else integer("compile", "steps_per_execution", given, 1)


def _check_weights(given: object) -> None:
    """Loss weights are numbers; the third argument of compile is often meant as the metrics."""
    for value in _flat(given):
        if value is not None and not isinstance(value, Real | np.generic | np.ndarray):
            raise ArgumentError(
                f"compile: loss_weights holds {describe(value)}, expected a number for each output",
                hint="the third argument of compile is loss_weights, as in Keras; are these "
                "metrics? Name them: compile(optimizer, loss, metrics=[...])",
            )


def _each(given: object, resolve: Callable[[object], object]) -> object:
    """`resolve` of everything in lists and dicts; the nest stays."""
    if isinstance(given, Mapping) and "class_name" not in given:
        return {key: _each(value, resolve) for key, value in given.items()}
    if isinstance(given, (list, tuple)):
        return like(given, [_each(value, resolve) for value in given])
    return None if given is None else resolve(given)


@dataclass(frozen=True)
class Labelled:
    """A metric and its name in the logs: the one it was given by, as in Keras. None waits for
    shapes."""

    label: str
    metric: Metric | None


def _loss(identifier: object) -> Loss:
    return losses.as_loss(cast(LossLike, identifier))


def _metric(identifier: object) -> Labelled:
    if isinstance(identifier, Labelled):
        return identifier
    if not isinstance(identifier, str):
        metric = metrics.as_metric(cast(MetricLike, identifier))
        return Labelled(metric.name, metric)
    if identifier.lower() in BY_SHAPE:
        return Labelled(identifier, None)
    return Labelled(identifier, metrics.as_metric(identifier))


# ---- one output --------------------------------------------------------------------------------
@dataclass
class Objective:
    """The objective of one output. `metrics` are (label, metric, takes sample weights)."""

    name: str
    loss: Loss | None
    weight: float = 1.0
    metrics: list[tuple[str, Metric, bool]] = field(default_factory=list)
    tracker: Mean | None = None


@dataclass
class Output:
    """One output of a model and its targets, by name and shape (the batch is the first axis)."""

    name: str
    shape: Extents
    target_shape: Extents | None


def objectives(
    compilation: Compilation, outputs: Sequence[Output], has_losses: bool = True
) -> list[Objective]:
    """One Objective an output, in order; without losses if those are joint ones. Raises
    ArgumentError where losses, weights or metrics cannot be told to outputs, or 'accuracy' could
    mean several things."""
    names = [output.name for output in outputs]
    rows = _with_losses(compilation, names) if has_losses else [Objective(n, None) for n in names]
    for given, weighted in ((compilation.metrics, False), (compilation.weighted_metrics, True)):
        for row, output, own in zip(rows, outputs, _metric_lists(given, names), strict=True):
            row.metrics += [_labeled(each, row, output, len(names) > 1, weighted) for each in own]
    with_loss = [row for row in rows if row.loss is not None]
    if len(with_loss) > 1:
        for row in with_loss:
            row.tracker = Mean(name=f"{row.name}_loss")
    _tell_apart(rows)
    return rows


def _with_losses(compilation: Compilation, names: Sequence[str]) -> list[Objective]:
    each_loss = by_output(compilation.loss, names, "loss", shared=True)
    weights = by_output(compilation.loss_weights, names, "loss_weights", shared=False)
    return [
        Objective(name, _only(loss), _weight(weight))
        for name, loss, weight in zip(names, each_loss, weights, strict=True)
    ]


def outputs_with_losses(compilation: Compilation, names: Sequence[str]) -> list[bool]:
    """Whether each output has a loss; of nested losses, all have."""
    if _is_nested(compilation.loss) or len(_as_list(compilation.loss)) not in (1, len(names)):
        return [True] * len(names)
    return [each is not None for each in by_output(compilation.loss, names, "loss", shared=True)]


def _only(given: object) -> Loss | None:
    """The loss of an output, also from a list of one."""
    if isinstance(given, (list, tuple)):
        if len(given) != 1:
            raise ArgumentError(
                f"loss: {len(given)} losses for one output (expected one)",
                hint="a custom Loss can add them up",
            )
        return _only(given[0])
    return cast(Loss | None, given)


def _weight(given: object) -> float:
    return 1.0 if given is None else float(cast(float, given))


def by_output(given: object, names: Sequence[str], what: str, shared: bool) -> list[object]:
    """One value an output: from a list in order, a dict by name, a nest like that of the outputs,
    or one value.

    One value counts for all outputs where `shared`, else for the only one.
    """
    if isinstance(given, Mapping) and set(given) & set(names):
        for key in given:
            if key not in names:
                raise unknown_name(f"output in {what}", key, names)
        return [given.get(name) for name in names]
    values = _flat(given)
    if _is_nested(given) and len(values) == len(names):
        return values
    if isinstance(given, Mapping) and given:
        raise unknown_name(f"output in {what}", next(iter(given)), names)
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ArgumentError(
                f"{what}: {len(given)} values for {len(names)} outputs ({', '.join(names)})",
                hint="give one for each output, in order, or a dict by the outputs' names",
            )
        return list(given)
    if given is not None and len(names) > 1 and not shared:
        raise ArgumentError(f"{what}: one value for {len(names)} outputs ({', '.join(names)})")
    return [given] * len(names)


def _is_nested(given: object) -> bool:
    """Whether a list or dict holds another one."""
    inside = given.values() if isinstance(given, Mapping) else _as_list(given)
    return any(isinstance(each, (list, tuple, Mapping)) for each in inside)


def _flat(given: object) -> list[object]:
    """The values of a nest, None among them, in the order in which outputs are counted."""
    if isinstance(given, Mapping):
        return [leaf for key in sorted(given, key=str) for leaf in _flat(given[key])]
    if isinstance(given, (list, tuple)):
        return [leaf for each in given for leaf in _flat(each)]
    return [given]


def _metric_lists(given: object, names: Sequence[str]) -> list[list[Labelled]]:
    """Metrics an output: a list of metrics belongs to every output, unless it holds a list (or
    there are several outputs and as many entries, as in Keras)."""
    if isinstance(given, Mapping):
        for key in given if not _is_deep(given) else ():
            if key not in names:
                raise unknown_name("output in metrics", key, names)
        return [_as_list(each) for each in by_output(given, names, "metrics", shared=True)]
    entries = _as_list(given)
    nested = any(isinstance(each, (list, tuple)) for each in entries)
    if nested or (len(names) > 1 and len(entries) == len(names)):
        return [_as_list(each) for each in by_output(entries, names, "metrics", shared=True)]
    if len(names) > 1 and entries:
        raise ArgumentError(
            f"metrics: {len(entries)} for {len(names)} outputs ({', '.join(names)})",
            hint="give a list for each output: metrics=[['mae'], ['accuracy']], or a dict by name",
        )
    return [entries for _ in names]


def _is_deep(given: Mapping[object, object]) -> bool:
    """True if an entry holds a nest of metrics instead of the metrics of one output."""
    return any(
        isinstance(each, Mapping) or _is_nested(each)
        for each in given.values()
        if isinstance(each, (list, tuple, Mapping))
    )


def _as_list(value: object) -> list[Labelled]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [cast(Labelled, value)]


def _labeled(
    given: Labelled, row: Objective, output: Output, several: bool, weighted: bool
) -> tuple[str, Metric, bool]:
    label, metric = given.label, given.metric
    if metric is None:
        metric = metrics.as_metric(label, row.loss, output.target_shape, output.shape)
    return (f"{row.name}_{label}" if several else label), metric, weighted


def _tell_apart(rows: Sequence[Objective]) -> None:
    """Give metrics of one label different ones, as Keras does: `mse` and `weighted_mse`, else `mse`
    and `mse_1`."""
    taken: dict[str, int] = {"loss": 0}
    for row in rows:
        for k, (label, metric, weighted) in enumerate(row.metrics):
            if weighted and label in taken:
                start = f"{row.name}_" if label.startswith(f"{row.name}_") else ""
                label = f"{start}weighted_{label.removeprefix(start)}"
            taken[label] = taken.get(label, -1) + 1
            name = f"{label}_{taken[label]}" if taken[label] else label
            row.metrics[k] = (name, metric, weighted)
