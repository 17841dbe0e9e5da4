"""Arithmetic: two operands and more, rounding, bits; shapes of unknown extents where they occur."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.ir import types
from lamina.ir.types import DType
from lamina.onnx.rows import operator
from lamina.onnx.values import on_extents
from lamina.operations.applying import binary
from lamina.tensor import Tensor, as_tensor


def legacy(x: Any, y: Any, axis: int | None, broadcast: int) -> tuple[Any, Any]:
    """The operands of versions before 7, in which y's axes begin at `axis` of x."""
    x, y = as_tensor(x), as_tensor(y)
    if broadcast and axis is not None:
        y = ops.reshape(y, (*y.shape, *(1,) * (x.ndim - axis - y.ndim)))
    return x, y


@operator("Add", since=7)
@on_extents(np.add)
def add(x: Any, y: Any) -> Tensor:
    return ops.add(x, y)


@operator("Sub", since=7)
@on_extents(np.subtract)
def subtract(x: Any, y: Any) -> Tensor:
    return ops.subtract(x, y)


@operator("Mul", since=7)
@on_extents(np.multiply)
def multiply(x: Any, y: Any) -> Tensor:
    return ops.multiply(x, y)


@operator("Div", since=7)
@on_extents(np.floor_divide)
def divide(x: Any, y: Any) -> Tensor:
    """Quotients; those of integers are truncated toward zero."""
    x, y = as_tensor(x), as_tensor(y)
    if x.dtype.is_float:
        return ops.divide(x, y)
    return binary("Div", "divide", x, y)


@operator("Pow", since=7)
@on_extents(np.power)
def power(x: Any, y: Any) -> Tensor:
    """Powers in the dtype of the base."""
    x, y = as_tensor(x), as_tensor(y)
    if x.dtype.is_float:
        return ops.pow(x, as_tensor(y, x.dtype))
    if y.dtype.is_float:
        found = ops.pow(as_tensor(x, types.float64), as_tensor(y, types.float64))
        return as_tensor(found, x.dtype)
    return ops.pow(x, as_tensor(y, x.dtype))


_BROADCAST = {"Add": add, "Sub": subtract, "Mul": multiply, "Div": divide, "Pow": power}
for _name, _function in _BROADCAST.items():

    def _old(
        x: Any,
        y: Any,
        *,
        axis: int | None = None,
        broadcast: int = 0,
        consumed_inputs: Any = None,
        function: Any = _function,
    ) -> Tensor:
        return function(*legacy(x, y, axis, broadcast))

    operator(_name, since=1)(_old)


@operator("Mod", since=10)
def modulo(x: Any, y: Any, *, fmod: int = 0) -> Tensor:
    """Remainders with the sign of the divisor, or of the dividend if `fmod`."""
    return ops.fmod(x, y) if fmod else ops.remainder(x, y)


def _folded(pair: Any, xs: tuple[Any, ...]) -> Tensor:
    return functools.reduce(pair, xs[1:], as_tensor(xs[0]))


@operator("Sum", since=1)
def total(*xs: Any) -> Tensor:
    return _folded(ops.add, xs)


@operator("Mean", since=1)
def mean(*xs: Any) -> Tensor:
    return ops.divide(_folded(ops.add, xs), as_tensor(len(xs), as_tensor(xs[0]).dtype))


@operator("Max", since=1)
def maximum(*xs: Any) -> Tensor:
    return _folded(ops.maximum, xs)


@operator("Min", since=1)
def minimum(*xs: Any) -> Tensor:
    return _folded(ops.minimum, xs)


@operator("Neg", since=1)
def negative(x: Any) -> Tensor:
    return ops.negative(x)


@operator("Abs", since=1)
def absolute(x: Any) -> Tensor:
    return ops.abs(x)


@operator("Sign", since=9)
def sign(x: Any) -> Tensor:
    return ops.sign(x)


@operator("Floor", since=1)
def floor(x: Any) -> Tensor:
    return ops.floor(x)


@operator("Ceil", since=1)
def ceil(x: Any) -> Tensor:
    return ops.ceil(x)


@operator("Round", since=11)
def rounded(x: Any) -> Tensor:
    """Round to the nearest integer, halves to the even one."""
    return ops.round(x)


@operator("Reciprocal", since=1)
def reciprocal(x: Any) -> Tensor:
    return ops.reciprocal(x)


@operator("Clip", since=11)
def clip(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """Values within bounds; the upper one if the bounds are in the wrong order."""
    result = as_tensor(x)
    if low is not None:
        result = ops.maximum(result, as_tensor(low, result.dtype))
    if high is not None:
        result = ops.minimum(result, as_tensor(high, result.dtype))
    return result


@operator("Clip", since=1)
def clip_to_attributes(
    x: Any, *, min: float = -np.inf, max: float = np.inf, consumed_inputs: Any = None
) -> Tensor:
    return clip(x, min, max)


# ---- bits --------------------------------------------------------------------------------------
@operator("BitShift", since=11)
def shift(x: Any, y: Any, *, direction: str) -> Tensor:
    if direction == "LEFT":
        return ops.bitwise_left_shift(x, y)
    return ops.bitwise_right_shift(x, y)


@operator("BitwiseAnd", since=18)
def bitwise_and(x: Any, y: Any) -> Tensor:
    return ops.bitwise_and(x, y)


@operator("BitwiseOr", since=18)
def bitwise_or(x: Any, y: Any) -> Tensor:
    return ops.bitwise_or(x, y)


@operator("BitwiseXor", since=18)
def bitwise_xor(x: Any, y: Any) -> Tensor:
    return ops.bitwise_xor(x, y)


@operator("BitwiseNot", since=18)
def bitwise_not(x: Any) -> Tensor:
    return ops.bitwise_invert(x)


def number(value: float, dtype: DType) -> Tensor:
    """A constant of a dtype."""
    return as_tensor(value, dtype)
