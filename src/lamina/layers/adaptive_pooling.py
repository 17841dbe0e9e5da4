"""Pooling layers: maximum and average to an output of a fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, layout
from lamina.layers.pooling import Sizes
from lamina.operations.windows import checked_format, per_axis
from lamina.tensor import Tensor

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
]


class _AdaptivePooling(Layer):
    """Base class of poolings to `output_size`: window i of m over n elements extends from floor(i n
    / m) to ceil((i + 1) n / m)."""

    rank: ClassVar[int]
    operation: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, output_size: Sizes, data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        self.output_size = per_axis(own, "output_size", output_size, self.rank)
        self.data_format = checked_format(own, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))

    def get_config(self) -> dict[str, Any]:
        own = {"output_size": self.output_size, "data_format": self.data_format}
        return {**super().get_config(), **own}

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

    rank, operation = 1, staticmethod(ops.adaptive_average_pool)


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

    rank, operation = 2, staticmethod(ops.adaptive_average_pool)


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

    rank, operation = 3, staticmethod(ops.adaptive_average_pool)


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

    rank, operation = 1, staticmethod(ops.adaptive_max_pool)


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

    rank, operation = 2, staticmethod(ops.adaptive_max_pool)


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

    rank, operation = 3, staticmethod(ops.adaptive_max_pool)
