"""Layers that change perspective and shape of random images in training.

Arguments and defaults are those of Keras 3; what is drawn for an image is described in
`_base/images.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from lamina import operations as ops
from lamina.arguments import Checks, Number
from lamina.ir.types import float32
from lamina.layers._base.images import Transformation, between, factor_range, value_pair
from lamina.layers._base.options import ImageOptions
from lamina.layers._base.warping import Affine, RandomWarp
from lamina.operations import creation, sample_distributions
from lamina.operations.blurring import gaussian_blur
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = ["RandomElasticTransform", "RandomPerspective"]

Factor = float | Sequence[float]


class RandomPerspective(RandomWarp):
    """Random change of the perspective of random images in training.

    Each coordinate of a corner is multiplied by a random number in (1 - scale / 2, 1 + scale / 2).

    Args:
        factor: pair (low, high) of the range that the probability of an image is drawn from; a
            number a means (0, a).
        scale: strength of the change, in [0, 1].
        interpolation: "bilinear" or "nearest".
        fill_value: value outside the image.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomPerspective(scale=0.3)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)
    """

    draws = 10
    argument_checks: ClassVar[Checks] = {"scale": Number(0, 1)}

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: SeedLike = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode="constant",
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        own = type(self).__name__
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)
        self.scale = scale

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        probability = between(uniform, 0, *self._pair, 1)
        right, down = int(shape[2]) - 1, int(shape[1]) - 1
        corners = np.array([[0, 0], [right, 0], [0, down], [right, down]], "float32")
        change = (ops.reshape(uniform[:, 2:], (-1, 4, 2)) - 0.5) * self.scale
        return {
            "apply_perspective": between(uniform, 1, 0.0, 1.0, 1) < probability,
            "start_points": corners[None],
            "end_points": corners * (1.0 + change),
        }

    def map(self, transformation: Transformation) -> Affine:
        (a, b, c), (d, e, f), (g, h, _) = _to_corners(transformation["end_points"])
        rows, columns = (max(int(n) - 1, 1) for n in transformation["input_shape"][1:3])
        a, d, g, b, e, h = a / columns, d / columns, g / columns, b / rows, e / rows, h / rows
        scale = a * e - b * d
        inverse = (e - f * h, c * h - b, b * f - c * e, f * g - d, a - c * g, c * d - a * f)
        return tuple(v / scale for v in (*inverse, d * h - e * g, b * g - a * h))

    def _sampled(self, x: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        found = super()._sampled(x, transformation, interpolation)
        chosen = ops.reshape(transformation["apply_perspective"], (-1, 1, 1, 1))
        return ops.where(chosen, found, x)

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        chosen = ops.reshape(transformation["apply_perspective"], (-1, 1, 1))
        return ops.where(chosen, super().moved_boxes(boxes, transformation), boxes)


def _to_corners(corners: Any) -> list[list[Any]]:
    """Return the projective maps of the unit square to corners (batch, 4, 2): at (0, 0), (1, 0),
    (0, 1) and (1, 1).

    Source: Heckbert (1989), Fundamentals of texture mapping and image warping, section 2.2.3.
    """
    points = ops.asarray(corners)
    (x0, x1, x3, x2), (y0, y1, y3, y2) = (
        [points[:, k, axis] for k in range(4)] for axis in range(2)
    )
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    scale = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / scale, (dx1 * sy - sx * dy1) / scale
    return [
        [x1 - x0 + g * x1, x3 - x0 + h * x3, x0],
        [y1 - y0 + g * y1, y3 - y0 + h * y3, y0],
        [g, h, 1.0],
    ]


class RandomElasticTransform(RandomWarp):
    """Random elastic distortion of random images in training.

    Each pixel moves by alpha times normal noise of the standard deviation sigma, blurred with a
    Gaussian of the same sigma, where

        alpha = 0.1 s max(height, width), sigma = 0.05 s min(height, width)

    with s random in the range of `scale`. Boxes do not change.

    Args:
        factor: pair (low, high) of the range that the probability of an image is drawn from; a
            number a means (0, a).
        scale: number a in [0, 1] for strengths in (0, a), or a pair (low, high).
        interpolation: "bilinear" or "nearest".
        fill_mode: source of values outside the image: "constant" (`fill_value`), "nearest" (edge
            pixel), "reflect", "mirror" or "wrap".
        fill_value: value outside the image for `fill_mode="constant"`.
        value_range: pair (low, high) of the possible values of the images.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RandomElasticTransform()(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: Simard et al. (2003), Best practices for convolutional neural networks applied to visual
        document analysis, section 2.
    """

    fill_modes = ("constant", "nearest", "wrap", "mirror", "reflect")

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: SeedLike = None,
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
        own = type(self).__name__
        self.factor, self._pair = factor, factor_range(own, "factor", factor, 0, 1)
        self.scale = factor_range(own, "scale", scale, 0, 1)
        self.value_range = value_pair(own, value_range)

    def number_of_draws(self, shape: Any) -> int:
        return 3 + 4 * int(shape[1]) * int(shape[2])

    def drawn(self, uniform: Tensor, shape: Any) -> dict[str, Any]:
        rows, columns = int(shape[1]), int(shape[2])
        probability = between(uniform, 0, *self._pair, 1)
        strength = between(uniform, 2, *self.scale, 1)
        least, most = (0.05 * s * min(rows, columns) for s in self.scale)
        spread = ops.maximum(strength * (0.05 * min(rows, columns)), 1e-6)
        size = int(6 * max(least, most)) | 1
        half = 2 * rows * columns
        one, two = uniform[:, 3 : 3 + half], uniform[:, 3 + half : 3 + 2 * half]
        noise = ops.reshape(sample_distributions.normal(one, two), (-1, rows, columns, 2))
        wide = ops.reshape(spread, (-1, 1, 1, 1))
        smooth = gaussian_blur(noise * wide, (size, size), (spread, spread))
        alpha = ops.reshape(strength * (0.1 * max(rows, columns)), (-1, 1, 1, 1))
        return {
            "apply_transform": between(uniform, 1, 0.0, 1.0, 1) < probability,
            "distortion_factor": strength,
            "displacements": smooth * alpha,
        }

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return ops.clip(super().changed(x, transformation), *self.value_range)

    def _sampled(self, x: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        shape = (1, int(x.shape[1]), int(x.shape[2]))
        y, x_ = (creation.iota(shape, axis, float32) for axis in (1, 2))
        right, down = ops.unstack(transformation["displacements"], axis=-1)
        found = self.sampled_at(x, y + down, x_ + right, interpolation)
        chosen = ops.reshape(transformation["apply_transform"], (-1, 1, 1, 1))
        return ops.where(chosen, found, x)

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        return boxes
