"""The mathematics of activations, each written so that it neither overflows nor cancels.

`softmax` and `sigmoid` remember what they were computed from: see `logits`.
"""

from __future__ import annotations

import math

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.graph import Node
from lamina.ir.types import exact_division
from lamina.operations import reductions
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
    maximum,
    minimum,
    multiply,
    rsqrt,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from lamina.operations.probabilities import sigmoid, softplus
from lamina.operations.promote import axis_of, floating, like
from lamina.operations.ranges import returns
from lamina.operations.shaping import sliced
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node

# the names that are in `lamina` itself
# fmt: off
__all__ = ["relu"]
# fmt: on


# ---- rectifiers --------------------------------------------------------------------------------
@returns("any")
def relu(x: ArrayLike) -> Tensor:
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
def relu6(x: ArrayLike) -> Tensor:
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
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Tensor:
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


def threshold(x: ArrayLike, threshold: float, default_value: float) -> Tensor:
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
def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
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
def selu(x: ArrayLike) -> Tensor:
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
def celu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
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
def gelu(x: ArrayLike, approximate: bool = True) -> Tensor:
    """x * Phi(x), Phi the normal distribution; `approximate` by a tanh (Hendrycks, 2016)."""
    tensor = floating(x)
    half = multiply(tensor, 0.5)
    if approximate:
        cubic = add(tensor, multiply(multiply(square(tensor), tensor), 0.044715))
        gate = add(tanh(multiply(cubic, math.sqrt(2.0 / math.pi))), 1)
    else:
        gate = add(erf(multiply(tensor, math.sqrt(0.5))), 1)

    def rule(g: Node) -> tuple[Node]:
        if approximate:
            inner = multiply(add(multiply(square(tensor), 3 * 0.044715), 1), math.sqrt(2 / math.pi))
            bend = multiply(multiply(gate, subtract(2, gate)), inner)  # of the tanh: 1 - tanh^2
        else:
            bend = multiply(exp(multiply(square(tensor), -0.5)), math.sqrt(2 / math.pi))
        slope = add(multiply(gate, 0.5), multiply(half, bend))
        # stored by the value's kernel: one array for the gradient in place of three
        stored = bind("optimization_barrier", slope)
        return (as_node(multiply(from_node(g), stored)),)

    return bind("custom_gradient", multiply(half, gate), tensor, rule=rule)


@returns("any")
def silu(x: ArrayLike) -> Tensor:
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
def squareplus(x: ArrayLike, b: float = 4.0) -> Tensor:
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
def sparse_plus(x: ArrayLike) -> Tensor:
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
def mish(x: ArrayLike) -> Tensor:
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
def softsign(x: ArrayLike) -> Tensor:
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


# ---- others ------------------------------------------------------------------------------------
@returns("any")
def glu(x: ArrayLike, axis: int = -1) -> Tensor:
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
def exponential(x: ArrayLike) -> Tensor:
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
def linear(x: ArrayLike) -> Tensor:
    """Identity: x unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.linear([-1.0, 2.0]).tolist()
        [-1.0, 2.0]
    """
    return as_tensor(x)


def l2_normalize(x: ArrayLike, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-12) -> Tensor:
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
