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
    """Return x + y, elementwise; the logical or for bools.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.add([1.0, 2.0], 3.0).tolist()
        [4.0, 5.0]
    """
    return binary("add", "add", x, y)


def subtract(x: Any, y: Any, /) -> Tensor:
    """Return x - y, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.subtract([1.0, 2.0], 3.0).tolist()
        [-2.0, -1.0]
    """
    return binary("subtract", "subtract", x, y)


def multiply(x: Any, y: Any, /) -> Tensor:
    """Return x * y, elementwise; the logical and for bools.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.multiply([1.0, 2.0], 3.0).tolist()
        [3.0, 6.0]
    """
    return binary("multiply", "multiply", x, y)


def divide(x: Any, y: Any, /) -> Tensor:
    """Return x / y, elementwise; integers become float32 first.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.divide([1, 3], 2).tolist()
        [0.5, 1.5]
    """
    return binary("divide", "divide", x, y, floats=True)


def floor_divide(x: Any, y: Any, /) -> Tensor:
    """Return floor(x / y), elementwise, as Python's `//`; an integer divided by zero gives 0.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.floor_divide([7, -7], 3).tolist()
        [2, -3]
    """
    return _floored("floor_divide", x, y)[0]


def remainder(x: Any, y: Any, /) -> Tensor:
    """Return x - floor(x / y) * y, elementwise, as Python's `%`; an integer by zero gives 0.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.remainder([7.0, -7.0], 3.0).tolist()
        [1.0, 2.0]
    """
    return _floored("remainder", x, y)[1]


def divmod(x: Any, y: Any, /) -> tuple[Tensor, Tensor]:
    """Return the pair (x // y, x % y), elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> [part.tolist() for part in lm.divmod([7, -7], 3)]
        [[2, -3], [1, 2]]
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
    """Return the remainder of x / y with the sign of x, elementwise, as C's fmod.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.fmod([7.0, -7.0], 3.0).tolist()
        [1.0, -1.0]
    """
    return binary("fmod", "remainder", x, y)


# ---- powers --------------------------------------------------------------------------------------
def power(x: Any, y: Any, /) -> Tensor:
    """Return x to the power y, elementwise.

    A small whole exponent known in Python becomes products.

    Args:
        x: base, a tensor or array-like.
        y: exponent, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.power([1.0, 2.0, 3.0], 2).tolist()
        [1.0, 4.0, 9.0]
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
    """Return x * x, elementwise.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.square([2.0, -3.0]).tolist()
        [4.0, 9.0]
    """
    tensor = as_tensor(x)
    return multiply(tensor, tensor)


def reciprocal(x: Any, /) -> Tensor:
    """Return 1 / x, elementwise.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.reciprocal([2.0, 4.0]).tolist()
        [0.5, 0.25]
    """
    return divide(1, floating(x))


# ---- signs and bounds ----------------------------------------------------------------------------
def negative(x: Any, /) -> Tensor:
    """Return -x, elementwise.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.negative([1.0, -2.0]).tolist()
        [-1.0, 2.0]
    """
    tensor = as_tensor(x)
    need_kind("negative", tensor, "iuf", "numbers", "use lm.logical_not for bools")
    return unary("negate", tensor)


def positive(x: Any, /) -> Tensor:
    """Return +x, elementwise.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.positive([1.0, -2.0]).tolist()
        [1.0, -2.0]
    """
    tensor = as_tensor(x)
    need_kind("positive", tensor, "iuf", "numbers")
    return tensor


def abs(x: Any, /) -> Tensor:
    """Return the absolute value, elementwise.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.abs([-2.0, 3.0]).tolist()
        [2.0, 3.0]
    """
    tensor = as_tensor(x)
    return tensor if tensor.dtype.kind in "bu" else unary("abs", tensor)


absolute = abs


def sign(x: Any, /) -> Tensor:
    """Return -1, 0 or 1, elementwise; NaN and the sign of a zero are kept, as in JAX.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.sign([-2.0, 0.0, 3.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    tensor = as_tensor(x)
    need_kind("sign", tensor, "iuf", "numbers")
    return unary("sign", tensor)


def maximum(x: Any, y: Any, /) -> Tensor:
    """Return the larger of x and y, elementwise; NaN if either is NaN.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.maximum([1.0, 5.0], 3.0).tolist()
        [3.0, 5.0]
    """
    return binary("maximum", "maximum", x, y)


def minimum(x: Any, y: Any, /) -> Tensor:
    """Return the smaller of x and y, elementwise; NaN if either is NaN.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.minimum([1.0, 5.0], 3.0).tolist()
        [1.0, 3.0]
    """
    return binary("minimum", "minimum", x, y)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Tensor:
    """Return x limited to an interval: minimum(maximum(x, min), max).

    Args:
        x: tensor or array-like.
        min: lower bound, broadcast against `x`; None sets none.
        max: upper bound, broadcast against `x`; None sets none.

    Example:
        >>> import lamina as lm
        >>> lm.clip([-2.0, 0.5, 2.0], -1.0, 1.0).tolist()
        [-1.0, 0.5, 1.0]
    """
    if min is None or max is None:
        low = as_tensor(x) if min is None else maximum(x, min)
        return low if max is None else minimum(low, max)
    a, low, high = aligned("clip", x, min, max)
    if a.dtype.kind == "b":
        return minimum(maximum(a, low), high)
    return narrowed(bind("clamp", widened(low), widened(a), widened(high)), a)


def copysign(x: Any, y: Any, /) -> Tensor:
    """Return the magnitude of x with the sign of y, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`; the signs of zeros and NaN count.

    Example:
        >>> import lamina as lm
        >>> lm.copysign([1.0, 2.0], -0.0).tolist()
        [-1.0, -2.0]
    """
    a, b = aligned("copysign", x, y, floats=True)
    magnitude = abs(a)
    return where(signbit(b), negative(magnitude), magnitude)


_SAME_BITS = {16: int16, 32: int32, 64: int64}


def signbit(x: Any, /) -> Tensor:
    """True where the sign of x is minus, -0.0 included.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.signbit([-1.0, -0.0, 0.0]).tolist()
        [True, True, False]
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
    """Return the largest whole number <= x, elementwise; integers are unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.floor([-1.5, 1.5]).tolist()
        [-2.0, 1.0]
    """
    return _rounding("floor", x)


def ceil(x: Any, /) -> Tensor:
    """Return the smallest whole number >= x, elementwise; integers are unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.ceil([-1.5, 1.5]).tolist()
        [-1.0, 2.0]
    """
    return _rounding("ceil", x)


def trunc(x: Any, /) -> Tensor:
    """Return x without its fraction, elementwise; integers are unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.trunc([-1.5, 1.5]).tolist()
        [-1.0, 1.0]
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return tensor
    return where(less(tensor, 0), ceil(tensor), floor(tensor))


def round(x: Any, /, decimals: int = 0) -> Tensor:
    """Return x rounded to `decimals`, elementwise, halves to the even number.

    Args:
        x: tensor or array-like.
        decimals: number of digits after the point; negative ones count before it, so -1 rounds to
            tens.

    Example:
        >>> import lamina as lm
        >>> lm.round([0.5, 1.5, 2.5]).tolist()
        [0.0, 2.0, 2.0]
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
    """Return the floating-point number next to x in the direction of y, elementwise.

    Args:
        x: float32 or float64 tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.nextafter(1.0, 2.0).item() - 1.0
        1.1920928955078125e-07
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
    x: Any, y: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """True where x and y are nearly equal: |x - y| <= atol + rtol * |y|.

    Infinities of the same sign are equal.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
        rtol: relative tolerance, at least 0.
        atol: absolute tolerance, at least 0.
        equal_nan: count two NaN as equal.

    Example:
        >>> import lamina as lm
        >>> lm.isclose([1.0, 2.0], [1.000001, 2.1]).tolist()
        [True, False]
    """
    a, b = aligned("isclose", x, y, floats=True)
    near = less_equal(abs(subtract(a, b)), add(multiply(abs(b), rtol), atol))
    result = logical_or(equal(a, b), logical_and(near, isfinite(b)))
    return logical_or(result, logical_and(isnan(a), isnan(b))) if equal_nan else result
