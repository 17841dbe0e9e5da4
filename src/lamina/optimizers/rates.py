"""The learning rate of an optimizer: a number, a schedule or a function of the step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.arguments import number
from lamina.configuration import arguments_of, older_argument
from lamina.errors import ArgumentError, RangeError, deprecated, describe
from lamina.optimizers.options import Rate
from lamina.schedules import InverseTimeDecay, LearningRateSchedule
from lamina.variables import Variable

if TYPE_CHECKING:
    from lamina.optimizers.base import Optimizer


def rate_of(owner: str, rate: Any) -> Any:
    """Return what holds a learning rate: a Variable of a number, a schedule, or a function."""
    if isinstance(rate, LearningRateSchedule):
        return rate
    if callable(rate):
        return _function(owner, rate)
    one = np.asarray(rate)
    if one.size != 1 or one.dtype.kind not in "iuf":
        raise ArgumentError(
            f"{owner}: invalid learning_rate (expected a number, a schedule or a function of the "
            f"step, got {describe(rate)})"
        )
    value = float(one.item())
    if not 0.0 <= value <= float(np.finfo(np.float32).max):
        raise RangeError(
            f"{owner}: learning_rate must be 0 or above and finite in float32, not {rate}"
        )
    return Variable(np.float32(value), trainable=False, name="learning_rate")


def _function(owner: str, rate: Callable[..., Any]) -> Callable[..., Any]:
    try:
        inspect.signature(rate).bind(0)
    except TypeError:
        raise ArgumentError(
            f"{owner}: a function for the learning rate takes the step, as a tensor",
            hint="write it as `lambda step: ...`; a rate that Python decides on is assigned "
            "while training: optimizer.learning_rate = 0.01",
        ) from None
    return rate


def older_rate(optimizer: Optimizer, rate: Rate, given: dict[str, Any]) -> Rate:
    """Return the learning rate, from the arguments `lr` and `decay` of programs before Keras 3."""
    if "lr" in given:
        rate = older_argument(optimizer, given, "lr", "learning_rate")
    if "decay" not in given:
        return rate
    arguments_of(optimizer).pop("decay", None)
    decay = number(optimizer.name, "decay", given.pop("decay"), 0)
    form = f"learning_rate=InverseTimeDecay({rate}, decay_steps=1, decay_rate={decay})"
    deprecated(f"{type(optimizer).__name__}(decay=)", form)
    if not decay:
        return rate
    if callable(rate):
        raise ArgumentError(
            f"{optimizer.name}: decay={decay} of a learning rate that is a schedule (expected a "
            "number)",
            hint="leave decay out",
        )
    return InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)


def shortest(rate: Variable) -> float:
    """Return 0.01, not the 0.009999999776... that float32 makes of it."""
    return float(str(rate.numpy()))
