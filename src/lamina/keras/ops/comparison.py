"""`keras.ops`: comparisons, tests, logic, bits and choice, elementwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.keras.ops.arguments import numbers, operation, tensor
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "allclose", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "equal", "greater", "greater_equal", "isclose",
    "isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "left_shift", "less",
    "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal",
    "right_shift", "select", "where",
]
# fmt: on

# ---- comparison ----------------------------------------------------------------------------------


@operation
def equal(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 == x2, elementwise."""
    return ops.equal(x1, x2)


@operation
def not_equal(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 != x2, elementwise."""
    return ops.not_equal(x1, x2)


@operation
def less(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 < x2, elementwise."""
    return ops.less(x1, x2)


@operation
def less_equal(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 <= x2, elementwise."""
    return ops.less_equal(x1, x2)


@operation
def greater(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 > x2, elementwise."""
    return ops.greater(x1, x2)


@operation
def greater_equal(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 >= x2, elementwise."""
    return ops.greater_equal(x1, x2)


@operation
def isclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """True where |x1 - x2| <= atol + rtol |x2|, or both are equal."""
    return ops.isclose(x1, x2, rtol, atol, equal_nan=equal_nan)


@operation
def allclose(
    x1: ArrayLike, x2: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """True if `isclose` holds for all elements."""
    return ops.all(ops.isclose(x1, x2, rtol, atol, equal_nan=equal_nan))


# ---- tests of numbers ----------------------------------------------------------------------------


@operation
def isfinite(x: ArrayLike) -> Tensor:
    """True where x is neither infinite nor NaN."""
    return ops.isfinite(x)


@operation
def isinf(x: ArrayLike) -> Tensor:
    """True where x is infinite."""
    return ops.isinf(x)


@operation
def isposinf(x: ArrayLike) -> Tensor:
    """True where x is +infinity."""
    return ops.logical_and(ops.isinf(x), ops.greater(x, 0))


@operation
def isneginf(x: ArrayLike) -> Tensor:
    """True where x is -infinity."""
    return ops.logical_and(ops.isinf(x), ops.less(x, 0))


@operation
def isnan(x: ArrayLike) -> Tensor:
    """True where x is NaN."""
    return ops.isnan(x)


@operation
def isreal(x: ArrayLike) -> Tensor:
    """True everywhere: Lamina has real numbers only."""
    return ops.ones_like(x, dtype="bool")


# ---- logic and bits ------------------------------------------------------------------------------


@operation
def logical_and(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 and x2, each true where not zero."""
    return ops.logical_and(x1, x2)


@operation
def logical_or(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """x1 or x2, each true where not zero."""
    return ops.logical_or(x1, x2)


@operation
def logical_xor(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """Either x1 or x2, each true where not zero."""
    return ops.logical_xor(x1, x2)


@operation
def logical_not(x: ArrayLike) -> Tensor:
    """True where x is zero."""
    return ops.logical_not(x)


@operation
def bitwise_and(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The bits set in both."""
    return ops.bitwise_and(x, y)


@operation
def bitwise_or(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The bits set in either."""
    return ops.bitwise_or(x, y)


@operation
def bitwise_xor(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The bits set in one of the two."""
    return ops.bitwise_xor(x, y)


@operation
def bitwise_not(x: ArrayLike) -> Tensor:
    """Every bit inverted; of bools, not x."""
    return ops.bitwise_invert(x)


@operation
def bitwise_invert(x: ArrayLike) -> Tensor:
    """As `bitwise_not`."""
    return ops.bitwise_invert(x)


@operation
def bitwise_left_shift(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x * 2^y by moving bits."""
    return ops.bitwise_left_shift(*numbers(x, y))


@operation
def left_shift(x: ArrayLike, y: ArrayLike) -> Tensor:
    """As `bitwise_left_shift`."""
    return ops.bitwise_left_shift(*numbers(x, y))


@operation
def bitwise_right_shift(x: ArrayLike, y: ArrayLike) -> Tensor:
    """floor(x / 2^y) by moving bits."""
    return ops.bitwise_right_shift(*numbers(x, y))


@operation
def right_shift(x: ArrayLike, y: ArrayLike) -> Tensor:
    """As `bitwise_right_shift`."""
    return ops.bitwise_right_shift(*numbers(x, y))


# ---- choice --------------------------------------------------------------------------------------


@overload
def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike) -> Tensor: ...
@overload
def where(condition: ArrayLike, x1: None = None, x2: None = None) -> tuple[Tensor, ...]: ...
@operation
def where(
    condition: ArrayLike, x1: ArrayLike | None = None, x2: ArrayLike | None = None
) -> Tensor | tuple[Tensor, ...]:
    """x1 where the condition holds, else x2; of the condition alone the positions where it holds,
    one tensor an axis (known values only)."""
    if x1 is None and x2 is None:
        return ops.nonzero(condition)
    if x1 is None or x2 is None:
        raise ArgumentError("where: got only one of x1 and x2", hint="give both or neither")
    return ops.where(condition, x1, x2)


@operation
def select(
    condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0
) -> Tensor:
    """At each place the first choice whose condition holds there, else the default."""
    result = tensor(default)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = ops.where(condition, choice, result)
    return result
