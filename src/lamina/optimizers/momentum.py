"""Optimizers of one rate for all elements: gradient descent with momentum, and by signs."""

from __future__ import annotations

from typing import Any, Unpack

from lamina import operations as ops
from lamina.errors import RangeError
from lamina.optimizers.base import Optimizer
from lamina.optimizers.options import Options, Rate, Slots
from lamina.optimizers.terms import zeros_like
from lamina.tensor import Tensor
from lamina.variables import Variable


class SGD(Optimizer):
    """Gradient descent, optionally with momentum (m: `momentum`, a: learning rate, g: gradient).

        x = x - a g                                 without momentum
        v = m v - a g;  x = x + v                   with momentum
        v = m v - a g;  x = x + m v - a g           with nesterov

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        momentum: fraction of the last step that is added to the next, in [0, 1).
        nesterov: apply Nesterov's momentum.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0, 2.0])
        >>> lm.optimizers.SGD(learning_rate=0.5).apply([lm.asarray([1.0, 1.0])], [x])
        >>> x.numpy().tolist()
        [0.5, 1.5]

    Source: Polyak (1964), Some methods of speeding up the convergence of iteration methods;
        Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        if not 0.0 <= momentum <= 1.0:
            raise RangeError(f"SGD: momentum must be 0 to 1, not {momentum}")
        self.momentum, self.nesterov = momentum, nesterov

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"momentum": zeros_like(variable)} if self.momentum else {}

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        step = scalars[0] * g
        if not self.momentum:
            return x - step, {}
        velocity = self.momentum * slots["momentum"] - step
        change = self.momentum * velocity - step if self.nesterov else velocity
        return x + change, {"momentum": velocity}


class Lion(Optimizer):
    """Sign descent on a mix of momentum and gradient, with one slot for each variable.

        x = x - a sign(b1 m + (1 - b1) g);  m = b2 m + (1 - b2) g

    Learning rates are three to ten times smaller than Adam's.

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        beta_1: weight of the running mean in the direction of a step, in [0, 1).
        beta_2: decay rate of the running mean of the gradients, in [0, 1).

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0, 2.0])
        >>> lm.optimizers.Lion(learning_rate=0.5).apply([lm.asarray([3.0, -0.1])], [x])
        >>> x.numpy().tolist()
        [0.5, 2.5]

    Source: Chen et al. (2023), Symbolic discovery of optimization algorithms.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        if not 0.0 < beta_1 <= 1.0:
            raise RangeError(f"Lion: beta_1 must be above 0 and at most 1, not {beta_1}")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"momentum": zeros_like(variable)}

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        m = slots["momentum"]
        direction = ops.sign(self.beta_1 * m + (1.0 - self.beta_1) * g)
        return x - scalars[0] * direction, {"momentum": self.beta_2 * m + (1.0 - self.beta_2) * g}
