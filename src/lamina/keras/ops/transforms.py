"""`keras.ops.image`: images under affine, perspective, elastic and free transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.keras.ops.filters import gaussian_blur
from lamina.keras.random import normal
from lamina.operations import interpolation as sampling
from lamina.operations.decompositions.lower_upper import solve
from lamina.operations.windows import channels_back, channels_last
from lamina.tensor import Tensor

__all__ = [
    "affine_transform",
    "elastic_transform",
    "map_coordinates",
    "perspective_transform",
    "scale_and_translate",
]

ORDERS = {"nearest": 0, "bilinear": 1}
Places = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _transformed(
    function: str,
    images: Any,
    places: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    interpolation: str,
    fill_mode: str,
    fill_value: Any,
    data_format: str | None,
) -> Tensor:
    """Return images, of which pixel (y, x) is taken from places(images, y, x)."""
    if interpolation not in ORDERS:
        raise ArgumentError(
            f"{function}: interpolation must be 'nearest' or 'bilinear', got {interpolation!r}"
        )
    value = tensor(images)
    if value.ndim not in (3, 4):
        raise ShapeError(f"{function}: expected images of 4 axes, or one of 3; got {value.shape}")
    batch = value if value.ndim == 4 else ops.expand_dims(value, axis=0)
    x = channels_last(function, batch, data_format)
    height, width = x._type.shape[1:3]
    rows = ops.arange(height, dtype="float32")[None, :, None]
    columns = ops.arange(width, dtype="float32")[None, None, :]
    y_from, x_from = places(x, rows, columns)
    order = ORDERS[interpolation]
    shape = (x._type.shape[0], height, width)
    y_from, x_from = (ops.broadcast_to(each, shape) for each in (y_from, x_from))
    found = sampling.sampled(x, y_from, x_from, order, fill_mode, fill_value)
    result = channels_back(found, data_format)
    return result if value.ndim == 4 else ops.squeeze(result, axis=0)


@operation
def affine_transform(
    images: ArrayLike,
    transform: ArrayLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: Any = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images whose pixel (x, y) is that of the input at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    `transform` is [a0, a1, a2, b0, b1, b2, 0, 0], one for all images or one for each.
    """
    matrix = floating(transform)
    if matrix.ndim not in (1, 2):
        raise ShapeError(f"affine_transform: expected transforms (batch, 8), got {matrix.shape}")
    matrix = matrix if matrix.ndim == 2 else ops.expand_dims(matrix, axis=0)

    def places(x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        a0, a1, a2, b0, b1, b2 = (matrix[:, k, None, None] for k in range(6))
        return b0 * columns + b1 * rows + b2, a0 * columns + a1 * rows + a2

    return _transformed("affine_transform", images, places, interpolation, fill_mode, fill_value,
                        data_format)  # fmt: skip


@operation
def perspective_transform(
    images: ArrayLike,
    start_points: ArrayLike,
    end_points: ArrayLike,
    interpolation: str = "bilinear",
    fill_value: Any = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images in perspective: what is at the four start points (x, y) comes to the end points."""
    start, end = floating(start_points), floating(end_points)
    for points in (start, end):
        if points.ndim not in (2, 3) or points.shape[-2:] != (4, 2):
            raise ShapeError(
                f"perspective_transform: expected points (batch, 4, 2), got {points.shape}"
            )
    matrix = _homography(*(p if p.ndim == 3 else ops.expand_dims(p, axis=0) for p in (start, end)))

    def places(x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        h = [matrix[:, k, None, None] for k in range(8)]
        below = h[6] * columns + h[7] * rows + 1.0
        return (
            (h[3] * columns + h[4] * rows + h[5]) / below,
            (h[0] * columns + h[1] * rows + h[2]) / below,
        )

    return _transformed("perspective_transform", images, places, interpolation, "constant",
                        fill_value, data_format)  # fmt: skip


def _homography(start: Tensor, end: Tensor) -> Tensor:
    """Return the eight numbers by which end points become start points, (batch, 8)."""
    (sx, sy), (ex, ey) = ((p[..., 0], p[..., 1]) for p in (start, end))
    zero, one = ops.zeros_like(ex), ops.ones_like(ex)
    to_x = ops.stack([ex, ey, one, zero, zero, zero, -sx * ex, -sx * ey], axis=-1)
    to_y = ops.stack([zero, zero, zero, ex, ey, one, -sy * ex, -sy * ey], axis=-1)
    sides = ops.expand_dims(ops.concat([sx, sy], axis=-1), axis=-1)
    return ops.squeeze(solve(ops.concat([to_x, to_y], axis=1), sides), axis=-1)


@operation
def elastic_transform(
    images: ArrayLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: Any = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Images whose pixels come from places moved at random, by smooth distances of size `alpha`
    (Simard, 2003)."""
    size = int(6 * sigma) | 1

    def places(x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        shape = (*x._type.shape[:3], 2)
        moves = normal(shape, 0.0, 1.0, "float32", seed) * sigma
        smooth = gaussian_blur(moves, (size, size), (sigma, sigma), "channels_last") * alpha
        return rows + smooth[..., 0], columns + smooth[..., 1]

    return _transformed("elastic_transform", images, places, interpolation, fill_mode, fill_value,
                        data_format)  # fmt: skip


@operation
def map_coordinates(
    inputs: ArrayLike,
    coordinates: Any,
    order: int,
    fill_mode: str = "constant",
    fill_value: Any = 0,
) -> Tensor:
    """The values of inputs at coordinates (one for each axis) between its elements."""
    return sampling.map_coordinates(inputs, coordinates, order, fill_mode, fill_value)


@operation
def scale_and_translate(
    images: ArrayLike,
    output_shape: Sequence[int],
    scale: ArrayLike,
    translation: ArrayLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Images scaled and moved along some axes; zeros where there is nothing of them."""
    return sampling.scale_and_translate(
        images, tuple(output_shape), scale, translation, spatial_dims, method, antialias
    )
