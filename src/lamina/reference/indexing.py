"""Reference semantics of slicing, padding, gather and scatter: plain index arithmetic in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from lamina.reference.sums import add_at

Array = np.ndarray


def slice_(
    x: Array, *, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int]
) -> Array:
    """x[start:limit:stride] on every axis."""
    return x[tuple(map(slice, start_indices, limit_indices, strides))]


def pad(
    x: Array,
    value: Array,
    *,
    edge_padding_low: Sequence[int],
    edge_padding_high: Sequence[int],
    interior_padding: Sequence[int],
) -> Array:
    """Element i of an axis goes to low + i * (interior + 1), unless that falls off an edge."""
    shape, source, target = [], [], []
    for n, low, high, inner in zip(x.shape, edge_padding_low, edge_padding_high, interior_padding):
        step = inner + 1
        extent = low + n + max(n - 1, 0) * inner + high
        first = max(0, -(low // step))  # the least i with low + i * step >= 0
        end = max(first, min(n, -((low - extent) // step)))
        start = low + first * step
        shape.append(extent)
        source.append(slice(first, end))
        target.append(slice(start, start + (end - first) * step, step))
    result = np.full(shape, value, x.dtype)
    result[tuple(target)] = x[tuple(source)]
    return result


def _fitted(starts: Sequence[Array], shape: Sequence[int], sizes: Sequence[int]) -> tuple:
    """Slices of the sizes at the starts, moved where they would not fit."""
    clamped = [min(max(int(s), 0), n - k) for s, n, k in zip(starts, shape, sizes)]
    return tuple(slice(s, s + k) for s, k in zip(clamped, sizes))


def dynamic_slice(x: Array, *starts: Array, slice_sizes: Sequence[int]) -> Array:
    """A copy of x[start : start + size]."""
    return x[_fitted(starts, x.shape, slice_sizes)].copy()


def dynamic_update_slice(x: Array, update: Array, *starts: Array) -> Array:
    """A copy of x with x[start : start + size] = update."""
    result = x.copy()
    result[_fitted(starts, x.shape, update.shape)] = update
    return result


# ---- gather and scatter ------------------------------------------------------------------------
def _signed(indices: Array) -> Array:
    """Indices as int64, those beyond its range at its end."""
    if indices.dtype == np.uint64:
        indices = np.minimum(indices, np.uint64(2**62))
    return indices.astype(np.int64)


def _along(line: Array, axis: int, ndim: int) -> Array:
    shape = [1] * ndim
    shape[axis] = -1
    return line.reshape(shape)


def _positions(
    indices: Array,
    x_shape: Sequence[int],
    window: Sequence[int],
    window_axes: Sequence[int],
    mapped_axes: Sequence[int],
    batching: Sequence[tuple[int, int]],
    ndim: int,
    fit: bool,
) -> tuple[Array, ...]:
    """For each axis of x, the positions of the elements of windows, to be broadcast over all axes.

    `window` has an extent per axis of x, -1 for the axes that no axis of the window stands for;
    the others are at `window_axes`. `fit` moves windows that would not fit into x.
    """
    starts = _signed(indices)
    batch_axes = [d for d in range(ndim) if d not in window_axes]
    found: list[Array] = [np.zeros([1] * ndim, np.int64) for _ in x_shape]
    for k, d in enumerate(mapped_axes):
        start = starts[..., k]
        if fit:
            start = np.clip(start, 0, max(x_shape[d] - max(window[d], 1), 0))
        found[d] = np.expand_dims(start, tuple(window_axes))
    for d, k in batching:
        found[d] = found[d] + _along(np.arange(x_shape[d]), batch_axes[k], ndim)
    kept = [d for d, extent in enumerate(window) if extent >= 0]
    for d, axis in zip(kept, window_axes):
        found[d] = found[d] + _along(np.arange(window[d]), axis, ndim)
    return tuple(found)


def gather(
    x: Array,
    indices: Array,
    *,
    offset_dims: Sequence[int],
    collapsed_slice_dims: Sequence[int],
    start_index_map: Sequence[int],
    slice_sizes: Sequence[int],
    operand_batching_dims: Sequence[int] = (),
    start_indices_batching_dims: Sequence[int] = (),
) -> Array:
    """Reads x at the start (fitted) plus the offset of every element of the result."""
    gone = {*collapsed_slice_dims, *operand_batching_dims}
    window = [-1 if d in gone else n for d, n in enumerate(slice_sizes)]
    ndim = indices.ndim - 1 + len(offset_dims)
    batching = tuple(zip(operand_batching_dims, start_indices_batching_dims))
    axes = sorted(offset_dims)
    at = _positions(indices, x.shape, window, axes, start_index_map, batching, ndim, fit=True)
    batch, kept = iter(indices.shape[:-1]), iter([n for n in window if n >= 0])
    shape = tuple(next(kept) if d in axes else next(batch) for d in range(ndim))
    return np.broadcast_to(x[at], shape)


COMBINE = {
    "add": add_at, "multiply": np.multiply.at, "min": np.minimum.at, "max": np.maximum.at,
}  # fmt: skip


def scatter(
    x: Array,
    indices: Array,
    updates: Array,
    *,
    kind: str,
    update_window_dims: Sequence[int],
    inserted_window_dims: Sequence[int],
    scatter_dims_to_operand_dims: Sequence[int],
    input_batching_dims: Sequence[int] = (),
    scatter_indices_batching_dims: Sequence[int] = (),
) -> Array:
    """Elements of updates, in C order, each combined into x at its position, if within x."""
    gone = {*inserted_window_dims, *input_batching_dims}
    extents = iter(updates.shape[axis] for axis in sorted(update_window_dims))
    window = [-1 if d in gone else next(extents) for d in range(x.ndim)]
    batching = tuple(zip(input_batching_dims, scatter_indices_batching_dims))
    axes = sorted(update_window_dims)
    mapped = scatter_dims_to_operand_dims
    at = _positions(indices, x.shape, window, axes, mapped, batching, updates.ndim, fit=False)
    flat = np.zeros(updates.shape, np.int64)
    inside = np.ones(updates.shape, bool)
    for position, extent in zip(at, x.shape):
        inside &= (position >= 0) & (position < extent)
        flat = flat * extent + position
    result = x.reshape(prod(x.shape)).copy()
    if kind == "set":
        result[flat[inside]] = updates[inside]  # NumPy assigns in order: the last one stays
    else:
        COMBINE[kind](result, flat[inside], updates[inside])
    return result.reshape(x.shape)
