"""Layers that change the colors of images at random in training.

Arguments and defaults are those of Keras 3; what is drawn for an image is described in
`_base/images.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Number
from lamina.layers._base.images import (
    RandomImages,
    Transformation,
    between,
    rescaled,
    value_pair,
)
from lamina.layers._base.options import ImageOptions
from lamina.layers._base.random_factors import Factor, RandomFactor
from lamina.layers.random_images import RandomBrightness, RandomContrast
from lamina.operations.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = [
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
]

BYTES = (0.0, 255.0)


class RandomColorDegeneration(RandomFactor):
    """Random mixture of images with their gray versions in training.

        clip(inputs + f (gray - inputs), low, high), with f random in the range of `factor`

    Args:
        factor: number a in [0, 1] for the range (-a, a), or a pair (low, high); 1 is gray.
        value_range: pair (low, high) of the possible values of the images.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, 3) -> (batch, height, width, 3)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomColorDegeneration((1.0, 1.0))([[[[255.0, 0.0, 0.0]]]]).shape
        (1, 1, 1, 3)
    """

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        return {"factor": between(uniform, 0, *self._pair, 4)}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        f = ops.astype(transformation["factor"], x.dtype)
        return ops.clip(x + f * (rgb_to_grayscale(x) - x), *self.value_range)


class RandomGrayscale(RandomImages):
    """Replacement of random images by their gray versions in training.

    Args:
        factor: probability that an image becomes gray, in [0, 1].
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, 3) -> (batch, height, width, 3)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomGrayscale()(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    argument_checks: ClassVar[Checks] = {"factor": Number(0, 1)}

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        return {"should_apply": between(uniform, 0, 0.0, 1.0, 4) < self.factor}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return ops.where(transformation["should_apply"], rgb_to_grayscale(x), x)


class RandomHue(RandomFactor):
    """Random rotation of the hue of images in training.

    The hue, in [0, 1], changes by f / 2 in a random direction, with f random in the range of
    `factor`.

    Args:
        factor: number a in [0, 1] for the range (0, a), or a pair (low, high).
        value_range: pair (low, high) of the possible values of the images.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, 3) -> (batch, height, width, 3)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomHue(0.3)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    draws = 2
    limits = (0, 1)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        sign = ops.where(between(uniform, 0, 0.0, 1.0, 1) > 0.5, -1.0, 1.0)
        return {"factor": sign * between(uniform, 1, *self._pair, 1) * 0.5}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        hsv = rgb_to_hsv(rescaled(x, self.value_range, (0.0, 1.0)))
        hue, saturation, value = ops.unstack(hsv, axis=-1)
        hue = hue + ops.astype(ops.reshape(transformation["factor"], (-1, 1, 1)), x.dtype)
        rgb = hsv_to_rgb(ops.stack([hue, saturation, value], axis=-1))
        return rescaled(ops.clip(rgb, 0.0, 1.0), (0.0, 1.0), self.value_range)


class RandomSaturation(RandomFactor):
    """Random change of the saturation of images in training.

    The saturation is multiplied by f / (1 - f), with f random in the range of `factor`, and
    restricted to [0, 1]: 0 is gray, 0.5 changes nothing, and 1 is full saturation.

    Args:
        factor: number a for the range (-a, a), negative ones being gray, or a pair (low, high) in
            [0, 1].
        value_range: pair (low, high) of the possible values of the images.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, 3) -> (batch, height, width, 3)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomSaturation((0.4, 0.6))(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        f = between(uniform, 0, *self._pair, 1)
        return {"factor": f / (1.0 - f + 1e-7)}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        hue, saturation, value = ops.unstack(rgb_to_hsv(x), axis=-1)
        f = ops.astype(ops.reshape(transformation["factor"], (-1, 1, 1)), x.dtype)
        saturation = ops.clip(saturation * f, 0.0, 1.0)
        return hsv_to_rgb(ops.stack([hue, saturation, value], axis=-1))


class RandomInvert(RandomFactor):
    """Inversion of the values of random images in training: low + high - inputs.

    Args:
        factor: pair (low, high) of the range that the probability of an image is drawn from; a
            number a means (0, a).
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomInvert((1.0, 1.0))(lm.asarray([[[[250.0]]]])).tolist()
        [[[[5.0]]]]
    """

    draws = 2
    limits = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        probability = between(uniform, 0, *self._pair, 1)
        return {"apply_inversion": between(uniform, 1, 0.0, 1.0, 1) < probability}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        chosen = ops.reshape(transformation["apply_inversion"], (-1, 1, 1, 1))
        return ops.where(chosen, sum(self.value_range) - x, x)


class RandomPosterization(RandomFactor):
    """Random reduction of the number of bits per value of images in training.

    Args:
        factor: number n of bits, 1 to 8, for 1 to n - 1 of them (1 for n = 1), or a pair (low,
            high), of which high is excluded unless both are equal.
        value_range: pair (low, high) of the possible values of the images.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomPosterization((2, 2))(lm.asarray([[[[250.0], [60.0]]]])).tolist()
        [[[[192.0], [0.0]]]]
    """

    limits = (1, 8)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        low, high = (int(n) for n in self._pair)
        bits = ops.floor(between(uniform, 0, low, max(high, low), 1))
        return {"shift_factor": 8 - ops.minimum(bits, max(high - 1, low))}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        shift = ops.reshape(transformation["shift_factor"], (-1, 1, 1, 1))
        step = ops.astype(2.0**shift, x.dtype)
        found = ops.floor(rescaled(x, self.value_range, BYTES) / step) * step
        return rescaled(found, BYTES, self.value_range)


class RandomColorJitter(RandomImages):
    """Random change of brightness, contrast, saturation and hue of images in training, in this
    order.

    Args:
        value_range: pair (low, high) of the possible values of the images.
        brightness_factor: factor of `RandomBrightness`; None leaves the brightness unchanged.
        contrast_factor: factor of `RandomContrast`; None leaves the contrast unchanged.
        saturation_factor: factor of `RandomSaturation`; None leaves the saturation unchanged.
        hue_factor: factor of `RandomHue`; None leaves the hue unchanged.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, 3) -> (batch, height, width, 3)

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.RandomColorJitter(brightness_factor=0.2, hue_factor=0.1)
        >>> layer(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None,
        saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None,
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = value_pair(type(self).__name__, value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        classes = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        self._changes: list[RandomImages] = [
            make(factor, value_range=value_range, dtype=self.dtype_policy)
            for make, factor in classes.items()
            if factor is not None
        ]

    def number_of_draws(self, shape: Any) -> int:
        return sum(layer.draws for layer in self._changes)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        found, first = [], 0
        for layer in self._changes:
            found.append(layer.drawn(uniform[:, first : first + layer.draws], shape))
            first += layer.draws
        return {"transformations": found}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        for layer, each in zip(self._changes, transformation.get("transformations", ())):
            x = layer.changed(x, each)
        return x
