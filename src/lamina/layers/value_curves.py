"""Layers that apply a curve to the values of each image: stretched, equalized or inverted.

Arguments and defaults are those of Keras 3. `Equalization` makes the histogram of each image by
itself; in Keras one histogram counts all images of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Integer, Integers, Number
from lamina.errors import RangeError
from lamina.ir.types import float32, int32
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.images import (
    ImageLayer,
    RandomImages,
    Transformation,
    between,
    factor_range,
    rescaled,
    value_pair,
)
from lamina.layers._base.options import ImageOptions, PlacedImageOptions
from lamina.operations import updating
from lamina.operations.creation import iota
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = [
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "Solarization",
]

BYTES = (0.0, 255.0)
LEVELS = 256


class AutoContrast(ImageLayer):
    """Linear stretch of the values of each channel of an image to the whole range.

        (inputs - least) / (greatest - least) (high - low) + low

    A channel of equal values does not change.

    Args:
        value_range: pair (low, high) of the possible values of the images.
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AutoContrast()(lm.asarray([[[[50.0], [100.0], [60.0]]]])).tolist()
        [[[[0.0], [255.0], [51.0]]]]
    """

    only_in_training = False

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        **kwargs: Unpack[PlacedImageOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.value_range = value_pair(type(self).__name__, value_range)

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        low, high = self.value_range
        least, greatest = (f(x, (1, 2), keepdims=True) for f in (ops.min, ops.max))
        some = greatest > least
        found = (x - least) * ((high - low) / ops.where(some, greatest - least, 1.0)) + low
        return ops.where(some, ops.clip(found, low, high), x)


class Equalization(ImageLayer):
    """Equalization of the histogram of each channel of an image, in training.

    A value becomes the share of smaller ones, so that all values are about equally frequent.

    Args:
        value_range: pair (low, high) of the possible values of the images.
        bins: number of bins of the histogram.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Equalization()(lm.asarray([[[[10.0], [11.0], [200.0]]]])).tolist()
        [[[[0.0], [128.0], [255.0]]]]
    """

    argument_checks: ClassVar[Checks] = {"bins": Integer(2)}

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.bins, self.value_range = bins, value_pair(type(self).__name__, value_range)

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        batch, rows, columns, channels = x.shape
        values = ops.permute_dims(rescaled(x, self.value_range, BYTES), (0, 3, 1, 2))
        values = ops.reshape(values, (batch * channels, rows * columns))
        scaled = values * ((self.bins - 1) / 255.0)
        places = ops.astype(ops.clip(scaled, 0, self.bins - 1), int32)
        counts = histograms(places, self.bins)
        below = ops.cumulative_sum(counts, axis=1)
        first = ops.min(ops.where(below > 0, below, below[:, -1:]), axis=1, keepdims=True)
        rest = below[:, -1:] - first
        curve = ops.round((below - first) * 255.0 / ops.where(rest > 0, rest, 1.0))
        equal = ops.take_along_axis(ops.clip(curve, 0, 255), places, axis=1)
        found = ops.where(rest > 0, ops.astype(equal, x.dtype), values)
        found = ops.reshape(
            rescaled(found, BYTES, self.value_range), (batch, channels, rows, columns)
        )
        return ops.permute_dims(found, (0, 2, 3, 1))


def histograms(places: Tensor, bins: int) -> Tensor:
    """Return how often each number below `bins` occurs in each row, float32 (rows, bins)."""
    rows, count = places.shape
    row = ops.broadcast_to(iota((rows, 1), 0, int32), (rows, count))
    zeros = ops.zeros((rows, bins), dtype=float32)
    return updating.at(zeros)[row, places].add(1.0)


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalization of the histograms of tiles of an image, with a limit to the contrast (CLAHE).

    Bins above the limit are cut, and the rest is distributed over all bins. Between the centers of
    the tiles the curves are interpolated.

    Args:
        value_range: pair (low, high) of the possible values of the images.
        clip_limit: limit of a bin as a multiple of the mean; 0 or less sets none.
        tile_grid_size: number of tiles (rows, columns).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
        >>> layer(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: Pizer et al. (1987), Adaptive histogram equalization and its variations.
    """

    only_in_training = False
    argument_checks: ClassVar[Checks] = {"clip_limit": Number(), "tile_grid_size": Integers()}

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        own = type(self).__name__
        self.value_range, self.clip_limit = value_pair(own, value_range), clip_limit
        if len(tile_grid_size) != 2:
            raise RangeError(
                f"{own}: invalid tile_grid_size (expected (rows, columns), got {tile_grid_size!r})"
            )
        self.tile_grid_size = tuple(
            positive_integer(own, "tile_grid_size", n) for n in tile_grid_size
        )

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        self._need_size(x, "a grid of tiles")
        rows, columns = (int(n) for n in x.shape[1:3])
        tall, wide = (-(-n // g) for n, g in zip((rows, columns), self.tile_grid_size, strict=True))
        high, across = (n * g for n, g in zip((tall, wide), self.tile_grid_size, strict=True))
        room = [(0, 0), (0, high - rows), (0, across - columns), (0, 0)]
        full = ops.pad(rescaled(x, self.value_range, BYTES), room, mode="symmetric")
        levels = ops.astype(ops.clip(full, 0, 255), int32)
        curves = self._curves(levels, tall, wide)
        found = self._interpolated(levels, curves, tall, wide)
        found = ops.astype(found[:, :rows, :columns], x.dtype)
        return rescaled(found, BYTES, self.value_range)

    def _curves(self, levels: Tensor, tall: int, wide: int) -> Tensor:
        """Return the new value of each level in each tile, (batch, rows * columns * channels *
        256)."""
        (down, right), (batch, _, _, channels) = self.tile_grid_size, levels.shape
        tiles = ops.reshape(levels, (batch, down, tall, right, wide, channels))
        tiles = ops.permute_dims(tiles, (0, 1, 3, 5, 2, 4))
        size = tall * wide
        counts = histograms(ops.reshape(tiles, (batch * (down * right * channels), size)), LEVELS)
        if self.clip_limit > 0:
            cut = ops.minimum(counts, self.clip_limit * size / LEVELS)
            counts = cut + ops.sum(counts - cut, axis=1, keepdims=True) / LEVELS
        below = ops.cumulative_sum(counts, axis=1)
        least = ops.min(below, axis=1, keepdims=True)
        rest = size - least
        curve = ops.clip((below - least) * 255.0 / ops.where(rest == 0, 1.0, rest), 0, 255)
        return ops.reshape(curve, (batch, down * right * channels * LEVELS))

    def _interpolated(self, levels: Tensor, curves: Tensor, tall: int, wide: int) -> Tensor:
        """Return each pixel on the four curves around it, interpolated linearly."""
        batch, rows, columns, channels = levels.shape
        down, right = (
            (ops.arange(n, dtype=float32) - size / 2) / size
            for n, size in ((rows, tall), (columns, wide))
        )
        top, left = ops.floor(down), ops.floor(right)
        y = ops.reshape(down - top, (1, rows, 1, 1))
        x = ops.reshape(right - left, (1, 1, columns, 1))
        channel = ops.reshape(ops.arange(channels, dtype=int32), (1, 1, 1, channels))
        tiles = self.tile_grid_size

        def at(below: int, beside: int) -> Tensor:
            # beyond the centers of the border the nearest curve counts alone
            row = ops.clip(ops.astype(top, int32) + below, 0, tiles[0] - 1)
            column = ops.clip(ops.astype(left, int32) + beside, 0, tiles[1] - 1)
            tile = ops.reshape(row, (1, rows, 1, 1)) * tiles[1]
            tile = tile + ops.reshape(column, (1, 1, columns, 1))
            place = (tile * channels + channel) * LEVELS + levels
            place = ops.reshape(place, (batch, rows * columns * channels))
            return ops.reshape(ops.take_along_axis(curves, place, axis=1), levels.shape)

        upper = at(0, 0) * (1.0 - x) + at(0, 1) * x
        lower = at(1, 0) * (1.0 - x) + at(1, 1) * x
        return upper * (1.0 - y) + lower * y


class Solarization(RandomImages):
    """Random inversion of the bright values of images in training.

        x = clip(inputs + addition, low, high); x if x < threshold else low + high - x

    with addition and threshold random in the ranges of their factors.

    Args:
        addition_factor: number a in [0, 1] for the range (0, a) of the addition as a fraction of
            the range of values, or a pair (low, high).
        threshold_factor: number a in [0, 1] for the range (0, a) of the threshold as a fraction of
            the range of values, or a pair (low, high).
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.Solarization(threshold_factor=(0.5, 0.5))
        >>> layer(lm.asarray([[[[100.0], [200.0]]]])).tolist()
        [[[[100.0], [55.0]]]]
    """

    draws = 2

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: SeedLike = None,
        **kwargs: Unpack[PlacedImageOptions],
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        own = type(self).__name__
        self._addition = factor_range(own, "addition_factor", addition_factor, 0, 1)
        self._threshold = factor_range(own, "threshold_factor", threshold_factor, 0, 1)
        self.value_range = value_pair(own, value_range)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        pairs = {"additions": self._addition, "thresholds": self._threshold}
        return {
            name: between(uniform, k, 255 * pair[0], 255 * pair[1], 4)
            for k, (name, pair) in enumerate(pairs.items())
        }

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        addition, threshold = (
            ops.astype(transformation[name], x.dtype) for name in ("additions", "thresholds")
        )
        found = ops.clip(rescaled(x, self.value_range, BYTES) + addition, 0, 255)
        found = ops.where(found < threshold, found, 255 - found)
        return rescaled(found, BYTES, self.value_range)
