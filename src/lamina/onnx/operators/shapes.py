"""Shapes: read, changed, joined, split, repeated, padded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import ShapeError
from lamina.ir.types import Dim, is_static
from lamina.onnx.rows import operator
from lamina.onnx.values import (
    Extents,
    axes_in,
    axis_in,
    integers,
    is_text,
    known,
    objects_of,
    shape_tensor,
    whole,
)
from lamina.tensor import Tensor, as_tensor, bind

Value = Any


def as_value(x: Any) -> Any:
    """A Tensor, or what has shapes as one: Extents and strings."""
    return x if isinstance(x, Extents) or is_text(x) else as_tensor(x)


def extents_of(x: Any) -> tuple[Dim, ...]:
    """The shape of a value of any kind."""
    return tuple(as_value(x).shape)


# ---- read --------------------------------------------------------------------------------------
@operator("Shape", since=1)
def shape(x: Any, *, start: int = 0, end: int | None = None) -> Tensor | Extents:
    return shape_tensor(extents_of(x)[slice(start, end)])


@operator("Size", since=1)
def size(x: Any) -> Tensor | Extents:
    return whole(math.prod(extents_of(x)))


# ---- changed -----------------------------------------------------------------------------------
@operator("Reshape", since=5)
def reshape(x: Any, target: Any, *, allowzero: int = 0) -> Value:
    """x in another shape: 0 keeps an extent (without `allowzero`), -1 is what remains."""
    x, wanted = as_value(x), integers(target, "the shape of Reshape")
    own = x.shape
    if not allowzero:
        if any(_is(n, 0) and k >= len(own) for k, n in enumerate(wanted)):
            raise ShapeError(f"ONNX: Reshape of {own} to {wanted}: 0 is beyond the last axis")
        wanted = [own[k] if _is(n, 0) else n for k, n in enumerate(wanted)]
    return _reshaped(x, wanted)


def _is(extent: Dim, number: int) -> bool:
    return is_static(extent) and int(extent) == number


def _reshaped(x: Any, wanted: Sequence[Dim]) -> Value:
    if isinstance(x, Extents):
        return whole(x.array.reshape([int(n) for n in wanted]))
    if is_text(x):
        return x.reshape([int(n) for n in wanted])
    return ops.reshape(x, tuple(wanted))


@operator("Reshape", since=1)
def reshape_to_attribute(x: Any, *, shape: list[int], consumed_inputs: Any = None) -> Value:
    return reshape(x, as_tensor(np.array(shape, np.int64)))


@operator("Flatten", since=1)
def flatten(x: Any, *, axis: int = 1) -> Tensor:
    """x as a matrix: the axes before `axis`, and those from it on."""
    x = as_tensor(x)
    axis = axis + x.ndim if axis < 0 else axis
    first, rest = math.prod(x.shape[:axis]), math.prod(x.shape[axis:])
    return ops.reshape(x, (first, rest))


@operator("Transpose", since=1)
def transpose(x: Any, *, perm: list[int] | None = None) -> Value:
    if is_text(x):
        return x.transpose(perm)
    x = as_tensor(x)
    return ops.permute_dims(x, tuple(perm) if perm is not None else tuple(range(x.ndim))[::-1])


@operator("Squeeze", since=13)
def squeeze(x: Any, axes: Any = None) -> Value:
    x = as_value(x)
    if axes is None:
        chosen = tuple(k for k, n in enumerate(x.shape) if _is(n, 1))
    else:
        chosen = axes_in(integers(axes, "the axes of Squeeze"), x.ndim)
        if any(not _is(x.shape[k], 1) for k in chosen):
            raise ShapeError(f"ONNX: Squeeze of axes {chosen} of shape {x.shape} (expected 1)")
    return _reshaped(x, [n for k, n in enumerate(x.shape) if k not in chosen])


@operator("Squeeze", since=1)
def squeeze_attribute(x: Any, *, axes: list[int] | None = None) -> Value:
    return squeeze(x, None if axes is None else np.array(axes))


@operator("Unsqueeze", since=13)
def unsqueeze(x: Any, axes: Any) -> Value:
    x, given = as_value(x), integers(axes, "the axes of Unsqueeze")
    chosen = axes_in(given, x.ndim + len(given))
    if len(set(chosen)) < len(given):
        raise ShapeError(f"ONNX: Unsqueeze names an axis twice in {given}")
    rest = iter(x.shape)
    wanted = [1 if k in chosen else next(rest) for k in range(x.ndim + len(given))]
    return _reshaped(x, wanted)


@operator("Unsqueeze", since=1)
def unsqueeze_attribute(x: Any, *, axes: list[int]) -> Value:
    return unsqueeze(x, np.array(axes))


@operator("Expand", since=8)
def expand(x: Any, target: Any) -> Tensor:
    """x broadcast with a shape."""
    x, wanted = as_tensor(x), integers(target, "the shape of Expand")
    rank = max(x.ndim, len(wanted))
    own = (1,) * (rank - x.ndim) + x.shape
    wanted = [1] * (rank - len(wanted)) + wanted
    return ops.broadcast_to(
        x, tuple(n if _is(w, 1) else w for n, w in zip(own, wanted, strict=True))
    )


# ---- joined and split --------------------------------------------------------------------------
@operator("Concat", since=4)
def concat(*xs: Any, axis: int) -> Value:
    if any(isinstance(x, Extents) for x in xs):
        return whole(np.concatenate([objects_of(x) for x in xs], axis))
    if is_text(xs[0]):
        return np.concatenate(xs, axis)
    return ops.concat([as_tensor(x) for x in xs], axis=axis)


@operator("Concat", since=1)
def concat_on_channels(*xs: Any, axis: int = 1) -> Value:
    return concat(*xs, axis=axis)


@operator("Split", since=13)
def split(
    x: Any, sizes: Any = None, *, axis: int = 0, num_outputs: int | None = None, node: Any = None
) -> tuple[Value, ...]:
    """Parts along an axis: of the given sizes, or of equal ones, of which the last may be less."""
    x = as_value(x)
    axis = axis_in(axis, x.ndim)
    if sizes is not None:
        parts = integers(sizes, "the sizes of Split")
    else:
        count = num_outputs if num_outputs is not None else len(node.outputs)
        extent = x.shape[axis]
        each = -(-extent // count) if is_static(extent) else extent // count
        parts = [each] * (count - 1) + [extent - each * (count - 1)]
    ends = np.cumsum([0, *parts]) if all(map(is_static, parts)) else _sums(parts)
    return tuple(_part(x, axis, a, b) for a, b in itertools.pairwise(ends))


def _sums(parts: Sequence[Dim]) -> list[Dim]:
    found: list[Dim] = [0]
    for each in parts:
        found.append(found[-1] + each)
    return found


def _part(x: Any, axis: int, first: Dim, end: Dim) -> Value:
    index = (slice(None),) * axis + (slice(first, end),)
    if isinstance(x, Extents):
        return whole(x.array[index])
    return x[index]


@operator("Split", since=1)
def split_attribute(
    x: Any, sizes: Any = None, *, axis: int = 0, split: list[int] | None = None, node: Any = None
) -> tuple[Value, ...]:
    given = np.array(split) if split is not None else sizes
    return _split(x, given, axis=axis, node=node)


_split = split


@operator("Tile", since=6)
def tile(x: Any, repeats: Any) -> Tensor:
    return ops.tile(as_tensor(x), tuple(integers(repeats, "the repetitions of Tile")))


# ---- padded ------------------------------------------------------------------------------------
@operator("Pad", since=11)
def pad(
    x: Any, pads: Any, value: Any = None, axes: Any = None, *, mode: str = "constant"
) -> Tensor:
    """x with elements added before and after each axis; negative numbers cut."""
    x, given = as_tensor(x), integers(pads, "the padding of Pad")
    chosen = range(x.ndim)
    if axes is not None:
        chosen = [axis_in(int(k), x.ndim) for k in integers(axes, "the axes of Pad")]  # type: ignore[assignment]
    if len(given) != 2 * len(chosen):
        raise ShapeError(f"ONNX: Pad of {len(chosen)} axes by {len(given)} numbers")
    pairs = [(0, 0)] * x.ndim
    for axis, low, high in zip(chosen, given[: len(chosen)], given[len(chosen) :], strict=True):
        pairs[axis] = (int(low), int(high))
    if mode == "constant":
        return padded(x, pairs, value)
    for axis, (low, high) in enumerate(pairs):
        x = _extended(x, axis, low, high, mode)
    return x


def padded(x: Tensor, pairs: Sequence[tuple[int, int]], value: Any = None) -> Tensor:
    """x with a number around it, by default 0; negative numbers cut."""
    fill = as_tensor(0 if value is None else value, x.dtype)
    low, high = zip(*pairs, strict=True) if pairs else ((), ())
    return bind(
        "pad",
        x,
        ops.reshape(fill, ()),
        edge_padding_low=low,
        edge_padding_high=high,
        interior_padding=(0,) * x.ndim,
    )


def _extended(x: Tensor, axis: int, low: int, high: int, mode: str) -> Tensor:
    """x with its own elements repeated before and after it along an axis."""
    if low == high == 0:
        return x
    cut = slice(max(-low, 0), -max(-high, 0) or None)
    x = x[(slice(None),) * axis + (cut,)]
    before = (max(low, 0), max(high, 0))
    kind: Any = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}.get(mode)
    if kind is None:
        raise ShapeError(f"ONNX: Pad has the mode {mode!r}")
    return ops.take(x, np.pad(np.arange(int(x.shape[axis])), before, mode=kind), axis=axis)


@operator("Pad", since=2)
def pad_attribute(x: Any, *, pads: list[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    return pad(x, np.array(pads), value, mode=mode)


@operator("Pad", since=1)
def pad_paddings(
    x: Any, *, paddings: list[int], mode: str = "constant", value: float = 0.0
) -> Tensor:
    return pad(x, np.array(paddings), value, mode=mode)


@operator("CenterCropPad", since=18)
def center_crop_pad(x: Any, target: Any, *, axes: list[int] | None = None) -> Tensor:
    """x cut or padded with zeros to a shape, about its center."""
    x, wanted = as_tensor(x), integers(target, "the shape of CenterCropPad")
    for axis, extent in zip(axes if axes is not None else range(x.ndim), wanted, strict=True):
        axis = axis_in(axis, x.ndim)
        missing = int(extent) - int(x.shape[axis])
        low = missing // 2 if missing > 0 else -(-missing // 2)
        pairs = [(0, 0)] * x.ndim
        pairs[axis] = (low, missing - low)
        x = padded(x, pairs)
    return x


# ---- blocks ------------------------------------------------------------------------------------
@operator("SpaceToDepth", since=1)
def space_to_depth(x: Any, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Blocks of an image as channels: depth, column, row or column, row, depth."""
    x = as_tensor(x)
    n, c, h, w = x.shape
    b = blocksize
    parts = ops.reshape(x, (n, c, h // b, b, w // b, b))
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return ops.reshape(ops.permute_dims(parts, order), (n, c * b * b, h // b, w // b))


@operator("DepthToSpace", since=1)
def depth_to_space(x: Any, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Channels as blocks of an image: depth, column, row or column, row, depth."""
    x = as_tensor(x)
    n, c, h, w = x.shape
    b = blocksize
    d = c // (b * b)
    if mode == "DCR":
        parts = ops.permute_dims(ops.reshape(x, (n, b, b, d, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        parts = ops.permute_dims(ops.reshape(x, (n, d, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return ops.reshape(parts, (n, d, h * b, w * b))


def chosen_axes(axes: Any, what: str) -> list[int] | None:
    """The axes of an optional input."""
    return None if axes is None else [int(k) for k in integers(axes, what)]


def array(value: Any, what: str) -> np.ndarray:
    """Known values, of numbers or strings."""
    return value if is_text(value) else known(value, what)
