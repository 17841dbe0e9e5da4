"""Images in other sizes: resizing by any factor, and moving channels into space and back.

Resizing is linear along each axis, so it is a product with a matrix of weights made beforehand;
kernels and sampling positions are those of `jax.image.resize` (half pixels, as TensorFlow 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.arguments import integer
from lamina.errors import ShapeError, unknown_name
from lamina.ir.types import Dim, DType, Shape, float64, is_static, same
from lamina.operations.creation import arange
from lamina.operations.elementwise import abs, clip, floor, maximum, round, sin, where
from lamina.operations.linear_algebra import tensordot
from lamina.operations.promote import floating, widened
from lamina.operations.reductions import as_number, sum
from lamina.operations.shaping import expand_dims, moveaxis, permute_dims
from lamina.operations.windows import channels_back, channels_last, checked_format, per_axis
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["depth_to_space", "resize", "space_to_depth"]


def resize(
    images: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    data_format: str | None = None,
) -> Tensor:
    """Return images resampled to another height and width.

    Args:
        images: tensor (batch, height, width, channels) or (height, width, channels).
        size: extents (height, width) of the result.
        interpolation: "nearest", "bilinear", "bicubic" (Keys's kernel, a = -0.5), "lanczos3" or
            "lanczos5".
        antialias: widen the kernel if an image becomes smaller, so that no pixel is skipped.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, height, width, channels) -> (batch, *size, channels)

    Raises:
        ShapeError: for another number of axes.
        UnknownNameError: for another interpolation.

    Example:
        >>> import lamina as lm
        >>> lm.nn.resize(lm.ones((1, 4, 4, 3)), (8, 6)).shape
        (1, 8, 6, 3)
    """
    x = floating(images)
    if x.ndim not in (3, 4):
        raise ShapeError(
            f"resize: needs images (batch, height, width, channels), or one of them; got {x.shape}"
        )
    batch = x if x.ndim == 4 else bind("reshape", x, shape=(1, *x.shape))
    data = channels_last("resize", widened(batch), data_format)
    for axis, count in enumerate(per_axis("resize", "size", tuple(size), 2), 1):
        data = resized_along(data, axis, count, interpolation, antialias)
    found = channels_back(as_tensor(data, x.dtype), data_format)
    return found if x.ndim == 4 else bind("reshape", found, shape=found.shape[1:])


def resized_along(
    x: Tensor, axis: int, count: Dim, interpolation: str, antialias: bool = False
) -> Tensor:
    """x with `count` elements along an axis, in the place of those it has; either may be open."""
    n = x.shape[axis]
    if same(n, count):
        return x
    if interpolation not in {"nearest", *KERNELS}:
        raise unknown_name("interpolation of resize", interpolation, {"nearest", *KERNELS})
    make = _known_weights if is_static((n, count)) else _weights
    weights = as_tensor(make(n, count, interpolation, antialias), x.dtype)
    return moveaxis(tensordot(x, weights, axes=([axis], [0])), -1, axis)


def rounded(x: Tensor, dtype: DType) -> Tensor:
    """Numbers between the pixels of an image, in the dtype of its pixels: for integers the nearest
    that the dtype holds."""
    if not dtype.is_integer:
        return as_tensor(x, dtype)
    limits = np.iinfo(dtype.storage)
    return as_tensor(clip(round(x), limits.min, limits.max), dtype)


def _triangle(x: Tensor) -> Tensor:
    return maximum(0.0, 1.0 - abs(x))


def _keys(x: Tensor) -> Tensor:
    """Keys's cubic with a = -0.5."""
    x = abs(x)
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return where(x >= 1.0, where(x >= 2.0, 0.0, far), near)


def _lanczos(radius: float) -> Callable[[Tensor], Tensor]:
    def kernel(x: Tensor) -> Tensor:
        return where(abs(x) < radius, _sinc(x) * _sinc(x / radius), 0.0)

    return kernel


def _sinc(x: Tensor) -> Tensor:
    """sin(pi x) / (pi x)."""
    angle = where(x == 0.0, 1e-20, x * math.pi)
    return sin(angle) / angle


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "bilinear": _triangle,
    "bicubic": _keys,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def _weights(n: Dim, count: Dim, interpolation: str, antialias: bool) -> Tensor:
    """A matrix (n, count), float64: how much each old element counts for each new one."""
    old = expand_dims(arange(n, dtype=float64), axis=1)
    scale = as_tensor(as_number(n), float64) / as_tensor(as_number(count), float64)
    middles = (arange(count, dtype=float64) + 0.5) * scale
    if interpolation == "nearest":
        return as_tensor(floor(middles) == old, float64)
    wide = maximum(scale, 1.0) if antialias else 1.0
    weights = KERNELS[interpolation]((middles - 0.5 - old) / wide)
    return weights / sum(weights, axis=0)


@lru_cache(maxsize=64)
def _known_weights(n: int, count: int, interpolation: str, antialias: bool) -> np.ndarray:
    return _weights(n, count, interpolation, antialias).numpy()


# ---- channels and space ------------------------------------------------------------------------
def depth_to_space(x: ArrayLike, block_size: int, data_format: str | None = None) -> Tensor:
    """Return channels rearranged to blocks of pixels (pixel shuffle).

    As in Keras, the c r^2 channels are ordered (r, r, c), TensorFlow's order; with "channels_first"
    they are ordered (c, r, r), PyTorch's.

    Args:
        x: tensor of images or array-like.
        block_size: height and width r of a block.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, height, width, c r^2) -> (batch, height r, width r, c)

    Example:
        >>> import lamina as lm
        >>> lm.nn.depth_to_space(lm.ones((1, 2, 2, 8)), 2).shape
        (1, 4, 4, 2)

    Source: Shi et al. (2016), Real-time single image and video super-resolution using an efficient
        sub-pixel convolutional neural network.
    """
    data, r, first = _blocks("depth_to_space", x, block_size, data_format)
    n, c, h, w = data.shape if first else tuple(data.shape[d] for d in (0, 3, 1, 2))
    if not is_static(c) or c % (r * r):
        raise ShapeError(f"depth_to_space: {c} channels do not divide by {r} * {r}: {data.shape}")
    k = c // (r * r)
    if first:
        return _moved(data, (n, k, r, r, h, w), (0, 1, 4, 2, 5, 3), (n, k, h * r, w * r))
    return _moved(data, (n, h, w, r, r, k), (0, 1, 3, 2, 4, 5), (n, h * r, w * r, k))


def space_to_depth(x: ArrayLike, block_size: int, data_format: str | None = None) -> Tensor:
    """Return blocks of pixels rearranged to channels, the inverse of `depth_to_space`.

    Args:
        x: tensor of images or array-like; height and width are multiples of `block_size`.
        block_size: height and width r of a block.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, height r, width r, c) -> (batch, height, width, c r^2)

    Example:
        >>> import lamina as lm
        >>> lm.nn.space_to_depth(lm.ones((1, 4, 4, 2)), 2).shape
        (1, 2, 2, 8)
    """
    data, r, first = _blocks("space_to_depth", x, block_size, data_format)
    n, c, h, w = data.shape if first else tuple(data.shape[d] for d in (0, 3, 1, 2))
    if not is_static((h, w)) or h % r or w % r:  # type: ignore[operator]
        raise ShapeError(
            f"space_to_depth: height {h} and width {w} must divide by the block size {r}"
        )
    h, w, k = h // r, w // r, c * r * r
    if first:
        return _moved(data, (n, c, h, r, w, r), (0, 1, 3, 5, 2, 4), (n, k, h, w))
    return _moved(data, (n, h, r, w, r, c), (0, 1, 3, 2, 4, 5), (n, h, w, k))


def _blocks(function: str, x: Any, block_size: Any, data_format: Any) -> tuple[Tensor, int, bool]:
    tensor = as_tensor(x)
    integer(function, "block_size", block_size, 2)
    if tensor.ndim != 4:
        raise ShapeError(f"{function}: needs (batch, height, width, channels); got {tensor.shape}")
    (size,) = per_axis(function, "block_size", block_size, 1)
    return tensor, size, checked_format(function, data_format) == "channels_first"


def _moved(x: Tensor, apart: Shape, order: tuple[int, ...], shape: Shape) -> Tensor:
    """x with its axes split, put in order, and merged."""
    moved = permute_dims(bind("reshape", x, shape=apart), order)
    return bind("reshape", moved, shape=shape)
