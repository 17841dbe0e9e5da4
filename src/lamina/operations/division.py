"""Division with a remainder, and rounding: to integers, to decimals, to the next number."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import DTypeError
from lamina.ir.types import float64, int32, int64
from lamina.operations.applying import aligned, binary, narrowed, unary
from lamina.operations.arithmetic import add, copysign, divide, multiply, subtract
from lamina.operations.comparison import (
    equal,
    greater,
    isnan,
    less,
    logical_and,
    logical_or,
    not_equal,
    where,
)
from lamina.operations.promote import like, need_kind, scalar, widened
from lamina.tensor import Tensor, as_tensor, bind

# fmt: off
__all__ = [
    "ceil", "divmod", "floor", "floor_divide", "fmod", "nextafter", "remainder", "round", "trunc",
]
# fmt: on


def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def remainder(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Tensor, Tensor]:
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


def fmod(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def _rounding(primitive: str, x: Any) -> Tensor:
    tensor = as_tensor(x)
    return unary(primitive, tensor) if tensor.dtype.is_float else tensor


def floor(x: ArrayLike, /) -> Tensor:
    """Return the largest whole number <= x, elementwise; integers are unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.floor([-1.5, 1.5]).tolist()
        [-2.0, 1.0]
    """
    return _rounding("floor", x)


def ceil(x: ArrayLike, /) -> Tensor:
    """Return the smallest whole number >= x, elementwise; integers are unchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.ceil([-1.5, 1.5]).tolist()
        [-1.0, 2.0]
    """
    return _rounding("ceil", x)


def trunc(x: ArrayLike, /) -> Tensor:
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


def round(x: ArrayLike, /, decimals: int = 0) -> Tensor:
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


def nextafter(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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
