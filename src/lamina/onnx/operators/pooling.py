"""Pooling: the largest element, the mean or the norm of windows, of regions, of all of an image."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.ir import types
from lamina.onnx.operators.functions import infinity
from lamina.onnx.operators.windows import Pairs, padding, reach
from lamina.onnx.rows import operator
from lamina.onnx.values import integers
from lamina.tensor import Tensor, as_tensor, bind


def _window(
    kind: str,
    x: Tensor,
    kernel: Sequence[int],
    steps: Sequence[int],
    pairs: Pairs,
    gaps: Sequence[int],
) -> Tensor:
    return bind(
        "reduce_window",
        x,
        kind=kind,
        window_dimensions=(1, 1, *kernel),
        window_strides=(1, 1, *steps),
        padding=((0, 0), (0, 0), *pairs),
        window_dilations=(1, 1, *gaps),
    )


def _with_ceiling(
    extents: Sequence[Any], pairs: Pairs, reaches: Sequence[int], steps: Sequence[int]
) -> Pairs:
    """Padding with which the last window, begun within the input or its padding, is whole."""
    found = []
    for n, (low, high), w, s in zip(extents, pairs, reaches, steps, strict=True):
        n = int(n)
        count = -(-(n + low + high - w) // s) + 1
        if (count - 1) * s >= n + low:
            count -= 1
        found.append((low, max((count - 1) * s + w - n - low, high)))
    return found


@operator("MaxPool", since=1)
def max_pool(
    x: Any,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    storage_order: int = 0,
    strides: list[int] | None = None,
    node: Any = None,
) -> Any:
    """The largest element of each window, and on request where it is in the flattened input."""
    x = as_tensor(x)
    dtype, rank = x.dtype, len(kernel_shape)
    steps, gaps = strides or [1] * rank, dilations or [1] * rank
    wide = reach(kernel_shape, gaps)
    pairs = padding(auto_pad, pads, x.shape[2:], wide, steps)
    if ceil_mode:
        pairs = _with_ceiling(x.shape[2:], pairs, wide, steps)
    if dtype.bits < 32:
        x = as_tensor(x, types.float32 if dtype.is_float else types.int32)
    found = as_tensor(_window("max", x, kernel_shape, steps, pairs, gaps), dtype)
    if node is None or len(node.outputs) < 2 or not node.outputs[1]:
        return found
    first = _window("argmax", x, kernel_shape, steps, pairs, gaps)
    return found, _positions(x, first, kernel_shape, (steps, pairs, gaps), storage_order)


def _positions(
    x: Tensor, first: Tensor, kernel: Sequence[int], rule: tuple[Any, Any, Any], column_major: int
) -> Tensor:
    """Positions in the flattened input of the positions in windows."""
    steps, pairs, gaps = rule
    rank = len(kernel)
    spatial = [int(n) for n in x.shape[2:]]
    inner = as_tensor(first, types.int64)
    places = []
    for k in range(rank):
        each = (inner // math.prod(kernel[k + 1 :])) % kernel[k]
        shape = [1] * (rank + 2)
        shape[2 + k] = int(first.shape[2 + k])
        begins = np.arange(shape[2 + k], dtype=np.int64) * steps[k] - pairs[k][0]
        places.append(each * gaps[k] + as_tensor(begins.reshape(shape)))
    order = range(rank)[::-1] if column_major else range(rank)
    flat: Any = 0
    for k in order:
        flat = flat * spatial[k] + places[k]
    planes = np.arange(int(x.shape[0]) * int(x.shape[1]), dtype=np.int64)
    planes = planes.reshape(x.shape[0], x.shape[1], *(1,) * rank) * math.prod(spatial)
    return flat + as_tensor(planes)


@operator("AveragePool", since=1)
def average_pool(
    x: Any,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """The mean of each window; of padding only what `count_include_pad` counts."""
    x = as_tensor(x)
    dtype, rank = x.dtype, len(kernel_shape)
    steps, gaps = strides or [1] * rank, dilations or [1] * rank
    wide = reach(kernel_shape, gaps)
    given = padding(auto_pad, pads, x.shape[2:], wide, steps)
    pairs = _with_ceiling(x.shape[2:], given, wide, steps) if ceil_mode else given
    x = as_tensor(x, types.float32) if dtype.is_storage_only else x
    total = _window("sum", x, kernel_shape, steps, pairs, gaps)
    if not any(map(sum, pairs)):
        return as_tensor(total / math.prod(kernel_shape), dtype)
    ones = ops.ones((1, 1, *x.shape[2:]), dtype=x.dtype)
    if count_include_pad:
        ones = ops.pad(ones, [(0, 0), (0, 0), *given], constant_values=1)
        pairs = [(0, high - edge) for (_, high), (_, edge) in zip(pairs, given, strict=True)]
    count = _window("sum", ones, kernel_shape, steps, pairs, gaps)
    return as_tensor(total / count, dtype)


@operator("LpPool", since=1)
def lp_pool(
    x: Any,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    p: float = 2,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """The p-norm of each window."""
    x, rank = as_tensor(x), len(kernel_shape)
    steps, gaps = strides or [1] * rank, dilations or [1] * rank
    wide = reach(kernel_shape, gaps)
    pairs = padding(auto_pad, pads, x.shape[2:], wide, steps)
    if ceil_mode:
        pairs = _with_ceiling(x.shape[2:], pairs, wide, steps)
    powers = ops.pow(ops.abs(x), as_tensor(p, x.dtype))
    total = _window("sum", powers, kernel_shape, steps, pairs, gaps)
    return ops.pow(total, as_tensor(1 / p, x.dtype))


# ---- of all of an image ------------------------------------------------------------------------
def _spatial(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


@operator("GlobalAveragePool", since=1)
def global_average_pool(x: Any) -> Tensor:
    x = as_tensor(x)
    return ops.mean(x, axis=_spatial(x), keepdims=True)


@operator("GlobalMaxPool", since=1)
def global_max_pool(x: Any) -> Tensor:
    x = as_tensor(x)
    return ops.max(x, axis=_spatial(x), keepdims=True)


@operator("GlobalLpPool", since=1)
def global_lp_pool(x: Any, *, p: float = 2) -> Tensor:
    x = as_tensor(x)
    total = ops.sum(ops.pow(ops.abs(x), as_tensor(p, x.dtype)), axis=_spatial(x), keepdims=True)
    return ops.pow(total, as_tensor(1 / p, x.dtype))


# ---- undone ------------------------------------------------------------------------------------
@operator("MaxUnpool", since=9)
def max_unpool(
    x: Any,
    indices: Any,
    output_shape: Any = None,
    *,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """Zeros with the elements of x at the positions that MaxPool gave.

    Positions count in the shape without `output_shape`, whose additional elements are zeros.
    """
    x, rank = as_tensor(x), len(kernel_shape)
    steps, edges = strides or [1] * rank, pads or [0] * 2 * rank
    inferred = [
        (int(x.shape[2 + k]) - 1) * steps[k] + kernel_shape[k] - edges[k] - edges[rank + k]
        for k in range(rank)
    ]
    wanted = inferred
    if output_shape is not None:
        wanted = [int(n) for n in integers(output_shape, "the shape of MaxUnpool")[2:]]
    shape = (*x.shape[:2], *inferred)
    places = ops.reshape(as_tensor(indices, types.int64), (-1,))
    zeros = ops.zeros((math.prod(shape),), dtype=x.dtype)
    found = ops.reshape(zeros.at[places].set(ops.reshape(x, (-1,))), shape)
    missing = [n - m for n, m in zip(wanted, inferred, strict=True)]
    return ops.pad(found, [(0, 0), (0, 0), *[(0, m) for m in missing]])


# ---- of regions --------------------------------------------------------------------------------
@operator("RoiAlign", since=10)
def roi_align(
    x: Any,
    rois: Any,
    batches: Any,
    *,
    coordinate_transformation_mode: str | None = None,
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
    node: Any = None,
) -> Tensor:
    """The mean or largest of bilinear samples in each cell of regions (x1, y1, x2, y2)."""
    x, boxes = as_tensor(x), as_tensor(rois)
    if coordinate_transformation_mode is None:
        new = node is None or node.version >= 16
        coordinate_transformation_mode = "half_pixel" if new else "output_half_pixel"
    half = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    edges = boxes * spatial_scale - half
    x1, y1, x2, y2 = (edges[:, k] for k in range(4))
    width, height = x2 - x1, y2 - y1
    if not half:
        width, height = ops.maximum(width, 1.0), ops.maximum(height, 1.0)
    rows, columns = height / output_height, width / output_width
    places = as_tensor(batches, types.int64)
    if sampling_ratio > 0:
        return _aligned(
            x,
            places,
            (y1, rows, output_height, sampling_ratio),
            (x1, columns, output_width, sampling_ratio),
            mode,
        )
    # the number of samples depends on the region
    results = []
    for k in range(int(boxes.shape[0])):
        one = slice(k, k + 1)
        counts = [max(int(np.ceil(each[k].item())), 1) for each in (rows, columns)]
        results.append(
            _aligned(
                x,
                places[one],
                (y1[one], rows[one], output_height, counts[0]),
                (x1[one], columns[one], output_width, counts[1]),
                mode,
            )
        )
    return ops.concat(results, axis=0)


def _aligned(
    x: Tensor, places: Tensor, down: tuple[Any, ...], across: tuple[Any, ...], mode: str
) -> Tensor:
    (y1, rows, height, sy), (x1, columns, width, sx) = down, across
    h, w = (int(n) for n in x.shape[2:])
    y = y1[:, None] + rows[:, None] * as_tensor(
        (np.arange(height * sy, dtype=np.float32) + 0.5) / sy
    )
    at = x1[:, None] + columns[:, None] * as_tensor(
        (np.arange(width * sx, dtype=np.float32) + 0.5) / sx
    )
    images = ops.take(x, places, axis=0)
    corners = []
    for (low_y, high_y), (low_x, high_x) in itertools.product(_sides(y, h), _sides(at, w)):
        line = ops.take_along_axis(images, low_y[:, None, :, None], axis=2)
        value = ops.take_along_axis(line, low_x[:, None, None, :], axis=3)
        corners.append(value * (high_y[:, :, None] * high_x[:, None, :])[:, None])
    shape = (int(places.shape[0]), int(x.shape[1]), height, sy, width, sx)
    if mode == "max":
        best = ops.maximum(ops.maximum(corners[0], corners[1]), ops.maximum(corners[2], corners[3]))
        return ops.max(ops.reshape(best, shape), axis=(3, 5))
    total = corners[0] + corners[1] + corners[2] + corners[3]
    return ops.mean(ops.reshape(total, shape), axis=(3, 5))


def _sides(places: Tensor, extent: int) -> list[tuple[Tensor, Tensor]]:
    """Neighbors of the places along an axis with their weights; none outside by more than one."""
    inside = ops.where((places >= -1) & (places <= extent), 1.0, 0.0)
    held = ops.clip(places, 0, extent - 1)
    low = ops.minimum(ops.floor(held), extent - 1)
    part = held - low
    first = as_tensor(low, types.int64)
    second = ops.minimum(first + 1, extent - 1)
    return [(first, (1 - part) * inside), (second, part * inside)]


@operator("MaxRoiPool", since=1)
def max_roi_pool(
    x: Any, rois: Any, *, pooled_shape: list[int], spatial_scale: float = 1.0
) -> Tensor:
    """The largest element of each cell of regions (batch, x1, y1, x2, y2)."""
    x, boxes = as_tensor(x), as_tensor(rois)
    h, w = (int(n) for n in x.shape[2:])
    corners = ops.round(boxes[:, 1:] * spatial_scale)
    images = ops.take(x, as_tensor(boxes[:, 0], types.int64), axis=0)
    masks = []
    for count, extent, low, high in (
        (pooled_shape[0], h, corners[:, 1], corners[:, 3]),
        (pooled_shape[1], w, corners[:, 0], corners[:, 2]),
    ):
        cell = ops.maximum(high - low + 1, 1.0)[:, None] / count
        line = as_tensor(np.arange(count, dtype=np.float32))
        first = ops.clip(ops.floor(line * cell) + low[:, None], 0, extent)
        end = ops.clip(ops.ceil((line + 1) * cell) + low[:, None], 0, extent)
        pixels = as_tensor(np.arange(extent, dtype=np.float32))
        masks.append((pixels >= first[..., None]) & (pixels < end[..., None]))
    lowest = infinity(x)
    rows = ops.where(masks[0][:, None, :, :, None], images[:, :, None], lowest)
    lines = ops.max(rows, axis=3)  # (regions, channels, cells, w)
    found = ops.max(ops.where(masks[1][:, None, None], lines[:, :, :, None], lowest), axis=4)
    return ops.where(ops.isinf(found), 0.0, found)
