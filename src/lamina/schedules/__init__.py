"""Learning rates that follow the step: Keras 3's schedules, warm-up, one-cycle, step and cyclic.

A schedule is called with the number of the step (a number or a tensor, also a traced one) and gives
a float32 scalar; it is plain tensor code, so it becomes part of the compiled step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import namespaces
from lamina.registry import Registry
from lamina.schedules.base import LearningRateSchedule
from lamina.schedules.cycles import Cyclic, LinearWarmup, OneCycle, StepDecay
from lamina.schedules.decays import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

REGISTRY = Registry("learning-rate schedule", LearningRateSchedule.family)
for _schedule in (
    *(ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay, CosineDecay),
    *(CosineDecayRestarts, LinearWarmup, OneCycle, StepDecay, Cyclic),
):
    REGISTRY.add_class(_schedule)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return the configuration of a schedule, for `deserialize`.

    Args:
        learning_rate_schedule: schedule to describe.

    Example:
        >>> import lamina as lm
        >>> lm.schedules.serialize(lm.schedules.StepDecay(0.1, 10))["class_name"]
        'StepDecay'
    """
    return REGISTRY.serialize(learning_rate_schedule)


def deserialize(
    config: Mapping[str, Any] | str | None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the schedule that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Example:
        >>> import lamina as lm
        >>> config = lm.schedules.serialize(lm.schedules.StepDecay(0.1, step_size=10))
        >>> lm.schedules.deserialize(config).step_size
        10
    """
    return REGISTRY.deserialize(config, custom_objects)


__all__ = [
    "LearningRateSchedule",
    "CosineDecay",
    "CosineDecayRestarts",
    "Cyclic",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LinearWarmup",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "StepDecay",
    "deserialize",
    "serialize",
]

namespaces.declare(__name__)
