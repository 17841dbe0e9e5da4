"""Exponentials, logarithms, roots, trigonometry and hyperbolic functions, elementwise.

Where a function is composed of others, it is composed so that it stays exact near 0, does not
overflow on the way, and has a gradient everywhere.
"""

from __future__ import annotations

import math

from lamina.annotations import ArrayLike
from lamina.operations.applying import aligned, unary_float
from lamina.operations.arithmetic import (
    abs,
    add,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    square,
    subtract,
)
from lamina.operations.comparison import equal, isinf, logical_and, logical_or, where
from lamina.operations.logits import logarithm_of
from lamina.operations.promote import floating
from lamina.tensor import Tensor

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "cbrt", "erf", "exp", "exp2", "expm1", "hypot", "log", "log10", "log1p", "log2", "logaddexp",
    "rsqrt", "sqrt",
]
# fmt: on


# ---- exponentials and logarithms -----------------------------------------------------------------
def exp(x: ArrayLike, /) -> Tensor:
    """Return e to the power x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.exp([0.0]).tolist()
        [1.0]
    """
    return unary_float("exponential", x)


def expm1(x: ArrayLike, /) -> Tensor:
    """Return exp(x) - 1, accurate near 0.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.expm1([0.0]).tolist()
        [0.0]
    """
    return unary_float("exponential_minus_one", x)


def exp2(x: ArrayLike, /) -> Tensor:
    """Return 2 to the power x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.exp2([3.0, -1.0]).tolist()
        [8.0, 0.5]
    """
    return exp(multiply(floating(x), math.log(2.0)))


def log(x: ArrayLike, /) -> Tensor:
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


def log1p(x: ArrayLike, /) -> Tensor:
    """Return log(1 + x), accurate near 0.

    Args:
        x: tensor or array-like; -inf at -1, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log1p([0.0]).tolist()
        [0.0]
    """
    return unary_float("log_plus_one", x)


def log2(x: ArrayLike, /) -> Tensor:
    """Return the logarithm to base 2.

    Args:
        x: tensor or array-like; -inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log2([8.0]).tolist()
        [3.0]
    """
    return multiply(log(x), 1.0 / math.log(2.0))


def log10(x: ArrayLike, /) -> Tensor:
    """Return the logarithm to base 10.

    Args:
        x: tensor or array-like; -inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.log10([1000.0]).numpy().round(4)
        array([3.], dtype=float32)
    """
    return multiply(log(x), 1.0 / math.log(10.0))


def logaddexp(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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
def sqrt(x: ArrayLike, /) -> Tensor:
    """Return the square root.

    Args:
        x: tensor or array-like; NaN below 0.

    Example:
        >>> import lamina as lm
        >>> lm.sqrt([4.0, 9.0]).tolist()
        [2.0, 3.0]
    """
    return unary_float("sqrt", x)


def rsqrt(x: ArrayLike, /) -> Tensor:
    """Return 1 / sqrt(x).

    Args:
        x: tensor or array-like; inf at 0, NaN below.

    Example:
        >>> import lamina as lm
        >>> lm.rsqrt([4.0]).tolist()
        [0.5]
    """
    return unary_float("rsqrt", x)


def cbrt(x: ArrayLike, /) -> Tensor:
    """Return the cube root, also of negative numbers.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.cbrt([-8.0, 0.0]).tolist()
        [-2.0, 0.0]
    """
    return unary_float("cbrt", x)


def hypot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
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


def erf(x: ArrayLike, /) -> Tensor:
    """Return the error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.erf([0.0, 100.0]).tolist()
        [0.0, 1.0]
    """
    return unary_float("erf", x)
