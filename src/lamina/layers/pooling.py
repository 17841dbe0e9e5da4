"""Pooling layers: maximum and average, over windows, over all positions, or to a fixed output size.

Inputs are (batch, spatial..., channels), or (batch, channels, spatial...) with
data_format="channels_first". Arguments and defaults are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from lamina.errors import ArgumentError
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec, layout
from lamina.operations import creation, elementwise, pooling, reductions, shaping
from lamina.operations.windows import checked_format, per_axis
from lamina.tensor import Tensor

Sizes = int | Sequence[int]


# ---- over windows ------------------------------------------------------------------------------
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
        **kwargs: Any,
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
        padding: "valid" adds no padding; "same" pads evenly so that the output has ceil(extent /
            stride) elements.
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

    rank, operation = 1, staticmethod(pooling.max_pool)


class MaxPooling2D(_Pooling):
    """Maximum pooling of images.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or a pair; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads evenly so that the output has ceil(extent /
            stride) elements.
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

    rank, operation = 2, staticmethod(pooling.max_pool)


class MaxPooling3D(_Pooling):
    """Maximum pooling of volumes.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per axis; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads evenly so that the output has ceil(extent /
            stride) elements.
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

    rank, operation = 3, staticmethod(pooling.max_pool)


class AveragePooling1D(_Pooling):
    """Average pooling of sequences; padding does not count.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads evenly so that the output has ceil(extent /
            stride) elements.
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

    rank, operation = 1, staticmethod(pooling.average_pool)


class AveragePooling2D(_Pooling):
    """Average pooling of images; padding does not count.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or a pair; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads evenly so that the output has ceil(extent /
            stride) elements.
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

    rank, operation = 2, staticmethod(pooling.average_pool)


class AveragePooling3D(_Pooling):
    """Average pooling of volumes; padding does not count.

    Args:
        pool_size: extents of the window, an integer or one per spatial axis.
        strides: distance between windows, an integer or one per axis; None is `pool_size`.
        padding: "valid" adds no padding; "same" pads evenly so that the output has ceil(extent /
            stride) elements.
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

    rank, operation = 3, staticmethod(pooling.average_pool)


# ---- over everything ---------------------------------------------------------------------------
class _GlobalPooling(Layer):
    """Base class of poolings over all positions; keepdims keeps the spatial axes with extent 1."""

    rank: ClassVar[int]
    operation: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_format(type(self).__name__, data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))

    def call(self, inputs: Tensor) -> Tensor:
        first = 1 if self.data_format == "channels_last" else 2
        axes = tuple(range(first, first + self.rank))
        return type(self).operation(inputs, axes, keepdims=self.keepdims)

    def _there(self, mask: Any) -> tuple[int, Tensor]:
        """Return the axis of the steps, and the mask with an axis for the channels."""
        axis = 1 if self.data_format == "channels_last" else 2
        return axis, creation.astype(shaping.expand_dims(mask, 3 - axis), "bool")


class GlobalMaxPooling1D(_GlobalPooling):
    """Maximum over all steps of a sequence.

    A mask (batch, steps) excludes steps; the maximum of no steps is 0.

    Args:
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        keepdims: keep the reduced axes with extent 1.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GlobalMaxPooling1D()(lm.Input((10, 3))).shape
        (batch, 3)
    """

    rank, operation = 1, staticmethod(reductions.max)

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        axis, there = self._there(mask)
        low = float(np.finfo(inputs.dtype.storage).min)
        top = reductions.max(elementwise.where(there, inputs, low), axis, keepdims=self.keepdims)
        return elementwise.where(reductions.any(there, axis, keepdims=self.keepdims), top, 0.0)


class GlobalMaxPooling2D(_GlobalPooling):
    """Maximum over all pixels of an image.

    Args:
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        keepdims: keep the reduced axes with extent 1.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GlobalMaxPooling2D()(lm.Input((10, 12, 3))).shape
        (batch, 3)
    """

    rank, operation = 2, staticmethod(reductions.max)


class GlobalMaxPooling3D(_GlobalPooling):
    """Maximum over all elements of a volume.

    Args:
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        keepdims: keep the reduced axes with extent 1.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GlobalMaxPooling3D()(lm.Input((4, 4, 4, 3))).shape
        (batch, 3)
    """

    rank, operation = 3, staticmethod(reductions.max)


class GlobalAveragePooling1D(_GlobalPooling):
    """Mean over all steps of a sequence.

    A mask (batch, steps) excludes steps; the mean of no steps is 0.

    Args:
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        keepdims: keep the reduced axes with extent 1.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GlobalAveragePooling1D()(lm.Input((10, 3))).shape
        (batch, 3)
    """

    rank, operation = 1, staticmethod(reductions.mean)

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        axis, there = self._there(mask)
        kept = creation.astype(there, inputs.dtype)
        total = reductions.sum(elementwise.where(there, inputs, 0.0), axis, keepdims=self.keepdims)
        count = reductions.sum(kept, axis, keepdims=self.keepdims)
        return total / elementwise.maximum(count, 1.0)


class GlobalAveragePooling2D(_GlobalPooling):
    """Mean over all pixels of an image.

    Args:
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        keepdims: keep the reduced axes with extent 1.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GlobalAveragePooling2D()(lm.Input((10, 12, 3))).shape
        (batch, 3)
    """

    rank, operation = 2, staticmethod(reductions.mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """Mean over all elements of a volume.

    Args:
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        keepdims: keep the reduced axes with extent 1.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GlobalAveragePooling3D()(lm.Input((4, 4, 4, 3))).shape
        (batch, 3)
    """

    rank, operation = 3, staticmethod(reductions.mean)


# ---- over a given number of windows ------------------------------------------------------------
class _AdaptivePooling(Layer):
    """Base class of poolings to `output_size`: window i of m over n elements extends from floor(i n
    / m) to ceil((i + 1) n / m)."""

    rank: ClassVar[int]
    operation: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Sizes, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        self.output_size = per_axis(own, "output_size", output_size, self.rank)
        self.data_format = checked_format(own, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).operation(inputs, self.output_size, self.data_format)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """Average pooling of sequences to a fixed number of steps.

    Window i of m over n steps extends from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: number of steps of the output.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, output_size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AdaptiveAveragePooling1D(4)(lm.Input((10, 3))).shape
        (batch, 4, 3)
    """

    rank, operation = 1, staticmethod(pooling.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """Average pooling of images to a fixed size.

    Window i of m over n pixels extends from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: number of windows along each spatial axis, an integer or one per axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, *output_size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AdaptiveAveragePooling2D((4, 5))(lm.Input((10, 12, 3))).shape
        (batch, 4, 5, 3)
    """

    rank, operation = 2, staticmethod(pooling.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """Average pooling of volumes to a fixed size.

    Window i of m over n elements extends from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: number of windows along each spatial axis, an integer or one per axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, *output_size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AdaptiveAveragePooling3D(2)(lm.Input((4, 4, 4, 3))).shape
        (batch, 2, 2, 2, 3)
    """

    rank, operation = 3, staticmethod(pooling.adaptive_average_pool)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """Maximum pooling of sequences to a fixed number of steps.

    Window i of m over n steps extends from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: number of steps of the output.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, output_size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AdaptiveMaxPooling1D(4)(lm.Input((10, 3))).shape
        (batch, 4, 3)
    """

    rank, operation = 1, staticmethod(pooling.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """Maximum pooling of images to a fixed size.

    Window i of m over n pixels extends from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: number of windows along each spatial axis, an integer or one per axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, *output_size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AdaptiveMaxPooling2D((4, 5))(lm.Input((10, 12, 3))).shape
        (batch, 4, 5, 3)
    """

    rank, operation = 2, staticmethod(pooling.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """Maximum pooling of volumes to a fixed size.

    Window i of m over n elements extends from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: number of windows along each spatial axis, an integer or one per axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, *output_size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AdaptiveMaxPooling3D(2)(lm.Input((4, 4, 4, 3))).shape
        (batch, 2, 2, 2, 3)
    """

    rank, operation = 3, staticmethod(pooling.adaptive_max_pool)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D, GlobalAvgPool1D = GlobalMaxPooling3D, GlobalAveragePooling1D
GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling2D, GlobalAveragePooling3D
