"""The schedules of Keras: decays over a number of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import operations as ops
from lamina.errors import ArgumentError
from lamina.schedules.base import (
    LearningRateSchedule,
    half_cosine,
    line,
    need_positive,
    steps_done,
    steps_of,
)
from lamina.tensor import Tensor, as_tensor


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
        need_positive(self, decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps, self.decay_rate = decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Tensor:
        turns = steps_done(step, self.decay_steps, self.staircase)
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
        need_positive(self, decay_steps=decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps, self.decay_rate = decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Tensor:
        turns = steps_done(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate / (1.0 + self.decay_rate * turns)


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
        step = steps_of(step)
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
        need_positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> Tensor:
        turns = steps_of(step) / float(self.decay_steps)
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
        need_positive(self, decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Tensor:
        step = steps_of(step)
        if self.warmup_target is None:
            return self.initial_learning_rate * self._decay(step)
        decayed = self.warmup_target * self._decay(step - float(self.warmup_steps))
        if not self.warmup_steps:
            return decayed
        done = step / float(self.warmup_steps)
        warming = line(self.initial_learning_rate, self.warmup_target, done)
        return ops.where(done < 1.0, warming, decayed)

    def _decay(self, step: Tensor) -> Tensor:
        done = ops.clip(step / float(self.decay_steps), 0.0, 1.0)
        return (1.0 - self.alpha) * half_cosine(done) + self.alpha


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
        need_positive(self, first_decay_steps=first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = (
            initial_learning_rate,
            first_decay_steps,
        )
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Tensor:
        restarts, done = self._position(steps_of(step) / float(self.first_decay_steps))
        height = ops.pow(float(self.m_mul), restarts) * half_cosine(done)
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
