"""`keras.ops`: sums, products, quotients, powers, signs, bounds and rounding, elementwise."""

from __future__ import annotations

import math

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.keras.ops.arguments import floating, numbers, operation, tensor
from lamina.operations.promote import promoted
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "abs", "absolute", "add", "ceil", "clip", "conj", "conjugate", "copy", "divide",
    "divide_no_nan", "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "heaviside", "ldexp",
    "maximum", "minimum", "mod", "multiply", "nan_to_num", "negative", "nextafter", "power", "real",
    "reciprocal", "round", "sign", "signbit", "square", "subtract", "true_divide", "trunc",
]
# fmt: on

# ---- arithmetic ----------------------------------------------------------------------------------


@operation
def add(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 + x2; of bools, x1 or x2."""
    return ops.add(x1, x2)


@operation
def subtract(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 - x2."""
    return ops.subtract(x1, x2)


@operation
def multiply(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 * x2; of bools, x1 and x2."""
    return ops.multiply(x1, x2)


@operation
def divide(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 / x2; integers become float32 first."""
    return ops.divide(x1, x2)


@operation
def true_divide(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """As `divide`."""
    return ops.divide(x1, x2)


@operation
def divide_no_nan(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 / x2, and 0 where x2 is 0."""
    x1, x2 = ops.broadcast_arrays(tensor(x1), tensor(x2))
    is_zero = ops.equal(x2, 0)
    return ops.where(is_zero, 0, ops.divide(x1, ops.where(is_zero, 1, x2)))


@operation
def floor_divide(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The floor of x1 / x2; integers by zero give 0."""
    return ops.floor_divide(*numbers(x1, x2))


@operation
def mod(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 - floor(x1 / x2) * x2, which has the sign of x2; integers by zero give 0."""
    return ops.remainder(*numbers(x1, x2))


@operation
def fmod(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The remainder that has the sign of x1, as C's fmod."""
    return ops.fmod(*numbers(x1, x2))


@operation
def power(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 to the power x2."""
    return ops.power(*numbers(x1, x2))


@operation
def square(x: ArrayLike) -> Tensor:
    """x * x."""
    return ops.square(*numbers(x))


@operation
def reciprocal(x: ArrayLike) -> Tensor:
    """1 / x."""
    return ops.reciprocal(x)


@operation
def ldexp(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 2^x2."""
    x1 = floating(x1)
    return ops.multiply(x1, ops.exp2(ops.cast(x2, x1.dtype)))


# ---- signs and bounds ----------------------------------------------------------------------------


@operation
def negative(x: ArrayLike) -> Tensor:
    """-x."""
    return ops.negative(x)


@operation
def abs(x: ArrayLike) -> Tensor:
    """The magnitude of x."""
    return ops.abs(x)


@operation
def absolute(x: ArrayLike) -> Tensor:
    """As `abs`."""
    return ops.abs(x)


@operation
def fabs(x: ArrayLike) -> Tensor:
    """The magnitude of x, of integers as float32."""
    return ops.abs(floating(x))


@operation
def sign(x: ArrayLike) -> Tensor:
    """-1, 0 or 1; NaN stays NaN."""
    return ops.sign(x)


@operation
def signbit(x: ArrayLike) -> Tensor:
    """True where the sign of x is minus, -0.0 included."""
    return ops.signbit(x)


@operation
def maximum(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The larger of x1 and x2; NaN where either is."""
    return ops.maximum(x1, x2)


@operation
def minimum(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The smaller of x1 and x2; NaN where either is."""
    return ops.minimum(x1, x2)


@operation
def fmax(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The larger of the two; of a number and NaN the number."""
    x1, x2 = tensor(x1), tensor(x2)
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.maximum(x1, x2)))


@operation
def fmin(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The smaller of the two; of a number and NaN the number."""
    x1, x2 = tensor(x1), tensor(x2)
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.minimum(x1, x2)))


@operation
def clip(x: ArrayLike, x_min: ArrayLike | None, x_max: ArrayLike | None) -> Tensor:
    """minimum(maximum(x, x_min), x_max); a bound of None is left out."""
    return ops.clip(x, x_min, x_max)


@operation
def heaviside(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """0 below 0, 1 above, and x2 at 0."""
    x1, x2 = (floating(x) for x in promoted((x1, x2)))
    above = ops.where(ops.isnan(x1), x1, ops.cast(ops.greater(x1, 0), x1.dtype))
    return ops.where(ops.equal(x1, 0), x2, above)


@operation
def nextafter(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The float next to x1 on the way to x2; float32 and float64."""
    return ops.nextafter(x1, x2)


# ---- rounding ------------------------------------------------------------------------------------


@operation
def ceil(x: ArrayLike) -> Tensor:
    """The smallest whole number >= x, as a float."""
    return ops.ceil(floating(x))


@operation
def floor(x: ArrayLike) -> Tensor:
    """The largest whole number <= x, as a float."""
    return ops.floor(floating(x))


@operation
def trunc(x: ArrayLike) -> Tensor:
    """x without its fraction; integers stay as they are."""
    return ops.trunc(x)


@operation
def round(x: ArrayLike, decimals: int = 0) -> Tensor:
    """The nearest number of `decimals` decimals, halves to the even one."""
    return ops.round(x, decimals)


@operation
def nan_to_num(
    x: ArrayLike,
    nan: ArrayLike = 0.0,
    posinf: ArrayLike | None = None,
    neginf: ArrayLike | None = None,
) -> Tensor:
    """x with NaN and the infinities replaced; these by the dtype's extremes unless given."""
    x = tensor(x)
    if not x.dtype.is_float:
        return x
    most = float(ops.finfo(x.dtype).max)
    high = most if posinf is None else posinf
    low = -most if neginf is None else neginf
    x = ops.where(ops.isnan(x), nan, ops.where(ops.equal(x, math.inf), high, x))
    return ops.where(ops.equal(x, -math.inf), low, x)


# ---- real numbers only ---------------------------------------------------------------------------


@operation
def conj(x: ArrayLike) -> Tensor:
    """x: Lamina has real numbers only."""
    return tensor(x)


@operation
def conjugate(x: ArrayLike) -> Tensor:
    """x: Lamina has real numbers only."""
    return tensor(x)


@operation
def real(x: ArrayLike) -> Tensor:
    """x: Lamina has real numbers only."""
    return tensor(x)


@operation
def copy(x: ArrayLike) -> Tensor:
    """x: tensors do not change, so a copy cannot be told from the original."""
    return tensor(x)
