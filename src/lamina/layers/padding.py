"""Layers that change spatial extents: zero padding, cropping, upsampling, pixel shuffle.

Inputs are (batch, spatial..., channels), or (batch, channels, spatial...) with
data_format="channels_first". Arguments and defaults are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import is_static
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, layout, shape_text
from lamina.operations import images, shaping
from lamina.operations.promote import floating
from lamina.operations.windows import channels_back, channels_last, checked_format, per_axis
from lamina.tensor import Tensor

__all__ = [
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "PixelShuffle",
]

Pairs = tuple[tuple[int, int], ...]
Padding = int | Sequence[int | Sequence[int]]


def _pairs(owner: str, name: str, value: Any, rank: int) -> Pairs:
    """Return (before, after) for each axis, from an integer, one integer per axis, or one pair per
    axis."""
    given = value if isinstance(value, (tuple, list)) else (value,) * rank
    is_pair = rank == 1 and len(given) == 2
    if is_pair:
        given = (given,)
    if rank == 1 and len(given) == 1 and not is_pair and isinstance(value, (tuple, list)):
        given = () if isinstance(value[0], int) else given  # (1,) says neither before nor after
    if len(given) != rank:
        raise ArgumentError(
            f"{owner}: {name} must be an integer, or an integer or a pair for each of {rank} "
            f"spatial axes; got {value!r}"
        )
    found = [per_axis(owner, name, each, 2, least=0) for each in given]
    return tuple((low, high) for low, high in found)


class _Spatial(Layer):
    """Base class of layers over spatial axes, for both data formats."""

    rank: ClassVar[int]

    def _settle(self, data_format: str | None) -> None:
        self.data_format = checked_format(type(self).__name__, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))

    @property
    def _first(self) -> int:
        """The first spatial axis."""
        return 1 if self.data_format == "channels_last" else 2


# ---- zeros around ------------------------------------------------------------------------------
class _ZeroPadding(_Spatial):
    """Base class of zero paddings before and after each spatial axis."""

    def __init__(
        self, padding: Padding = 1, data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.padding = _pairs(type(self).__name__, "padding", padding, self.rank)
        self._settle(data_format)

    def get_config(self) -> dict[str, Any]:
        padding: Any = self.padding[0] if self.rank == 1 else self.padding
        return {**super().get_config(), "padding": padding, "data_format": self.data_format}

    def call(self, inputs: Tensor) -> Tensor:
        width = [(0, 0)] * inputs.ndim
        width[self._first : self._first + self.rank] = self.padding
        return ops.pad(inputs, width)


class ZeroPadding1D(_ZeroPadding):
    """Padding of sequences with zeros at both ends.

    Args:
        padding: number of zeros at both ends, or a pair (before, after).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, before + steps + after, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.ZeroPadding1D((1, 2))(lm.Input((10, 3))).shape
        (batch, 13, 3)
    """

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Padding of images with zeros at their borders.

    Args:
        padding: number of zeros at all borders, a pair (rows, columns), or ((top, bottom), (left,
            right)).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, top + height + bottom, left + width + right,
            channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.ZeroPadding2D(1)(lm.Input((10, 12, 3))).shape
        (batch, 12, 14, 3)
    """

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Padding of volumes with zeros at their borders.

    Args:
        padding: number of zeros at all borders, one number per axis, or a pair (before, after) per
            axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, new depth, new height, new width,
            channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.ZeroPadding3D(1)(lm.Input((4, 4, 4, 3))).shape
        (batch, 6, 6, 6, 3)
    """

    rank = 3


# ---- cut off -----------------------------------------------------------------------------------
class _Cropping(_Spatial):
    """Base class of croppings of both ends of each spatial axis."""

    def __init__(
        self, cropping: Padding = 1, data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = _pairs(type(self).__name__, "cropping", cropping, self.rank)
        self._settle(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        for axis, (before, after) in enumerate(self.cropping, self._first):
            extent = inputs.shape[axis]
            if is_static(extent) and before + after >= extent:
                raise ShapeError(
                    f"{self._label()}: cropping {self.cropping} leaves nothing of axis {axis} of "
                    f"inputs of shape {shape_text(inputs.shape)}",
                    hint=f"crop fewer than the {extent} places that there are, or take larger "
                    "inputs",
                )
            inputs = shaping.sliced(inputs, axis, before, extent - after)
        return inputs


class Cropping1D(_Cropping):
    """Cropping of sequences at both ends.

    Args:
        cropping: number of steps removed at both ends, or a pair (before, after).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, steps - before - after, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Cropping1D((1, 2))(lm.Input((10, 3))).shape
        (batch, 7, 3)
    """

    rank = 1


class Cropping2D(_Cropping):
    """Cropping of images at their borders.

    Args:
        cropping: number of pixels removed at all borders, a pair (rows, columns), or ((top,
            bottom), (left, right)).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height - top - bottom, width - left - right,
            channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Cropping2D(((1, 2), (0, 3)))(lm.Input((10, 12, 3))).shape
        (batch, 7, 9, 3)
    """

    rank = 2

    def __init__(
        self, cropping: Padding = 0, data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cropping of volumes at their borders.

    Args:
        cropping: number of elements removed at both ends of each spatial axis: an integer, one per
            axis, or pairs (before, after).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, new depth, new height, new width,
            channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Cropping3D(1)(lm.Input((4, 4, 4, 3))).shape
        (batch, 2, 2, 2, 3)
    """

    rank = 3


# ---- larger ------------------------------------------------------------------------------------
class _UpSampling(_Spatial):
    """Base class of layers that repeat each element `size` times along each spatial axis."""

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.size = per_axis(type(self).__name__, "size", size, self.rank)
        self._settle(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        for axis, times in enumerate(self.size, self._first):
            inputs = ops.repeat(inputs, times, axis=axis)
        return inputs


class UpSampling1D(_UpSampling):
    """Repetition of each step of a sequence.

    Args:
        size: number of repetitions.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, channels) -> (batch, steps * size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.UpSampling1D(2)(lm.Input((10, 3))).shape
        (batch, 20, 3)
    """

    rank = 1

    def __init__(self, size: int | Sequence[int] = 2, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(size, **kwargs)


class UpSampling2D(_UpSampling):
    """Enlargement of images by integer factors.

    Args:
        size: upsampling factors, an integer or one per spatial axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        interpolation: "nearest" (repeats pixels), "bilinear", "bicubic", "lanczos3" or "lanczos5".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height * size, width * size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.UpSampling2D((2, 3))(lm.Input((10, 12, 3))).shape
        (batch, 20, 36, 3)
    """

    rank = 2

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        self.interpolation = interpolation.lower()
        if self.interpolation not in {"nearest", *images.KERNELS}:
            known = ", ".join(["nearest", *images.KERNELS])
            raise ArgumentError(f"UpSampling2D: interpolation must be one of {known}")

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        x = channels_last("UpSampling2D", floating(inputs), self.data_format)
        for axis, times in enumerate(self.size, 1):
            x = images.resized_along(x, axis, x.shape[axis] * times, self.interpolation)
        return channels_back(images.rounded(x, inputs.dtype), self.data_format)


class UpSampling3D(_UpSampling):
    """Enlargement of volumes by repetition of elements.

    Args:
        size: upsampling factors, an integer or one per spatial axis.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, depth * size, height * size, width *
            size, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.UpSampling3D(2)(lm.Input((4, 4, 4, 3))).shape
        (batch, 8, 8, 8, 3)
    """

    rank = 3


class PixelShuffle(_Spatial):
    """Rearrangement of channels into blocks of pixels; after a convolution, sub-pixel convolution.

    Args:
        block_size: extent r of the blocks in rows and columns.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels r^2) -> (batch, height r, width r, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.PixelShuffle(2)(lm.Input((10, 12, 8))).shape
        (batch, 20, 24, 2)

    Source: Shi et al. (2016), Real-time single image and video super-resolution, equation 4.
    """

    rank = 2

    def __init__(
        self, block_size: int, data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        (self.block_size,) = per_axis("PixelShuffle", "block_size", block_size, 1)
        self._settle(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.depth_to_space(inputs, self.block_size, self.data_format)
