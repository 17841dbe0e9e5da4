"""Schedules beyond those of Keras: warm-up, one cycle, steps and cycles."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.errors import RangeError
from lamina.schedules.base import (
    LearningRateSchedule,
    half_cosine,
    line,
    need_positive,
    steps_done,
    steps_of,
)
from lamina.tensor import Tensor, as_tensor


class LinearWarmup(LearningRateSchedule):
    """A linear rise from `initial_learning_rate` to the rate `after`, over `warmup_steps`.

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
        need_positive(self, warmup_steps=warmup_steps)
        self.after, self.warmup_steps = after, warmup_steps
        self.initial_learning_rate, self.name = initial_learning_rate, name

    def __call__(self, step: Any) -> Tensor:
        step = steps_of(step)
        late = ops.maximum(step - float(self.warmup_steps), 0.0)
        after = self.after(late) if callable(self.after) else as_tensor(float(self.after))
        done = ops.minimum(step / float(self.warmup_steps), 1.0)
        return line(self.initial_learning_rate, after, done)


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
        need_positive(self, total_steps=total_steps, start_divisor=start_divisor)
        need_positive(self, end_divisor=end_divisor)
        if not 0.0 < warmup_fraction < 1.0:
            raise RangeError(f"OneCycle: warmup_fraction must be in (0, 1), not {warmup_fraction}")
        self.max_learning_rate, self.total_steps = max_learning_rate, total_steps
        self.warmup_fraction, self.start_divisor = warmup_fraction, start_divisor
        self.end_divisor, self.name = end_divisor, name

    def __call__(self, step: Any) -> Tensor:
        first = self.max_learning_rate / self.start_divisor
        top = self.warmup_fraction * self.total_steps - 1.0
        last = self.total_steps - 1.0
        step = ops.minimum(steps_of(step), last)
        up = half_cosine(ops.clip(step / max(top, 1e-9), 0.0, 1.0))
        down = half_cosine(ops.clip((step - top) / (last - top), 0.0, 1.0))
        rising = line(self.max_learning_rate, first, up)
        falling = line(first / self.end_divisor, self.max_learning_rate, down)
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
        need_positive(self, step_size=step_size)
        self.initial_learning_rate, self.step_size = initial_learning_rate, step_size
        self.decay_rate, self.name = decay_rate, name

    def __call__(self, step: Any) -> Tensor:
        turns = steps_done(step, self.step_size, True)
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
        need_positive(self, step_size=step_size)
        self.base_learning_rate, self.max_learning_rate = base_learning_rate, max_learning_rate
        self.step_size, self.shrink, self.name = step_size, shrink, name

    def __call__(self, step: Any) -> Tensor:
        turns = steps_of(step) / (2.0 * self.step_size)
        cycle = ops.floor(turns)
        height = 1.0 - ops.abs(2.0 * (turns - cycle) - 1.0)
        span = (self.max_learning_rate - self.base_learning_rate) * height
        return self.base_learning_rate + span * ops.pow(float(self.shrink), cycle)
