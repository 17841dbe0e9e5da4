"""Layers that change the extents of spatial axes: zero padding, cropping, up-sampling, shuffling.

Inputs are (batch, spatial..., channels); with data_format="channels_first", (batch, channels,
spatial...). Arguments and defaults are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import is_static
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec, layout, shape_text
from lamina.operations import extending, images, shaping
from lamina.operations.promote import floating
from lamina.operations.windows import channels_back, channels_last, checked_format, per_axis
from lamina.tensor import Tensor

Pairs = tuple[tuple[int, int], ...]


def _pairs(owner: str, name: str, value: Any, rank: int) -> Pairs:
    """(before, after) for each axis, of an integer, an integer an axis, or a pair an axis."""
    given = value if isinstance(value, (tuple, list)) else (value,) * rank
    if rank == 1 and len(given) == 2:
        given = (given,)
    if len(given) != rank:
        raise ArgumentError(
            f"{owner}: {name} must be an integer, or an integer or a pair for each of {rank} "
            f"spatial axes; got {value!r}"
        )
    found = [per_axis(owner, name, each, 2, least=0) for each in given]
    return tuple((low, high) for low, high in found)


class _Spatial(Layer):
    """A layer over spatial axes, wherever the channels are."""

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
    """Zeros before and after each spatial axis: an integer, one an axis, or (before, after)."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = _pairs(type(self).__name__, "padding", padding, self.rank)
        self._settle(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        width = [(0, 0)] * inputs.ndim
        width[self._first : self._first + self.rank] = self.padding
        return extending.pad(inputs, width)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of (batch, steps, channels)."""

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around pictures (batch, rows, columns, channels)."""

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes (batch, depth, rows, columns, channels)."""

    rank = 3


# ---- cut off -----------------------------------------------------------------------------------
class _Cropping(_Spatial):
    """Cuts off the ends of each spatial axis: an integer, one an axis, or (before, after)."""

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
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
    """Cuts off steps of (batch, steps, channels)."""

    rank = 1


class Cropping2D(_Cropping):
    """Cuts off the borders of pictures (batch, rows, columns, channels).

    Args:
        cropping: elements cut from both ends of each spatial axis: an integer or pairs.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
    """

    rank = 2

    def __init__(self, cropping: Any = 0, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cuts off the borders of volumes (batch, depth, rows, columns, channels)."""

    rank = 3


# ---- larger ------------------------------------------------------------------------------------
class _UpSampling(_Spatial):
    """Every element `size` times along each spatial axis."""

    def __init__(
        self, size: int | Sequence[int] = 2, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = per_axis(type(self).__name__, "size", size, self.rank)
        self._settle(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        for axis, times in enumerate(self.size, self._first):
            inputs = extending.repeat(inputs, times, axis=axis)
        return inputs


class UpSampling1D(_UpSampling):
    """Every step `size` times: (batch, steps, channels) -> (batch, steps * size, channels).

    Args:
        size: extents (height, width) of the result.
    """

    rank = 1

    def __init__(self, size: int | Sequence[int] = 2, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)


class UpSampling2D(_UpSampling):
    """Pictures `size` times as large: by repeating pixels, or by another interpolation
    ("bilinear", "bicubic", "lanczos3", "lanczos5").

    Args:
        size: extents (height, width) of the result.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
        interpolation: "bilinear" or "nearest".
    """

    rank = 2

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
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
    """Volumes `size` times as large, by repeating elements."""

    rank = 3


class PixelShuffle(_Spatial):
    """Channels become blocks of pixels: (batch, h, w, c r^2) -> (batch, h r, w r, c), r the
    `block_size`: behind a convolution, sub-pixel convolution (Shi et al. 2016).

    Args:
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.
    """

    rank = 2

    def __init__(self, block_size: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.block_size,) = per_axis("PixelShuffle", "block_size", block_size, 1)
        self._settle(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        return images.depth_to_space(inputs, self.block_size, self.data_format)
