"""Arithmetic, elementwise: sums, products, quotients, powers, signs, bounds, rounding."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from lamina.errors import DTypeError
from lamina.ir.types import bool_, float64, int16, int32, int64
from lamina.operations.applying import aligned, binary, narrowed, unary
from lamina.operations.comparison import (
    equal,
    greater,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_or,
    not_equal,
    where,
)
from lamina.operations.promote import floating, is_weak, like, need_kind, scalar, widened
from lamina.tensor import Tensor, as_tensor, bind

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "abs", "absolute", "add", "ceil", "clip", "copysign", "divide", "divmod", "floor",
    "floor_divide", "fmod", "isclose", "maximum", "minimum", "multiply", "negative",
    "nextafter", "positive", "pow", "power", "reciprocal", "remainder", "round", "sign",
    "signbit", "square", "subtract", "trunc",
]
# fmt: on


# ---- arithmetic ----------------------------------------------------------------------------------
def add(x: Any, y: Any, /) -> Tensor:
    """x + y; of bools, x or y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("add", "add", x, y)


def subtract(x: Any, y: Any, /) -> Tensor:
    """x - y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("subtract", "subtract", x, y)


def multiply(x: Any, y: Any, /) -> Tensor:
    """x * y; of bools, x and y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("multiply", "multiply", x, y)


def divide(x: Any, y: Any, /) -> Tensor:
    """x / y; integers become float32 first.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("divide", "divide", x, y, floats=True)


def floor_divide(x: Any, y: Any, /) -> Tensor:
    """The floor of x / y, as Python's `//`; integers by zero give 0.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return _floored("floor_divide", x, y)[0]


def remainder(x: Any, y: Any, /) -> Tensor:
    """x - floor(x / y) * y, which has y's sign, as Python's `%`; integers by zero give 0.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return _floored("remainder", x, y)[1]


def divmod(x: Any, y: Any, /) -> tuple[Tensor, Tensor]:
    """(x // y, x % y).

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return _floored("divmod", x, y)


def _floored(function: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    a, b = aligned(function, x, y)
    need_kind(function, a, "iuf", "numbers")
    wide = (widened(a), widened(b))
    quotient, rest = _floored_floats(*wide) if a.dtype.is_float else _floored_integers(a, b)
    return narrowed(quotient, a), narrowed(rest, a)


def _floored_integers(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    zero = like(0, y)
    by_zero = bind("compare", y, zero, direction="EQ")
    quotient, rest = bind("divide", x, y), bind("remainder", x, y)
    if x.dtype.kind == "i":
        below = logical_and(not_equal(rest, zero), not_equal(less(rest, zero), less(y, zero)))
        quotient = where(below, subtract(quotient, 1), quotient)
        rest = where(below, add(rest, y), rest)
    return where(by_zero, zero, quotient), where(by_zero, zero, rest)


def _floored_floats(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As CPython's float_divmod: exact remainder first, then a quotient without rounding error."""
    zero = like(0, y)
    rest = bind("remainder", x, y)
    quotient = divide(subtract(x, rest), y)
    below = logical_and(not_equal(rest, zero), not_equal(less(rest, zero), less(y, zero)))
    rest = where(below, add(rest, y), rest)
    quotient = where(below, subtract(quotient, 1), quotient)
    whole = floor(quotient)
    whole = where(greater(subtract(quotient, whole), 0.5), add(whole, 1), whole)
    whole = where(equal(quotient, zero), copysign(zero, divide(x, y)), whole)
    rest = where(equal(rest, zero), copysign(zero, y), rest)
    by_zero = equal(y, zero)
    nan = like(math.nan, y)
    return where(by_zero, divide(x, y), whole), where(by_zero, nan, rest)


def fmod(x: Any, y: Any, /) -> Tensor:
    """The remainder that has x's sign, as C's fmod.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("fmod", "remainder", x, y)


# ---- powers --------------------------------------------------------------------------------------
def power(x: Any, y: Any, /) -> Tensor:
    """x to the power y. Small whole exponents known in Python become products.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    if is_weak(y) and type(y) is not bool and not is_weak(x):
        base = as_tensor(x)
        if y in _PRODUCTS and (base.dtype.is_float or (type(y) is int and base.dtype.is_integer)):
            return _PRODUCTS[y](base)
        if y == 0.5 and base.dtype.is_float:
            return unary("sqrt", base)
        if type(y) is int and y < 0 and not base.dtype.is_float:
            base, y = floating(base), float(y)
        if y == -1 and base.dtype.is_float:
            return reciprocal(base)
        x = base
    return binary("power", "power", x, y)


pow = power


_PRODUCTS = {
    1: lambda x: x,
    2: lambda x: multiply(x, x),
    3: lambda x: multiply(multiply(x, x), x),
    4: lambda x: square(multiply(x, x)),
}


def square(x: Any, /) -> Tensor:
    """x * x.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    return multiply(tensor, tensor)


def reciprocal(x: Any, /) -> Tensor:
    """1 / x.

    Args:
        x: tensor or array-like.
    """
    return divide(1, floating(x))


# ---- signs and bounds ----------------------------------------------------------------------------
def negative(x: Any, /) -> Tensor:
    """-x.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    need_kind("negative", tensor, "iuf", "numbers", "use lm.logical_not for bools")
    return unary("negate", tensor)


def positive(x: Any, /) -> Tensor:
    """+x.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    need_kind("positive", tensor, "iuf", "numbers")
    return tensor


def abs(x: Any, /) -> Tensor:
    """The magnitude of x.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    return tensor if tensor.dtype.kind in "bu" else unary("abs", tensor)


absolute = abs


def sign(x: Any, /) -> Tensor:
    """-1, 0 or 1; NaN and the sign of a zero stay, as in JAX (NumPy's sign(-0.0) is +0.0).

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    need_kind("sign", tensor, "iuf", "numbers")
    return unary("sign", tensor)


def maximum(x: Any, y: Any, /) -> Tensor:
    """The larger of x and y; NaN where either is.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("maximum", "maximum", x, y)


def minimum(x: Any, y: Any, /) -> Tensor:
    """The smaller of x and y; NaN where either is.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    return binary("minimum", "minimum", x, y)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Tensor:
    """minimum(maximum(x, min), max); a bound of None is no bound.

    Args:
        x: tensor or array-like.
    """
    if min is None or max is None:
        low = as_tensor(x) if min is None else maximum(x, min)
        return low if max is None else minimum(low, max)
    a, low, high = aligned("clip", x, min, max)
    if a.dtype.kind == "b":
        return minimum(maximum(a, low), high)
    return narrowed(bind("clamp", widened(low), widened(a), widened(high)), a)


def copysign(x: Any, y: Any, /) -> Tensor:
    """x's magnitude with y's sign, that of a zero or NaN included.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    a, b = aligned("copysign", x, y, floats=True)
    magnitude = abs(a)
    return where(signbit(b), negative(magnitude), magnitude)


_SAME_BITS = {16: int16, 32: int32, 64: int64}


def signbit(x: Any, /) -> Tensor:
    """True where x's sign is minus, -0.0 included.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return less(tensor, 0) if tensor.dtype.kind == "i" else as_tensor(like(0, tensor), bool_)
    bits = bind("bitcast_convert", tensor, dtype=_SAME_BITS[tensor.dtype.bits])
    return less(bits, 0)


# ---- rounding ------------------------------------------------------------------------------------
def _rounding(primitive: str, x: Any) -> Tensor:
    tensor = as_tensor(x)
    return unary(primitive, tensor) if tensor.dtype.is_float else tensor


def floor(x: Any, /) -> Tensor:
    """The largest whole number <= x; integers stay as they are.

    Args:
        x: tensor or array-like.
    """
    return _rounding("floor", x)


def ceil(x: Any, /) -> Tensor:
    """The smallest whole number >= x; integers stay as they are.

    Args:
        x: tensor or array-like.
    """
    return _rounding("ceil", x)


def trunc(x: Any, /) -> Tensor:
    """x without its fraction; integers stay as they are.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return tensor
    return where(less(tensor, 0), ceil(tensor), floor(tensor))


def round(x: Any, /, decimals: int = 0) -> Tensor:
    """The nearest number of so many decimals, halves to the even one; -1 rounds to tens.

    Args:
        x: tensor or array-like.
    """
    tensor = as_tensor(x)
    if decimals < 0 and tensor.dtype.is_integer:
        return _rounded_integers(tensor, 10**-decimals)
    if not decimals or not tensor.dtype.is_float:
        return _rounding("round_nearest_even", tensor)
    scale = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return divide(_rounding("round_nearest_even", multiply(tensor, scale)), scale)
    return multiply(_rounding("round_nearest_even", divide(tensor, scale)), scale)


def _rounded_integers(x: Tensor, unit: int) -> Tensor:
    """The nearest multiple of the unit, halves to the even multiple."""
    if unit > np.iinfo(x.dtype.storage).max:
        return like(0, x)
    multiple, rest = divmod(x, unit)
    half = unit // 2
    is_odd = equal(remainder(multiple, 2), 1)
    up = logical_or(greater(rest, half), logical_and(equal(rest, half), is_odd))
    return multiply(add(multiple, as_tensor(up, x.dtype)), unit)


# ---- neighbours ----------------------------------------------------------------------------------
def nextafter(x: Any, y: Any, /) -> Tensor:
    """The float next to x on the way to y; float32 and float64.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    a, b = aligned("nextafter", x, y, floats=True)
    if a.dtype.is_storage_only:
        raise DTypeError(f"nextafter: needs float32 or float64; got {a.dtype}")
    integer = int64 if a.dtype == float64 else int32
    bits = bind("bitcast_convert", a, dtype=integer)
    away = equal(greater(b, a), greater(a, 0))  # away from zero means one more bit
    step = where(away, scalar(1, integer), scalar(-1, integer))
    tiny = 5e-324 if integer == int64 else 1.401298464324817e-45
    moved = bind("bitcast_convert", add(bits, step), dtype=a.dtype)
    moved = where(equal(a, 0), copysign(like(tiny, a), b), moved)
    moved = where(equal(a, b), b, moved)
    return where(logical_or(isnan(a), isnan(b)), math.nan, moved)


def isclose(
    x: Any, y: Any, /, rtol: float = 1e-5, atol: float = 1e-8, *, equal_nan: bool = False
) -> Tensor:
    """True where |x - y| <= atol + rtol * |y|, or both are equal (infinities, too).

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
    """
    a, b = aligned("isclose", x, y, floats=True)
    near = less_equal(abs(subtract(a, b)), add(multiply(abs(b), rtol), atol))
    result = logical_or(equal(a, b), logical_and(near, isfinite(b)))
    return logical_or(result, logical_and(isnan(a), isnan(b))) if equal_nan else result
