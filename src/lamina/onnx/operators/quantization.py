"""Integers for floats: scales and zero points of a tensor, of each index of an axis, of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import DTypeError
from lamina.ir import types
from lamina.ir.types import DType
from lamina.onnx.operators.products import matmul_integer
from lamina.onnx.operators.windows import conv_integer
from lamina.onnx.rows import operator
from lamina.onnx.tensors import dtype_of
from lamina.onnx.values import axis_in
from lamina.tensor import Tensor, as_tensor


def _spread(v: Any, x: Tensor, axis: int, block_size: int) -> Tensor:
    """Scales or zero points in a shape that broadcasts with x."""
    v = as_tensor(v)
    if v.size == 1 and v.ndim <= 1:
        return ops.reshape(v, ())
    axis = axis_in(axis, x.ndim)
    if block_size:
        wide = ops.repeat(v, block_size, axis=axis)
        return wide[(slice(None),) * axis + (slice(0, x.shape[axis]),)]
    shape = [1] * x.ndim
    shape[axis] = -1
    return ops.reshape(v, tuple(shape))


def _limited(x: Tensor, dtype: DType) -> Tensor:
    """Rounded numbers within the range of an integer dtype."""
    if not dtype.is_integer:
        raise DTypeError(f"ONNX: quantization to {dtype} (expected an integer of 8 or 16 bits)")
    limits = np.iinfo(dtype.storage)
    return as_tensor(ops.clip(x, limits.min, limits.max), dtype)


@operator("QuantizeLinear", since=10)
def quantize_linear(
    x: Any,
    scale: Any,
    zero_point: Any = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    """round(x / scale) + zero_point, halves to even, within the range of the dtype."""
    x = as_tensor(x)
    dtype = dtype_of(output_dtype, "the result of QuantizeLinear") if output_dtype else types.uint8
    if zero_point is not None:
        dtype = as_tensor(zero_point).dtype
    scale = _spread(scale, x, axis, block_size)
    if precision:
        wide = dtype_of(precision, "the precision of QuantizeLinear")
        x, scale = as_tensor(x, wide), as_tensor(scale, wide)
    whole = as_tensor(ops.round(x / as_tensor(scale, x.dtype)), types.float32)
    if zero_point is not None:
        whole = whole + as_tensor(_spread(zero_point, x, axis, block_size), types.float32)
    return _limited(whole, dtype)


@operator("DequantizeLinear", since=10)
def dequantize_linear(
    x: Any,
    scale: Any,
    zero_point: Any = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    """(x - zero_point) scale"""
    x, scale = as_tensor(x), as_tensor(scale)
    dtype = scale.dtype
    if output_dtype:
        dtype = dtype_of(output_dtype, "the result of DequantizeLinear")
    kind = types.float32 if x.dtype.is_float else types.int32
    numbers = as_tensor(x, kind)
    if zero_point is not None:
        numbers = numbers - as_tensor(_spread(zero_point, x, axis, block_size), kind)
    found = as_tensor(numbers, types.float32) * as_tensor(
        _spread(scale, x, axis, block_size), types.float32
    )
    return as_tensor(found, dtype)


@operator("DynamicQuantizeLinear", since=11)
def dynamic_quantize_linear(x: Any) -> tuple[Tensor, Tensor, Tensor]:
    """x in uint8, with the scale and zero point of its range."""
    x = as_tensor(x)
    low, high = ops.minimum(ops.min(x), 0.0), ops.maximum(ops.max(x), 0.0)
    scale = (high - low) / 255
    divisor = ops.where(scale == 0, 1.0, scale)
    zero = ops.clip(ops.round(-low / divisor), 0, 255)
    found = _limited(ops.round(x / divisor) + zero, types.uint8)
    return found, scale, as_tensor(zero, types.uint8)


def _requantized(whole: Tensor, factor: Any, zero: Any, dtype: DType) -> Tensor:
    found = ops.round(as_tensor(whole, types.float32) * as_tensor(factor, types.float32))
    if zero is not None:
        found = found + as_tensor(zero, types.float32)
    return _limited(found, dtype)


@operator("QLinearMatMul", since=10)
def qlinear_matmul(
    a: Any,
    scale_a: Any,
    zero_a: Any,
    b: Any,
    scale_b: Any,
    zero_b: Any,
    scale_y: Any,
    zero_y: Any,
) -> Tensor:
    factor = as_tensor(scale_a) * as_tensor(scale_b) / as_tensor(scale_y)
    whole = matmul_integer(a, b, zero_a, zero_b)
    return _requantized(whole, factor, zero_y, as_tensor(zero_y).dtype)


@operator("QLinearConv", since=10)
def qlinear_conv(
    x: Any,
    scale_x: Any,
    zero_x: Any,
    w: Any,
    scale_w: Any,
    zero_w: Any,
    scale_y: Any,
    zero_y: Any,
    bias: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    whole = conv_integer(
        x,
        w,
        zero_x,
        zero_w,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        pads=pads,
        strides=strides,
    )
    per_channel = (-1, *(1,) * (whole.ndim - 2))
    if bias is not None:
        whole = whole + ops.reshape(as_tensor(bias, types.int32), per_channel)
    factor = as_tensor(scale_x) * as_tensor(scale_w) / as_tensor(scale_y)
    if factor.size != 1:
        factor = ops.reshape(factor, per_channel)
    return _requantized(
        whole, ops.squeeze(factor) if factor.size == 1 else factor, zero_y, as_tensor(zero_y).dtype
    )
