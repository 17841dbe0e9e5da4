"""Layers that blur, sharpen, erase or distort images at random in training.

Arguments and defaults are those of Keras 3; what is drawn for an image is described in
`_base/images.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import Checks, Numbers, integer_pair
from lamina.errors import RangeError
from lamina.ir.types import float32
from lamina.layers._base.images import (
    RandomImages,
    Transformation,
    between,
    factor_range,
    value_pair,
)
from lamina.layers._base.options import ImageOptions
from lamina.layers._base.random_factors import Factor, RandomFactor
from lamina.operations import creation, sample_distributions
from lamina.operations.blurring import gaussian_blur
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = ["RandomErasing", "RandomGaussianBlur", "RandomSharpness"]


class RandomGaussianBlur(RandomImages):
    """Gaussian blur of random images in training.

    Args:
        factor: pair (low, high) of the range that the probability of an image is drawn from; a
            number a means (0, a).
        kernel_size: columns and rows of the kernel, odd numbers; one number counts for both.
        sigma: number a in [0, 1] for standard deviations of the kernel in (0, a), in pixels, or a
            pair (low, high).
        value_range: pair (low, high) of the possible values of the images.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomGaussianBlur(kernel_size=5)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    draws = 4

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Factor = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)
        self.kernel_size = integer_pair(own, "kernel_size", kernel_size, 1)
        if any(n % 2 == 0 for n in self.kernel_size):
            raise RangeError(
                f"{own}: invalid kernel_size (expected odd numbers, got {kernel_size!r})"
            )
        self.sigma = factor_range(own, "sigma", sigma, 0, 1)
        self.value_range = value_pair(own, value_range)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        probability = between(uniform, 0, *self._pair, 1)
        spread = [between(uniform, 2 + k, *self.sigma, 1) + 1e-6 for k in range(2)]
        return {
            "should_apply_blur": between(uniform, 1, 0.0, 1.0, 1) < probability,
            "blur_factor": ops.stack(spread, axis=1),
        }

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        self._need_size(x, "a blur")
        spread = ops.unstack(transformation["blur_factor"], axis=1)
        blurred = gaussian_blur(x, self.kernel_size, (spread[0], spread[1]))
        chosen = ops.reshape(transformation["should_apply_blur"], (-1, 1, 1, 1))
        return ops.clip(ops.where(chosen, blurred, x), *self.value_range)


class RandomSharpness(RandomFactor):
    """Random change of the sharpness of images in training.

        clip(inputs + (1 - 2 f) (smooth - inputs), low, high), with f random in the range of
        `factor`

    0 is blurred, 0.5 does not change, and 1 is sharpened.

    Args:
        factor: number a in [0, 1] for the range (0, a), or a pair (low, high).
        value_range: pair (low, high) of the possible values of the images.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomSharpness((0.5, 1.0))(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    limits = (0, 1)

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        return {"factor": between(uniform, 0, *self._pair, 1)}

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        side, middle = 1 / 13, 5 / 13
        kernel = [[side, side, side], [side, middle, side], [side, side, side]]
        weights = ops.reshape(ops.asarray(kernel, dtype=x.dtype), (3, 3, 1, 1))
        weights = ops.broadcast_to(weights, (3, 3, x.shape[-1], 1))
        smooth = ops.depthwise_conv(x, weights, padding="same")
        f = ops.astype(ops.reshape(transformation["factor"], (-1, 1, 1, 1)), x.dtype)
        return ops.clip(x + (1.0 - 2.0 * f) * (smooth - x), *self.value_range)


class RandomErasing(RandomImages):
    """Replacement of a random rectangle of random images by noise, or by a value, in training.

    Args:
        factor: pair (low, high) of the range that the probability of an image is drawn from; a
            number a means (0, a).
        scale: range of the squares of the rectangle's height and width, as fractions of those of
            the image.
        fill_value: value of the rectangle, or one for each channel; None fills it with normal noise
            of the standard deviation of the highest value.
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomErasing(fill_value=0.0)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: Zhong et al. (2020), Random erasing data augmentation.
    """

    draws = 6
    argument_checks: ClassVar[Checks] = {"fill_value": Numbers(alone=True, optional=True)}

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)
        self.scale = factor_range(own, "scale", scale, 0, 1)
        self.value_range = value_pair(own, value_range)
        self.fill_value = fill_value

    def number_of_draws(self, shape: Any) -> int:
        if self.fill_value is not None:
            return self.draws
        return self.draws + 2 * int(shape[1]) * int(shape[2]) * int(shape[3])

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        probability = between(uniform, 0, *self._pair, 1)
        rows, columns = (
            rectangle(uniform, k, ops.sqrt(between(uniform, k, *self.scale, 1)), extent)
            for k, extent in ((2, shape[1]), (4, shape[2]))
        )
        found = {
            "apply_erasing": between(uniform, 1, 0.0, 1.0, 1) < probability,
            "batch_masks": inside(shape, rows, columns),
        }
        if self.fill_value is None:
            half = int(shape[1]) * int(shape[2]) * int(shape[3])
            one, two = uniform[:, 6 : 6 + half], uniform[:, 6 + half : 6 + 2 * half]
            noise = sample_distributions.normal(one, two) * self.value_range[1]
            found["fill_value"] = ops.clip(ops.reshape(noise, shape), *self.value_range)
        return found

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        fill = transformation.get("fill_value")
        if fill is None:
            value: Any = self.fill_value
            fill = ops.clip(ops.asarray(value, dtype=x.dtype), *self.value_range)
        chosen = ops.reshape(transformation["apply_erasing"], (-1, 1, 1, 1))
        erased = ops.logical_and(chosen, transformation["batch_masks"])
        return ops.where(erased, ops.astype(fill, x.dtype), x)


def rectangle(uniform: Tensor, place: int, share: Any, extent: Any) -> tuple[Any, Any]:
    """Return the first and the last position of a random part of an axis for each image; `share` is
    that of the part, and the draw is the one after `place`."""
    size = share * extent
    start = between(uniform, place + 1, 0.0, 1.0, 1) * (extent - size)
    return start, start + size


def inside(shape: Any, rows: tuple[Any, Any], columns: tuple[Any, Any]) -> Tensor:
    """Return True for the pixels of a rectangle, (batch, rows, columns, 1)."""
    found: Any = None
    for axis, bounds in ((1, rows), (2, columns)):
        one = tuple(n if d == axis else 1 for d, n in enumerate(shape))
        place = creation.iota(one, axis, float32)
        low, high = (ops.reshape(v, (-1, 1, 1, 1)) for v in bounds)
        part = ops.logical_and(place >= low, place < high)
        found = part if found is None else ops.logical_and(found, part)
    return found
