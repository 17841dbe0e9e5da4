"""The mathematics of activations, each written so that it neither overflows nor cancels.

`softmax` and `sigmoid` remember what they were computed from: see `logits`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from lamina.errors import ShapeError
from lamina.ir.graph import Node
from lamina.ir.types import exact_division
from lamina.operations import cumulative, logits, reductions
from lamina.operations.creation import iota
from lamina.operations.elementwise import (
    abs as absolute,
)
from lamina.operations.elementwise import (
    add,
    clip,
    divide,
    erf,
    exp,
    expm1,
    greater,
    less,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    rsqrt,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from lamina.operations.promote import axes_of, axis_of, floating, like, widened
from lamina.operations.shaping import sliced
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "relu", "sigmoid", "softmax",
]
# fmt: on


# ---- probabilities -----------------------------------------------------------------------------
def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis; the largest x is taken out first.

    Args:
        x: tensor or array-like.
        axis: axis to work along; negative numbers count from the end.
    """
    tensor = floating(x)
    axes = _axes("softmax", tensor, axis)
    powers = exp(_shifted(widened(tensor), axes))
    result = divide(powers, reductions.sum(powers, axes, keepdims=True))
    result = as_tensor(result, tensor.dtype)
    logarithm = functools.partial(log_softmax, axis=axes)
    return logits.remember(result, _named("softmax", axes, tensor), tensor, logarithm)


def _named(function: str, axes: tuple[int, ...], x: Tensor) -> str:
    """Only a softmax along the last axis is what a loss means by one."""
    return function if axes == (x.ndim - 1,) else f"{function} along {axes}"


def log_softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log(softmax(x)), computed as x - logsumexp(x).

    Args:
        x: tensor or array-like.
        axis: axis to work along; negative numbers count from the end.
    """
    tensor = floating(x)
    axes = _axes("log_softmax", tensor, axis)
    shifted = _shifted(widened(tensor), axes)
    total = log(reductions.sum(exp(shifted), axes, keepdims=True))
    return as_tensor(subtract(shifted, total), tensor.dtype)


def _axes(function: str, x: Tensor, axis: int | tuple[int, ...]) -> tuple[int, ...]:
    if x.ndim == 0:
        raise ShapeError(f"{function}: needs at least one axis; got a scalar")
    return axes_of(function, axis, x.ndim)


def _shifted(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """x minus its largest element, which is a constant to the gradient: it cancels out."""
    return subtract(x, bind("stop_gradient", reductions.max(x, axes, keepdims=True)))


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x)).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    result = as_tensor(bind("logistic", widened(tensor)), tensor.dtype)
    return logits.remember(result, "sigmoid", tensor, log_sigmoid)


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x).

    Args:
        x: tensor or array-like.
    """
    return negative(softplus(negative(floating(x))))


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The closest probabilities to x; many are exactly 0 (Martins and Astudillo, 2016).

    Args:
        x: tensor or array-like.
        axis: axis to work along; negative numbers count from the end.
    """
    tensor = floating(x)
    place = axis_of("sparsemax", axis, tensor.ndim)
    (ordered,) = bind("sort", widened(tensor), dimension=place, descending=True)
    rank = as_tensor(add(iota(ordered.shape, place), 1), ordered.dtype)
    sums = cumulative.cumulative_sum(ordered, axis=place)
    chosen = greater(add(multiply(ordered, rank), 1), sums)
    count = reductions.sum(as_tensor(chosen, ordered.dtype), place, keepdims=True)
    total = reductions.sum(where(chosen, ordered, 0.0), place, keepdims=True)
    threshold_ = divide(subtract(total, 1), count)
    return as_tensor(maximum(subtract(widened(tensor), threshold_), 0), tensor.dtype)


# ---- rectifiers --------------------------------------------------------------------------------
def relu(x: Any) -> Tensor:
    """max(x, 0).

    Args:
        x: tensor or array-like.
    """
    return maximum(x, 0)


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6).

    Args:
        x: tensor or array-like.
    """
    return minimum(maximum(x, 0), 6)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where positive, else negative_slope * x.

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return where(greater(tensor, 0), tensor, multiply(tensor, negative_slope))


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where above the threshold, else default_value.

    Args:
        x: tensor or array-like.
        threshold: number that values are compared with.
    """
    tensor = floating(x)
    return where(greater(tensor, threshold), tensor, default_value)


def _expm1_below(x: Tensor) -> Tensor:
    """exp(x) - 1 where x is negative, 0 elsewhere: the branch not taken must not overflow."""
    return expm1(minimum(x, 0))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha * (exp(x) - 1).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return where(greater(tensor, 0), tensor, multiply(_expm1_below(tensor), alpha))


_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def selu(x: Any) -> Tensor:
    """scale * elu(x, alpha) with the constants that keep mean 0, variance 1 (Klambauer, 2017).

    Args:
        x: tensor or array-like.
    """
    return multiply(elu(x, _SELU_ALPHA), _SELU_SCALE)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return where(greater(tensor, 0), tensor, multiply(_expm1_below(divide(tensor, alpha)), alpha))


# ---- smooth rectifiers -------------------------------------------------------------------------
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x * Phi(x), Phi the normal distribution; `approximate` by a tanh (Hendrycks, 2016)."""
    tensor = floating(x)
    if approximate:
        cubic = add(tensor, multiply(multiply(square(tensor), tensor), 0.044715))
        gate = add(tanh(multiply(cubic, math.sqrt(2.0 / math.pi))), 1)
    else:
        gate = add(erf(multiply(tensor, math.sqrt(0.5))), 1)
    return multiply(multiply(tensor, 0.5), gate)


def silu(x: Any) -> Tensor:
    """x * sigmoid(x).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return multiply(tensor, sigmoid(tensor))


swish = silu


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)); its gradient is sigmoid(x), at 0 too, where
    the pieces have corners.

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    value = add(maximum(tensor, 0), log1p(exp(negative(absolute(tensor)))))

    def rule(g: Node) -> tuple[Node]:
        return (as_node(multiply(from_node(g), sigmoid(tensor))),)

    return bind("custom_gradient", value, tensor, rule=rule)


def squareplus(x: Any, b: float = 4.0) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2.

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return multiply(add(tensor, sqrt(add(square(tensor), b))), 0.5)


def sparse_plus(x: Any) -> Tensor:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x.

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    curve = multiply(square(add(clip(tensor, -1, 1), 1)), 0.25)
    return where(less(tensor, 1), curve, tensor)


def mish(x: Any) -> Tensor:
    """x * tanh(softplus(x)) (Misra, 2019).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return multiply(tensor, tanh(softplus(tensor)))


# ---- bounded -----------------------------------------------------------------------------------
def softsign(x: Any) -> Tensor:
    """x / (1 + |x|).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return divide(tensor, add(absolute(tensor), 1))


def hard_sigmoid(x: Any) -> Tensor:
    """x / 6 + 1/2, within 0 and 1.

    Args:
        x: tensor or array-like.
    """
    return clip(add(divide(floating(x), 6), 0.5), 0, 1)


def hard_silu(x: Any) -> Tensor:
    """x * hard_sigmoid(x).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return multiply(tensor, hard_sigmoid(tensor))


hard_swish = hard_silu


def hard_tanh(x: Any) -> Tensor:
    """x, within -1 and 1.

    Args:
        x: tensor or array-like.
    """
    return clip(floating(x), -1, 1)


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x).

    Args:
        x: tensor or array-like.
    """
    tensor = floating(x)
    return subtract(tensor, tanh(tensor))


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved toward 0 by the threshold; 0 within it.

    Args:
        x: tensor or array-like.
        threshold: number that values are compared with.
    """
    tensor = floating(x)
    return subtract(tensor, clip(tensor, -threshold, threshold))


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where |x| > threshold, else 0.

    Args:
        x: tensor or array-like.
        threshold: number that values are compared with.
    """
    tensor = floating(x)
    return where(greater(absolute(tensor), threshold), tensor, 0.0)


def sparse_sigmoid(x: Any) -> Tensor:
    """(x + 1) / 2, within 0 and 1.

    Args:
        x: tensor or array-like.
    """
    return clip(multiply(add(floating(x), 1), 0.5), 0, 1)


# ---- others ------------------------------------------------------------------------------------
def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second (Dauphin, 2017).

    Args:
        x: tensor or array-like.
        axis: axis to work along; negative numbers count from the end.
    """
    tensor = floating(x)
    axis = axis_of("glu", axis, tensor.ndim)
    half = exact_division(tensor.shape[axis], 2)
    if half is None:
        raise ShapeError(f"glu: axis {axis} of shape {tensor.shape} must have an even extent")
    first = sliced(tensor, axis, 0, half)
    return multiply(first, sigmoid(sliced(tensor, axis, half, tensor.shape[axis])))


def exponential(x: Any) -> Tensor:
    """exp(x).

    Args:
        x: tensor or array-like.
    """
    return exp(x)


def linear(x: Any) -> Tensor:
    """x.

    Args:
        x: tensor or array-like.
    """
    return as_tensor(x)


def normalize(x: Any, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-12) -> Tensor:
    """x divided by its length along axes; of at least sqrt(epsilon).

    Args:
        x: tensor or array-like.
        axis: axis to work along; negative numbers count from the end.
        epsilon: small positive number that keeps the division finite.
    """
    tensor = floating(x)
    total = reductions.sum(square(tensor), axis, keepdims=True)
    return multiply(tensor, rsqrt(maximum(total, like(epsilon, total))))


l2_normalize = normalize
