"""Optimizers that divide by a root of squared gradients: Adagrad and what came of it."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.errors import RangeError
from lamina.ir import types
from lamina.optimizers.base import Optimizer
from lamina.optimizers.options import Options, Rate, Slots
from lamina.optimizers.terms import zeros_like
from lamina.tensor import Tensor
from lamina.variables import Variable


class RMSprop(Optimizer):
    """Gradient descent divided by a running root mean square of the gradients (r: `rho`).

        v = r v + (1 - r) g^2;  x = x - a g / sqrt(v + epsilon)

    With `momentum` m, steps accumulate as s = m s + a g / sqrt(...), and x = x - s.

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        rho: decay rate of the running mean of squared gradients, in [0, 1).
        momentum: fraction of the last step that is added to the next, in [0, 1).
        epsilon: small positive number that keeps the division finite.
        centered: subtract the square of the running mean of g from v, which makes v a variance.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.RMSprop(learning_rate=0.1, rho=0.75).apply([lm.asarray([4.0])], [x])
        >>> round(x.numpy().item(), 3)
        0.8

    Source: Tieleman and Hinton (2012), Neural networks for machine learning, lecture 6.5.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def slots(self, variable: Variable) -> dict[str, Any]:
        wanted = {"velocity": True, "momentum": self.momentum, "average_gradient": self.centered}
        return {name: zeros_like(variable) for name, keep in wanted.items() if keep}

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        velocity = self.rho * slots["velocity"] + (1.0 - self.rho) * ops.square(g)
        after, spread = {"velocity": velocity}, velocity
        if self.centered:
            mean = self.rho * slots["average_gradient"] + (1.0 - self.rho) * g
            after["average_gradient"], spread = mean, velocity - ops.square(mean)
        step = scalars[0] * g / ops.sqrt(spread + self.epsilon)
        if self.momentum:
            step = after["momentum"] = self.momentum * slots["momentum"] + step
        return x - step, after


class Adagrad(Optimizer):
    """Gradient descent divided by the root of the sum of all squared gradients.

        v = v + g^2;  x = x - a g / sqrt(v + epsilon)

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        initial_accumulator_value: first value of v, at least 0.
        epsilon: small positive number that keeps the division finite.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> optimizer = lm.optimizers.Adagrad(learning_rate=0.1, initial_accumulator_value=0.0)
        >>> optimizer.apply([lm.asarray([4.0])], [x])
        >>> round(x.numpy().item(), 3)
        0.9

    Source: Duchi et al. (2011), Adaptive subgradient methods.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {"accumulator": zeros_like(variable, self.initial_accumulator_value)}

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        total = slots["accumulator"] + ops.square(g)
        return x - scalars[0] * g / ops.sqrt(total + self.epsilon), {"accumulator": total}


class Adadelta(Optimizer):
    """RMSprop whose step is scaled by a running root mean square of earlier steps (r: `rho`).

        v = r v + (1 - r) g^2;  d = -g sqrt(s + epsilon) / sqrt(v + epsilon)
        s = r s + (1 - r) d^2;  x = x + a d

    The paper's learning rate is 1.

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        rho: decay rate of the running mean of squared gradients, in [0, 1).
        epsilon: small positive number that keeps the division finite.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.Adadelta(learning_rate=1.0).apply([lm.asarray([4.0])], [x])
        >>> round(x.numpy().item(), 4)
        0.9986

    Source: Zeiler (2012), Adadelta: an adaptive learning rate method.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon = rho, epsilon

    def slots(self, variable: Variable) -> dict[str, Any]:
        return {
            "accumulated_grad": zeros_like(variable),
            "accumulated_delta_var": zeros_like(variable),
        }

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        rho, epsilon = self.rho, self.epsilon
        v = rho * slots["accumulated_grad"] + (1.0 - rho) * ops.square(g)
        s = slots["accumulated_delta_var"]
        d = -g * ops.sqrt(s + epsilon) / ops.sqrt(v + epsilon)
        s = rho * s + (1.0 - rho) * ops.square(d)
        return x + scalars[0] * d, {"accumulated_grad": v, "accumulated_delta_var": s}


_NOT_NEGATIVE = (
    *("initial_accumulator_value", "l1_regularization_strength", "l2_regularization_strength"),
    "l2_shrinkage_regularization_strength",
)


class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models (n: sum of squared gradients).

        z = z + g - (n'^-p - n^-p) / a x;  x = (clip(z, -l1, l1) - z) / (n'^-p / a + 2 l2)

    with p = `learning_rate_power`, n' = n + g^2, and l2 raised by beta / (2 a).

    Args:
        learning_rate: number of at least 0, schedule, or function without arguments.
        learning_rate_power: exponent p, at most 0; 0 keeps the learning rate constant.
        initial_accumulator_value: first value of n, at least 0.
        l1_regularization_strength: l1, at least 0; larger values make more weights exactly zero.
        l2_regularization_strength: l2, at least 0.
        l2_shrinkage_regularization_strength: strength of an L2 penalty added to the gradient, at
            least 0.
        beta: offset of the learning rate's denominator in the paper, at least 0.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([0.0])
        >>> lm.optimizers.Ftrl(0.1, l1_regularization_strength=1.0).apply([lm.asarray([0.5])], [x])
        >>> x.numpy().item()
        0.0

    Source: McMahan et al. (2013), Ad click prediction: a view from the trenches.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        if learning_rate_power > 0.0:
            raise RangeError(
                f"Ftrl: learning_rate_power must be 0 or below, not {learning_rate_power}"
            )
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0.0:
                raise RangeError(f"Ftrl: {name} must be 0 or above, not {getattr(self, name)}")

    def slots(self, variable: Variable) -> dict[str, Any]:
        first = zeros_like(variable, self.initial_accumulator_value)
        return {"accumulator": first, "linear": zeros_like(variable)}

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        (rate,), power = scalars, -self.learning_rate_power
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        before = slots["accumulator"]
        total = before + ops.square(g)
        root = ops.pow(total, power)
        shrunk = g + (2.0 * self.l2_shrinkage_regularization_strength) * x
        linear = slots["linear"] + shrunk - (root - ops.pow(before, power)) / rate * x
        quadratic = root / rate + 2.0 * (l2 + self.beta / (2.0 * rate))
        x = (ops.clip(linear, -l1, l1) - linear) / quadratic
        return x, {"accumulator": total, "linear": linear}


class Adafactor(Optimizer):
    """Adam with squared gradients kept as one mean for each row and one for each column.

        r = b r + (1 - b) mean(g^2, rows);  c likewise for columns;  v = r c / mean(r)
        x = x - max(epsilon_2, rms(x)) rho u / max(1, rms(u) / clip_threshold),  u = g / sqrt(v)

    with b = 1 - t^beta_2_decay. Large matrices need little memory.

    Args:
        learning_rate: largest relative step size, a positive number, schedule, or function without
            arguments.
        beta_2_decay: exponent of the decay rate b, below 0.
        epsilon_1: small positive number added to g^2.
        epsilon_2: smallest scale of a step, for variables near zero.
        clip_threshold: root mean square of u above which u is scaled down.
        relative_step: use rho = min(a, 1 / sqrt(t)); False uses rho = a.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0])
        >>> lm.optimizers.Adafactor(learning_rate=0.1).apply([lm.asarray([4.0])], [x])
        >>> round(x.numpy().item(), 3)
        0.9

    Source: Shazeer and Stern (2018), Adafactor: adaptive learning rates with sublinear memory cost.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_2_decay, self.relative_step = beta_2_decay, relative_step
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.clip_threshold = clip_threshold

    def slots(self, variable: Variable) -> dict[str, Any]:
        if variable.ndim < 2:
            return {"velocity": zeros_like(variable)}
        *outer, rows, columns = variable.shape
        dtype = types.computing(variable.dtype).storage
        return {
            "row": np.zeros((*outer, rows), dtype),
            "column": np.zeros((*outer, columns), dtype),
        }

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        return ops.minimum(rate, 1.0 / ops.sqrt(t)), 1.0 - ops.pow(t, self.beta_2_decay)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        rho, b = scalars
        squares = ops.square(g) + self.epsilon_1
        if x.ndim < 2:
            v = b * slots["velocity"] + (1.0 - b) * squares
            after = {"velocity": v}
        else:
            row = b * slots["row"] + (1.0 - b) * ops.mean(squares, axis=-1)
            column = b * slots["column"] + (1.0 - b) * ops.mean(squares, axis=-2)
            share = row / ops.mean(row, axis=-1, keepdims=True)
            v = ops.expand_dims(share, axis=-1) * ops.expand_dims(column, axis=-2)
            after = {"row": row, "column": column}
        u = g / ops.sqrt(v)
        u = u / ops.maximum(_rms(u) / self.clip_threshold, 1.0)
        return x - ops.maximum(_rms(x), self.epsilon_2) * rho * u, after


def _rms(x: Tensor) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x)))
