"""Adam and its relatives: a rate for each element, from running means of gradient and square."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.errors import ArgumentError
from lamina.optimizers.base import Optimizer
from lamina.optimizers.options import Options, Rate, Slots
from lamina.optimizers.terms import one_minus_power, zeros_like
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


class Adam(Optimizer):
    """Gradient descent with running means of the gradients and of their squares.

        m = m + (g - m) (1 - b1);  v = v + (g^2 - v) (1 - b2)
        x = x - a sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)

    in the paper's efficient order (a: learning rate, t: number of the update).

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        beta_1: decay rate of the running mean of the gradients, in [0, 1).
        beta_2: decay rate of the running mean of their squares, in [0, 1).
        epsilon: small positive number that keeps the division finite.
        amsgrad: divide by the largest v so far instead of v.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.Adam(learning_rate=0.1).apply([lm.asarray([5.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.9

    Source: Kingma and Ba (2014), Adam: a method for stochastic optimization; Reddi et al. (2018),
        On the convergence of Adam and beyond.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad = amsgrad

    def slots(self, variable: Variable) -> dict[str, Any]:
        names = ["momentum", "velocity", *(["velocity_hat"] if self.amsgrad else [])]
        return {name: zeros_like(variable) for name in names}

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        root = ops.sqrt(one_minus_power(self.beta_2, t))
        return (rate * root / one_minus_power(self.beta_1, t),)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        m, v = means(g, slots, self.beta_1, self.beta_2)
        after = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = after["velocity_hat"] = ops.maximum(slots["velocity_hat"], v)
        return x - scalars[0] * m / (ops.sqrt(v) + self.epsilon), after


class AdamW(Adam):
    """Adam with decoupled weight decay: x = x - a weight_decay x before each update.

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        weight_decay: factor of the decoupled weight decay, or None.
        beta_1: decay rate of the running mean of the gradients, in [0, 1).
        beta_2: decay rate of the running mean of their squares, in [0, 1).
        epsilon: small positive number that keeps the division finite.
        amsgrad: divide by the largest running mean of squares so far.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> optimizer = lm.optimizers.AdamW(learning_rate=0.1, weight_decay=0.5)
        >>> optimizer.apply([lm.asarray([5.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.85

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise ArgumentError(
                "AdamW: weight_decay is None", hint="give a number, or use Adam, which has none"
            )
        options["weight_decay"] = weight_decay
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **options)


class Adamax(Optimizer):
    """Adam with a decaying maximum of the gradients instead of the root mean square.

        m = m + (g - m) (1 - b1);  u = max(b2 u, |g|);  x = x - a / (1 - b1^t) m / (u + epsilon)

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        beta_1: decay rate of the running mean of the gradients, in [0, 1).
        beta_2: decay rate of the maximum, in [0, 1).
        epsilon: small positive number that keeps the division finite.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.Adamax(learning_rate=0.1).apply([lm.asarray([5.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.9

    Source: Kingma and Ba (2014), Adam, section 7.1.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"momentum": zeros_like(variable), "norm": zeros_like(variable)}

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        return (rate / one_minus_power(self.beta_1, t),)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        m = slots["momentum"] + (g - slots["momentum"]) * (1.0 - self.beta_1)
        u = ops.maximum(self.beta_2 * slots["norm"], ops.abs(g))
        return x - scalars[0] * m / (u + self.epsilon), {"momentum": m, "norm": u}


class Nadam(Optimizer):
    """Adam with Nesterov momentum (u_t: the scheduled b1, U_t: the product of u_1 to u_t).

        u_t = b1 (1 - 0.96^t / 2)
        x = x - a (u_(t+1) m / (1 - U_(t+1)) + (1 - u_t) g / (1 - U_t)) / (sqrt(v_hat) + epsilon)

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        beta_1: decay rate of the running mean of the gradients, in [0, 1).
        beta_2: decay rate of the running mean of their squares, in [0, 1).
        epsilon: small positive number that keeps the division finite.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.Nadam(learning_rate=0.1).apply([lm.asarray([5.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.8937

    Source: Dozat (2016), Incorporating Nesterov momentum into Adam.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._product = Variable(np.float32(1.0), trainable=False, name="u_product")

    def _shared_state(self) -> list[Variable]:
        return [self._product]

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"momentum": zeros_like(variable), "velocity": zeros_like(variable)}

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        now = self.beta_1 * (1.0 - 0.5 * ops.pow(0.96, t))
        after = self.beta_1 * (1.0 - 0.5 * ops.pow(0.96, t + 1.0))
        product = as_tensor(self._product, t.dtype) * now
        self._keep(self._product, product)
        of_m, of_g = after / (1.0 - product * after), (1.0 - now) / (1.0 - product)
        return rate * of_m, rate * of_g, 1.0 / one_minus_power(self.beta_2, t)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        of_m, of_g, of_v = scalars
        m, v = means(g, slots, self.beta_1, self.beta_2)
        x = x - (of_m * m + of_g * g) / (ops.sqrt(v * of_v) + self.epsilon)
        return x, {"momentum": m, "velocity": v}


class Lamb(Optimizer):
    """Adam whose step is scaled to the norm of each variable, for large batches.

        x = x - a (||x|| / ||r||) r,  r = m_hat / (sqrt(v_hat) + epsilon)

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        beta_1: decay rate of the running mean of the gradients, in [0, 1).
        beta_2: decay rate of the running mean of their squares, in [0, 1).
        epsilon: small positive number that keeps the division finite.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.Lamb(learning_rate=0.1).apply([lm.asarray([5.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.9

    Source: You et al. (2019), Large batch optimization for deep learning.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"momentum": zeros_like(variable), "velocity": zeros_like(variable)}

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        of_m = 1.0 / one_minus_power(self.beta_1, t)
        return rate, of_m, 1.0 / one_minus_power(self.beta_2, t)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        rate, of_m, of_v = scalars
        m, v = means(g, slots, self.beta_1, self.beta_2)
        r = m * of_m / (ops.sqrt(v * of_v) + self.epsilon)
        x_norm, r_norm = ops.sqrt(ops.sum(ops.square(x))), ops.sqrt(ops.sum(ops.square(r)))
        some = (x_norm > 0.0) & (r_norm > 0.0)
        trust = ops.where(some, x_norm / ops.where(some, r_norm, 1.0), 1.0)
        return x - rate * trust * r, {"momentum": m, "velocity": v}


def means(g: Tensor, slots: Slots, beta_1: float, beta_2: float) -> tuple[Tensor, Tensor]:
    """The running means of the gradient and of its square."""
    m, v = slots["momentum"], slots["velocity"]
    return m + (g - m) * (1.0 - beta_1), v + (ops.square(g) - v) * (1.0 - beta_2)
