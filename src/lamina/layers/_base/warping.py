"""RandomWarp, the base class of layers whose output pixels sample the images at other positions."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.arguments import number, one_of
from lamina.ir.types import float32
from lamina.layers._base.images import RandomImages, Transformation
from lamina.layers._base.options import RandomImageOptions
from lamina.operations import creation
from lamina.operations.boxes import around
from lamina.operations.sampling import INTERPOLATIONS, sample
from lamina.tensor import Tensor

Affine = tuple[Any, ...]  # a0 a1 a2 b0 b1 b2 and, of projective maps, c0 c1: one number per image


class RandomWarp(RandomImages):
    """Base class of projective maps of images, one for each image.

    The output pixel (x, y), x to the right and y down, is the pixel of the image at

        ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1

    with the numbers that `map` returns.
    """

    draws = 2
    moves = True
    fill_modes: ClassVar[tuple[str, ...]] = ("reflect", "wrap", "constant", "nearest")

    def __init__(
        self,
        *,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        **kwargs: Unpack[RandomImageOptions],
    ) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        self.interpolation = one_of(own, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = one_of(own, "fill_mode", fill_mode, self.fill_modes)
        self.fill_value = number(own, "fill_value", fill_value)

    def map(self, transformation: Transformation) -> Affine:
        """Return the map from output pixels to pixels of the images, 6 or 8 numbers per image.

        Args:
            transformation: what `get_random_transformation` returned.
        """
        raise TypeError(f"{type(self).__name__} must define map(transformation)")

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._sampled(x, transformation, self.interpolation)

    def moved_masks(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._sampled(x, transformation, "nearest")

    def _sampled(self, x: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        self._need_size(x, "a change of the geometry")
        batch, height, width = x.shape[:3]
        shape = (1, int(height), int(width))
        y, x_ = (creation.iota(shape, axis, float32) for axis in (1, 2))
        a0, a1, a2, b0, b1, b2, *rest = (_with_axes(v) for v in self.map(transformation))
        right, down = a0 * x_ + a1 * y + a2, b0 * x_ + b1 * y + b2
        if rest:
            k = rest[0] * x_ + rest[1] * y + 1.0
            right, down = right / k, down / k
        full = (batch, *shape[1:])
        down, right = (ops.broadcast_to(ops.astype(p, float32), full) for p in (down, right))
        return self.sampled_at(x, down, right, interpolation)

    def sampled_at(self, x: Tensor, down: Tensor, right: Tensor, interpolation: str) -> Tensor:
        """Return images of the pixels at rows `down` and columns `right`.

        Args:
            x: images, (batch, rows, columns, channels).
            down: row of each output pixel in the image, (batch, rows, columns).
            right: column of each output pixel in the image, (batch, rows, columns).
            interpolation: "bilinear" or "nearest".
        """
        return sample(x, down, right, interpolation, self.fill_mode, self.fill_value)

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        a0, a1, a2, b0, b1, b2, *rest = self.map(transformation)
        c0, c1 = rest or (0.0, 0.0)
        # the adjugate of the map, a multiple of its inverse
        rows = [
            [b1 - b2 * c1, a2 * c1 - a1, a1 * b2 - a2 * b1],
            [b2 * c0 - b0, a0 - a2 * c0, a2 * b0 - a0 * b2],
            [b0 * c1 - b1 * c0, a1 * c0 - a0 * c1, a0 * b1 - a1 * b0],
        ]
        batch = boxes.shape[0]
        full = [[_of_batch(v, batch, boxes.dtype) for v in row] for row in rows]
        return around(boxes, ops.stack([ops.stack(row, axis=-1) for row in full], axis=-2))


def _with_axes(value: Any) -> Any:
    """Return one number per image with axes for rows and columns."""
    return ops.reshape(value, (-1, 1, 1)) if isinstance(value, Tensor) else value


def _of_batch(value: Any, batch: Any, dtype: Any) -> Tensor:
    return ops.broadcast_to(ops.astype(ops.asarray(value), dtype), (batch,))
