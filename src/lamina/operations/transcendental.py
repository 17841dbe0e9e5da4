"""Exponentials, logarithms, roots, trigonometry and hyperbolic functions, elementwise.

Where a function is composed of others, it is composed so that it stays exact near 0, does not
overflow on the way, and has a gradient everywhere.
"""

from __future__ import annotations

import math
from typing import Any

from lamina.ir.types import float32
from lamina.operations.applying import aligned, binary, narrowed, unary_float
from lamina.operations.arithmetic import (
    abs,
    add,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    signbit,
    square,
    subtract,
)
from lamina.operations.comparison import equal, greater, isinf, logical_and, logical_or, where
from lamina.operations.logits import logarithm_of
from lamina.operations.promote import floating, like, widened
from lamina.tensor import Tensor

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "erf", "exp", "exp2",
    "expm1", "hypot", "log", "log10", "log1p", "log2", "logaddexp", "rsqrt", "sin", "sinh",
    "sqrt", "tan", "tanh",
]
# fmt: on


# ---- exponentials and logarithms -----------------------------------------------------------------
def exp(x: Any, /) -> Tensor:
    """Return e to the power x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.exp([0.0]).tolist()
        [1.0]
    """
    return unary_float("exponential", x)


def expm1(x: Any, /) -> Tensor:
    """Return exp(x) - 1, accurate near 0.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.expm1([0.0]).tolist()
        [0.0]
    """
    return unary_float("exponential_minus_one", x)


def exp2(x: Any, /) -> Tensor:
    """Return 2 to the power x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.exp2([3.0, -1.0]).tolist()
        [8.0, 0.5]
    """
    return exp(multiply(floating(x), math.log(2.0)))


def log(x: Any, /) -> Tensor:
    """Return the natural logarithm.

    For the result of softmax or sigmoid it is computed from their argument, so it is finite even if
    the probability is rounded to 0.

    Args:
        x: tensor or array-like; -inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log([1.0]).tolist()
        [0.0]
    """
    known = logarithm_of(x)
    return unary_float("log", x) if known is None else known


def log1p(x: Any, /) -> Tensor:
    """Return log(1 + x), accurate near 0.

    Args:
        x: tensor or array-like; -inf at -1, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log1p([0.0]).tolist()
        [0.0]
    """
    return unary_float("log_plus_one", x)


def log2(x: Any, /) -> Tensor:
    """Return the logarithm to base 2.

    Args:
        x: tensor or array-like; -inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log2([8.0]).tolist()
        [3.0]
    """
    return multiply(log(x), 1.0 / math.log(2.0))


def log10(x: Any, /) -> Tensor:
    """Return the logarithm to base 10.

    Args:
        x: tensor or array-like; -inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log10([1000.0]).numpy().round(4)
        array([3.], dtype=float32)
    """
    return multiply(log(x), 1.0 / math.log(10.0))


def logaddexp(x: Any, y: Any, /) -> Tensor:
    """Return log(exp(x) + exp(y)), without overflow.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.logaddexp(1000.0, -1000.0).item()
        1000.0
    """
    a, b = aligned("logaddexp", x, y, floats=True)
    both_infinite = logical_and(equal(a, b), isinf(a))  # inf - inf would be NaN
    apart = where(both_infinite, 0.0, subtract(a, b))
    return add(maximum(a, b), log1p(exp(negative(abs(apart)))))


# ---- roots ---------------------------------------------------------------------------------------
def sqrt(x: Any, /) -> Tensor:
    """Return the square root.

    Args:
        x: tensor or array-like; NaN below 0.

    Example:
        >>> import lamina as lm
        >>> lm.sqrt([4.0, 9.0]).tolist()
        [2.0, 3.0]
    """
    return unary_float("sqrt", x)


def rsqrt(x: Any, /) -> Tensor:
    """Return 1 / sqrt(x).

    Args:
        x: tensor or array-like; inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.rsqrt([4.0]).tolist()
        [0.5]
    """
    return unary_float("rsqrt", x)


def cbrt(x: Any, /) -> Tensor:
    """Return the cube root, also of negative numbers.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.cbrt([-8.0, 0.0]).tolist()
        [-2.0, 0.0]
    """
    return unary_float("cbrt", x)


def hypot(x: Any, y: Any, /) -> Tensor:
    """Return sqrt(x^2 + y^2), without overflow.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.

    Example:
        >>> import lamina as lm
        >>> lm.hypot(3.0, 4.0).item()
        5.0
    """
    a, b = (abs(v) for v in aligned("hypot", x, y, floats=True))
    large, small = maximum(a, b), minimum(a, b)
    nothing = equal(large, 0)
    ratio = divide(small, where(nothing, 1.0, large))
    finite = multiply(large, sqrt(add(square(ratio), 1)))
    return where(logical_or(isinf(a), isinf(b)), math.inf, where(nothing, large, finite))


def erf(x: Any, /) -> Tensor:
    """Return the error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.erf([0.0, 100.0]).tolist()
        [0.0, 1.0]
    """
    return unary_float("erf", x)


# ---- trigonometry --------------------------------------------------------------------------------
def sin(x: Any, /) -> Tensor:
    """Return the sine.

    Args:
        x: angles in radians, a tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.sin([0.0]).tolist()
        [0.0]
    """
    return unary_float("sine", x)


def cos(x: Any, /) -> Tensor:
    """Return the cosine.

    Args:
        x: angles in radians, a tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.cos([0.0]).tolist()
        [1.0]
    """
    return unary_float("cosine", x)


def tan(x: Any, /) -> Tensor:
    """Return the tangent.

    Args:
        x: angles in radians, a tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.tan([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    return narrowed(divide(sin(wide), cos(wide)), tensor)


def atan2(y: Any, x: Any, /) -> Tensor:
    """Return the angle of the point (x, y) in radians, in [-pi, pi].

    Args:
        y: second coordinates, a tensor or array-like.
        x: first coordinates, broadcast against `y`.

    Example:
        >>> import lamina as lm
        >>> lm.atan2(0.0, 1.0).item()
        0.0
    """
    return binary("atan2", "atan2", y, x, floats=True)


def atan(x: Any, /) -> Tensor:
    """Return the inverse tangent in radians, in [-pi/2, pi/2].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.atan([0.0]).tolist()
        [0.0]
    """
    return atan2(floating(x), 1.0)


def asin(x: Any, /) -> Tensor:
    """Return the inverse sine in radians, in [-pi/2, pi/2].

    Args:
        x: tensor or array-like in [-1, 1]; NaN outside.

    Example:
        >>> import lamina as lm
        >>> lm.asin([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    return narrowed(atan2(wide, _leg(wide)), tensor)


def acos(x: Any, /) -> Tensor:
    """Return the inverse cosine in radians, in [0, pi].

    Args:
        x: tensor or array-like in [-1, 1]; NaN outside.

    Example:
        >>> import lamina as lm
        >>> lm.acos([1.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    return narrowed(atan2(_leg(wide), wide), tensor)


def _leg(x: Tensor) -> Tensor:
    """sqrt(1 - x^2), exact near 1."""
    return sqrt(multiply(subtract(1, x), add(1, x)))


# ---- hyperbolic functions ------------------------------------------------------------------------
def sinh(x: Any, /) -> Tensor:
    """Return the hyperbolic sine, (exp(x) - exp(-x)) / 2, accurate near 0.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.sinh([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    half = multiply(widened(tensor), 0.5)
    twice_sinh = subtract(expm1(half), expm1(negative(half)))
    twice_cosh = add(exp(half), exp(negative(half)))
    return narrowed(multiply(multiply(twice_sinh, 0.5), twice_cosh), tensor)


def cosh(x: Any, /) -> Tensor:
    """Return the hyperbolic cosine, (exp(x) + exp(-x)) / 2.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.cosh([0.0]).tolist()
        [1.0]
    """
    tensor = floating(x)
    half = multiply(widened(tensor), 0.5)
    up, down = exp(half), exp(negative(half))
    total = add(multiply(multiply(up, 0.5), up), multiply(multiply(down, 0.5), down))
    return narrowed(total, tensor)


def tanh(x: Any, /) -> Tensor:
    """Return the hyperbolic tangent.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.tanh([-1000.0, 0.0]).tolist()
        [-1.0, 0.0]
    """
    return unary_float("tanh", x)


def asinh(x: Any, /) -> Tensor:
    """Return the inverse hyperbolic sine, log(x + sqrt(x^2 + 1)), accurate near 0.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.asinh([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    turn = where(signbit(wide), like(-1, wide), like(1, wide))  # |x| with a gradient of 1 at 0
    a = multiply(turn, wide)
    large = _large(wide)
    b = minimum(a, large)
    near = log1p(add(b, divide(square(b), add(1, sqrt(add(square(b), 1))))))
    far = add(log(maximum(a, large)), math.log(2.0))
    return narrowed(multiply(turn, where(greater(a, large), far, near)), tensor)


def acosh(x: Any, /) -> Tensor:
    """Return the inverse hyperbolic cosine, log(x + sqrt(x^2 - 1)), accurate near 1.

    Args:
        x: tensor or array-like of at least 1; NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.acosh([1.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    large = _large(wide)
    t = subtract(maximum(minimum(wide, large), 0), 1)  # further below, its square would overflow
    near = log1p(add(t, sqrt(multiply(t, add(t, 2)))))
    far = add(log(maximum(wide, large)), math.log(2.0))
    return narrowed(where(greater(wide, large), far, near), tensor)


def _large(x: Tensor) -> float:
    """From here on x^2 + 1 is x^2."""
    return 1e4 if x.dtype == float32 else 1e9


def atanh(x: Any, /) -> Tensor:
    """Return the inverse hyperbolic tangent, log((1 + x) / (1 - x)) / 2.

    Args:
        x: tensor or array-like in [-1, 1]; NaN outside.

    Example:
        >>> import lamina as lm
        >>> lm.atanh([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    wide = widened(tensor)
    return narrowed(multiply(subtract(log1p(wide), log1p(negative(wide))), 0.5), tensor)


arccos, arccosh, arcsin, arcsinh = acos, acosh, asin, asinh


arctan, arctan2, arctanh = atan, atan2, atanh
