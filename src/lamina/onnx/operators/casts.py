"""Conversions between dtypes, and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import DTypeError
from lamina.ir import types
from lamina.ir.types import DType, is_static
from lamina.onnx.rows import operator
from lamina.onnx.tensors import BFLOAT16, STRING, dtype_of
from lamina.onnx.values import Extents, integers, is_text, known
from lamina.tensor import Tensor, as_tensor, bind


def converted(x: Any, dtype: DType) -> Tensor:
    """x in a dtype, as C converts: toward zero, and integers beyond the range modulo 2^bits."""
    x = as_tensor(x)
    if x.dtype.is_float and dtype.kind == "u" and dtype.bits < 64:
        # a negative number wraps around, where a direct conversion has no defined result
        return as_tensor(as_tensor(x, types.int64), dtype)
    return as_tensor(x, dtype)


@operator("Cast", since=6)
def cast(x: Any, *, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    """x in the dtype with the code `to`."""
    if isinstance(x, Extents) and to in (6, 7):
        return x
    if to == STRING:
        return _text(known(x, "text") if not is_text(x) else x)
    dtype = dtype_of(to, "the result of Cast")
    if is_text(x):
        numbers = np.array([float(each) for each in x.ravel()], np.float64).reshape(x.shape)
        return as_tensor(as_tensor(numbers), dtype)
    return converted(x, dtype)


def _text(array: np.ndarray) -> np.ndarray:
    found = np.empty(array.shape, dtype=object)
    for place, each in np.ndenumerate(array):
        found[place] = str(each)
    return found


@operator("CastLike", since=15)
def cast_like(x: Any, like: Any, *, saturate: int = 1, round_mode: str = "up") -> Any:
    if is_text(like):
        return _text(known(x, "text"))
    if is_text(x):
        return cast(x, to=BFLOAT16 if as_tensor(like).dtype.name == "bfloat16" else 1)
    return converted(x, as_tensor(like).dtype)


@operator("BitCast", since=26)
def bit_cast(x: Any, *, to: int) -> Tensor:
    """The bits of x as numbers of another dtype of the same width."""
    x, dtype = as_tensor(x), dtype_of(to, "the result of BitCast")
    if x.dtype == dtype:
        return x
    if "bool" in (x.dtype.name, dtype.name) and {x.dtype.bits, dtype.bits} <= {1, 8}:
        return as_tensor(x, dtype)
    if x.dtype.bits != dtype.bits:
        raise DTypeError(f"ONNX: BitCast of {x.dtype} to {dtype} (expected the same width)")
    return bind("bitcast_convert", x, dtype=dtype)


@operator("Constant", since=1)
def constant(
    *,
    value: Any = None,
    sparse_value: Any = None,
    value_float: float | None = None,
    value_floats: list[float] | None = None,
    value_int: int | None = None,
    value_ints: list[int] | None = None,
    value_string: str | None = None,
    value_strings: list[str] | None = None,
) -> Any:
    if value is not None:
        return value
    if sparse_value is not None:
        return as_tensor(sparse_value)
    if value_float is not None or value_floats is not None:
        floats = value_float if value_float is not None else value_floats
        return as_tensor(np.array(floats, np.float32))
    if value_string is not None or value_strings is not None:
        return np.array(value_string if value_string is not None else value_strings, dtype=object)
    return as_tensor(np.array(value_int if value_int is not None else value_ints, np.int64))


@operator("ConstantOfShape", since=9)
def constant_of_shape(shape: Any, *, value: Any = None) -> Tensor:
    """A shape filled with one number, by default 0.0."""
    fill = as_tensor(np.zeros(1, np.float32)) if value is None else as_tensor(value)
    extents = integers(shape, "the shape of ConstantOfShape")
    if all(is_static(n) for n in extents):
        extents = [int(n) for n in extents]
    return ops.broadcast_to(ops.reshape(fill, ()), tuple(extents))


@operator("EyeLike", since=9)
def eye_like(x: Any, *, dtype: int | None = None, k: int = 0) -> Tensor:
    x = as_tensor(x)
    result = x.dtype if dtype is None else dtype_of(dtype, "the result of EyeLike")
    rows, columns = x.shape
    return ops.eye(rows, columns, k=k, dtype=result)


@operator("Range", since=11)
def numbers(start: Any, limit: Any, delta: Any) -> Tensor:
    """start, start + delta, ... below limit."""
    dtype = as_tensor(start).dtype
    if dtype.is_float:
        low, high, step = (known(v, "Range").item() for v in (start, limit, delta))
        count = max(int(np.ceil((high - low) / step)), 0)
        return as_tensor(as_tensor(low + np.arange(count) * step), dtype)
    (low,), (high,), (step,) = (integers(v, "Range") for v in (start, limit, delta))
    return as_tensor(ops.arange(low, high, step), dtype)
