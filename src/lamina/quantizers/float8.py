"""Floats of 8 bits, as the values that they can hold, and their scales.

The values are kept in the dtype of the computation: float8 is a rounding here, and saves no memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import unknown_name
from lamina.ir import types
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["compute_float8_amax_history", "compute_float8_scale", "quantize_and_dequantize"]

EXPONENT_BITS = 0x7F800000  # of float32


@dataclass(frozen=True)
class Float8:
    """A format of 8 bits: its largest number, its smallest normal number, and the stored bits of
    its fraction."""

    largest: float
    smallest_normal: float
    fraction_bits: int


FORMATS = {
    "float8_e4m3fn": Float8(448.0, 2.0**-6, 3),
    "float8_e5m2": Float8(57344.0, 2.0**-14, 2),
}


def format_of(name: str) -> Float8:
    """Return the format of a dtype's name."""
    if name not in FORMATS:
        raise unknown_name("float8 dtype", name, FORMATS)
    return FORMATS[name]


def rounded(x: Tensor, form: Float8) -> Tensor:
    """Return float32 values, rounded to the nearest numbers of the format, ties to even ones, and
    limited to its range."""
    x = ops.clip(x, -form.largest, form.largest)
    bits = bind("bitcast_convert", ops.maximum(ops.abs(x), form.smallest_normal), dtype=types.int32)
    power = bind(
        "bitcast_convert",
        ops.bitwise_and(bits, as_tensor(EXPONENT_BITS, types.int32)),
        dtype=types.float32,
    )
    step = power * 2.0**-form.fraction_bits
    return ops.round(x / step) * step


def quantize_and_dequantize(
    inputs: ArrayLike, scale: ArrayLike, quantized_dtype: str, compute_dtype: DTypeLike
) -> Tensor:
    """Return the values that remain of inputs / scale in a dtype of 8 bits, times the scale.

    Args:
        inputs: tensor of floats.
        scale: number, or tensor that broadcasts to the inputs.
        quantized_dtype: "float8_e4m3fn" or "float8_e5m2".
        compute_dtype: dtype of the result.

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([1.0, 1.1, 500.0])
        >>> values = lm.quantizers.quantize_and_dequantize(x, 1.0, "float8_e4m3fn", "float32")
        >>> values.tolist()
        [1.0, 1.125, 448.0]

    Source: Micikevicius et al. (2022), FP8 formats for deep learning.
    """
    form, dtype = format_of(quantized_dtype), types.dtype(compute_dtype)
    scale = as_tensor(as_tensor(scale, dtype), types.float32)
    x = as_tensor(as_tensor(inputs, dtype), types.float32) / scale
    return as_tensor(rounded(x, form) * scale, dtype)


def compute_float8_scale(
    amax: ArrayLike, scale: ArrayLike, dtype_max: ArrayLike, margin: int = 0
) -> Tensor:
    """Return the scale amax / dtype_max * 2^margin, by which values up to `amax` fill the range of
    a dtype; the scale before if `amax` is 0 or not finite.

    Args:
        amax: largest absolute value.
        scale: scale before.
        dtype_max: largest number of the dtype.
        margin: number of powers of two that are left unused.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.compute_float8_scale(224.0, 1.0, 448.0).item()
        0.5
    """
    amax = as_tensor(amax, types.float32)
    factor = as_tensor(dtype_max, types.float32) / amax / 2.0**margin
    usable = ops.logical_and(amax > 0.0, ops.isfinite(amax))
    before = 1.0 / as_tensor(scale, types.float32)
    return 1.0 / ops.where(usable, factor, before)


def compute_float8_amax_history(x: ArrayLike, amax_history: ArrayLike) -> Tensor:
    """Return the largest absolute values of the last steps, with that of `x` first.

    Args:
        x: tensor of this step.
        amax_history: largest absolute values of the steps before, the oldest second.

    Example:
        >>> import lamina as lm
        >>> history = lm.asarray([3.0, 1.0, 2.0])
        >>> lm.quantizers.compute_float8_amax_history(lm.asarray([-4.0]), history).tolist()
        [4.0, 2.0, 3.0]
    """
    history = as_tensor(amax_history)
    newest = as_tensor(ops.max(ops.abs(as_tensor(x))), history.dtype)
    moved = ops.roll(history, -1, axis=0)
    return ops.concatenate([ops.reshape(newest, (1,)), moved[1:]], axis=0)
