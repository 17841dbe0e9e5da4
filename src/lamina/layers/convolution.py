"""Convolution layers over 1 to 3 spatial axes, and the base class of all convolutions.

Arguments, defaults, shapes and weight names are those of Keras 3. Inputs are (batch, spatial...,
channels), or (batch, channels, spatial...) with data_format="channels_first".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError, ShapeError
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.layer import Layer
from lamina.layers._base.low_rank import AdaptedWeight, LowRank
from lamina.layers._base.options import OwnPenalty
from lamina.layers._base.spec import InputSpec, layout
from lamina.layers._base.streaming import Streaming, refused
from lamina.operations import shaping
from lamina.operations.windows import checked_format, per_axis
from lamina.tensor import Tensor
from lamina.variables import Variable

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D"]

Sizes = int | Sequence[int]


class Convolution(Layer):
    """Base class of convolutions: windows, bias and activation."""

    rank: ClassVar[int] = 2
    activation = activations.ActivationAttribute()
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def _settle(
        self,
        kernel_size: Sizes,
        strides: Sizes,
        padding: str,
        data_format: str | None,
        dilation_rate: Sizes,
    ) -> None:
        """Check and store the geometry of the windows."""
        own = type(self).__name__
        self.kernel_size = per_axis(own, "kernel_size", kernel_size, self.rank)
        self.strides = per_axis(own, "strides", strides, self.rank)
        self.dilation_rate = per_axis(own, "dilation_rate", dilation_rate, self.rank)
        self.padding = padding.lower() if isinstance(padding, str) else padding
        if self.padding not in self.paddings:
            raise ArgumentError(f"{own}: padding must be one of {self.paddings}, not {padding!r}")
        self.data_format = checked_format(own, data_format)
        self._channel_axis = -1 if self.data_format == "channels_last" else 1
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))
        self.bias: Variable | None = None

    def _settle_result(
        self, activation: ActivationLike, use_bias: bool, initializer: InitializerLike, *rest: Any
    ) -> None:
        self.activation = activation
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(initializer)
        self.bias_regularizer = regularizers.get(rest[0])
        self.bias_constraint = constraints.get(rest[1])

    def _channels(self, input_shape: Sequence[int | None]) -> int:
        """Return the number of input channels, and require it of all later inputs."""
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ShapeError(
                f"{self._label()}: the number of channels of inputs of shape {tuple(input_shape)} "
                "must be known",
                hint="Input((None, None, 3)) leaves rows and columns open, not the channels",
            )
        axes = {self._channel_axis: int(channels)}
        self.input_spec = InputSpec(
            ndim=self.rank + 2, axes=axes, layout=layout(self.rank, self.data_format)
        )
        return channels

    def _add_kernel(self, shape: tuple[Any, ...], name: str, prefix: str = "") -> Variable:
        """Create a kernel over the window, with the initializer, regularizer and constraint of
        `prefix`."""
        return self.add_weight(
            name=name,
            shape=(*self.kernel_size, *shape),
            initializer=getattr(self, f"{prefix or name}_initializer"),
            regularizer=getattr(self, f"{prefix or name}_regularizer"),
            constraint=getattr(self, f"{prefix or name}_constraint"),
        )

    def _add_bias(self, filters: int) -> None:
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _windows(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def _result(self, x: Tensor) -> Tensor:
        if self.bias is not None:
            bias = self.bias
            ones = (1,) * self.rank if self.data_format == "channels_first" else ()
            x = x + (bias.reshape((bias.shape[0], *ones)) if ones else bias)
        return self.activation(x)

    def call(self, inputs: Tensor) -> Tensor:
        return self._result(self.convolve(ops.astype(inputs, self._compute_dtype)))

    def convolve(self, inputs: Tensor) -> Tensor:
        """Return the convolution before bias and activation.

        Args:
            inputs: inputs of the call.
        """
        raise TypeError(f"{type(self).__name__} must define convolve(inputs)")


class _Conv(LowRank, Convolution):
    """Base class of convolutions: activation(conv(inputs, kernel) + bias).

    kernel (*kernel_size, channels / groups, filters), bias (filters,); kernels are not flipped.
    Raise ShapeError if `groups` does not divide channels and filters, if a window is larger than
    its padded input, or if the channels differ from those of the first call.
    """

    kernel = AdaptedWeight()

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[OwnPenalty],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        own = type(self).__name__
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        self.filters = positive_integer(own, "filters", filters)
        self.groups = positive_integer(own, "groups", groups)
        if self.filters % self.groups:
            raise ArgumentError(
                f"{own}: {self.filters} filters do not divide by {self.groups} groups",
                hint="each group makes an equal part of the filters: change one of the two numbers",
            )
        self._settle(kernel_size, strides, padding, data_format, dilation_rate)
        rest = (bias_regularizer, bias_constraint)
        self._settle_result(activation, use_bias, bias_initializer, *rest)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ShapeError(
                f"{self._label()}: inputs of shape {tuple(input_shape)} have {channels} channels, "
                f"which do not divide by {self.groups} groups",
                hint=f"each group sees an equal part of the channels: take a number of groups that "
                f"divides {channels}, or a 1x1 convolution before for other channels",
            )
        self.kernel = self._add_kernel((channels // self.groups, self.filters), "kernel")
        self._add_bias(self.filters)
        self._adapt_if_asked()

    def convolve(self, inputs: Tensor) -> Tensor:
        return ops.conv(inputs, self._adapted(), **self._windows())


class Conv1D(_Conv):
    """Convolution of sequences.

        activation(conv(inputs, kernel) + bias)

    Weights: kernel (kernel_size, channels / groups, filters), bias (filters,).

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: extents of the kernel, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per spatial axis.
        padding: "valid" (none), "same" (ceil(steps / stride) outputs) or "causal" (before the first
            step only: no output depends on later inputs).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        dilation_rate: distance between the elements of a window, an integer or one per spatial
            axis.
        groups: number of groups that the channels are divided into; each group is convolved with
            its own filters.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        lora_rank: rank of the product that adapts the frozen kernel, see `enable_lora`; None adapts
            nothing.
        lora_alpha: numerator of the factor of the product, alpha / rank; None is `lora_rank`.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, new steps, filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Conv1D(8, 3)(lm.Input((10, 3))).shape
        (batch, 8, 8)
    """

    rank = 1
    paddings = ("valid", "same", "causal")

    def call_streaming(self, stream: Streaming, inputs: Tensor) -> Tensor:
        """Process one step; keep the previous steps that the kernel covers.

        Args:
            stream: stream in progress.
            inputs: one step of the inputs, (batch, 1, ...).
        """
        if self.padding != "causal" or self.strides != (1,) or self._channel_axis != -1:
            raise refused(self, 'it is not padding="causal" of channels_last, step by step')
        reach = self.dilation_rate[0] * (self.kernel_size[0] - 1)
        shape = (stream.batch, reach, inputs.shape[-1])
        kept = stream.state(self, lambda: ops.zeros(shape, dtype=self._compute_dtype))
        window = ops.concat([kept.read(), ops.astype(inputs, self._compute_dtype)], axis=1)
        kept.keep(shaping.sliced(window, 1, 1, reach + 1))
        windows = {**self._windows(), "padding": "valid"}
        return self._result(ops.conv(window, self._adapted(), **windows))


class Conv2D(_Conv):
    """Convolution of images.

        activation(conv(inputs, kernel) + bias)

    Weights: kernel (*kernel_size, channels / groups, filters), bias (filters,).

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
        groups: number of groups that the channels are divided into; each group is convolved with
            its own filters.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        lora_rank: rank of the product that adapts the frozen kernel, see `enable_lora`; None adapts
            nothing.
        lora_alpha: numerator of the factor of the product, alpha / rank; None is `lora_rank`.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, new height, new width, filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Conv2D(8, 3, padding="same")(lm.Input((28, 28, 1))).shape
        (batch, 28, 28, 8)
    """

    rank = 2


class Conv3D(_Conv):
    """Convolution of volumes.

        activation(conv(inputs, kernel) + bias)

    Weights: kernel (*kernel_size, channels / groups, filters), bias (filters,).

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
        groups: number of groups that the channels are divided into; each group is convolved with
            its own filters.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        lora_rank: rank of the product that adapts the frozen kernel, see `enable_lora`; None adapts
            nothing.
        lora_alpha: numerator of the factor of the product, alpha / rank; None is `lora_rank`.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, new depth, new height, new width,
            filters)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Conv3D(8, 3)(lm.Input((6, 6, 6, 1))).shape
        (batch, 4, 4, 4, 8)
    """

    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
