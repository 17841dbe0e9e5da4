"""`keras.ops`: exponentials, logarithms, roots, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.keras.ops.arguments import floating, numbers, operation
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "cos", "cosh",
    "deg2rad", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "hypot", "log", "log10", "log1p",
    "log2", "logaddexp", "logaddexp2", "rad2deg", "rsqrt", "sin", "sinc", "sinh", "sqrt", "tan",
    "tanh",
]
# fmt: on

# ---- exponentials and logarithms -----------------------------------------------------------------


@operation
def exp(x: ArrayLike) -> Tensor:
    """e to the power x."""
    return ops.exp(x)


@operation
def exp2(x: ArrayLike) -> Tensor:
    """2 to the power x."""
    return ops.exp2(x)


@operation
def expm1(x: ArrayLike) -> Tensor:
    """exp(x) - 1, exact near 0."""
    return ops.expm1(x)


@operation
def log(x: ArrayLike) -> Tensor:
    """The natural logarithm; of a softmax or sigmoid computed from its argument."""
    return ops.log(x)


@operation
def log1p(x: ArrayLike) -> Tensor:
    """log(1 + x), exact near 0."""
    return ops.log1p(x)


@operation
def log2(x: ArrayLike) -> Tensor:
    """The logarithm to base 2."""
    return ops.log2(x)


@operation
def log10(x: ArrayLike) -> Tensor:
    """The logarithm to base 10."""
    return ops.log10(x)


@operation
def logaddexp(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """log(exp(x1) + exp(x2)), without overflow on the way."""
    return ops.logaddexp(x1, x2)


@operation
def logaddexp2(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """log2(2^x1 + 2^x2), without overflow on the way."""
    x1, x2 = numbers(x1, x2)
    high, low = ops.maximum(x1, x2), ops.minimum(x1, x2)
    apart = ops.where(ops.equal(high, low), 0.0, ops.subtract(low, high))  # inf - inf would be NaN
    return ops.add(high, ops.multiply(ops.log1p(ops.exp2(apart)), 1 / math.log(2)))


# ---- roots and the error function ----------------------------------------------------------------


@operation
def sqrt(x: ArrayLike) -> Tensor:
    """The square root; NaN below 0."""
    return ops.sqrt(x)


@operation
def rsqrt(x: ArrayLike) -> Tensor:
    """1 / sqrt(x)."""
    return ops.rsqrt(x)


@operation
def cbrt(x: ArrayLike) -> Tensor:
    """The cube root, of negative numbers too."""
    return ops.cbrt(x)


@operation
def hypot(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """sqrt(x1^2 + x2^2), without overflow on the way."""
    return ops.hypot(x1, x2)


@operation
def erf(x: ArrayLike) -> Tensor:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return ops.erf(x)


@operation
def erfc(x: ArrayLike) -> Tensor:
    """1 - erf(x); for large x it is 0 where the exact value is below the dtype's epsilon."""
    return ops.subtract(1, ops.erf(x))


@operation
def erfinv(x: ArrayLike) -> Tensor:
    """The number whose error function is x."""
    return ops.erfinv(x)


# ---- trigonometric functions ---------------------------------------------------------------------


@operation
def sin(x: ArrayLike) -> Tensor:
    """The sine of x radians."""
    return ops.sin(x)


@operation
def cos(x: ArrayLike) -> Tensor:
    """The cosine of x radians."""
    return ops.cos(x)


@operation
def tan(x: ArrayLike) -> Tensor:
    """sin(x) / cos(x)."""
    return ops.tan(x)


@operation
def sinc(x: ArrayLike) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0."""
    angle = ops.multiply(floating(x), math.pi)
    is_zero = ops.equal(angle, 0)
    safe = ops.where(is_zero, 1.0, angle)
    return ops.where(is_zero, 1.0, ops.divide(ops.sin(safe), safe))


@operation
def arcsin(x: ArrayLike) -> Tensor:
    """The angle whose sine is x, in [-pi/2, pi/2]; NaN outside [-1, 1]."""
    return ops.asin(x)


@operation
def arccos(x: ArrayLike) -> Tensor:
    """The angle whose cosine is x, in [0, pi]; NaN outside [-1, 1]."""
    return ops.acos(x)


@operation
def arctan(x: ArrayLike) -> Tensor:
    """The angle whose tangent is x, in [-pi/2, pi/2]."""
    return ops.atan(x)


@operation
def arctan2(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The angle of the point (x2, x1), in [-pi, pi]."""
    return ops.atan2(x1, x2)


@operation
def deg2rad(x: ArrayLike) -> Tensor:
    """Degrees as radians."""
    return floating(x) * (math.pi / 180)


@operation
def rad2deg(x: ArrayLike) -> Tensor:
    """Radians as degrees."""
    return floating(x) * (180 / math.pi)


# ---- hyperbolic functions ------------------------------------------------------------------------


@operation
def sinh(x: ArrayLike) -> Tensor:
    """(exp(x) - exp(-x)) / 2, exact near 0."""
    return ops.sinh(x)


@operation
def cosh(x: ArrayLike) -> Tensor:
    """(exp(x) + exp(-x)) / 2."""
    return ops.cosh(x)


@operation
def tanh(x: ArrayLike) -> Tensor:
    """sinh(x) / cosh(x)."""
    return ops.tanh(x)


@operation
def arcsinh(x: ArrayLike) -> Tensor:
    """log(x + sqrt(x^2 + 1)), exact near 0."""
    return ops.asinh(x)


@operation
def arccosh(x: ArrayLike) -> Tensor:
    """log(x + sqrt(x^2 - 1)), exact near 1; NaN below 1."""
    return ops.acosh(x)


@operation
def arctanh(x: ArrayLike) -> Tensor:
    """Half of log((1 + x) / (1 - x)); NaN outside [-1, 1]."""
    return ops.atanh(x)
