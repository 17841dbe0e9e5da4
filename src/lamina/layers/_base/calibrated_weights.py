"""Weights that GPTQ or AWQ rounded: unsigned integers, transposed, with scales of groups of rows.

    quantized_kernel    uint8 (columns, rows); of 4 bits two columns a byte
    kernel_scale        (columns, groups)
    kernel_zero         uint8 (columns, groups)
    g_idx               (rows,), the group of each row
    awq_scales          (rows,), of AWQ: the factors of the rows before the rounding

An integer q of group g stands for (q - zero[g]) scale[g]. Until a calibration has filled them, the
layer computes with its weight of floats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.layers._base.low_rank import LowRank
from lamina.quantizers.packing import unpack_int4
from lamina.tensor import Tensor, as_tensor

MODES = ("gptq", "awq")


def build(layer: LowRank, rows: int, columns: int, mode: str, bits: int, group_size: int) -> None:
    """Make the Variables of a layer; group_size is -1 for one group."""
    groups = 1 if group_size == -1 else math.ceil(rows / group_size)
    stored = (columns + 1) // 2 if bits == 4 else columns
    made: list[tuple[str, tuple[int, ...], str, Any]] = [
        ("quantized_kernel", (stored, rows), "zeros", "uint8"),
        ("kernel_scale", (columns, groups), "ones", None),
        ("kernel_zero", (columns, groups), "zeros", "uint8"),
        ("g_idx", (rows,), "zeros", "float32"),
    ]
    if mode == "awq":
        made.append(("awq_scales", (rows,), "ones", None))
    for name, shape, initializer, dtype in made:
        cast = name != "g_idx"  # whose numbers 16 bits do not hold
        variable = layer.add_weight(shape, initializer, dtype, False, autocast=cast, name=name)
        setattr(layer, name, variable)


def integers(layer: Any, columns: int) -> Tensor:
    """Return the integers (columns, rows)."""
    stored = as_tensor(layer.quantized_kernel.read())
    bits = layer.weight_bits
    return unpack_int4(stored, columns, axis=0, dtype="uint8") if bits == 4 else stored


def values(layer: Any, columns: int, mode: str) -> Tensor:
    """Return the matrix (rows, columns) of floats, in the dtype of the computation."""
    groups = ops.astype(layer.g_idx.read(), "int32")
    scale = ops.take(layer.kernel_scale.read(), groups, axis=1)
    zero = as_tensor(ops.take(as_tensor(layer.kernel_zero.read()), groups, axis=1), scale.dtype)
    matrix = ops.matrix_transpose((as_tensor(integers(layer, columns), scale.dtype) - zero) * scale)
    if mode == "awq":
        matrix = matrix / ops.expand_dims(layer.awq_scales.read(), axis=-1)
    return as_tensor(matrix, layer._compute_dtype)


def fill(layer: Any, found: dict[str, np.ndarray]) -> None:
    """Assign the arrays that a calibration found, by the names of the Variables."""
    for name, array in found.items():
        getattr(layer, name).assign(array)
