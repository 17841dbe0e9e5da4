"""`keras.ops`: normalization, convolutions, windows, patches and attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import nn
from lamina import operations as ops
from lamina.annotations import ArrayLike, PaddingLike
from lamina.errors import ArgumentError, ShapeError
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations import normalization, patches, probabilities
from lamina.operations.promote import axes_of, promoted
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.attention import attention

# fmt: off
__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "batch_normalization", "conv",
    "conv_transpose", "depth_to_space", "depthwise_conv", "dot_product_attention", "fold",
    "layer_normalization", "max_pool", "rms_normalization", "separable_conv", "space_to_depth",
    "unfold",
]
# fmt: on


# ---- normalization -------------------------------------------------------------------------------
@operation
def layer_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) over the axis, times gamma, plus beta.

    `rms_scaling=True`, which Keras still takes, divides x by sqrt(variance + epsilon) without
    taking the mean out, and adds no beta.
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise ArgumentError(f"layer_normalization: unknown arguments {sorted(kwargs)}")
    x = floating(x)
    small = 1e-7 if epsilon is None else epsilon
    if rms_scaling:
        result = x * ops.rsqrt(ops.var(x, axis, keepdims=True) + small)
        return result if gamma is None else as_tensor(result * _along(axis, gamma, x), x.dtype)
    gamma, beta = (None if w is None else _along(axis, w, x) for w in (gamma, beta))
    return as_tensor(normalization.normalize_each(x, axis, gamma, beta, small), x.dtype)


def _along(axis: Any, weights: Any, x: Tensor) -> Any:
    """Weights of the normalized axes, to be multiplied with x."""
    weights = tensor(weights)
    if weights.ndim in (0, x.ndim):
        return weights
    axes = axes_of("layer_normalization", axis, x.ndim)
    return normalization.along_axes(weights, axes, x)


@operation
def rms_normalization(
    x: ArrayLike,
    scale: ArrayLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon) over the axis, times scale."""
    x = floating(x)
    small = 1e-7 if epsilon is None else epsilon
    return as_tensor(normalization.normalize_rms(x, axis, scale, small), x.dtype)


@operation
def batch_normalization(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    axis: int,
    offset: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), times scale, plus offset, all along an axis."""
    x = floating(x)
    center, spread = (normalization.along_axis(values, axis, x) for values in (mean, variance))
    gamma, beta = (
        None if w is None else normalization.along_axis(w, axis, x) for w in (scale, offset)
    )
    return normalization.normalize(x, center, spread, gamma, beta, epsilon)


# ---- convolutions and windows --------------------------------------------------------------------
@operation
def conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A convolution over one to three axes, as `lm.nn.conv`."""
    return nn.conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@operation
def depthwise_conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A convolution of each channel by itself, as `lm.nn.depthwise_conv`."""
    return nn.depthwise_conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@operation
def separable_conv(
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A depthwise convolution, then one of 1 x 1, as `lm.nn.separable_conv`."""
    return nn.separable_conv(
        inputs, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate
    )


@operation
def conv_transpose(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A transposed convolution, as `lm.nn.conv_transpose`."""
    return nn.conv_transpose(
        inputs, kernel, strides, padding, output_padding, data_format, dilation_rate
    )


@operation
def max_pool(
    inputs: ArrayLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest element in each window."""
    return nn.max_pool(inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(
    inputs: ArrayLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window, padding not counted."""
    return nn.average_pool(inputs, pool_size, strides, padding, data_format)


@operation
def adaptive_max_pool(
    inputs: ArrayLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """The largest element in each of `output_size` windows."""
    return nn.adaptive_max_pool(inputs, output_size, data_format)


@operation
def adaptive_average_pool(
    inputs: ArrayLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """The mean of each of `output_size` windows."""
    return nn.adaptive_average_pool(inputs, output_size, data_format)


@operation
def depth_to_space(
    x: ArrayLike, block_size: int, data_format: str | None = "channels_last"
) -> Tensor:
    """Channels become blocks of pixels (Shi et al. 2016), as `lm.nn.depth_to_space`."""
    return nn.depth_to_space(x, block_size, data_format)


@operation
def space_to_depth(
    x: ArrayLike, block_size: int, data_format: str | None = "channels_last"
) -> Tensor:
    """Blocks of pixels become channels; undoes `depth_to_space`."""
    return nn.space_to_depth(x, block_size, data_format)


# ---- patches and attention -----------------------------------------------------------------------
def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


@operation
def unfold(
    x: ArrayLike,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """The patches of images (batch, channels, height, width) as columns."""
    sizes = (_pair(v) for v in (kernel_size, dilation, padding, stride))
    return patches.unfold(tensor(x), *sizes)


@operation
def fold(
    x: ArrayLike,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Images (batch, channels, height, width) of columns, the sum of all that cover a pixel."""
    sizes = (_pair(v) for v in (output_size, kernel_size, dilation, padding, stride))
    return patches.fold(tensor(x), *sizes)


@operation
def dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """softmax(scale query key^T + bias) value, for (batch, time, heads, depth).

    Several heads of the query may share one of key and value. `scale` is 1 / sqrt(depth) by
    default; True in `mask` lets a query see a key. Without mask, bias and soft cap no scores are
    stored, whatever `flash_attention` says. A soft cap divides logits by 1 + |logits| / cap.
    """
    q, k, v = promoted((query, key, value), floating=True)
    if any(x.ndim != 4 for x in (q, k, v)):
        raise ShapeError(
            f"dot_product_attention: expected (batch, time, heads, depth), got shapes {q.shape}, "
            f"{k.shape} and {v.shape}"
        )
    heads, shared = q.shape[2].__index__(), k.shape[2].__index__()
    if heads % shared:
        raise ShapeError(f"dot_product_attention: {heads} heads cannot share {shared}")
    k, v = (ops.repeat(x, heads // shared, axis=2) for x in (k, v))
    factor = q.shape[-1].__index__() ** -0.5 if scale is None else scale
    if bias is None and mask is None and attn_logits_soft_cap is None:
        return attention(q * factor, k, v, causal=is_causal)
    logits = ops.einsum("bqhd,bkhd->bhqk", q, k) * factor
    if bias is not None:
        logits = logits + ops.cast(bias, logits.dtype)
    if attn_logits_soft_cap is not None:
        logits = logits / (1.0 + ops.abs(logits) / attn_logits_soft_cap)
    least = -0.7 * float(ops.finfo(logits.dtype).max)
    if mask is not None:
        logits = ops.where(ops.cast(mask, "bool"), logits, least)
    if is_causal:
        rows, columns = (ops.arange(n, dtype="int32") for n in logits._type.shape[-2:])
        logits = ops.where(ops.expand_dims(rows, axis=1) >= columns, logits, least)
    return ops.einsum("bhqk,bkhd->bqhd", probabilities.softmax(logits), v)
