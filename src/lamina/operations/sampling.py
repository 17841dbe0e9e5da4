"""Images read at any positions, between pixels and beyond the edges too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError, unknown_name
from lamina.ir.types import int32, is_static
from lamina.operations.creation import astype
from lamina.operations.elementwise import clip, floor, logical_and, minimum, remainder, where
from lamina.operations.gathering import take_along_axis
from lamina.operations.promote import floating
from lamina.operations.shaping import broadcast_to
from lamina.tensor import Tensor, bind

Fill = Callable[[Any, int], Any]

# where a position beyond the n pixels of an axis is read instead; constant is read nowhere
FILLS: dict[str, Fill] = {
    "constant": lambda i, n: clip(i, 0, n - 1),
    "nearest": lambda i, n: clip(i, 0, n - 1),
    "wrap": lambda i, n: remainder(i, n),
    "reflect": lambda i, n: _reflected(remainder(i, 2 * n), n),
    "mirror": lambda i, n: _mirrored(remainder(i, max(2 * n - 2, 1)), n),
}
INTERPOLATIONS = ("bilinear", "nearest")


def _reflected(i: Any, n: int) -> Any:
    """d c b a | a b c d | d c b a"""
    return minimum(i, 2 * n - 1 - i)


def _mirrored(i: Any, n: int) -> Any:
    """d c b | a b c d | c b a"""
    return minimum(i, 2 * n - 2 - i)


def sample(
    images: ArrayLike,
    rows: Any,
    columns: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
) -> Tensor:
    """Sample images (batch, height, width, channels) at positions (batch, new height, new width) of
    rows and columns, counted in pixels from the middle of the first one.

    interpolation: "bilinear", between the four pixels around, or "nearest". fill_mode says what
    is beyond the edges: "reflect", "mirror", "wrap", "nearest", or "constant": fill_value.
    """
    x = floating(images)
    if x.ndim != 4 or not is_static(x.shape[1:]):
        raise ShapeError(f"sample: needs (batch, height, width, channels), known; got {x.shape}")
    if fill_mode not in FILLS:
        raise unknown_name("fill_mode", fill_mode, FILLS)
    if interpolation not in INTERPOLATIONS:
        raise unknown_name("interpolation", interpolation, INTERPOLATIONS)
    if interpolation == "nearest":
        return _pixels(x, floor(rows + 0.5), floor(columns + 0.5), fill_mode, fill_value)
    top, left = floor(rows), floor(columns)
    down, right = (_channel(p - q) for p, q in ((rows, top), (columns, left)))
    total: Any = None
    for i, weight in ((0, 1.0 - down), (1, down)):
        for j, other in ((0, 1.0 - right), (1, right)):
            part = _pixels(x, top + i, left + j, fill_mode, fill_value) * (weight * other)
            total = part if total is None else total + part
    return total


def _channel(x: Any) -> Any:
    """With an axis of 1 behind, for the channels."""
    return bind("reshape", x, shape=(*x.shape, 1))


def _pixels(x: Tensor, rows: Any, columns: Any, fill_mode: str, fill_value: float) -> Tensor:
    """The pixels at whole positions."""
    batch, height, width, channels = x.shape
    i, j = (astype(p, int32) for p in (rows, columns))
    fill = FILLS[fill_mode]
    at = fill(i, int(height)) * int(width) + fill(j, int(width))
    count = at.shape[1] * at.shape[2]
    wide = broadcast_to(bind("reshape", at, shape=(batch, count, 1)), (batch, count, channels))
    flat = bind("reshape", x, shape=(batch, height * width, channels))
    found = bind("reshape", take_along_axis(flat, wide, axis=1), shape=(*at.shape, channels))
    if fill_mode != "constant":
        return found
    inside = logical_and(
        logical_and(i >= 0, i < height),
        logical_and(j >= 0, j < width),
    )
    return where(_channel(inside), found, fill_value)
