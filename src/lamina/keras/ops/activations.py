"""`keras.ops`: activation functions, by the defaults of `keras.ops`."""

from __future__ import annotations

from lamina.annotations import ArrayLike
from lamina.keras.ops.arguments import floating, operation
from lamina.operations import neural, piecewise, probabilities
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid",
    "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold",
]
# fmt: on

# ---- probabilities -------------------------------------------------------------------------------


@operation
def softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis."""
    return probabilities.softmax(x, axis)


@operation
def log_softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log(softmax(x)), computed as x - logsumexp(x)."""
    return probabilities.log_softmax(x, axis)


@operation
def sigmoid(x: ArrayLike) -> Tensor:
    """1 / (1 + exp(-x))."""
    return probabilities.sigmoid(x)


@operation
def log_sigmoid(x: ArrayLike) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x)."""
    return probabilities.log_sigmoid(x)


@operation
def sparsemax(x: ArrayLike, axis: int = -1) -> Tensor:
    """The closest probabilities to x; many are exactly 0 (Martins and Astudillo, 2016)."""
    return probabilities.sparsemax(x, axis)


# ---- rectifiers ----------------------------------------------------------------------------------


@operation
def relu(x: ArrayLike) -> Tensor:
    """max(x, 0)."""
    return neural.relu(x)


@operation
def relu6(x: ArrayLike) -> Tensor:
    """min(max(x, 0), 6)."""
    return neural.relu6(floating(x))


@operation
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Tensor:
    """x where positive, else negative_slope * x."""
    return neural.leaky_relu(x, negative_slope)


@operation
def threshold(x: ArrayLike, threshold: float, default_value: float) -> Tensor:
    """x where it is above the threshold, else the default."""
    return neural.threshold(x, threshold, default_value)


@operation
def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha * (exp(x) - 1)."""
    return neural.elu(x, alpha)


@operation
def selu(x: ArrayLike) -> Tensor:
    """scale * elu(x, alpha) with the constants that keep mean 0, variance 1 (Klambauer, 2017)."""
    return neural.selu(x)


@operation
def celu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return neural.celu(x, alpha)


# ---- smooth rectifiers ---------------------------------------------------------------------------


@operation
def gelu(x: ArrayLike, approximate: bool = True) -> Tensor:
    """x * P(X <= x) for X ~ N(0, 1), by default approximated by a tanh (Hendrycks, 2016)."""
    return neural.gelu(x, approximate)


@operation
def silu(x: ArrayLike) -> Tensor:
    """x * sigmoid(x)."""
    return neural.silu(x)


@operation
def swish(x: ArrayLike) -> Tensor:
    """As `silu`."""
    return neural.silu(x)


@operation
def softplus(x: ArrayLike) -> Tensor:
    """log(1 + exp(x))."""
    return probabilities.softplus(x)


@operation
def squareplus(x: ArrayLike, b: float = 4) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2."""
    return neural.squareplus(x, b)


@operation
def sparse_plus(x: ArrayLike) -> Tensor:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x."""
    return neural.sparse_plus(x)


# ---- bounded -------------------------------------------------------------------------------------


@operation
def softsign(x: ArrayLike) -> Tensor:
    """x / (1 + |x|)."""
    return neural.softsign(x)


@operation
def hard_sigmoid(x: ArrayLike) -> Tensor:
    """x / 6 + 1/2, within 0 and 1."""
    return piecewise.hard_sigmoid(x)


@operation
def hard_silu(x: ArrayLike) -> Tensor:
    """x * hard_sigmoid(x)."""
    return piecewise.hard_silu(x)


@operation
def hard_swish(x: ArrayLike) -> Tensor:
    """As `hard_silu`."""
    return piecewise.hard_silu(x)


@operation
def hard_tanh(x: ArrayLike) -> Tensor:
    """x, within -1 and 1."""
    return piecewise.hard_tanh(x)


@operation
def tanh_shrink(x: ArrayLike) -> Tensor:
    """x - tanh(x)."""
    return piecewise.tanh_shrink(x)


@operation
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> Tensor:
    """x moved toward 0 by the threshold; 0 within it."""
    return piecewise.soft_shrink(x, threshold)


@operation
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> Tensor:
    """x where |x| > threshold, else 0."""
    return piecewise.hard_shrink(x, threshold)


@operation
def sparse_sigmoid(x: ArrayLike) -> Tensor:
    """(x + 1) / 2, within 0 and 1."""
    return piecewise.sparse_sigmoid(x)


@operation
def glu(x: ArrayLike, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second (Dauphin, 2017)."""
    return neural.glu(x, axis)
