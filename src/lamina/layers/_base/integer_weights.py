"""Weights as integers of 8 or 4 bits, with a scale for each column, or for blocks of a column.

A weight is seen as a matrix of which a product, or the rounding error, sums over one axis. Integers
q of a column have a common scale s, and stand for q / s. Of blocks of 4 bits each has a scale and a
zero point z, and stands for (q - z) s; `g_idx` says to which block a row belongs.

    kernel           int8, the shape of the weight; of 4 bits two columns a byte
    kernel_scale     (columns,), or (blocks, columns)
    kernel_zero      int8 (blocks, columns)
    g_idx            (rows,)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.layers._base.low_rank import LowRank
from lamina.quantizers.packing import pack_int4, unpack_int4
from lamina.quantizers.scaling import (
    INT4_RANGE,
    AbsMaxQuantizer,
    abs_max_quantize_grouped_with_zero_point,
    dequantize_blocks,
)
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


@dataclass(frozen=True)
class IntegerWeight:
    """The form in which a layer keeps a weight as integers."""

    name: str
    attribute: str  # of the layer, for the integers
    shape: tuple[int, ...]  # of the matrix
    axis: int  # of the matrix: what products sum over
    bits: int = 8
    block: int | None = None
    packed: int = 1  # the axis of the matrix along which pairs are packed

    @property
    def stored_shape(self) -> tuple[int, ...]:
        if self.bits == 8:
            return self.shape
        return tuple((n + 1) // 2 if k == self.packed else n for k, n in enumerate(self.shape))

    @property
    def scale_shape(self) -> tuple[int, ...]:
        columns = self.shape[1 - self.axis]
        if self.block is None:
            return (columns,)
        blocks = math.ceil(self.shape[self.axis] / self.block)
        return (blocks, columns) if self.axis == 0 else (columns, blocks)

    def build(
        self,
        layer: LowRank,
        stored_shape: tuple[int, ...] | None = None,
        scale_shape: tuple[int, ...] | None = None,
    ) -> None:
        """Make the Variables."""

        def made(name: str, shape: Any, initializer: Any, dtype: Any = None) -> Variable:
            cast = name != "g_idx"  # whose numbers 16 bits do not hold
            return layer.add_weight(shape, initializer, dtype, False, autocast=cast, name=name)

        stored = stored_shape or self.stored_shape
        setattr(layer, self.attribute, made(self.name, stored, "zeros", "int8"))
        scale = made(f"{self.name}_scale", scale_shape or self.scale_shape, "ones")
        setattr(layer, f"{self.name}_scale", scale)
        if self.block is None:
            return
        zero = made(f"{self.name}_zero", self.scale_shape, "zeros", "int8")
        setattr(layer, f"{self.name}_zero", zero)
        if "g_idx" not in vars(layer):
            rows = self.shape[self.axis]
            layer.g_idx = made("g_idx", (rows,), "zeros", "float32")  # type: ignore[attr-defined]
            layer.g_idx.assign(np.arange(rows) // self.block)  # type: ignore[attr-defined]

    def quantized(self, matrix: Any, quantizer: Any) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return stored integers, scale and zero point of a matrix of floats."""
        zero = None
        if self.block is None:
            chosen = quantizer or AbsMaxQuantizer(
                self.axis, INT4_RANGE if self.bits == 4 else (-127, 127)
            )
            integers, scale = chosen(matrix)
            lined = [1 if k == self.axis else n for k, n in enumerate(self.shape)]
            scale = ops.reshape(ops.broadcast_to(scale, lined), (-1,))
        else:
            turned = matrix if self.axis == 0 else ops.matrix_transpose(as_tensor(matrix))
            found = abs_max_quantize_grouped_with_zero_point(turned, self.block)
            integers, scale, zero = (
                found if self.axis == 0 else (ops.matrix_transpose(each) for each in found)
            )
        if self.bits == 4:
            integers = pack_int4(integers, axis=self.packed)[0]
        return integers, scale, zero

    def integers(self, layer: LowRank) -> Tensor:
        """Return the matrix of integers, int8."""
        stored = as_tensor(getattr(layer, self.attribute).read())
        if self.bits == 8:
            return stored
        return unpack_int4(stored, self.shape[self.packed], axis=self.packed)

    def values(self, layer: LowRank, scale: Tensor | None = None) -> Tensor:
        """Return the matrix of floats that the integers stand for, in the dtype of the
        computation."""
        dtype, integers = layer._compute_dtype, self.integers(layer)
        scale = as_tensor(self.scale(layer) if scale is None else scale)
        if self.block is None:
            return as_tensor(as_tensor(integers, dtype) / self.along(scale), dtype)
        zero = getattr(layer, f"{self.name}_zero").read()
        blocks = ops.astype(layer.g_idx.read(), "int32")  # type: ignore[attr-defined]
        if self.axis == 0:
            return as_tensor(dequantize_blocks(integers, scale, zero, blocks), dtype)
        q, s, z = (ops.matrix_transpose(each) for each in (integers, scale, zero))
        return as_tensor(ops.matrix_transpose(dequantize_blocks(q, s, z, blocks)), dtype)

    def rows(self, layer: LowRank, numbers: Tensor) -> Tensor:
        """Return the rows of these numbers of the matrix of floats, whose axis is 1."""
        dtype = layer._compute_dtype
        stored = ops.take(as_tensor(getattr(layer, self.attribute).read()), numbers, axis=0)
        if self.bits == 4:
            stored = unpack_int4(stored, self.shape[1], axis=-1)
        scale = ops.take(self.scale(layer), numbers, axis=0)
        if self.block is None:
            return as_tensor(as_tensor(stored, dtype) / scale[..., None], dtype)
        zero = ops.take(as_tensor(getattr(layer, f"{self.name}_zero").read()), numbers, axis=0)
        blocks = ops.astype(layer.g_idx.read(), "int32")  # type: ignore[attr-defined]
        scale = ops.take(scale, blocks, axis=-1)
        zero = as_tensor(ops.take(zero, blocks, axis=-1), scale.dtype)
        return as_tensor((as_tensor(stored, scale.dtype) - zero) * scale, dtype)

    def scale(self, layer: LowRank) -> Tensor:
        return as_tensor(getattr(layer, f"{self.name}_scale").read())

    def along(self, scale: Tensor) -> Tensor:
        """Return a scale of each column so that it broadcasts to the matrix."""
        return ops.expand_dims(scale, axis=self.axis)
