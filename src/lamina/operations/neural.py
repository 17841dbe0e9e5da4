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
from lamina.operations.ranges import returns
from lamina.operations.shaping import sliced
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "relu", "sigmoid", "softmax",
]
# fmt: on


# ---- probabilities -----------------------------------------------------------------------------
@returns("distribution")
def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Softmax: exp(x) / sum(exp(x)) along an axis, without overflow.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.softmax([1000.0, 1000.0]).tolist()
        [0.5, 0.5]
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


@returns("any")
def log_softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Logarithm of the softmax, computed as x - logsumexp(x).

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.log_softmax([0.0, 1000.0]).tolist()
        [-1000.0, 0.0]
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


@returns("probabilities")
def sigmoid(x: Any) -> Tensor:
    """Logistic function: 1 / (1 + exp(-x)).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.sigmoid([-1000.0, 0.0, 1000.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    tensor = floating(x)
    result = as_tensor(bind("logistic", widened(tensor)), tensor.dtype)
    return logits.remember(result, "sigmoid", tensor, log_sigmoid)


@returns("any")
def log_sigmoid(x: Any) -> Tensor:
    """Logarithm of the sigmoid: log(sigmoid(x)) = -softplus(-x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.log_sigmoid([-1000.0]).tolist()
        [-1000.0]
    """
    return negative(softplus(negative(floating(x))))


@returns("distribution")
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """Euclidean projection of x onto the probabilities, many of which become exactly 0.

    Args:
        x: tensor or array-like.
        axis: axis of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.activations.sparsemax([0.0, 0.5, 1.0]).tolist()
        [0.0, 0.25, 0.75]

    Source: Martins and Astudillo (2016), From softmax to sparsemax.
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
@returns("any")
def relu(x: Any) -> Tensor:
    """Rectifier: max(x, 0).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.relu([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """
    return maximum(x, 0)


@returns("any")
def relu6(x: Any) -> Tensor:
    """Rectifier with a maximum: min(max(x, 0), 6).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.relu6([-2.0, 2.0, 9.0]).tolist()
        [0.0, 2.0, 6.0]
    """
    return minimum(maximum(x, 0), 6)


@returns("any")
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """Leaky rectifier: x if positive, else negative_slope * x.

    Args:
        x: tensor or array-like.
        negative_slope: slope for negative inputs.

    Example:
        >>> import lamina as lm
        >>> lm.activations.leaky_relu([-2.0, 2.0], negative_slope=0.5).tolist()
        [-1.0, 2.0]

    Source: Maas et al. (2013), Rectifier nonlinearities improve neural network acoustic models.
    """
    tensor = floating(x)
    return where(greater(tensor, 0), tensor, multiply(tensor, negative_slope))


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """Threshold: x if above the threshold, else default_value.

    Args:
        x: tensor or array-like.
        threshold: value that x must exceed.
        default_value: result for all other elements.

    Example:
        >>> import lamina as lm
        >>> lm.activations.threshold([-1.0, 2.0], threshold=0.0, default_value=9.0).tolist()
        [9.0, 2.0]
    """
    tensor = floating(x)
    return where(greater(tensor, threshold), tensor, default_value)


def _expm1_below(x: Tensor) -> Tensor:
    """exp(x) - 1 where x is negative, 0 elsewhere: the branch not taken must not overflow."""
    return expm1(minimum(x, 0))


@returns("any")
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Exponential linear unit: x if positive, else alpha * (exp(x) - 1).

    Args:
        x: tensor or array-like.
        alpha: limit of the negative part.

    Example:
        >>> import lamina as lm
        >>> lm.activations.elu([-1e9, 2.0]).tolist()
        [-1.0, 2.0]

    Source: Clevert et al. (2016), Fast and accurate deep network learning by exponential linear
        units.
    """
    tensor = floating(x)
    return where(greater(tensor, 0), tensor, multiply(_expm1_below(tensor), alpha))


_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


@returns("any")
def selu(x: Any) -> Tensor:
    """Scaled exponential linear unit: scale * elu(x, alpha).

    The constants scale = 1.0507 and alpha = 1.6733 keep mean 0 and variance 1 from layer to layer.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.selu([0.0, 1.0]).numpy().round(4)
        array([0.    , 1.0507], dtype=float32)

    Source: Klambauer et al. (2017), Self-normalizing neural networks.
    """
    return multiply(elu(x, _SELU_ALPHA), _SELU_SCALE)


@returns("any")
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """Continuous exponential linear unit: max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)).

    Args:
        x: tensor or array-like.
        alpha: limit of the negative part, not 0.

    Example:
        >>> import lamina as lm
        >>> lm.activations.celu([-1e9, 2.0]).tolist()
        [-1.0, 2.0]

    Source: Barron (2017), Continuously differentiable exponential linear units.
    """
    tensor = floating(x)
    return where(greater(tensor, 0), tensor, multiply(_expm1_below(divide(tensor, alpha)), alpha))


# ---- smooth rectifiers -------------------------------------------------------------------------
@returns("any")
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x * Phi(x), Phi the normal distribution; `approximate` by a tanh (Hendrycks, 2016)."""
    tensor = floating(x)
    if approximate:
        cubic = add(tensor, multiply(multiply(square(tensor), tensor), 0.044715))
        gate = add(tanh(multiply(cubic, math.sqrt(2.0 / math.pi))), 1)
    else:
        gate = add(erf(multiply(tensor, math.sqrt(0.5))), 1)
    return multiply(multiply(tensor, 0.5), gate)


@returns("any")
def silu(x: Any) -> Tensor:
    """Sigmoid linear unit (swish): x * sigmoid(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.silu([0.0, 100.0]).tolist()
        [0.0, 100.0]

    Source: Ramachandran et al. (2017), Searching for activation functions.
    """
    tensor = floating(x)
    return multiply(tensor, sigmoid(tensor))


swish = silu


@returns("any")
def softplus(x: Any) -> Tensor:
    """Smooth rectifier: log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)).

    Its gradient is sigmoid(x), at 0 as well.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.softplus([-1000.0, 1000.0]).tolist()
        [0.0, 1000.0]
    """
    tensor = floating(x)
    value = add(maximum(tensor, 0), log1p(exp(negative(absolute(tensor)))))

    def rule(g: Node) -> tuple[Node]:
        return (as_node(multiply(from_node(g), sigmoid(tensor))),)

    return bind("custom_gradient", value, tensor, rule=rule)


@returns("any")
def squareplus(x: Any, b: float = 4.0) -> Tensor:
    """Algebraic softplus: (x + sqrt(x^2 + b)) / 2.

    Args:
        x: tensor or array-like.
        b: amount of smoothing near 0; 0 gives the rectifier.

    Example:
        >>> import lamina as lm
        >>> lm.activations.squareplus([0.0, 1.5]).tolist()
        [1.0, 2.0]
    """
    tensor = floating(x)
    return multiply(add(tensor, sqrt(add(square(tensor), b))), 0.5)


@returns("any")
def sparse_plus(x: Any) -> Tensor:
    """Piecewise quadratic softplus: 0 up to -1, (x + 1)^2 / 4 up to 1, then x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.sparse_plus([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.25, 2.0]
    """
    tensor = floating(x)
    curve = multiply(square(add(clip(tensor, -1, 1), 1)), 0.25)
    return where(less(tensor, 1), curve, tensor)


@returns("any")
def mish(x: Any) -> Tensor:
    """Mish: x * tanh(softplus(x)).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.mish([0.0, 100.0]).tolist()
        [0.0, 100.0]

    Source: Misra (2019), Mish: a self regularized non-monotonic activation function.
    """
    tensor = floating(x)
    return multiply(tensor, tanh(softplus(tensor)))


# ---- bounded -----------------------------------------------------------------------------------
@returns("any")
def softsign(x: Any) -> Tensor:
    """Softsign: x / (1 + |x|).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.softsign([-1.0, 0.0, 3.0]).tolist()
        [-0.5, 0.0, 0.75]
    """
    tensor = floating(x)
    return divide(tensor, add(absolute(tensor), 1))


@returns("probabilities")
def hard_sigmoid(x: Any) -> Tensor:
    """Piecewise linear sigmoid: x / 6 + 1/2, clipped to [0, 1].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_sigmoid([-4.0, 0.0, 4.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return clip(add(divide(floating(x), 6), 0.5), 0, 1)


@returns("any")
def hard_silu(x: Any) -> Tensor:
    """Piecewise SiLU (hard swish): x * hard_sigmoid(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_silu([-4.0, 0.0, 4.0]).tolist()
        [-0.0, 0.0, 4.0]

    Source: Howard et al. (2019), Searching for MobileNetV3.
    """
    tensor = floating(x)
    return multiply(tensor, hard_sigmoid(tensor))


hard_swish = hard_silu


@returns("any")
def hard_tanh(x: Any) -> Tensor:
    """Piecewise linear tanh: x clipped to [-1, 1].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_tanh([-4.0, 0.5, 4.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    return clip(floating(x), -1, 1)


@returns("any")
def tanh_shrink(x: Any) -> Tensor:
    """Tanh shrinkage: x - tanh(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.tanh_shrink([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    return subtract(tensor, tanh(tensor))


@returns("any")
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Soft shrinkage: x moved toward 0 by the threshold, 0 within it.

    Args:
        x: tensor or array-like.
        threshold: amount by which magnitudes shrink.

    Example:
        >>> import lamina as lm
        >>> lm.activations.soft_shrink([-2.0, 0.25, 1.0]).tolist()
        [-1.5, 0.0, 0.5]
    """
    tensor = floating(x)
    return subtract(tensor, clip(tensor, -threshold, threshold))


@returns("any")
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """Hard shrinkage: x if |x| > threshold, else 0.

    Args:
        x: tensor or array-like.
        threshold: magnitude up to which values become 0.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_shrink([-2.0, 0.25, 1.0]).tolist()
        [-2.0, 0.0, 1.0]
    """
    tensor = floating(x)
    return where(greater(absolute(tensor), threshold), tensor, 0.0)


@returns("probabilities")
def sparse_sigmoid(x: Any) -> Tensor:
    """Piecewise linear sigmoid: (x + 1) / 2, clipped to [0, 1].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return clip(multiply(add(floating(x), 1), 0.5), 0, 1)


# ---- others ------------------------------------------------------------------------------------
@returns("any")
def glu(x: Any, axis: int = -1) -> Tensor:
    """Gated linear unit: the first half along an axis times the sigmoid of the second.

    Args:
        x: tensor or array-like.
        axis: axis that is split; its extent must be even.

    Example:
        >>> import lamina as lm
        >>> lm.activations.glu([4.0, 0.0]).tolist()
        [2.0]

    Source: Dauphin et al. (2017), Language modeling with gated convolutional networks.
    """
    tensor = floating(x)
    axis = axis_of("glu", axis, tensor.ndim)
    half = exact_division(tensor.shape[axis], 2)
    if half is None:
        raise ShapeError(f"glu: axis {axis} of shape {tensor.shape} must have an even extent")
    first = sliced(tensor, axis, 0, half)
    return multiply(first, sigmoid(sliced(tensor, axis, half, tensor.shape[axis])))


@returns("any")
def exponential(x: Any) -> Tensor:
    """Exponential function: exp(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.exponential([0.0]).tolist()
        [1.0]
    """
    return exp(x)


@returns("any")
def linear(x: Any) -> Tensor:
    """Identity: x unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.linear([-1.0, 2.0]).tolist()
        [-1.0, 2.0]
    """
    return as_tensor(x)


def l2_normalize(x: Any, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-12) -> Tensor:
    """Return x divided by its Euclidean norm along axes.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, of the vectors.
        epsilon: lower bound of the squared norm.

    Example:
        >>> import lamina as lm
        >>> lm.nn.l2_normalize([3.0, 4.0]).numpy().round(2)
        array([0.6, 0.8], dtype=float32)
    """
    tensor = floating(x)
    total = reductions.sum(square(tensor), axis, keepdims=True)
    return multiply(tensor, rsqrt(maximum(total, like(epsilon, total))))
