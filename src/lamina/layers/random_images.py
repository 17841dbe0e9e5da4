"""Layers that flip images, and change their contrast and brightness, at random in training.

Arguments and defaults are those of Keras 3; as in Keras, a layer or model that is called directly
changes the images unless `training=False` is passed. What is drawn for an image is described in
`_base/images.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Text
from lamina.errors import ArgumentError
from lamina.layers._base.images import (
    RandomImages,
    Transformation,
    between,
    factor_range,
    value_pair,
)
from lamina.layers._base.options import ImageOptions
from lamina.layers._base.random_factors import RandomFactor
from lamina.operations.boxes import numbers_of
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = ["RandomFlip", "RandomContrast", "RandomBrightness"]


class RandomFlip(RandomImages):
    """Random reflection of images in training, with probability 1/2 per direction.

    Args:
        mode: "horizontal" (exchange left and right), "vertical" (exchange top and bottom) or
            "horizontal_and_vertical".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomFlip("horizontal")(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    argument_checks: ClassVar[Checks] = {"mode": Text()}

    draws = 2
    moves = True

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        modes = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}
        if mode not in modes:
            raise ArgumentError(f"RandomFlip: mode must be one of {', '.join(modes)}, not {mode!r}")
        self.mode, self._axes = mode, modes[mode]

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        return {"flips": [between(uniform, k, 0.0, 1.0, 4) < 0.5 for k in range(len(self._axes))]}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        for chosen, axis in zip(transformation["flips"], self._axes, strict=True):
            x = ops.where(chosen, ops.flip(x, axis=axis), x)
        return x

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        corners = numbers_of(boxes)
        for chosen, axis in zip(transformation["flips"], self._axes, strict=True):
            extent, first = transformation["input_shape"][axis], 2 - axis
            flips = ops.squeeze(chosen, -1)
            low, high = corners[first], corners[first + 2]
            corners[first] = ops.where(flips, extent - high, low)
            corners[first + 2] = ops.where(flips, extent - low, high)
        return ops.concat(corners, axis=-1)


class RandomContrast(RandomImages):
    """Random change of the contrast of images in training.

        clip((inputs - mean) f + mean, low, high), with f random in (1 - factor, 1 + factor)

    mean is that of each channel.

    Args:
        factor: number in [0, 1], or a pair (below, above) for the range (1 - below, 1 + above).
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomContrast(0.2)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        pair = factor if isinstance(factor, Sequence) else (factor, factor)
        self.factor, self._pair = factor, factor_range(own, "factor", pair, 0, 1)
        self.value_range = value_pair(own, value_range)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        below, above = self._pair
        return {"contrast_factor": between(uniform, 0, 1.0 - below, 1.0 + above, 4)}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        mean = ops.mean(x, (1, 2), keepdims=True)
        f = ops.astype(transformation["contrast_factor"], x.dtype)
        return ops.clip((x - mean) * f + mean, *self.value_range)


class RandomBrightness(RandomFactor):
    """Random change of the brightness of images in training.

        clip(inputs + f (high - low), low, high), with f random in the range of `factor`

    Args:
        factor: number a in [0, 1] for the range (-a, a), or a pair (low, high) in [-1, 1].
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomBrightness(0.2)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        low, high = self.value_range
        return {"rgb_delta": between(uniform, 0, *self._pair, 4) * (high - low)}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        delta = ops.astype(transformation["rgb_delta"], x.dtype)
        return ops.clip(x + delta, *self.value_range)
