"""Pooling as layers: max and average, over windows, over everything, or over so many windows.

Inputs are (batch, spatial..., channels); with data_format="channels_first", (batch, channels,
spatial...). Arguments and defaults are those of Keras 3.
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
    """One number for each window and channel; strides are pool_size where not given."""

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
    """The largest of each window of steps: (batch, steps, channels)."""

    rank, operation = 1, staticmethod(pooling.max_pool)


class MaxPooling2D(_Pooling):
    """The largest of each window of a picture: (batch, rows, columns, channels)."""

    rank, operation = 2, staticmethod(pooling.max_pool)


class MaxPooling3D(_Pooling):
    """The largest of each window of a volume: (batch, depth, rows, columns, channels)."""

    rank, operation = 3, staticmethod(pooling.max_pool)


class AveragePooling1D(_Pooling):
    """The mean of each window of steps; what padding adds is not counted."""

    rank, operation = 1, staticmethod(pooling.average_pool)


class AveragePooling2D(_Pooling):
    """The mean of each window of a picture; what padding adds is not counted."""

    rank, operation = 2, staticmethod(pooling.average_pool)


class AveragePooling3D(_Pooling):
    """The mean of each window of a volume; what padding adds is not counted."""

    rank, operation = 3, staticmethod(pooling.average_pool)


# ---- over everything ---------------------------------------------------------------------------
class _GlobalPooling(Layer):
    """One number for each channel; keepdims leaves the spatial axes, with an extent of 1."""

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
        """The axis of the steps, and a mask (batch, steps) with an axis of 1 for the channels."""
        axis = 1 if self.data_format == "channels_last" else 2
        return axis, creation.astype(shaping.expand_dims(mask, 3 - axis), "bool")


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest over all steps: (batch, steps, channels) -> (batch, channels).

    A mask (batch, steps) leaves out the steps where it is False; without any step it is 0.
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
    """The largest over a picture: (batch, rows, columns, channels) -> (batch, channels)."""

    rank, operation = 2, staticmethod(reductions.max)


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest over a volume: (batch, depth, rows, columns, channels) -> (batch, channels)."""

    rank, operation = 3, staticmethod(reductions.max)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over all steps: (batch, steps, channels) -> (batch, channels).

    A mask (batch, steps) leaves out the steps where it is False; without any step the mean is 0.
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
    """The mean over a picture: (batch, rows, columns, channels) -> (batch, channels)."""

    rank, operation = 2, staticmethod(reductions.mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean over a volume: (batch, depth, rows, columns, channels) -> (batch, channels)."""

    rank, operation = 3, staticmethod(reductions.mean)


# ---- over a given number of windows ------------------------------------------------------------
class _AdaptivePooling(Layer):
    """`output_size` windows along each axis, whatever its extent: window i of m over n elements is
    from floor(i n / m) to ceil((i + 1) n / m)."""

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
    """The means of so many windows of steps."""

    rank, operation = 1, staticmethod(pooling.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The means of so many windows of a picture."""

    rank, operation = 2, staticmethod(pooling.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The means of so many windows of a volume."""

    rank, operation = 3, staticmethod(pooling.adaptive_average_pool)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest of so many windows of steps."""

    rank, operation = 1, staticmethod(pooling.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest of so many windows of a picture."""

    rank, operation = 2, staticmethod(pooling.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest of so many windows of a volume."""

    rank, operation = 3, staticmethod(pooling.adaptive_max_pool)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D, GlobalAvgPool1D = GlobalMaxPooling3D, GlobalAveragePooling1D
GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling2D, GlobalAveragePooling3D
