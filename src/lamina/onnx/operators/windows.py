"""Convolutions: plain, transposed, of integers, deformable; columns back to images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.onnx.rows import operator
from lamina.onnx.values import integers
from lamina.tensor import Tensor, as_tensor, bind

Pairs = list[tuple[int, int]]


def padding(
    auto_pad: str,
    pads: Sequence[int] | None,
    extents: Sequence[Any],
    window: Sequence[int],
    strides: Sequence[int],
) -> Pairs:
    """Low and high padding of each spatial axis; `window` is the reach of the dilated kernel."""
    rank = len(window)
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for n, w, s in zip(extents, window, strides, strict=True):
            total = max((-(-int(n) // s) - 1) * s + w - int(n), 0)
            small, large = total // 2, total - total // 2
            found.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
        return found
    if pads is None or auto_pad == "VALID":
        return [(0, 0)] * rank
    if len(pads) != 2 * rank:
        raise ShapeError(f"ONNX: {len(pads)} numbers of padding for {rank} spatial axes")
    return list(zip(pads[:rank], pads[rank:], strict=True))


def reach(kernel: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """Elements from the first to the last of a dilated kernel."""
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]


def convolve(
    x: Tensor,
    w: Tensor,
    strides: Sequence[int],
    pairs: Pairs,
    dilations: Sequence[int],
    group: int,
    spread: Sequence[int] | None = None,
) -> Tensor:
    """x (batch, channels, spatial...) convolved with w (features, channels, spatial...)."""
    rank = x.ndim - 2
    axes = tuple(range(x.ndim))
    dtype = x.dtype
    if dtype.is_storage_only:
        x, w = as_tensor(x, types.float32), as_tensor(w, types.float32)
    result = bind(
        "convolution",
        x,
        w,
        window_strides=tuple(strides),
        padding=tuple(pairs),
        lhs_dilation=tuple(spread or (1,) * rank),
        rhs_dilation=tuple(dilations),
        lhs_spec=axes,
        rhs_spec=axes,
        out_spec=axes,
        feature_group_count=group,
    )
    return as_tensor(result, dtype)


def with_bias(x: Tensor, bias: Any) -> Tensor:
    """x plus a number for each channel."""
    if bias is None:
        return x
    return x + ops.reshape(as_tensor(bias), (-1, *(1,) * (x.ndim - 2)))


@operator("Conv", since=1)
def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    x, w = as_tensor(x), as_tensor(w)
    rank = x.ndim - 2
    steps, gaps = strides or [1] * rank, dilations or [1] * rank
    kernel = [int(n) for n in w.shape[2:]]
    pairs = padding(auto_pad, pads, x.shape[2:], reach(kernel, gaps), steps)
    return with_bias(convolve(x, w, steps, pairs, gaps, group), bias)


@operator("ConvTranspose", since=1)
def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None,
    output_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """The gradient of a convolution; w is (channels, features of a group, spatial...)."""
    x, w = as_tensor(x), as_tensor(w)
    rank = x.ndim - 2
    steps, gaps = strides or [1] * rank, dilations or [1] * rank
    extra = output_padding or [0] * rank
    kernel = reach([int(n) for n in w.shape[2:]], gaps)
    cut = _cut(auto_pad, pads, output_shape, [int(n) for n in x.shape[2:]], kernel, steps, extra)
    pairs = [
        (k - 1 - low, k - 1 - high + e)
        for k, (low, high), e in zip(kernel, cut, extra, strict=True)
    ]
    flipped = ops.flip(w, axis=tuple(range(2, w.ndim)))
    inputs, outputs = int(w.shape[0]), int(w.shape[1])
    parts = ops.reshape(flipped, (group, inputs // group, outputs, *w.shape[2:]))
    swapped = ops.reshape(
        ops.swapaxes(parts, 1, 2), (group * outputs, inputs // group, *w.shape[2:])
    )
    return with_bias(convolve(x, swapped, (1,) * rank, pairs, gaps, group, steps), bias)


def _cut(
    auto_pad: str,
    pads: Sequence[int] | None,
    wanted: Sequence[int] | None,
    extents: Sequence[int],
    kernel: Sequence[int],
    steps: Sequence[int],
    extra: Sequence[int],
) -> Pairs:
    """The elements cut from both ends of each axis of the full result."""
    rank = len(kernel)
    if wanted is None and auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        return padding(auto_pad, pads, extents, kernel, steps)
    goal = wanted[-rank:] if wanted else [n * s for n, s in zip(extents, steps, strict=True)]
    found = []
    for n, s, k, e, goal_extent in zip(extents, steps, kernel, extra, goal, strict=True):
        total = s * (n - 1) + e + k - goal_extent
        small, large = total // 2, total - total // 2
        found.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return found


@operator("ConvInteger", since=10)
def conv_integer(
    x: Any,
    w: Any,
    zero_x: Any = None,
    zero_w: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A convolution of 8-bit integers less their zero points, in int32."""
    left, right = as_tensor(x, types.int32), as_tensor(w, types.int32)
    if zero_x is not None:
        left = left - as_tensor(zero_x, types.int32)
    if zero_w is not None:
        zero = as_tensor(zero_w, types.int32)
        right = right - (ops.reshape(zero, (-1, *(1,) * (right.ndim - 1))) if zero.ndim else zero)
    return conv(
        left,
        right,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        pads=pads,
        strides=strides,
    )


@operator("Col2Im", since=18)
def columns_to_image(
    x: Any,
    image_shape: Any,
    block_shape: Any,
    *,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """Columns of blocks added up to an image: a transposed convolution with unit kernels."""
    x = as_tensor(x)
    image = [int(n) for n in integers(image_shape, "the shape of Col2Im")]
    block = [int(n) for n in integers(block_shape, "the block of Col2Im")]
    rank = len(block)
    steps, gaps = strides or [1] * rank, dilations or [1] * rank
    edges = pads or [0] * 2 * rank
    size = math.prod(block)
    channels = int(x.shape[1]) // size
    counts = [
        (image[k] + edges[k] + edges[rank + k] - (block[k] - 1) * gaps[k] - 1) // steps[k] + 1
        for k in range(rank)
    ]
    unit = np.eye(size, dtype=x.dtype.storage).reshape(size, 1, *block)
    grid = ops.reshape(x, (-1, size, *counts))
    whole = conv_transpose(grid, unit, strides=steps, dilations=gaps, pads=edges)
    missing = [n - int(m) for n, m in zip(image, whole.shape[2:], strict=True)]
    if any(missing):
        whole = ops.pad(whole, [(0, 0), (0, 0), *[(0, m) for m in missing]])
    return ops.reshape(whole, (-1, channels, *image))


@operator("DeformConv", since=19)
def deform_conv(
    x: Any,
    w: Any,
    offset: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    offset_group: int = 1,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A convolution whose taps are at offsets from the grid, read by bilinear interpolation."""
    x, w, offset = as_tensor(x), as_tensor(w), as_tensor(offset)
    n, c, h, wide = (int(k) for k in x.shape)
    features, _, kh, kw = (int(k) for k in w.shape)
    (sy, sx), (dy, dx) = strides or (1, 1), dilations or (1, 1)
    (top, left, _, _) = pads or (0, 0, 0, 0)
    oh, ow = (int(k) for k in offset.shape[2:])
    moved = ops.reshape(offset, (n, offset_group, kh, kw, 2, oh, ow))
    rows = np.arange(oh) * sy - top + (np.arange(kh) * dy)[:, None, None, None]
    rows = np.swapaxes(rows, 2, 3)  # (kh, 1, oh, 1)
    columns = np.arange(ow) * sx - left + (np.arange(kw) * dx)[:, None, None]  # (kw, 1, ow)
    y = moved[..., 0, :, :] + as_tensor(rows.astype(x.dtype.storage))
    at = moved[..., 1, :, :] + as_tensor(columns.astype(x.dtype.storage))
    image = ops.reshape(x, (n, offset_group, c // offset_group, h, wide))
    taps = _bilinear(image, y, at)  # (n, groups, channels, kh, kw, oh, ow)
    if mask is not None:
        taps = taps * ops.reshape(as_tensor(mask), (n, offset_group, 1, kh, kw, oh, ow))
    taps = ops.reshape(taps, (n, group, c // group * kh * kw, oh * ow))
    weights = ops.reshape(w, (group, features // group, c // group * kh * kw))
    found = ops.reshape(ops.matmul(weights, taps), (n, features, oh, ow))
    return with_bias(found, bias)


def _bilinear(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Values of images (n, groups, channels, h, w) between pixels; zero outside."""
    n, groups, channels, h, w = (int(k) for k in image.shape)
    flat = ops.reshape(image, (n, groups, channels, h * w))
    low_y, low_x = ops.floor(y), ops.floor(x)
    total: Any = 0.0
    for up in (0, 1):
        for right in (0, 1):
            row, column = low_y + up, low_x + right
            weight = (1 - ops.abs(y - row)) * (1 - ops.abs(x - column))
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            place = ops.clip(row, 0, h - 1) * w + ops.clip(column, 0, w - 1)
            place = ops.reshape(as_tensor(place, types.int64), (n, groups, 1, -1))
            picked = ops.take_along_axis(flat, place, axis=-1)
            picked = ops.reshape(picked, (n, groups, channels, *y.shape[2:]))
            total = total + picked * ops.where(inside, weight, 0.0)[:, :, None]
    return total
