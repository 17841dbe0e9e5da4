"""Primitives that move elements: views, joined and padded values, slices and gathers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.ir.types import Dim, Shape, is_static, same
from lamina.onnx.exporting.builder import Builder, row
from lamina.onnx.exporting.elementwise import convert
from lamina.onnx.exporting.values import Value


@row("constant")
def constant(b: Builder, node: Node) -> Value:
    array = np.asarray(node.params["value"])
    return b.constant(np.broadcast_to(array, tuple(map(int, node.shape))), node.dtype)


@row("iota")
def iota(b: Builder, node: Node) -> Value:
    """Numbers that count along an axis, broadcast over the others."""
    axis, shape = node.params["iota_dimension"], node.shape
    line = [1] * len(shape)
    line[axis] = shape[axis]  # type: ignore[call-overload]
    if is_static(shape[axis]):
        array = np.arange(int(shape[axis])).astype(node.dtype.storage)
        return b.constant(array.reshape([int(n) for n in line]), node.dtype)
    count = b.reshape(b.extent(shape[axis]), ())
    ends = [b.constant(np.array(n, np.int64)) for n in (0, 1)]
    numbers = b.op("Range", [ends[0], count, ends[1]], (shape[axis],), types.int64)
    return b.reshape(convert(b, node, numbers), tuple(line))


@row("size_of")
def size_of(b: Builder, node: Node) -> Value:
    return convert(b, node, b.reshape(b.extent(node.params["extent"]), ()))


@row("reshape")
def reshape(b: Builder, node: Node, x: Value) -> Value:
    full = b.full(x, node.args[0].shape)
    return b.reshape(full, node.shape)


@row("transpose")
def transpose(b: Builder, node: Node, x: Value) -> Value:
    return x.transposed(tuple(node.params["permutation"]))


@row("broadcast_in_dim")
def broadcast_in_dim(b: Builder, node: Node, x: Value) -> Value:
    """Extents of 1 in the right places: what reads the value broadcasts it, or asks for all of
    it."""
    shape: list[Dim] = [1] * len(node.shape)
    for k, d in enumerate(node.params["broadcast_dimensions"]):
        shape[d] = x.shape[k]
    return b.reshape(x, tuple(shape))


@row("slice")
def slice_(b: Builder, node: Node, x: Value) -> Value:
    p, own = node.params, node.args[0].shape
    axes = [
        k
        for k, n in enumerate(own)
        if not (
            same(p["start_indices"][k], 0)
            and same(p["limit_indices"][k], n)
            and p["strides"][k] == 1
        )
    ]
    if not axes:
        return x
    loose = [k for k in axes if same(x.shape[k], 1) and not same(own[k], 1)]
    if loose:
        x = b.full(x, own)
    starts = b.shape(tuple(p["start_indices"][k] for k in axes))
    ends = b.shape(tuple(p["limit_indices"][k] for k in axes))
    steps = b.integers([p["strides"][k] for k in axes])
    shape = tuple(node.shape[k] if k in axes else n for k, n in enumerate(x.shape))
    return b.op("Slice", [x, starts, ends, b.integers(axes), steps], shape, node.dtype)


@row("reverse")
def reverse(b: Builder, node: Node, x: Value) -> Value:
    axes = [d for d in node.params["dimensions"] if not same(x.shape[d], 1)]
    if not axes:
        return x
    ones = [-1] * len(axes)
    ends = b.integers([np.iinfo(np.int64).min] * len(axes))
    return b.op(
        "Slice", [x, b.integers(ones), ends, b.integers(axes), b.integers(ones)], x.shape, x.dtype
    )


@row("pad")
def pad(b: Builder, node: Node, x: Value, value: Value) -> Value:
    p = node.params
    own = node.args[0].shape
    x = b.full(x, own)
    for axis, inner in enumerate(p["interior_padding"]):
        if inner:
            x = _spread(b, x, value, axis, inner)
    low, high = list(p["edge_padding_low"]), list(p["edge_padding_high"])
    if not any(low) and not any(high):
        return x
    return b.op("Pad", [x, b.integers(low + high), value], node.shape, node.dtype)


def _spread(b: Builder, x: Value, value: Value, axis: int, inner: int) -> Value:
    """x with `inner` copies of a value between neighbors along an axis."""
    before, after = tuple(x.shape[:axis]), tuple(x.shape[axis + 1 :])
    n = x.shape[axis]
    lines = b.reshape(x, (*before, n, 1, *after))
    widths = [0] * (2 * lines.ndim)
    widths[lines.ndim + axis + 1] = inner
    wide = b.op("Pad", [lines, b.integers(widths), value], (*before, n, 1 + inner, *after), x.dtype)
    joined = b.reshape(wide, (*before, n * (1 + inner), *after))
    ends = [b.integers([k]) for k in (0, -inner, axis)]
    return b.op("Slice", [joined, *ends], (*before, n * (1 + inner) - inner, *after), x.dtype)


@row("concatenate")
def concatenate(b: Builder, node: Node, *xs: Value) -> Value:
    full = [b.full(x, arg.shape) for x, arg in zip(xs, node.args, strict=True)]
    if len(full) == 1:
        return full[0]
    return b.op("Concat", full, node.shape, node.dtype, axis=node.params["dimension"])


# ---- computed positions ------------------------------------------------------------------------
def _vector(b: Builder, starts: Sequence[Value]) -> Value:
    """Scalars as a vector of int64."""
    parts = []
    for start in starts:
        each = b.reshape(start, (1,))
        if each.dtype != types.int64:
            each = b.op("Cast", [each], (1,), types.int64, to=7)
        parts.append(each)
    if len(parts) == 1:
        return parts[0]
    return b.op("Concat", parts, (len(parts),), types.int64, axis=0)


def _within(b: Builder, starts: Value, own: Shape, sizes: Shape, axes: Sequence[int]) -> Value:
    """Starts that leave room for the slices."""
    last = b.shape(tuple(own[k] - sizes[k] for k in axes))
    above = b.op("Max", [starts, b.integers([0])], starts.shape, types.int64)
    return b.op("Min", [above, last], starts.shape, types.int64)


@row("dynamic_slice")
def dynamic_slice(b: Builder, node: Node, x: Value, *starts: Value) -> Value:
    own, sizes = node.args[0].shape, node.params["slice_sizes"]
    axes = [k for k in range(len(own)) if not same(sizes[k], own[k])]
    x = b.full(x, own)
    if not axes:
        return x
    first = _within(b, _vector(b, [starts[k] for k in axes]), own, sizes, axes)
    count = b.shape(tuple(sizes[k] for k in axes))
    ends = b.op("Add", [first, count], first.shape, types.int64)
    return b.op("Slice", [x, first, ends, b.integers(axes)], node.shape, node.dtype)


@row("dynamic_update_slice")
def dynamic_update_slice(b: Builder, node: Node, x: Value, update: Value, *starts: Value) -> Value:
    """The elements before the slice, the update, and the elements behind it, joined along the one
    axis that is not replaced completely."""
    own, sizes = node.args[0].shape, node.args[1].shape
    axes = [k for k in range(len(own)) if not same(sizes[k], own[k])]
    update = b.full(update, sizes)
    if not axes:
        return update
    if len(axes) > 1:
        raise ArgumentError("export: a slice of several axes is replaced at computed positions")
    (axis,) = axes
    x = b.full(x, own)
    first = _within(b, _vector(b, [starts[axis]]), own, sizes, axes)
    end = b.op("Add", [first, b.extent(sizes[axis])], (1,), types.int64)
    along = b.integers([axis])
    before = b.op("Slice", [x, b.integers([0]), first, along], own, x.dtype)
    most = b.integers([np.iinfo(np.int64).max])
    behind = b.op("Slice", [x, end, most, along], own, x.dtype)
    return b.op("Concat", [before, update, behind], node.shape, node.dtype, axis=axis)


@row("gather")
def gather(b: Builder, node: Node, x: Value, indices: Value) -> Value:
    """Gather along one axis, GatherElements where the others are batches, else GatherND."""
    p, own, places = node.params, node.args[0].shape, node.args[1].shape
    x, indices = b.full(x, own), b.full(indices, places)
    mapped, sizes = tuple(p["start_index_map"]), p["slice_sizes"]
    batching = tuple(p["operand_batching_dims"])
    gone = set(p["collapsed_slice_dims"]) | set(batching)
    whole = all(same(sizes[k], own[k]) for k in range(len(own)) if k not in gone)
    if set(p["collapsed_slice_dims"]) != set(mapped) or not whole:
        raise ArgumentError("export: slices of a computed position are gathered")
    if indices.dtype != types.int64:
        indices = b.op("Cast", [indices], places, types.int64, to=7)
    limits = b.shape(tuple(own[k] - 1 for k in mapped))
    low = b.op("Max", [indices, b.integers([0])], places, types.int64)
    indices = b.op("Min", [low, limits], places, types.int64)
    rest = tuple(k for k in range(len(own)) if k not in gone)
    batch = tuple(n for n in places[:-1])
    if batching:
        return _elements(b, node, x, indices, mapped, batching, rest)
    if len(mapped) == 1:
        flat = b.reshape(indices, batch)
        (axis,) = mapped
        shape = (*own[:axis], *batch, *own[axis + 1 :])
        found = b.op("Gather", [x, flat], shape, node.dtype, axis=axis)
        order = [*range(axis, axis + len(batch)), *range(axis)]
        order += range(axis + len(batch), len(shape))
    else:
        moved = x.transposed((*mapped, *rest))
        shape = (*batch, *(own[k] for k in rest))
        found = b.op("GatherND", [moved, indices], shape, node.dtype)
        order = list(range(len(shape)))
    return _placed(found, order, tuple(p["offset_dims"]), len(batch))


def _placed(found: Value, order: list[int], offsets: tuple[int, ...], batch: int) -> Value:
    """The axes (batch, rest) of a gather where the result has them."""
    batches, rest = iter(order[:batch]), iter(order[batch:])
    return found.transposed(
        tuple(next(rest) if k in offsets else next(batches) for k in range(len(order)))
    )


def _elements(
    b: Builder,
    node: Node,
    x: Value,
    indices: Value,
    mapped: tuple[int, ...],
    batching: tuple[int, ...],
    rest: tuple[int, ...],
) -> Value:
    """Positions that differ from line to line along one axis."""
    paired = tuple(node.params["start_indices_batching_dims"])
    count = indices.ndim - 1
    free = [k for k in range(count) if k not in paired]
    if len(mapped) != 1 or rest or len(free) != 1:
        raise ArgumentError("export: slices are gathered at positions of batches")
    to_axis = dict(zip(paired, batching, strict=True)) | {free[0]: mapped[0]}
    order = tuple(to_axis[k] for k in range(count))
    flat = b.reshape(indices, tuple(indices.shape[:-1]))
    return b.op("GatherElements", [x.transposed(order), flat], node.shape, node.dtype, axis=free[0])


@row("scatter")
def scatter(b: Builder, node: Node, x: Value, indices: Value, updates: Value) -> Value:
    """ScatterND of whole slices; positions outside, which are dropped, are not expected."""
    p, own = node.params, node.args[0].shape
    mapped = tuple(p["scatter_dims_to_operand_dims"])
    if set(p["inserted_window_dims"]) != set(mapped) or p.get("input_batching_dims"):
        raise ArgumentError("export: slices are scattered to computed positions")
    rest = tuple(k for k in range(len(own)) if k not in mapped)
    x, indices, updates = (
        b.full(v, arg.shape) for v, arg in zip((x, indices, updates), node.args, strict=True)
    )
    if indices.dtype != types.int64:
        indices = b.op("Cast", [indices], indices.shape, types.int64, to=7)
    windows = tuple(p["update_window_dims"])
    order = (*(k for k in range(updates.ndim) if k not in windows), *windows)
    kinds = {"set": None, "add": "add", "multiply": "mul", "min": "min", "max": "max"}
    moved = x.transposed((*mapped, *rest))
    found = b.op(
        "ScatterND",
        [moved, indices, updates.transposed(order)],
        moved.shape,
        node.dtype,
        reduction=kinds[p["kind"]],
    )
    places = (*mapped, *rest)
    return found.transposed(tuple(places.index(k) for k in range(len(own))))
