"""The base class of schedules, the checks of their arguments, and the curves that they share."""

from __future__ import annotations

import math
from typing import Any

from lamina import operations as ops
from lamina.arguments import FLAG, Checks, Number, Numbers, number
from lamina.configuration import Configurable
from lamina.errors import RangeError
from lamina.ir.types import float32
from lamina.tensor import Tensor, as_tensor


def _rate(owner: str, name: str, value: Any) -> None:
    """A rate or a schedule."""
    if not callable(value):
        number(owner, name, value, 0)


# what the arguments of schedules may be; the classes say which must be above 0
OPTIONS: Checks = {
    **dict.fromkeys(("cycle", "staircase"), FLAG),
    **dict.fromkeys(("initial_learning_rate", "end_learning_rate", "max_learning_rate"), Number(0)),
    **dict.fromkeys(("alpha", "decay_rate", "m_mul", "power", "shrink", "t_mul"), Number()),
    **dict.fromkeys(("decay_steps", "first_decay_steps", "step_size", "total_steps"), Number()),
    **dict.fromkeys(("end_divisor", "start_divisor", "warmup_fraction"), Number()),
    "after": _rate,
    "base_learning_rate": Number(0),
    "boundaries": Numbers(),
    "values": Numbers(),
    "warmup_steps": Number(0),
    "warmup_target": Number(0, optional=True),
}


class LearningRateSchedule(Configurable):
    """The base class of all schedules: a subclass defines `__call__(step)`, in tensor code.

    Example:
        >>> import lamina as lm
        >>> class Halving(lm.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5**step
        >>> Halving()(2)
        0.025
    """

    family = "lamina.schedules"
    argument_checks = OPTIONS

    def __call__(self, step: Any) -> Any:
        raise TypeError(f"{type(self).__name__} must define __call__(step)")

    def __repr__(self) -> str:
        listed = ", ".join(f"{key}={value!r}" for key, value in self._arguments.items())
        return f"{type(self).__name__}({listed})"


def steps_of(step: Any) -> Tensor:
    """Return the number of a step as a float32 tensor."""
    return as_tensor(step, float32)


def need_positive(owner: Any, **counts: float) -> None:
    """Raise RangeError for an argument that is not above 0."""
    for name, value in counts.items():
        if not value > 0:
            raise RangeError(f"{type(owner).__name__}: {name} must be above 0, not {value}")


def steps_done(step: Any, decay_steps: float, whole: bool) -> Tensor:
    """Return the step divided by `decay_steps`, without the fraction if `whole`."""
    turns = steps_of(step) / float(decay_steps)
    return ops.floor(turns) if whole else turns


def half_cosine(done: Tensor) -> Tensor:
    """Return 1 to 0 along half a cosine, as `done` goes from 0 to 1."""
    return 0.5 * (1.0 + ops.cos(math.pi * done))


def line(start: Any, end: Any, done: Tensor) -> Tensor:
    """Return start to end along a line, as `done` goes from 0 to 1."""
    return start + (end - start) * done
