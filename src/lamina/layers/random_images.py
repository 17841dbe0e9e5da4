"""Layers that change images at random in training: flips, contrast, brightness.

The change of an image depends only on the seed, the epoch, the layer and the index of the image in
the data set, and not on order, batches or threads. In `fit` the seed is that of `fit`, and the
index in an iterable of batches is the position in the epoch. If a layer is called directly, the
index is the position in the batch, each call is a new epoch, and the seed is that of
`lamina.random`.

Arguments and defaults are those of Keras 3; as in Keras, a layer or model that is called directly
changes the images unless `training=False` is passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina import operations as ops
from lamina.arguments import Checks, Text
from lamina.errors import ArgumentError, RangeError
from lamina.layers._base.layer import Layer
from lamina.layers._base.spec import InputSpec
from lamina.operations import samples, shaping
from lamina.operations.windows import channels_back, channels_last, checked_format
from lamina.tensor import Tensor

__all__ = ["RandomFlip", "RandomContrast", "RandomBrightness"]


class RandomImages(Layer):
    """Base class: changes each image at random in training, and none in inference.

    `draws` is the number of random numbers per image. A single image (rows, columns, channels) is
    treated as a batch of one.
    """

    input_spec = InputSpec(min_ndim=3, max_ndim=4)
    needs_samples = True
    trains_unless_told = True
    draws: ClassVar[int] = 1

    def _settle(self, seed: int | None, data_format: str | None = None) -> None:
        self.seed = seed
        self.data_format = checked_format(type(self).__name__, data_format)

    def call(self, inputs: Tensor, training: bool = True) -> Tensor:
        x = ops.astype(inputs, self.dtype)
        if not training:
            return x
        batch = x if x.ndim == 4 else ops.expand_dims(x, 0)
        batch = channels_last(type(self).__name__, batch, self.data_format)
        uniform = samples.uniform(self.path, batch.shape[0], self.draws, self.seed)
        changed = channels_back(self.changed(batch, uniform), self.data_format)
        return changed if x.ndim == 4 else ops.squeeze(changed, 0)

    def changed(self, x: Tensor, uniform: Tensor) -> Tensor:
        """Return the changed images, channels last; uniform (batch, draws) are in [0, 1).

        Args:
            x: images, (batch, rows, columns, channels).
            uniform: random numbers in [0, 1), (batch, draws).
        """
        raise TypeError(f"{type(self).__name__} must define changed(x, uniform)")


def between(uniform: Tensor, number: int, low: float, high: float, ndim: int) -> Any:
    """Return one random number per image, scaled to low..high, with `ndim` axes."""
    one = shaping.sliced(uniform, 1, number, number + 1)
    shaped = ops.reshape(one, (uniform.shape[0], *[1] * (ndim - 1)))
    return shaped * (high - low) + low


class RandomFlip(RandomImages):
    """Random reflection of images in training, with probability 1/2 per direction.

    Args:
        mode: "horizontal" (exchange left and right), "vertical" (exchange top and bottom) or
            "horizontal_and_vertical".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomFlip("horizontal")(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    argument_checks: ClassVar[Checks] = {"mode": Text()}

    draws = 2

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        modes = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}
        if mode not in modes:
            raise ArgumentError(f"RandomFlip: mode must be one of {', '.join(modes)}, not {mode!r}")
        self.mode, self._axes = mode, modes[mode]

    def changed(self, x: Tensor, uniform: Tensor) -> Tensor:
        for number, axis in enumerate(self._axes):
            chosen = between(uniform, number, 0.0, 1.0, 4) < 0.5
            x = ops.where(chosen, ops.flip(x, axis=axis), x)
        return x


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
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

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
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        pair = tuple(factor) if isinstance(factor, Sequence) else (factor, factor)
        if len(pair) != 2 or not all(0 <= f <= 1 for f in pair):
            raise RangeError(
                f"RandomContrast: factor must be a number within 0 and 1, or two; got {factor!r}"
            )
        self.factor, self._pair, self.value_range = factor, pair, tuple(value_range)

    def changed(self, x: Tensor, uniform: Tensor) -> Tensor:
        below, above = self._pair
        f = ops.astype(between(uniform, 0, 1.0 - below, 1.0 + above, 4), x.dtype)
        mean = ops.mean(x, (1, 2), keepdims=True)
        return ops.clip((x - mean) * f + mean, *self.value_range)


class RandomBrightness(RandomImages):
    """Random change of the brightness of images in training.

        clip(inputs + f (high - low), low, high), with f random in the range of `factor`

    Args:
        factor: number a in [0, 1] for the range (-a, a), or a pair (low, high) in [-1, 1].
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

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
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._settle(seed, data_format)
        given = tuple(factor) if isinstance(factor, Sequence) else (-factor, factor)
        pair = tuple(sorted(given))
        if len(pair) != 2 or not -1 <= pair[0] <= pair[1] <= 1:
            raise RangeError(
                "RandomBrightness: factor must be a number within 0 and 1, or two within -1 and "
                f"1; got {factor!r}"
            )
        self.factor, self._pair, self.value_range = factor, pair, tuple(value_range)

    def changed(self, x: Tensor, uniform: Tensor) -> Tensor:
        low, high = self.value_range
        f = ops.astype(between(uniform, 0, *self._pair, 4), x.dtype)
        return ops.clip(x + f * float(high - low), low, high)
