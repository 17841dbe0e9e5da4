"""Conversion of the arguments of `keras.ops`, and the dtypes of results."""

from __future__ import annotations

from typing import Any

from lamina.annotations import ArrayLike, DTypeLike
from lamina.defaults import DEFAULTS
from lamina.floatx import in_floatx
from lamina.floatx import with_floatx as operation
from lamina.ir import types
from lamina.ir.types import DType
from lamina.operations.promote import floating as _floating
from lamina.operations.promote import is_weak
from lamina.tensor import Tensor, as_tensor

__all__ = ["counted", "floating", "numbers", "operation", "tensor", "wanted"]


def tensor(x: ArrayLike) -> Tensor:
    """x as a tensor, in the dtype that Keras would give it."""
    return as_tensor(in_floatx(x))


def floating(x: ArrayLike) -> Tensor:
    """x as a tensor of floats: integers and bools become float32."""
    return _floating(in_floatx(x))


def counted(x: Tensor) -> Tensor:
    """x in the dtype in which Keras adds integers up: at least int32, or uint32 of unsigned."""
    if x.dtype.is_float or x.dtype.bits >= 32:
        return x
    return as_tensor(x, types.uint32 if x.dtype.kind == "u" else types.int32)


def numbers(*operands: Any) -> tuple[Any, ...]:
    """The operands; if all are bools, as int32, in which Keras computes with them."""
    tensors = [tensor(x) for x in operands if not is_weak(x)]
    if tensors and all(t.dtype.kind == "b" for t in tensors):
        return tuple(as_tensor(x, types.int32) if not is_weak(x) else x for x in operands)
    return tuple(x if is_weak(x) else tensor(x) for x in operands)


def wanted(dtype: DTypeLike, default: DType | None = None) -> DType:
    """The dtype named, or the default, which is that of `keras.config.floatx`."""
    if dtype is not None:
        return types.dtype(dtype)
    return types.dtype(DEFAULTS.floatx) if default is None else default
