"""Pooling layers: maximum and average over all positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, layout
from lamina.operations.windows import checked_format
from lamina.tensor import Tensor

__all__ = [
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalAvgPool1D",
    "GlobalMaxPool3D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
]


class _GlobalPooling(Layer):
    """Base class of poolings over all positions; keepdims keeps the spatial axes with extent 1."""

    rank: ClassVar[int]
    operation: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]
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
        return axis, ops.astype(ops.expand_dims(mask, 3 - axis), "bool")


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

    rank, operation = 1, staticmethod(ops.max)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        axis, there = self._there(mask)
        low = ops.finfo(inputs.dtype).min
        top = ops.max(ops.where(there, inputs, low), axis, keepdims=self.keepdims)
        return ops.where(ops.any(there, axis, keepdims=self.keepdims), top, 0.0)


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

    rank, operation = 2, staticmethod(ops.max)


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

    rank, operation = 3, staticmethod(ops.max)


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

    rank, operation = 1, staticmethod(ops.mean)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        axis, there = self._there(mask)
        kept = ops.astype(there, inputs.dtype)
        total = ops.sum(ops.where(there, inputs, 0.0), axis, keepdims=self.keepdims)
        count = ops.sum(kept, axis, keepdims=self.keepdims)
        return total / ops.maximum(count, 1.0)


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

    rank, operation = 2, staticmethod(ops.mean)


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

    rank, operation = 3, staticmethod(ops.mean)


GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D, GlobalAvgPool1D = GlobalMaxPooling3D, GlobalAveragePooling1D
GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling2D, GlobalAveragePooling3D
