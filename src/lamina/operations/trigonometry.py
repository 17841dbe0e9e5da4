"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math

from lamina.annotations import ArrayLike
from lamina.ir.types import float32
from lamina.operations.applying import binary, narrowed, unary_float
from lamina.operations.arithmetic import (
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
from lamina.operations.comparison import greater, where
from lamina.operations.promote import floating, like, widened
from lamina.operations.transcendental import exp, expm1, log, log1p, sqrt
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin", "sinh", "tan", "tanh",
]
# fmt: on


def sin(x: ArrayLike, /) -> Tensor:
    """Return the sine.

    Args:
        x: angles in radians, a tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.sin([0.0]).tolist()
        [0.0]
    """
    return unary_float("sine", x)


def cos(x: ArrayLike, /) -> Tensor:
    """Return the cosine.

    Args:
        x: angles in radians, a tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.cos([0.0]).tolist()
        [1.0]
    """
    return unary_float("cosine", x)


def tan(x: ArrayLike, /) -> Tensor:
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


def atan2(y: ArrayLike, x: ArrayLike, /) -> Tensor:
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


def atan(x: ArrayLike, /) -> Tensor:
    """Return the inverse tangent in radians, in [-pi/2, pi/2].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.atan([0.0]).tolist()
        [0.0]
    """
    return atan2(floating(x), 1.0)


def asin(x: ArrayLike, /) -> Tensor:
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


def acos(x: ArrayLike, /) -> Tensor:
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


def sinh(x: ArrayLike, /) -> Tensor:
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


def cosh(x: ArrayLike, /) -> Tensor:
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


def tanh(x: ArrayLike, /) -> Tensor:
    """Return the hyperbolic tangent.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.tanh([-1000.0, 0.0]).tolist()
        [-1.0, 0.0]
    """
    return unary_float("tanh", x)


def asinh(x: ArrayLike, /) -> Tensor:
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


def acosh(x: ArrayLike, /) -> Tensor:
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


def atanh(x: ArrayLike, /) -> Tensor:
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
