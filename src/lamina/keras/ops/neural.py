"""`keras.ops`: normalization, convolutions and windows."""

from __future__ import annotations

from typing import Any

from lamina import nn
from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations import normalization
from lamina.operations.promote import axes_of
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "batch_normalization", "conv",
    "conv_transpose", "depth_to_space", "depthwise_conv", "layer_normalization", "max_pool",
    "rms_normalization", "separable_conv", "space_to_depth",
]
# fmt: on


# ---- normalization -------------------------------------------------------------------------------
@operation
def layer_normalization(
    x: ArrayLike,
    gamma: Any = None,
    beta: Any = None,
    axis: Any = -1,
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
        return result if gamma is None else result * _along(axis, gamma, x)
    gamma, beta = (None if w is None else _along(axis, w, x) for w in (gamma, beta))
    return normalization.normalize_each(x, axis, gamma, beta, small)


def _along(axis: Any, weights: Any, x: Tensor) -> Any:
    """Weights of the normalized axes, to be multiplied with x."""
    weights = tensor(weights)
    if weights.ndim in (0, x.ndim):
        return weights
    axes = axes_of("layer_normalization", axis, x.ndim)
    return normalization.along_axes(weights, axes, x)


@operation
def rms_normalization(
    x: ArrayLike, scale: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon) over the axis, times scale."""
    x = floating(x)
    return normalization.normalize_rms(x, axis, scale, 1e-7 if epsilon is None else epsilon)


@operation
def batch_normalization(
    x: ArrayLike,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
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
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A convolution over one to three axes, as `lm.nn.conv`."""
    return nn.conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@operation
def depthwise_conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A convolution of each channel by itself, as `lm.nn.depthwise_conv`."""
    return nn.depthwise_conv(inputs, kernel, strides, padding, data_format, dilation_rate)


@operation
def separable_conv(
    inputs: ArrayLike,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A depthwise convolution, then one of 1 x 1, as `lm.nn.separable_conv`."""
    return nn.separable_conv(
        inputs, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate
    )


@operation
def conv_transpose(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A transposed convolution, as `lm.nn.conv_transpose`."""
    return nn.conv_transpose(
        inputs, kernel, strides, padding, output_padding, data_format, dilation_rate
    )


@operation
def max_pool(
    inputs: ArrayLike,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest element in each window."""
    return nn.max_pool(inputs, pool_size, strides, padding, data_format)


@operation
def average_pool(
    inputs: ArrayLike,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window, padding not counted."""
    return nn.average_pool(inputs, pool_size, strides, padding, data_format)


@operation
def adaptive_max_pool(
    inputs: ArrayLike, output_size: Any, data_format: str | None = None
) -> Tensor:
    """The largest element in each of `output_size` windows."""
    return nn.adaptive_max_pool(inputs, output_size, data_format)


@operation
def adaptive_average_pool(
    inputs: ArrayLike, output_size: Any, data_format: str | None = None
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
