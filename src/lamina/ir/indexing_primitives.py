"""Primitives that read and write where other values say."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.ir.primitive import computes, need, need_dtype, primitive
from lamina.ir.types import Shape, TensorType


@primitive
def dynamic_slice(x: TensorType, *starts: TensorType, slice_sizes: Shape) -> TensorType:
    """x[start : start + size] on each axis; starts are integer scalars, clamped to fit."""
    _starts("dynamic_slice", x, starts)
    need(len(slice_sizes) == x.ndim, "dynamic_slice", "(C2) needs a size per axis", slice_sizes, x)
    return TensorType(tuple(slice_sizes), x.dtype)


@primitive
def dynamic_update_slice(x: TensorType, update: TensorType, *starts: TensorType) -> TensorType:
    """x with `update` written at `starts`, clamped to fit."""
    _starts("dynamic_update_slice", x, starts)
    ok = update.dtype == x.dtype and update.ndim == x.ndim
    need(ok, "dynamic_update_slice", "(C2) update must have x's dtype and rank", update, x)
    return x


def _starts(name: str, x: TensorType, starts: Sequence[TensorType]) -> None:
    ok = len(starts) == x.ndim and all(s.shape == () and s.dtype.is_integer for s in starts)
    need(ok, name, "(C1) needs an integer scalar per axis", *starts, x)


@primitive
def gather(
    x: TensorType,
    indices: TensorType,
    *,
    offset_dims: Sequence[int],
    collapsed_slice_dims: Sequence[int],
    start_index_map: Sequence[int],
    slice_sizes: Shape,
    operand_batching_dims: Sequence[int] = (),
    start_indices_batching_dims: Sequence[int] = (),
) -> TensorType:
    """Slices of x at the starts that `indices` lists along its last axis, clamped to fit."""
    need_dtype(indices.dtype.is_integer, "gather", "(C1) indices must be integers", indices.dtype)
    ok = indices.ndim >= 1 and indices.shape[-1] == len(start_index_map)
    need(ok, "gather", "(C2) the last axis of indices lists one start per mapped axis", indices)
    need(len(slice_sizes) == x.ndim, "gather", "(C3) needs a slice size per axis", slice_sizes, x)
    gone = (*collapsed_slice_dims, *operand_batching_dims)
    kept = [slice_sizes[d] for d in range(x.ndim) if d not in gone]
    need(len(kept) == len(offset_dims), "gather", "(C4) needs an offset axis per kept axis", kept)
    batch, window = iter(indices.shape[:-1]), iter(kept)
    ndim = indices.ndim - 1 + len(kept)
    shape = tuple(next(window) if d in offset_dims else next(batch) for d in range(ndim))
    return TensorType(shape, x.dtype)


@primitive
def scatter(
    x: TensorType,
    indices: TensorType,
    updates: TensorType,
    *,
    kind: str,
    update_window_dims: Sequence[int],
    inserted_window_dims: Sequence[int],
    scatter_dims_to_operand_dims: Sequence[int],
    input_batching_dims: Sequence[int] = (),
    scatter_indices_batching_dims: Sequence[int] = (),
) -> TensorType:
    """x with updates combined in, one after the other, where gather with the same numbers would
    read; updates that would fall outside x are dropped. kind: set add multiply min max."""
    need_dtype(indices.dtype.is_integer, "scatter", "(C1) indices must be integers", indices.dtype)
    need(updates.dtype == x.dtype, "scatter", "(C2) updates must have x's dtype", updates, x)
    need(kind in SCATTER_KINDS, "scatter", f"(C3) kind must be in {SCATTER_KINDS}", kind)
    ok = kind == "set" or (computes(x) and x.dtype.kind != "b")
    need_dtype(ok, "scatter", "(C3) all kinds but set need numbers that compute", x.dtype)
    ok = indices.ndim >= 1 and indices.shape[-1] == len(scatter_dims_to_operand_dims)
    need(ok, "scatter", "(C4) the last axis of indices lists one start per mapped axis", indices)
    ok = updates.ndim == indices.ndim - 1 + len(update_window_dims)
    need(ok, "scatter", "(C5) updates have the axes of indices and of a window", updates, indices)
    return x


SCATTER_KINDS = ("set", "add", "multiply", "min", "max")
