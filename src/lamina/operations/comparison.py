"""Comparisons, tests, logic, bits and choice, elementwise."""

from __future__ import annotations

import math
from typing import Any

from lamina.annotations import ArrayLike
from lamina.ir.types import bool_
from lamina.operations.applying import aligned, unary
from lamina.operations.promote import broadcast, is_weak, need_kind, promoted, widened
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "equal", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less",
    "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal",
    "where",
]
# fmt: on


# ---- comparison ----------------------------------------------------------------------------------
def _compare(function: str, direction: str, x: Any, y: Any) -> Tensor:
    x, y = _fitting(x, y), _fitting(y, x)
    a, b = aligned(function, x, y)
    return bind("compare", widened(a), widened(b), direction=direction)


def _fitting(value: Any, beside: Any) -> Any:
    """An integer beyond the other operand's dtype keeps its own: 300 does not fit uint8."""
    if type(value) is not int or is_weak(beside):
        return value
    dtype = as_tensor(beside).dtype
    if not dtype.is_integer:
        return value
    low = -(2 ** (dtype.bits - 1)) if dtype.kind == "i" else 0
    fits = low <= value < low + 2**dtype.bits
    return value if fits else as_tensor(value)


def equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x == y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.equal([1, 2], [1, 3]).tolist()
        [True, False]
    """
    return _compare("equal", "EQ", x, y)


def not_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x != y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.not_equal([1, 2], [1, 3]).tolist()
        [False, True]
    """
    return _compare("not_equal", "NE", x, y)


def less(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x < y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.less([1, 2], 2).tolist()
        [True, False]
    """
    return _compare("less", "LT", x, y)


def less_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x <= y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.less_equal([1, 2], 1).tolist()
        [True, False]
    """
    return _compare("less_equal", "LE", x, y)


def greater(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x > y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.greater([1, 2], 1).tolist()
        [False, True]
    """
    return _compare("greater", "GT", x, y)


def greater_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x >= y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.greater_equal([1, 2], 2).tolist()
        [False, True]
    """
    return _compare("greater_equal", "GE", x, y)


# ---- tests of numbers ----------------------------------------------------------------------------
def isfinite(x: ArrayLike, /) -> Tensor:
    """True where x is neither infinite nor NaN.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.isfinite([1.0, lm.inf, lm.nan]).tolist()
        [True, False, False]
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return equal(tensor, tensor)
    return bind("is_finite", widened(tensor))


def isinf(x: ArrayLike, /) -> Tensor:
    """True where x is infinite.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.isinf([1.0, lm.inf, lm.nan]).tolist()
        [False, True, False]
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return not_equal(tensor, tensor)
    return equal(unary("abs", tensor), math.inf)


def isnan(x: ArrayLike, /) -> Tensor:
    """True where x is NaN.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.isnan([1.0, lm.inf, lm.nan]).tolist()
        [False, False, True]
    """
    tensor = as_tensor(x)
    return not_equal(tensor, tensor)


# ---- logic and bits ------------------------------------------------------------------------------
def _bits(function: str, primitive: str, x: Any, y: Any) -> Tensor:
    a, b = aligned(function, x, y)
    need_kind(function, a, "biu", "integers or bools")
    return bind(primitive, a, b)


def _as_bool(x: Any) -> Tensor:
    return as_tensor(x, bool_)


def logical_and(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where neither x nor y is zero.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.logical_and([0, 1, 2], [1, 1, 0]).tolist()
        [False, True, False]
    """
    return _bits("logical_and", "and", _as_bool(x), _as_bool(y))


def logical_or(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where x or y is not zero.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.logical_or([0, 1, 0], [1, 1, 0]).tolist()
        [True, True, False]
    """
    return _bits("logical_or", "or", _as_bool(x), _as_bool(y))


def logical_xor(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """True where exactly one of x and y is not zero.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.logical_xor([0, 1, 0], [1, 1, 0]).tolist()
        [True, False, False]
    """
    return _bits("logical_xor", "xor", _as_bool(x), _as_bool(y))


def logical_not(x: ArrayLike, /) -> Tensor:
    """True where x is zero.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.logical_not([0, 1]).tolist()
        [True, False]
    """
    return bind("not", _as_bool(x))


def bitwise_and(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return the bits that are set in both, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.bitwise_and([6, 5], 3).tolist()
        [2, 1]
    """
    return _bits("bitwise_and", "and", x, y)


def bitwise_or(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return the bits that are set in either, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.bitwise_or([6, 4], 3).tolist()
        [7, 7]
    """
    return _bits("bitwise_or", "or", x, y)


def bitwise_xor(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return the bits that are set in exactly one of the two, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.bitwise_xor([6, 5], 3).tolist()
        [5, 6]
    """
    return _bits("bitwise_xor", "xor", x, y)


def bitwise_invert(x: ArrayLike, /) -> Tensor:
    """Return x with every bit inverted, elementwise; the logical not for bools.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.bitwise_invert([0, 5]).tolist()
        [-1, -6]
    """
    tensor = as_tensor(x)
    need_kind("bitwise_invert", tensor, "biu", "integers or bools")
    return bind("not", tensor)


def bitwise_left_shift(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return x * 2^y by shifting bits, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.bitwise_left_shift([1, 3], 2).tolist()
        [4, 12]
    """
    a, b = aligned("bitwise_left_shift", x, y)
    need_kind("bitwise_left_shift", a, "iu", "integers")
    return bind("shift_left", a, b)


def bitwise_right_shift(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return floor(x / 2^y) by shifting bits, elementwise.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.bitwise_right_shift([4, -5], 1).tolist()
        [2, -3]
    """
    a, b = aligned("bitwise_right_shift", x, y)
    need_kind("bitwise_right_shift", a, "iu", "integers")
    kind = "arithmetic" if a.dtype.kind == "i" else "logical"
    return bind(f"shift_right_{kind}", a, b)


# ---- choice --------------------------------------------------------------------------------------
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return x where the condition is true, else y, elementwise.

    Both are computed; gradients flow to the chosen elements only.

    Args:
        condition: bool tensor or array-like.
        x: values where it is true, broadcast against `condition` and `y`.
        y: values where it is false.

    Example:
        >>> import lamina as lm
        >>> lm.where([True, False], [1.0, 2.0], 0.0).tolist()
        [1.0, 0.0]
    """
    test = as_tensor(condition, bool_)
    a, b = promoted((x, y))
    test, a, b = broadcast((test, a, b), "where")
    return bind("select", test, a, b)
