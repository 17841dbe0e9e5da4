"""Adam without a schedule of the learning rate: gradients at a mean of the steps so far."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Integer
from lamina.optimizers.base import Optimizer
from lamina.optimizers.options import Options, Rate, Slots
from lamina.optimizers.terms import one_minus_power, zeros_like
from lamina.tensor import Tensor
from lamina.variables import Variable


class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule (z: the iterates, x: their mean, y: the weights).

        v = v + (g^2 - v) (1 - b2);  z = z - a g / (sqrt(v / (1 - b2^t)) + epsilon)
        x = x + (z - x) / t;  y = (1 - b1) z + b1 x

    Args:
        learning_rate: number of at least 0, schedule, or function of the step.
        beta_1: weight of the mean in the point at which gradients are taken, above 0.
        beta_2: decay rate of the running mean of the squares of gradients, in [0, 1).
        epsilon: small positive number that keeps the division finite.
        warmup_steps: number of first steps in which the learning rate rises from 0.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.ScheduleFreeAdamW(learning_rate=0.1).apply([lm.asarray([5.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.9

    Source: Defazio et al. (2024), The road less scheduled.
    """

    argument_checks: ClassVar[Checks] = {"warmup_steps": Integer(0)}

    def __init__(
        self,
        learning_rate: Rate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.warmup_steps = warmup_steps

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"momentum": variable.numpy(), "velocity": zeros_like(variable)}

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        if self.warmup_steps:
            rate = rate * ops.minimum(t / self.warmup_steps, 1.0)
        return rate, one_minus_power(self.beta_2, t), 1.0 / t

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        rate, correction, weight = scalars
        z, v = slots["momentum"], slots["velocity"]
        v = v + (ops.square(g) - v) * (1.0 - self.beta_2)
        mean = (x - (1.0 - self.beta_1) * z) / self.beta_1
        z = z - rate * g / (ops.sqrt(v / correction) + self.epsilon)
        mean = (1.0 - weight) * mean + weight * z
        return (1.0 - self.beta_1) * z + self.beta_1 * mean, {"momentum": z, "velocity": v}
