"""Layers that shift, rotate, zoom or crop images at random in training.

Each image (batch, rows, columns, channels) gets its own transformation. Arguments and defaults are
those of Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import operations as ops
from lamina.arguments import Numbers
from lamina.errors import RangeError, ShapeError
from lamina.ir.types import float32, is_static
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.spec import shape_text
from lamina.layers.preprocessing import CenterCrop
from lamina.layers.random_images import RandomImages, between
from lamina.operations import creation
from lamina.operations.sampling import FILLS, INTERPOLATIONS, sample
from lamina.tensor import Tensor

__all__ = ["RandomTranslation", "RandomRotation", "RandomZoom", "RandomCrop"]

Factor = float | Sequence[float]


class _Moving(RandomImages):
    """Base class of geometric transformations: each output pixel samples the image at another
    position."""

    draws = 2

    def _settle_sampling(self, interpolation: str, fill_mode: str, fill_value: float) -> None:
        own = type(self).__name__
        known = (("interpolation", interpolation, INTERPOLATIONS), ("fill_mode", fill_mode, FILLS))
        for name, value, among in known:
            if value not in among:
                raise RangeError(f"{own}: {name} must be one of {', '.join(among)}, not {value!r}")
        self.interpolation, self.fill_mode, self.fill_value = interpolation, fill_mode, fill_value

    def changed(self, x: Tensor, uniform: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        if not is_static((height, width)):
            raise ShapeError(
                f"{self._label()}: rows and columns of {shape_text(x.shape)} must be known"
            )
        shape = (1, int(height), int(width))
        rows, columns = (creation.iota(shape, axis, float32) for axis in (1, 2))
        middle = ((shape[1] - 1) / 2, (shape[2] - 1) / 2)
        places = self.places(x, rows - middle[0], columns - middle[1], uniform)
        down, right = (p + m for p, m in zip(places, middle, strict=True))
        return sample(x, down, right, self.interpolation, self.fill_mode, self.fill_value)

    def places(self, x: Tensor, rows: Any, columns: Any, uniform: Tensor) -> tuple[Any, Any]:
        """Return rows and columns (batch, height, width), relative to the center, that each output
        pixel samples; `rows` and `columns` are its own position.

        Args:
            x: images, (batch, rows, columns, channels).
            rows: row of each output pixel relative to the center.
            columns: column of each output pixel relative to the center.
            uniform: random numbers in [0, 1), (batch, draws).
        """
        raise TypeError(f"{type(self).__name__} must define places(x, rows, columns, uniform)")


def _pair(owner: str, name: str, factor: Any, least: float, most: float) -> tuple[float, float]:
    """Return (low, high) of a factor: a number f means (-f, f)."""
    Numbers(alone=True)(owner, name, factor)
    pair = tuple(factor) if isinstance(factor, Sequence) else (-abs(factor), abs(factor))
    if len(pair) != 2 or not least <= pair[0] <= pair[1] <= most:
        raise RangeError(
            f"{owner}: {name} must be a number, or two in order, within {least} and {most}; got "
            f"{factor!r}"
        )
    return float(pair[0]), float(pair[1])


class RandomTranslation(_Moving):
    """Random translation of images in training.

    Args:
        height_factor: range of the shift down as a fraction of the height: f for (-f, f), or (low,
            high).
        width_factor: range of the shift right as a fraction of the width: f for (-f, f), or (low,
            high).
        fill_mode: source of values outside the image: "constant" (`fill_value`), "nearest" (edge
            pixel), "reflect" or "wrap".
        interpolation: "bilinear" or "nearest".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        fill_value: value outside the image for `fill_mode="constant"`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomTranslation(0.1, 0.1)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        self._settle_sampling(interpolation, fill_mode, fill_value)
        self._height = _pair("RandomTranslation", "height_factor", height_factor, -1, 1)
        self._width = _pair("RandomTranslation", "width_factor", width_factor, -1, 1)

    def places(self, x: Tensor, rows: Any, columns: Any, uniform: Tensor) -> tuple[Any, Any]:
        down, right = between(uniform, 0, *self._height, 3), between(uniform, 1, *self._width, 3)
        zero = (rows + columns) * 0.0
        return rows + zero - down * x.shape[1], columns + zero - right * x.shape[2]


class RandomRotation(_Moving):
    """Random counter-clockwise rotation of images in training.

    Args:
        factor: range of the angle as a fraction of 360 degrees: 0.1 for -36 to 36 degrees, or a
            pair (low, high).
        fill_mode: source of values outside the image: "constant" (`fill_value`), "nearest" (edge
            pixel), "reflect" or "wrap".
        interpolation: "bilinear" or "nearest".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        fill_value: value outside the image for `fill_mode="constant"`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomRotation(0.1)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        self._settle_sampling(interpolation, fill_mode, fill_value)
        self._factor = _pair("RandomRotation", "factor", factor, -1, 1)

    def places(self, x: Tensor, rows: Any, columns: Any, uniform: Tensor) -> tuple[Any, Any]:
        angle = between(uniform, 0, *self._factor, 3) * (2 * math.pi)
        cosine, sine = ops.cos(angle), ops.sin(angle)
        return sine * columns + cosine * rows, cosine * columns - sine * rows


class RandomZoom(_Moving):
    """Random zoom of images in training.

    Args:
        height_factor: range of the relative change f of the visible height: f for (-f, f), or (low,
            high); positive values zoom out, negative values zoom in.
        width_factor: range for the visible width; None keeps the aspect ratio.
        fill_mode: source of values outside the image: "constant" (`fill_value`), "nearest" (edge
            pixel), "reflect" or "wrap".
        interpolation: "bilinear" or "nearest".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        fill_value: value outside the image for `fill_mode="constant"`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomZoom(0.1)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        self._settle_sampling(interpolation, fill_mode, fill_value)
        self._height = _pair("RandomZoom", "height_factor", height_factor, -1, 1)
        self._width = None
        if width_factor is not None:
            self._width = _pair("RandomZoom", "width_factor", width_factor, -1, 1)

    def places(self, x: Tensor, rows: Any, columns: Any, uniform: Tensor) -> tuple[Any, Any]:
        tall = between(uniform, 0, *self._height, 3) + 1.0
        wide = tall if self._width is None else between(uniform, 1, *self._width, 3) + 1.0
        zero = (rows + columns) * 0.0
        return rows * tall + zero, columns * wide + zero


class RandomCrop(RandomImages):
    """Random crop of images in training, center crop in inference.

    Smaller images are enlarged first, as by `CenterCrop`.

    Args:
        height: number of rows of the output.
        width: number of columns of the output.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, rows, columns, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomCrop(4, 6)(lm.Input((10, 12, 3))).shape
        (batch, 4, 6, 3)
    """

    draws = 2

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        self.height = positive_integer("RandomCrop", "height", height)
        self.width = positive_integer("RandomCrop", "width", width)
        self._middle = CenterCrop(height, width, data_format)

    def call(self, inputs: Tensor, training: bool = True) -> Tensor:
        first = inputs.ndim - (3 if self.data_format == "channels_last" else 2)
        rows, columns = inputs.shape[first : first + 2]
        fits = is_static((rows, columns)) and rows >= self.height and columns >= self.width  # type: ignore[operator]
        return super().call(inputs, training) if training and fits else self._middle(inputs)

    def changed(self, x: Tensor, uniform: Tensor) -> Tensor:
        rows, columns = creation.iota((1, self.height, 1), 1), creation.iota((1, 1, self.width), 2)
        top = self._start(int(x.shape[1]) - self.height, uniform, 0)
        left = self._start(int(x.shape[2]) - self.width, uniform, 1)
        zero = (rows + columns) * 0
        down = ops.astype(rows + zero + top, float32)
        right = ops.astype(columns + zero + left, float32)
        return sample(x, down, right, "nearest", "nearest")

    def _start(self, room: int, uniform: Tensor, number: int) -> Any:
        """Return the first row or column of each crop, from 0 to the remaining extent."""
        drawn = between(uniform, number, 0.0, 1.0, 3) * (room + 1)
        return ops.minimum(ops.astype(drawn, "int32"), room)
