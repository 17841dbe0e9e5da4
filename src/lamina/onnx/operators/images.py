"""Images: resized, sampled at points of a grid, decoded from files."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import ArgumentError, DataError, need_extra
from lamina.ir import types
from lamina.onnx.rows import operator
from lamina.onnx.values import axis_in, integers, known
from lamina.tensor import Tensor, as_tensor

Taps = Callable[[float], np.ndarray]
"""The weights of the neighbors of a position, for its fraction in (0, 1]."""


# ---- resizing ----------------------------------------------------------------------------------
@operator("Resize", since=11)
def resize(
    x: Any,
    roi: Any = None,
    scales: Any = None,
    sizes: Any = None,
    *,
    antialias: int = 0,
    axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    """x with other extents, interpolated along one axis after the other.

    Source: onnx/reference/ops/op_resize.py describes each mode; the weights of one axis are a
    matrix here.
    """
    x = as_tensor(x)
    chosen = [axis_in(a, x.ndim) for a in (axes if axes is not None else range(x.ndim))]
    extents = [int(x.shape[a]) for a in chosen]
    factors, wanted = _sizes(extents, scales, sizes, keep_aspect_ratio_policy)
    region = [0.0] * len(chosen) + [1.0] * len(chosen)
    if roi is not None and known(roi, "the region of Resize").size:
        region = [float(r) for r in known(roi, "the region of Resize")]
    dtype = x.dtype
    result = x
    if mode != "nearest" and not (dtype.is_float and not dtype.is_storage_only):
        result = as_tensor(x, types.float32)
    outside: list[tuple[int, np.ndarray]] = []
    for k, axis in enumerate(chosen):
        n, m, scale = extents[k], wanted[k], factors[k]
        if n == m and scale == 1 and coordinate_transformation_mode != "tf_crop_and_resize":
            continue
        edges = region[k], region[len(chosen) + k]
        at = _positions(coordinate_transformation_mode, n, m, scale, edges)
        if coordinate_transformation_mode == "tf_crop_and_resize":
            outside.append((axis, (at < 0) | (at > n - 1)))
        taps = _taps(mode, nearest_mode, scale, bool(antialias), cubic_coeff_a)
        matrix = _matrix(at, n, taps, bool(exclude_outside))
        if mode == "nearest":
            result = ops.take(result, matrix.argmax(1), axis=axis)
        else:
            weights = as_tensor(matrix.astype(result.dtype.storage))
            moved = ops.tensordot(result, weights, axes=((axis,), (1,)))
            result = ops.moveaxis(moved, -1, axis)
    for axis, mask in outside:
        shape = [1] * x.ndim
        shape[axis] = -1
        value = as_tensor(extrapolation_value, result.dtype)
        result = ops.where(as_tensor(mask.reshape(shape)), value, result)
    return _back(result, x)


def _back(result: Tensor, x: Tensor) -> Tensor:
    if x.dtype.is_integer and result.dtype.is_float:
        limits = np.iinfo(x.dtype.storage)
        result = ops.clip(ops.round(result), limits.min, limits.max)
    return as_tensor(result, x.dtype)


def _sizes(
    extents: Sequence[int], scales: Any, sizes: Any, policy: str
) -> tuple[list[float], list[int]]:
    """The factor and the new extent of each axis."""
    if scales is not None and known(scales, "the scales of Resize").size:
        factors = [float(s) for s in known(scales, "the scales of Resize")]
        return factors, [math.floor(n * s) for n, s in zip(extents, factors, strict=True)]
    if sizes is None:
        raise ArgumentError("ONNX: Resize needs scales or sizes")
    wanted = [int(n) for n in integers(sizes, "the sizes of Resize")]
    factors = [m / n for n, m in zip(extents, wanted, strict=True)]
    if policy != "stretch":
        factor = (min if policy == "not_larger" else max)(factors)
        factors = [factor] * len(factors)
        wanted = [math.floor(factor * n + 0.5) for n in extents]
    return factors, wanted


def _positions(mode: str, n: int, m: int, scale: float, edges: tuple[float, float]) -> np.ndarray:
    """The positions of the m new elements among the n old ones."""
    x = np.arange(m, dtype=np.float64)
    width = scale * n
    if mode == "align_corners":
        return x * 0 if width == 1 else x * (n - 1) / (width - 1)
    if mode == "asymmetric":
        return x / scale
    if mode == "tf_crop_and_resize":
        first, last = edges
        if width == 1:
            return x * 0 + (last - first) * (n - 1) / 2 + first * (n - 1)
        return x * (last - first) * (n - 1) / (width - 1) + first * (n - 1)
    if mode == "pytorch_half_pixel" and width == 1:
        return x * 0 - 0.5
    found = (x + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        found = found + n / 2 * (1 - m / width)
    elif mode not in ("half_pixel", "pytorch_half_pixel"):
        raise ArgumentError(f"ONNX: Resize has the coordinates {mode!r}")
    return found


def _taps(mode: str, nearest: str, scale: float, antialias: bool, a: float) -> Taps:
    if mode == "nearest":
        second = {
            "round_prefer_floor": lambda r: r > 0.5,
            "round_prefer_ceil": lambda r: r >= 0.5,
            "floor": lambda r: r >= 1,
            "ceil": lambda r: r > 0,
        }[nearest]
        return lambda r: np.array([0.0, 1.0]) if second(r) else np.array([1.0, 0.0])
    shrink = min(scale, 1.0) if antialias else 1.0
    radius = {"linear": 1, "cubic": 2}.get(mode)
    if radius is None:
        raise ArgumentError(f"ONNX: Resize has the mode {mode!r}")
    first = math.floor(-radius / shrink) + 1
    offsets = np.arange(first, 2 - first)

    def weights(ratio: float) -> np.ndarray:
        at = np.abs((offsets - ratio) * shrink)
        if radius == 1:
            found = np.clip(1 - at, 0, 1)
        else:
            near = ((a + 2) * at - (a + 3)) * at * at + 1
            far = ((a * at - 5 * a) * at + 8 * a) * at - 4 * a
            found = np.where(at <= 1, near, np.where(at < 2, far, 0.0))
        return found / found.sum() if antialias else found

    return weights


def _matrix(at: np.ndarray, n: int, taps: Taps, exclude_outside: bool) -> np.ndarray:
    """The weights of the n old elements for each position."""
    matrix = np.zeros((len(at), n))
    for row, position in enumerate(at):
        base = math.ceil(position) - 1  # the largest integer below the position
        weights = taps(position - base)
        places = base + np.arange(len(weights)) - (len(weights) // 2 - 1)
        if exclude_outside:
            weights = np.where((places >= 0) & (places < n), weights, 0.0)
            weights = weights / weights.sum()
        np.add.at(matrix[row], np.clip(places, 0, n - 1), weights)
    return matrix


@operator("Resize", since=10)
def resize_by_scales(x: Any, scales: Any, *, mode: str = "nearest") -> Tensor:
    return resize(
        x,
        scales=scales,
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


@operator("Upsample", since=9)
def upsample(x: Any, scales: Any, *, mode: str = "nearest") -> Tensor:
    return resize_by_scales(x, scales, mode="linear" if mode == "bilinear" else mode)


@operator("Upsample", since=1)
def upsample_by_attribute(
    x: Any,
    *,
    scales: list[float] | None = None,
    height_scale: float = 1.0,
    width_scale: float = 1.0,
    mode: str = "nearest",
) -> Tensor:
    given = scales if scales is not None else [1.0, 1.0, height_scale, width_scale]
    return upsample(x, np.array(given), mode=mode)


# ---- sampling ----------------------------------------------------------------------------------
@operator("AffineGrid", since=20)
def affine_grid(theta: Any, size: Any, *, align_corners: int = 0) -> Tensor:
    """Points of a grid in [-1, 1] after an affine map: (batch, spatial..., coordinates)."""
    maps = as_tensor(theta)
    extents = [int(n) for n in integers(size, "the size of AffineGrid")][2:]
    lines = []
    for n in extents:
        if align_corners:
            lines.append(np.linspace(-1, 1, n) if n > 1 else np.zeros(1))
        else:
            lines.append((2 * np.arange(n) + 1) / n - 1)
    grid = np.meshgrid(*lines, indexing="ij")
    points = np.stack([*grid[::-1], np.ones(extents)], -1)
    flat = as_tensor(points.reshape(-1, len(extents) + 1).astype(maps.dtype.storage))
    moved = ops.matmul(flat, maps.mT)
    return ops.reshape(moved, (maps.shape[0], *extents, len(extents)))


@operator("GridSample", since=16)
def grid_sample(
    x: Any,
    grid: Any,
    *,
    align_corners: int = 0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Tensor:
    """x (batch, channels, spatial...) at the points of a grid (batch, ..., coordinates)."""
    x, points = as_tensor(x), as_tensor(grid)
    extents = [int(n) for n in x.shape[2:]]
    rank = len(extents)
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    lines = []
    for k, n in enumerate(extents):
        at = points[..., rank - 1 - k]
        at = (at + 1) / 2 * (n - 1) if align_corners else ((at + 1) * n - 1) / 2
        lines.append(_neighbors(at, n, mode, padding_mode, bool(align_corners)))
    flat = ops.reshape(x, (*x.shape[:2], math.prod(extents)))
    total: Any = None
    for taps in itertools.product(*lines):
        place: Any = 0
        weight: Any = 1.0
        for (index, share), n in zip(taps, extents, strict=True):
            place, weight = place * n + index, weight * share
        places = ops.reshape(place, (x.shape[0], 1, -1))
        value = ops.take_along_axis(flat, places, axis=2)
        part = ops.reshape(value, (*x.shape[:2], *points.shape[1:-1])) * weight[:, None]
        total = part if total is None else total + part
    return as_tensor(total, x.dtype)


def _neighbors(
    at: Tensor, n: int, mode: str, padding: str, corners: bool
) -> list[tuple[Tensor, Tensor]]:
    """Positions and weights of the elements that a point is interpolated from."""
    if padding == "border" and mode != "cubic":
        at = ops.clip(at, 0, n - 1)
    elif padding == "reflection" and mode != "cubic":
        at = _reflected(at, n, corners)
    if mode == "nearest":
        taps = [(ops.round(at), ops.ones_like(at))]
    else:
        low = ops.floor(at)
        part = at - low
        if mode == "linear":
            taps = [(low, 1 - part), (low + 1, part)]
        else:
            taps = [(low + k, _cubic(ops.abs(part - k))) for k in range(-1, 3)]
    found = []
    for index, weight in taps:
        if padding == "zeros":
            weight = ops.where((index >= 0) & (index <= n - 1), weight, 0.0)
        elif padding == "reflection":
            index = _reflected(index, n, corners)
        index = ops.clip(ops.round(index), 0, n - 1)
        found.append((as_tensor(index, types.int64), weight))
    return found


def _cubic(at: Tensor, a: float = -0.75) -> Tensor:
    near = ((a + 2) * at - (a + 3)) * at * at + 1
    far = ((a * at - 5 * a) * at + 8 * a) * at - 4 * a
    return ops.where(at <= 1, near, far)


def _reflected(at: Tensor, n: int, corners: bool) -> Tensor:
    """Positions mirrored at the edges until they are inside."""
    low, high = (0.0, n - 1.0) if corners else (-0.5, n - 0.5)
    span = high - low
    if span == 0:
        return ops.zeros_like(at)
    off = ops.remainder(ops.abs(at - low), 2 * span)
    return low + ops.where(off > span, 2 * span - off, off)


# ---- files -------------------------------------------------------------------------------------
@operator("ImageDecoder", since=20)
def image_decoder(data: Any, *, pixel_format: str = "RGB") -> Tensor:
    """The pixels of an image file, (height, width, channels)."""
    image_module = need_extra("PIL.Image", "images", "ImageDecoder")
    raw = known(data, "the file of ImageDecoder").astype(np.uint8).tobytes()
    try:
        with image_module.open(io.BytesIO(raw)) as image:
            kind = "L" if pixel_format == "Grayscale" else "RGB"
            pixels = np.asarray(image.convert(kind))
    except (OSError, ValueError) as error:
        raise DataError(f"ONNX: ImageDecoder: {error}") from None
    if kind == "L":
        pixels = pixels[..., None]
    return as_tensor(pixels[..., ::-1].copy() if pixel_format == "BGR" else pixels)
