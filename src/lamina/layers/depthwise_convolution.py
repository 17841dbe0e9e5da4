"""Depthwise and separable convolution layers over 1 or 2 spatial axes."""

from __future__ import annotations

from typing import Any, Unpack

from lamina import constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.options import OwnPenalty
from lamina.layers.convolution import Convolution, Sizes
from lamina.tensor import Tensor

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]


class _DepthwiseConv(Convolution):
    """Base class of depthwise convolutions: each channel has `depth_multiplier` kernels, which
    gives channels * depth_multiplier outputs. kernel (*kernel_size, channels, depth_multiplier)."""

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OwnPenalty],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        own = type(self).__name__
        self.depth_multiplier = positive_integer(own, "depth_multiplier", depth_multiplier)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        rest = (bias_regularizer, bias_constraint)
        self._settle_result(activation, use_bias, bias_initializer, *rest)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._add_kernel((channels, self.depth_multiplier), "kernel", "depthwise")
        self._add_bias(channels * self.depth_multiplier)

    def convolve(self, inputs: Tensor) -> Tensor:
        return ops.depthwise_conv(inputs, self.kernel, **self._windows())


class DepthwiseConv1D(_DepthwiseConv):
    """Depthwise convolution of sequences: each channel is convolved with its own filters.

    Weights: kernel (kernel_size, channels, depth_multiplier), bias.

    Args:
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        depth_multiplier: number of output channels of the depthwise step per input channel.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        depthwise_initializer: initializer of the depthwise kernel.
        bias_initializer: initializer of the bias.
        depthwise_regularizer: regularizer of the depthwise kernel.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        depthwise_constraint: constraint applied to the depthwise kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, new steps, channels * depth_multiplier)

    Example:
        >>> import lamina as lm
        >>> lm.layers.DepthwiseConv1D(3)(lm.Input((10, 3))).shape
        (batch, 8, 3)
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Depthwise convolution of images: each channel is convolved with its own filters.

    Weights: kernel (*kernel_size, channels, depth_multiplier), bias.

    Args:
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        depth_multiplier: number of output channels of the depthwise step per input channel.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        depthwise_initializer: initializer of the depthwise kernel.
        bias_initializer: initializer of the bias.
        depthwise_regularizer: regularizer of the depthwise kernel.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        depthwise_constraint: constraint applied to the depthwise kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, new height, new width, channels *
            depth_multiplier)

    Example:
        >>> import lamina as lm
        >>> lm.layers.DepthwiseConv2D(3)(lm.Input((10, 12, 3))).shape
        (batch, 8, 10, 3)
    """

    rank = 2


class _SeparableConv(Convolution):
    """Base class of separable convolutions: a depthwise convolution, then a 1x1 convolution over
    the channels (Chollet 2017). depthwise_kernel (*kernel_size, channels, depth_multiplier),
    pointwise_kernel (1..., channels * depth_multiplier, filters)."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OwnPenalty],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        own = type(self).__name__
        self.filters = positive_integer(own, "filters", filters)
        self.depth_multiplier = positive_integer(own, "depth_multiplier", depth_multiplier)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        rest = (bias_regularizer, bias_constraint)
        self._settle_result(activation, use_bias, bias_initializer, *rest)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (channels, self.depth_multiplier)
        self.depthwise_kernel = self._add_kernel(shape, "depthwise_kernel", "depthwise")
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self._add_bias(self.filters)

    def convolve(self, inputs: Tensor) -> Tensor:
        kernels = (self.depthwise_kernel, self.pointwise_kernel)
        return ops.separable_conv(inputs, *kernels, **self._windows())


class SeparableConv1D(_SeparableConv):
    """Separable convolution of sequences: a depthwise convolution, then a 1x1 convolution.

    Weights: depthwise_kernel (kernel_size, channels, depth_multiplier), pointwise_kernel (1,
    channels
    * depth_multiplier, filters), bias (filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        depth_multiplier: number of output channels of the depthwise step per input channel.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        depthwise_initializer: initializer of the depthwise kernel.
        pointwise_initializer: initializer of the pointwise kernel.
        bias_initializer: initializer of the bias.
        depthwise_regularizer: regularizer of the depthwise kernel.
        pointwise_regularizer: regularizer of the pointwise kernel.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        depthwise_constraint: constraint applied to the depthwise kernel after each update.
        pointwise_constraint: constraint applied to the pointwise kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, new steps, filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.SeparableConv1D(8, 3)(lm.Input((10, 3))).shape
        (batch, 8, 8)

    Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions.
    """

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Separable convolution of images: a depthwise convolution, then a 1x1 convolution.

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), pointwise_kernel (1, 1,
    channels * depth_multiplier, filters), bias (filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        depth_multiplier: number of output channels of the depthwise step per input channel.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        depthwise_initializer: initializer of the depthwise kernel.
        pointwise_initializer: initializer of the pointwise kernel.
        bias_initializer: initializer of the bias.
        depthwise_regularizer: regularizer of the depthwise kernel.
        pointwise_regularizer: regularizer of the pointwise kernel.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        depthwise_constraint: constraint applied to the depthwise kernel after each update.
        pointwise_constraint: constraint applied to the pointwise kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, new height, new width, filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.SeparableConv2D(8, 3)(lm.Input((10, 12, 3))).shape
        (batch, 8, 10, 8)

    Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions.
    """

    rank = 2


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
