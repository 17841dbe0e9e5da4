"""Layers that shift, rotate, zoom, shear or crop images at random in training.

Each image (batch, rows, columns, channels) gets its own transformation. Arguments and defaults are
those of Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from lamina import operations as ops
from lamina.errors import RangeError
from lamina.ir.types import float32, is_static
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.images import RandomImages, Transformation, between, factor_range
from lamina.layers._base.options import ImageOptions
from lamina.layers._base.warping import Affine, RandomWarp
from lamina.layers.preprocessing import CenterCrop
from lamina.operations import creation
from lamina.operations.boxes import crop
from lamina.operations.sampling import sample
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = ["RandomTranslation", "RandomRotation", "RandomZoom", "RandomShear", "RandomCrop"]

Factor = float | Sequence[float]


class RandomTranslation(RandomWarp):
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
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

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
        seed: SeedLike = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self._height = factor_range("RandomTranslation", "height_factor", height_factor, -1, 1)
        self._width = factor_range("RandomTranslation", "width_factor", width_factor, -1, 1)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        down = between(uniform, 0, *self._height, 1) * shape[1]
        right = between(uniform, 1, *self._width, 1) * shape[2]
        return {"translations": ops.stack([right, down], axis=1)}

    def map(self, transformation: Transformation) -> Affine:
        right, down = ops.unstack(transformation["translations"], axis=1)
        return 1.0, 0.0, -right, 0.0, 1.0, -down


class RandomRotation(RandomWarp):
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
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

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
        seed: SeedLike = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self._factor = factor_range("RandomRotation", "factor", factor, -1, 1)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        return {"angle": between(uniform, 0, *self._factor, 1) * 360.0}

    def map(self, transformation: Transformation) -> Affine:
        rows, columns = transformation["input_shape"][1:3]
        x, y = (int(columns) - 1) / 2, (int(rows) - 1) / 2
        angle = transformation["angle"] * (math.pi / 180.0)
        cosine, sine = ops.cos(angle), ops.sin(angle)
        return (
            *(cosine, -sine, x - cosine * x + sine * y),
            *(sine, cosine, y - sine * x - cosine * y),
        )


class RandomZoom(RandomWarp):
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
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

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
        seed: SeedLike = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self._height = factor_range("RandomZoom", "height_factor", height_factor, -1, 1)
        self._width = None
        if width_factor is not None:
            self._width = factor_range("RandomZoom", "width_factor", width_factor, -1, 1)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        tall = between(uniform, 0, *self._height, 1) + 1.0
        wide = tall if self._width is None else between(uniform, 1, *self._width, 1) + 1.0
        return {"height_zoom": tall, "width_zoom": wide}

    def map(self, transformation: Transformation) -> Affine:
        rows, columns = transformation["input_shape"][1:3]
        tall, wide = transformation["height_zoom"], transformation["width_zoom"]
        x, y = (int(columns) - 1) / 2 * (1.0 - wide), (int(rows) - 1) / 2 * (1.0 - tall)
        return wide, 0.0, x, 0.0, tall, y


class RandomShear(RandomWarp):
    """Random shear of images in training.

    Args:
        x_factor: range of the horizontal shift per row: f in [0, 1] for (-f, f), or (low, high).
        y_factor: range of the vertical shift per column: f in [0, 1] for (-f, f), or (low, high).
            With a pair, both shears change their signs together with probability 1/2.
        interpolation: "bilinear" or "nearest".
        fill_mode: source of values outside the image: "constant" (`fill_value`), "nearest" (edge
            pixel), "reflect" or "wrap".
        fill_value: value outside the image for `fill_mode="constant"`.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomShear(0.3)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    draws = 3

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self._x = _shear_range("x_factor", x_factor)
        self._y = _shear_range("y_factor", y_factor)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        sign = ops.where(between(uniform, 2, 0.0, 1.0, 1) > 0.5, -1.0, 1.0)
        both = [between(uniform, k, *pair, 1) for k, pair in enumerate((self._x, self._y))]
        return {"shear_factor": ops.stack([f * sign for f in both], axis=1)}

    def map(self, transformation: Transformation) -> Affine:
        x, y = ops.unstack(transformation["shear_factor"], axis=1)
        return 1.0, x, 0.0, y, 1.0, 0.0


def _shear_range(name: str, factor: Factor) -> tuple[float, float]:
    pair = factor_range("RandomShear", name, factor, -1, 1)
    if isinstance(factor, Sequence) and pair[0] < 0:
        raise RangeError(
            f"RandomShear: invalid {name} (expected a number, or two, from 0 to 1, got {factor!r})"
        )
    return pair


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
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, rows, columns, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomCrop(4, 6)(lm.Input((10, 12, 3))).shape
        (batch, 4, 6, 3)
    """

    draws = 2
    moves = True

    def __init__(
        self,
        height: int,
        width: int,
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height = positive_integer("RandomCrop", "height", height)
        self.width = positive_integer("RandomCrop", "width", width)
        self._middle = CenterCrop(
            height, width, data_format, bounding_box_format=self.bounding_box_format
        )

    def call(self, data: Any, training: bool = True) -> Any:
        images = data["images"] if isinstance(data, Mapping) else data
        first = images.ndim - (3 if self.data_format == "channels_last" else 2)
        rows, columns = images.shape[first : first + 2]
        fits = is_static((rows, columns)) and rows >= self.height and columns >= self.width
        return super().call(data, training) if training and fits else self._middle(data)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        rooms = (int(shape[1]) - self.height, int(shape[2]) - self.width)
        top, left = (self._start(room, uniform, k) for k, room in enumerate(rooms))
        return {"top": top, "left": left}

    def _start(self, room: int, uniform: Tensor, place: int) -> Any:
        """Return the first row or column of each crop, from 0 to the remaining extent."""
        start = between(uniform, place, 0.0, 1.0, 3) * (room + 1)
        return ops.minimum(ops.astype(start, "int32"), room)

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        rows, columns = creation.iota((1, self.height, 1), 1), creation.iota((1, 1, self.width), 2)
        zero = (rows + columns) * 0
        down = ops.astype(rows + zero + transformation["top"], float32)
        right = ops.astype(columns + zero + transformation["left"], float32)
        return sample(x, down, right, "nearest", "nearest")

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        return crop(boxes, transformation["top"], transformation["left"], self.height, self.width)

    def new_size(self, rows: Any, columns: Any) -> tuple[Any, Any]:
        return self.height, self.width
