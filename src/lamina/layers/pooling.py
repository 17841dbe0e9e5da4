"""Pooling layers: maximum and average over windows.

Inputs are (batch, spatial..., channels), or (batch, channels, spatial...) with
data_format="channels_first". Arguments and defaults are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Unpack

from lamina import operations as ops
from lamina.errors import ArgumentError
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, layout
from lamina.operations.windows import checked_format, per_axis
from lamina.tensor import Tensor

__all__ = [
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
]

Sizes = int | Sequence[int]


class _Pooling(Layer):
    """Base class of poolings over windows; the default strides are pool_size."""

    rank: ClassVar[int]
    operation: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        self.pool_size = per_axis(own, "pool_size", pool_size, self.rank)
        given = self.pool_size if strides is None else strides
        self.strides = per_axis(own, "strides", given, self.rank)
        self.padding = padding.lower() if isinstance(padding, str) else padding
        if self.padding not in ("valid", "same"):
            raise ArgumentError(f"{own}: padding must be 'valid' or 'same', not {padding!r}")
        self.data_format = checked_format(own, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))

    def call(self, inputs: Tensor) -> Tensor:
        pool = type(self).operation
        return pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class MaxPooling1D(_Pooling):
    """Maximum pooling of sequences.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, new steps, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.MaxPooling1D(2)(lm.Input((10, 3))).shape
        (batch, 5, 3)
    """

    rank, operation = 1, staticmethod(ops.max_pool)


class MaxPooling2D(_Pooling):
    """Maximum pooling of images.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or a pair; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, new height, new width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.MaxPooling2D(2)(lm.Input((10, 12, 3))).shape
        (batch, 5, 6, 3)
    """

    rank, operation = 2, staticmethod(ops.max_pool)


class MaxPooling3D(_Pooling):
    """Maximum pooling of volumes.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per axis; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, new depth, new height, new width,
            channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.MaxPooling3D(2)(lm.Input((4, 4, 4, 3))).shape
        (batch, 2, 2, 2, 3)
    """

    rank, operation = 3, staticmethod(ops.max_pool)


class AveragePooling1D(_Pooling):
    """Average pooling of sequences; padding does not count.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, new steps, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AveragePooling1D(2)(lm.Input((10, 3))).shape
        (batch, 5, 3)
    """

    rank, operation = 1, staticmethod(ops.average_pool)


class AveragePooling2D(_Pooling):
    """Average pooling of images; padding does not count.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or a pair; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, new height, new width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AveragePooling2D(2)(lm.Input((10, 12, 3))).shape
        (batch, 5, 6, 3)
    """

    rank, operation = 2, staticmethod(ops.average_pool)


class AveragePooling3D(_Pooling):
    """Average pooling of volumes; padding does not count.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per axis; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, new depth, new height, new width,
            channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AveragePooling3D(2)(lm.Input((4, 4, 4, 3))).shape
        (batch, 2, 2, 2, 3)
    """

    rank, operation = 3, staticmethod(ops.average_pool)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
