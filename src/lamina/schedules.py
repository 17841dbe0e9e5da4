"""Learning rates that follow the step: Keras 3's schedules, warm-up, one-cycle, step and cyclic.

A schedule is called with the number of the step (a number or a tensor, also a traced one) and gives
a float32 scalar; it is plain tensor code, so it becomes part of the compiled step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lamina import namespaces
from lamina import operations as ops
from lamina.arguments import FLAG, Checks, Number, Numbers, number
from lamina.configuration import Configurable
from lamina.errors import ArgumentError, RangeError
from lamina.ir.types import float32
from lamina.registry import Registry
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


def _number(step: Any) -> Tensor:
    return as_tensor(step, float32)


def _positive(owner: Any, **counts: float) -> None:
    for name, value in counts.items():
        if not value > 0:
            raise RangeError(f"{type(owner).__name__}: {name} must be above 0, not {value}")


# ---- Keras -------------------------------------------------------------------------------------
class ExponentialDecay(LearningRateSchedule):
    """Exponential decay: initial * decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: learning rate at step 0.
        decay_steps: number of steps in which the rate is multiplied by `decay_rate` once.
        decay_rate: factor for every `decay_steps` steps.
        staircase: decay at whole multiples of `decay_steps` only.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> round(float(lm.schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)), 4)
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps, self.decay_rate = decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Tensor:
        turns = _turns(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate * ops.pow(float(self.decay_rate), turns)


class InverseTimeDecay(LearningRateSchedule):
    """Hyperbolic decay: initial / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: learning rate at step 0.
        decay_steps: unit in which steps are counted.
        decay_rate: slope of the denominator.
        staircase: decay at whole multiples of `decay_steps` only.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> round(float(lm.schedules.InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10)), 4)
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps, self.decay_rate = decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Tensor:
        turns = _turns(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate / (1.0 + self.decay_rate * turns)


def _turns(step: Any, decay_steps: float, whole: bool) -> Tensor:
    turns = _number(step) / float(decay_steps)
    return ops.floor(turns) if whole else turns


class PiecewiseConstantDecay(LearningRateSchedule):
    """Constant rates between boundaries: values[k] up to and including step boundaries[k].

    Args:
        boundaries: steps in increasing order at which the rate changes.
        values: rates, one more than boundaries.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> schedule = lm.schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001])
        >>> [round(float(schedule(step)), 4) for step in (10, 11, 21)]
        [0.1, 0.01, 0.001]
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                f"PiecewiseConstantDecay: {len(values)} values need {len(values) - 1} boundaries; "
                f"there are {len(boundaries)}"
            )
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step: Any) -> Tensor:
        step = _number(step)
        rate = as_tensor(float(self.values[0]))
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(step > float(boundary), float(value), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """Polynomial decay: (initial - end) (1 - step / decay_steps)^power + end, then constant.

    Args:
        initial_learning_rate: learning rate at step 0.
        decay_steps: number of steps of one decay.
        end_learning_rate: learning rate at the end.
        power: exponent of the polynomial.
        cycle: stretch the decay to the next multiple of `decay_steps` instead of staying at the
            end.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> schedule = lm.schedules.PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10)]
        [0.1, 0.05, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> Tensor:
        turns = _number(step) / float(self.decay_steps)
        if self.cycle:
            done = turns / ops.maximum(ops.ceil(turns), 1.0)
        else:
            done = ops.minimum(turns, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.pow(1.0 - done, float(self.power)) + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to alpha times it, over `decay_steps`.

        rate = initial ((1 - alpha) (1 + cos(pi step / decay_steps)) / 2 + alpha)

    With a `warmup_target` the rate first rises linearly from the initial rate to the target, over
    `warmup_steps`; the cosine starts from the target.

    Args:
        initial_learning_rate: learning rate at step 0.
        decay_steps: number of steps of the cosine.
        alpha: smallest learning rate, as a fraction of the initial one.
        name: name of the schedule.
        warmup_target: learning rate at the end of the warm-up, or None for none.
        warmup_steps: number of steps of the warm-up.

    Example:
        >>> import lamina as lm
        >>> round(float(lm.schedules.CosineDecay(0.1, decay_steps=100)(50)), 4)
        0.05

    Source: Loshchilov and Hutter (2016), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        _positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Tensor:
        step = _number(step)
        if self.warmup_target is None:
            return self.initial_learning_rate * self._decay(step)
        decayed = self.warmup_target * self._decay(step - float(self.warmup_steps))
        if not self.warmup_steps:
            return decayed
        done = step / float(self.warmup_steps)
        warming = _line(self.initial_learning_rate, self.warmup_target, done)
        return ops.where(done < 1.0, warming, decayed)

    def _decay(self, step: Tensor) -> Tensor:
        done = ops.clip(step / float(self.decay_steps), 0.0, 1.0)
        return (1.0 - self.alpha) * _half_cosine(done) + self.alpha


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines in sequence, each starting again from a high rate.

    Args:
        initial_learning_rate: learning rate at step 0.
        first_decay_steps: number of steps of the first cosine.
        t_mul: length of each cosine relative to the previous one.
        m_mul: initial rate of each cosine relative to the previous one.
        alpha: smallest learning rate, as a fraction of the initial one.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> schedule = lm.schedules.CosineDecayRestarts(0.1, first_decay_steps=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10)]
        [0.1, 0.05, 0.1]

    Source: Loshchilov and Hutter (2016), SGDR: stochastic gradient descent with warm restarts.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _positive(self, first_decay_steps=first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = (
            initial_learning_rate,
            first_decay_steps,
        )
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Tensor:
        restarts, done = self._position(_number(step) / float(self.first_decay_steps))
        height = ops.pow(float(self.m_mul), restarts) * _half_cosine(done)
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)

    def _position(self, turns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the number of completed cosines and the completed fraction of the current one."""
        ratio = float(self.t_mul)
        if ratio == 1.0:
            return ops.floor(turns), turns - ops.floor(turns)
        # lengths 1, r, r^2, ...: n of them are (r^n - 1) / (r - 1) long
        restarts = ops.floor(ops.log(1.0 + turns * (ratio - 1.0)) / math.log(ratio))
        before = (ops.pow(ratio, restarts) - 1.0) / (ratio - 1.0)
        return restarts, (turns - before) / ops.pow(ratio, restarts)


# ---- beyond Keras ------------------------------------------------------------------------------
class LinearWarmup(LearningRateSchedule):
    """A linear rise from `initial_learning_rate` to what follows, over `warmup_steps`.

    Args:
        after: rate or schedule that follows; a schedule counts its steps from the end of the
            warm-up.
        warmup_steps: number of steps of the warm-up.
        initial_learning_rate: learning rate at step 0.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> schedule = lm.schedules.LinearWarmup(0.1, warmup_steps=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 20)]
        [0.0, 0.05, 0.1, 0.1]

    Source: Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour.
    """

    def __init__(
        self,
        after: float | LearningRateSchedule,
        warmup_steps: int,
        initial_learning_rate: float = 0.0,
        name: str = "LinearWarmup",
    ) -> None:
        _positive(self, warmup_steps=warmup_steps)
        self.after, self.warmup_steps = after, warmup_steps
        self.initial_learning_rate, self.name = initial_learning_rate, name

    def __call__(self, step: Any) -> Tensor:
        step = _number(step)
        late = ops.maximum(step - float(self.warmup_steps), 0.0)
        after = self.after(late) if callable(self.after) else as_tensor(float(self.after))
        done = ops.minimum(step / float(self.warmup_steps), 1.0)
        return _line(self.initial_learning_rate, after, done)


class OneCycle(LearningRateSchedule):
    """One rise to `max_learning_rate` and one fall to nearly zero, each along half a cosine.

    Args:
        max_learning_rate: highest rate.
        total_steps: number of steps of the rise and the fall together.
        warmup_fraction: fraction of the steps that belong to the rise, in (0, 1).
        start_divisor: the rate starts at max_learning_rate / start_divisor.
        end_divisor: the rate ends at its start divided by end_divisor. The defaults are those of
            PyTorch's OneCycleLR.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> schedule = lm.schedules.OneCycle(0.1, total_steps=100)
        >>> [round(float(schedule(step)), 4) for step in (0, 30, 100)]
        [0.004, 0.0999, 0.0]

    Source: Smith and Topin (2018), Super-convergence: very fast training using large learning
        rates.
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        warmup_fraction: float = 0.3,
        start_divisor: float = 25.0,
        end_divisor: float = 1e4,
        name: str = "OneCycle",
    ) -> None:
        _positive(self, total_steps=total_steps, start_divisor=start_divisor)
        _positive(self, end_divisor=end_divisor)
        if not 0.0 < warmup_fraction < 1.0:
            raise RangeError(f"OneCycle: warmup_fraction must be in (0, 1), not {warmup_fraction}")
        self.max_learning_rate, self.total_steps = max_learning_rate, total_steps
        self.warmup_fraction, self.start_divisor = warmup_fraction, start_divisor
        self.end_divisor, self.name = end_divisor, name

    def __call__(self, step: Any) -> Tensor:
        first = self.max_learning_rate / self.start_divisor
        top = self.warmup_fraction * self.total_steps - 1.0
        last = self.total_steps - 1.0
        step = ops.minimum(_number(step), last)
        up = _half_cosine(ops.clip(step / max(top, 1e-9), 0.0, 1.0))
        down = _half_cosine(ops.clip((step - top) / (last - top), 0.0, 1.0))
        rising = _line(self.max_learning_rate, first, up)
        falling = _line(first / self.end_divisor, self.max_learning_rate, down)
        return ops.where(step <= top, rising, falling)


class StepDecay(LearningRateSchedule):
    """Decay by steps: initial * decay_rate^floor(step / step_size), as PyTorch's StepLR.

    Args:
        initial_learning_rate: learning rate at step 0.
        step_size: number of steps between two decays.
        decay_rate: factor of each decay.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> round(float(lm.schedules.StepDecay(0.1, step_size=10)(25)), 4)
        0.001
    """

    def __init__(
        self,
        initial_learning_rate: float,
        step_size: int,
        decay_rate: float = 0.1,
        name: str = "StepDecay",
    ) -> None:
        _positive(self, step_size=step_size)
        self.initial_learning_rate, self.step_size = initial_learning_rate, step_size
        self.decay_rate, self.name = decay_rate, name

    def __call__(self, step: Any) -> Tensor:
        turns = _turns(step, self.step_size, True)
        return self.initial_learning_rate * ops.pow(float(self.decay_rate), turns)


class Cyclic(LearningRateSchedule):
    """Triangles between two rates: up over `step_size` steps, then down over as many.

    Args:
        base_learning_rate: lowest rate, at step 0.
        max_learning_rate: highest rate of the first triangle.
        step_size: number of steps from the lowest to the highest rate, half a cycle.
        shrink: height of each triangle relative to the previous one.
        name: name of the schedule.

    Example:
        >>> import lamina as lm
        >>> schedule = lm.schedules.Cyclic(0.1, 0.5, step_size=10)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 20)]
        [0.1, 0.3, 0.5, 0.1]

    Source: Smith (2017), Cyclical learning rates for training neural networks.
    """

    def __init__(
        self,
        base_learning_rate: float,
        max_learning_rate: float,
        step_size: int = 2000,
        shrink: float = 1.0,
        name: str = "Cyclic",
    ) -> None:
        _positive(self, step_size=step_size)
        self.base_learning_rate, self.max_learning_rate = base_learning_rate, max_learning_rate
        self.step_size, self.shrink, self.name = step_size, shrink, name

    def __call__(self, step: Any) -> Tensor:
        turns = _number(step) / (2.0 * self.step_size)
        cycle = ops.floor(turns)
        height = 1.0 - ops.abs(2.0 * (turns - cycle) - 1.0)
        span = (self.max_learning_rate - self.base_learning_rate) * height
        return self.base_learning_rate + span * ops.pow(float(self.shrink), cycle)


def _half_cosine(done: Tensor) -> Tensor:
    """From 1 to 0 along half a cosine, as `done` goes from 0 to 1."""
    return 0.5 * (1.0 + ops.cos(math.pi * done))


def _line(start: Any, end: Any, done: Tensor) -> Tensor:
    return start + (end - start) * done


# ---- by name -----------------------------------------------------------------------------------
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
