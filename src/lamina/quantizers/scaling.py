"""Integers in place of floats, by a scale: of the largest absolute value, or of a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.configuration import Configurable
from lamina.errors import ArgumentError, ShapeError
from lamina.ir import types
from lamina.tensor import Tensor, as_tensor

__all__ = [
    "AbsMaxQuantizer",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
]

EPSILON = 1e-7
INT8_RANGE, INT4_RANGE = (-127, 127), (-8, 7)


class Quantizer(Configurable):
    """Base class of quantizers: functions from a tensor to integers and their scale.

    A subclass defines `__call__`.

    Args:
        output_dtype: dtype of the integers.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.Quantizer()(lm.asarray([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """

    family = "lamina.quantizers"

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: ArrayLike) -> Any:
        """Return the integers of a tensor, and their scale.

        Args:
            x: tensor of floats.
        """
        return x

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal quantizer; a subclass of Quantizer defines it."""
        if type(self) is Quantizer:
            raise NotImplementedError("Quantizer: get_config is defined by subclasses")
        return super().get_config()


class AbsMaxQuantizer(Quantizer):
    """Integers by the scale of the largest absolute value, see `abs_max_quantize`.

    Args:
        axis: axis, or axes, over which the largest absolute value is taken; None is the last.
        value_range: smallest and largest integer.
        epsilon: small number added to the largest absolute value, which may be 0.
        output_dtype: dtype of the integers.

    Raises:
        ArgumentError: the range leaves the dtype.

    Example:
        >>> import lamina as lm
        >>> quantizer = lm.quantizers.AbsMaxQuantizer()
        >>> integers, scale = quantizer(lm.asarray([[0.5, -1.0], [2.0, 1.0]]))
        >>> integers.tolist()
        [[63, -127], [127, 64]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: Sequence[int] = INT8_RANGE,
        epsilon: float = EPSILON,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = (
            None if axis is None else (axis,) if isinstance(axis, int) else tuple(map(int, axis))
        )
        self.value_range = tuple(value_range)
        self.epsilon = epsilon
        dtype = types.dtype(output_dtype)
        if dtype.is_integer:
            low, high = _limits(dtype)
            if value_range[0] < low or value_range[1] > high:
                raise ArgumentError(
                    f"AbsMaxQuantizer: invalid value_range (expected integers of {output_dtype}, "
                    f"from {low} to {high}, got {self.value_range})"
                )

    def __call__(
        self, x: ArrayLike, axis: int | Sequence[int] | None = None, to_numpy: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the integers of a tensor, and their scale.

        Args:
            x: tensor of floats.
            axis: axes over which the largest absolute value is taken; None is that of the
                quantizer.
            to_numpy: accepted for Keras; has no effect.
        """
        axis = self.axis if axis is None else axis
        axis = -1 if axis is None else axis
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal quantizer."""
        config = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return config if self.axis is None else {**config, "axis": self.axis}


def abs_max_quantize(
    inputs: ArrayLike,
    axis: int | Sequence[int],
    value_range: Sequence[int] = INT8_RANGE,
    dtype: DTypeLike = "int8",
    epsilon: float = EPSILON,
    to_numpy: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return integers q and the scale s by which they stand for the inputs, q / s.

        s = value_range[1] / (max |inputs| + epsilon), q = clip(round(inputs * s), *value_range)

    Args:
        inputs: tensor of floats.
        axis: axis, or axes, over which the largest absolute value is taken.
        value_range: smallest and largest integer.
        dtype: dtype of the integers.
        epsilon: small number added to the largest absolute value, which may be 0.
        to_numpy: accepted for Keras; has no effect.

    Returns:
        The integers, shaped like the inputs, and the scale, whose extent along `axis` is 1.

    Example:
        >>> import lamina as lm
        >>> integers, scale = lm.quantizers.abs_max_quantize(lm.asarray([0.5, -1.0]), axis=0)
        >>> integers.tolist()
        [63, -127]
    """
    x = as_tensor(inputs)
    wide = as_tensor(x, types.promote(x.dtype, types.float32))
    axes = axis if isinstance(axis, int) else tuple(axis)
    largest = ops.max(ops.abs(wide), axis=axes, keepdims=True)
    scale = as_tensor(value_range[1] / (largest + epsilon), x.dtype)
    rounded = ops.round(wide * as_tensor(scale, wide.dtype))
    return ops.astype(ops.clip(rounded, *value_range), dtype), scale


def abs_max_quantize_grouped_with_zero_point(
    inputs: ArrayLike,
    block_size: int,
    value_range: Sequence[int] = INT4_RANGE,
    dtype: DTypeLike = "int8",
    epsilon: float = EPSILON,
    to_numpy: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return integers q, and for each block of rows of a column a scale s and a zero point z, by
    which they stand for the inputs, (q - z) s.

    The range of a block is that of its values and 0, so that 0 is exact.

    Args:
        inputs: matrix of floats, (rows, columns).
        block_size: number of rows of a block; the last block may have fewer.
        value_range: smallest and largest integer.
        dtype: dtype of the integers.
        epsilon: small number added to the range of a block, which may be 0.
        to_numpy: accepted for Keras; has no effect.

    Returns:
        The integers (rows, columns), scales (blocks, columns) and zero points (blocks, columns) as
        int8.

    Raises:
        ShapeError: the inputs have another number of axes than 2.

    Example:
        >>> import lamina as lm
        >>> kernel = lm.asarray([[0.0], [1.5], [-3.0], [0.0]])
        >>> quantizers = lm.quantizers
        >>> integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(kernel, 2)
        >>> ((integers - zero[[0, 0, 1, 1]]) * scale[[0, 0, 1, 1]]).numpy().round(4).tolist()
        [[0.0], [1.5], [-3.0], [0.0]]
    """
    x = as_tensor(inputs)
    if x.ndim != 2:
        raise ShapeError(
            f"abs_max_quantize_grouped_with_zero_point: expected a matrix, got shape {x.shape}"
        )
    rows, columns = x.shape
    blocks = math.ceil(int(rows) / block_size)
    wide = as_tensor(x, types.promote(x.dtype, types.float32))
    padded = ops.pad(wide, ((0, blocks * block_size - int(rows)), (0, 0)))
    grouped = ops.reshape(padded, (blocks, block_size, columns))
    low, high = value_range
    least = ops.minimum(ops.min(grouped, axis=1), 0.0)
    most = ops.maximum(ops.max(grouped, axis=1), 0.0)
    scale = (most - least + epsilon) / (high - low)
    zero = ops.clip(ops.round(-least / scale) + low, low, high)
    integers = ops.round(grouped / scale[:, None, :]) + zero[:, None, :]
    integers = ops.reshape(ops.clip(integers, low, high), (blocks * block_size, columns))
    return (
        ops.astype(integers[: int(rows)], dtype),
        as_tensor(scale, x.dtype),
        ops.astype(zero, "int8"),
    )


def dequantize_blocks(integers: Tensor, scale: Tensor, zero: Tensor, blocks: Tensor) -> Tensor:
    """Return (q - z) s of a matrix whose rows belong to these blocks, an array of their numbers;
    scale and zero point are (blocks, columns)."""
    scale = ops.take(scale, blocks, axis=0)
    zero = as_tensor(ops.take(zero, blocks, axis=0), scale.dtype)
    return (as_tensor(integers, scale.dtype) - zero) * scale


def _limits(dtype: types.DType) -> tuple[int, int]:
    is_signed = not dtype.name.startswith("u")
    low = -(2 ** (dtype.bits - 1)) if is_signed else 0
    return low, low + 2**dtype.bits - 1
