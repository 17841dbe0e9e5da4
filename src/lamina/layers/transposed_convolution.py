"""Transposed convolution layers over 1 to 3 spatial axes."""

from __future__ import annotations

from typing import Any, Unpack

from lamina import constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.options import OwnPenalty
from lamina.layers.convolution import Convolution, Sizes
from lamina.operations.windows import per_axis
from lamina.tensor import Tensor

__all__ = [
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "Convolution1DTranspose",
    "Convolution2DTranspose",
    "Convolution3DTranspose",
]


class _ConvTranspose(Convolution):
    """Base class of transposed convolutions: activation(conv_transpose(inputs, kernel) + bias).

    A transposed convolution is the gradient of a convolution. kernel (*kernel_size, filters,
    channels). The default output extents are n * strides ("same") or (n - 1) * strides +
    max(window, strides) ("valid").
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[OwnPenalty],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_integer(type(self).__name__, "filters", filters)
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        rest = (bias_regularizer, bias_constraint)
        self._settle_result(activation, use_bias, bias_initializer, *rest)
        self.output_padding: tuple[int, ...] | None = None
        if output_padding is not None:
            self.output_padding = self._extra(output_padding)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def _extra(self, output_padding: Sizes) -> tuple[int, ...]:
        own = type(self).__name__
        extra = per_axis(own, "output_padding", output_padding, self.rank, least=0)
        if any(e >= s for e, s in zip(extra, self.strides, strict=True)):
            raise ArgumentError(
                f"{own}: output_padding {extra} must be below the strides {self.strides}"
            )
        return extra

    def build(self, input_shape: Any) -> None:
        self.kernel = self._add_kernel((self.filters, self._channels(input_shape)), "kernel")
        self._add_bias(self.filters)

    def convolve(self, inputs: Tensor) -> Tensor:
        windows = {**self._windows(), "output_padding": self.output_padding}
        return ops.conv_transpose(inputs, self.kernel, **windows)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of sequences, which enlarges them by the strides.

    Weights: kernel (kernel_size, filters, channels), bias (filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" for (steps - 1) * stride + max(kernel_size, stride) outputs, "same" for
            steps * stride outputs.
        output_padding: number of steps added at the end of the output; None is the default of
            `padding`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, new steps, filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Conv1DTranspose(8, 3, strides=2, padding="same")(lm.Input((10, 3))).shape
        (batch, 20, 8)
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of images, which enlarges them by the strides.

    Weights: kernel (*kernel_size, filters, channels), bias (filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" for (extent - 1) * stride + max(kernel extent, stride) outputs, "same" for
            extent * stride outputs.
        output_padding: number of rows and columns added at the end of the output; None is the
            default of `padding`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, new height, new width, filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Conv2DTranspose(8, 3, strides=2, padding="same")(lm.Input((10, 12, 3))).shape
        (batch, 20, 24, 8)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes, which enlarges them by the strides.

    Weights: kernel (*kernel_size, filters, channels), bias (filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" for (extent - 1) * stride + max(kernel extent, stride) outputs, "same" for
            extent * stride outputs.
        output_padding: number of elements added at the end of each spatial axis; None is the
            default of `padding`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, new depth, new height, new width,
            filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Conv3DTranspose(8, 2, strides=2)(lm.Input((4, 4, 4, 3))).shape
        (batch, 8, 8, 8, 8)
    """

    rank = 3


Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
