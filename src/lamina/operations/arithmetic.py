"""Arithmetic, elementwise: sums, products, quotients, powers, signs, bounds, rounding."""

from __future__ import annotations

from collections.abc import Callable

from lamina.annotations import ArrayLike
from lamina.ir.types import bool_, int16, int32, int64
from lamina.operations.applying import aligned, binary, narrowed, unary
from lamina.operations.comparison import (
    equal,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_or,
    where,
)
from lamina.operations.promote import floating, is_weak, like, need_kind, widened
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "abs", "absolute", "add", "clip", "copysign", "divide", "isclose", "maximum", "minimum",
    "multiply", "negative", "positive", "pow", "power", "reciprocal", "sign", "signbit", "square",
    "subtract",
]
# fmt: on


# ---- arithmetic ----------------------------------------------------------------------------------
def add(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def subtract(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def multiply(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def divide(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


# ---- powers --------------------------------------------------------------------------------------
def power(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


_PRODUCTS: dict[object, Callable[[Tensor], Tensor]] = {
    1: lambda x: x,
    2: lambda x: multiply(x, x),
    3: lambda x: multiply(multiply(x, x), x),
    4: lambda x: square(multiply(x, x)),
}


def square(x: ArrayLike, /) -> Tensor:
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


def reciprocal(x: ArrayLike, /) -> Tensor:
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
def negative(x: ArrayLike, /) -> Tensor:
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


def positive(x: ArrayLike, /) -> Tensor:
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


def abs(x: ArrayLike, /) -> Tensor:
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


def sign(x: ArrayLike, /) -> Tensor:
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


def maximum(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def minimum(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
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


def copysign(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def signbit(x: ArrayLike, /) -> Tensor:
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


# ---- neighbors -----------------------------------------------------------------------------------


def isclose(
    x: ArrayLike, y: ArrayLike, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
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
