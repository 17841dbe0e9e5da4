"""Elements at positions: slices, gathers, sorted, unique and non-zero elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import OutOfBoundsError
from lamina.ir import types
from lamina.ir.types import is_static
from lamina.onnx.operators.shapes import as_value, chosen_axes
from lamina.onnx.rows import operator
from lamina.onnx.values import (
    Extents,
    axis_in,
    integers,
    is_text,
    known,
    objects_of,
    whole,
)
from lamina.tensor import Tensor, as_tensor

Value = Any


@operator("Slice", since=10)
def slices(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Value:
    """x[start:end:step] along axes."""
    x = as_value(x)
    first, last = integers(starts, "the starts of Slice"), integers(ends, "the ends of Slice")
    chosen = chosen_axes(axes, "the axes of Slice") or list(range(len(first)))
    step = [1] * len(first) if steps is None else integers(steps, "the steps of Slice")
    index: list[Any] = [slice(None)] * x.ndim
    for axis, a, b, s in zip(chosen, first, last, step, strict=True):
        axis = axis_in(axis, x.ndim)
        index[axis] = _range(a, b, int(s), x.shape[axis])
    if isinstance(x, Extents):
        return whole(x.array[tuple(index)])
    return x[tuple(index)]


def _range(first: Any, end: Any, step: int, extent: Any) -> slice:
    """The slice of Python that ONNX means: an end before the first element is reached by -1 steps
    from -(extent + 1) on. An extent that is symbolic is less than 10**9, the end that jax2tf writes
    for an open slice."""
    far = 2**31 - 1 if is_static(extent) else 10**9
    if is_static(end) and (
        abs(int(end)) >= far or (step < 0 and is_static(extent) and int(end) < -int(extent))
    ):
        end = None
    if is_static(first) and abs(int(first)) >= far:
        first = None
    return slice(first, end, step)


@operator("Slice", since=1)
def slices_of_attributes(
    x: Any, *, starts: list[int], ends: list[int], axes: list[int] | None = None
) -> Value:
    return slices(x, np.array(starts), np.array(ends), None if axes is None else np.array(axes))


@operator("Gather", since=1)
def gather(x: Any, indices: Any, *, axis: int = 0) -> Value:
    x = as_value(x)
    axis = axis_in(axis, x.ndim)
    if isinstance(x, Extents) or is_text(x):
        places = known(indices, "positions in a shape")
        if places.size and (places.min() < -x.shape[axis] or places.max() >= x.shape[axis]):
            raise OutOfBoundsError(f"ONNX: Gather at {places} of an axis of {x.shape[axis]}")
        found = np.take(objects_of(x) if isinstance(x, Extents) else x, places, axis)
        return whole(found) if isinstance(x, Extents) else found
    return ops.take(x, as_tensor(indices), axis=axis)


@operator("GatherElements", since=11)
def gather_elements(x: Any, indices: Any, *, axis: int = 0) -> Tensor:
    x, places = as_tensor(x), as_tensor(indices)
    axis = axis_in(axis, x.ndim)
    cut = tuple(slice(None) if k == axis else slice(0, places.shape[k]) for k in range(x.ndim))
    return ops.take_along_axis(x[cut], places, axis=axis)


@operator("GatherND", since=11)
def gather_nd(x: Any, indices: Any, *, batch_dims: int = 0) -> Tensor:
    """Slices of x at the positions along the last axis of `indices`."""
    x, places = as_tensor(x), as_tensor(indices)
    count = places.shape[-1]
    axes = [places[..., k] for k in range(int(count))]
    for k in range(batch_dims):
        shape = [1] * (places.ndim - 1)
        shape[k] = int(x.shape[k])
        axes.insert(k, as_tensor(np.arange(int(x.shape[k]), dtype=np.int64).reshape(shape)))
    return x[tuple(axes)]


@operator("Compress", since=9)
def compress(x: Any, condition: Any, *, axis: int | None = None) -> Tensor:
    """The elements, or slices along an axis, for which the condition is true."""
    x = as_tensor(x)
    places = np.flatnonzero(known(condition, "the condition of Compress"))
    return ops.take(ops.reshape(x, (-1,)) if axis is None else x, places, axis=axis or 0)


@operator("NonZero", since=9)
def nonzero(x: Any) -> Tensor:
    found = np.array(np.nonzero(known(x, "the operand of NonZero")))
    return as_tensor(found.astype(np.int64))


@operator("Unique", since=11)
def unique(x: Any, *, axis: int | None = None, sorted: int = 1) -> tuple[Value, ...]:
    """The distinct elements; where each first occurs; where it is among them; how often it occurs.

    They are sorted, or in the order in which they first occur.
    """
    x = as_tensor(x)
    array = known(x, "the operand of Unique")
    values, first, inverse, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    if not sorted:
        order = np.argsort(first)
        values = np.take(values, order, axis or 0)
        first, counts = first[order], counts[order]
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        inverse = rank[inverse]
    rest = (as_tensor(np.asarray(each, np.int64).ravel()) for each in (first, inverse, counts))
    return (as_tensor(as_tensor(values), x.dtype), *rest)


@operator("TopK", since=10)
def top_k(
    x: Any, k: Any, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) elements along an axis, and where they are."""
    x, (count,) = as_tensor(x), integers(k, "the number of TopK")
    axis = axis_in(axis, x.ndim)
    if x.dtype.kind == "u":
        x, dtype = as_tensor(x, types.int64), x.dtype
    else:
        dtype = x.dtype
    order = ops.argsort(x, axis=axis, descending=bool(largest), stable=True)
    places = order[(slice(None),) * axis + (slice(0, count),)]
    values = ops.take_along_axis(x, places, axis=axis)
    return as_tensor(values, dtype), as_tensor(places, types.int64)


@operator("TopK", since=1)
def top_k_attribute(x: Any, *, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    return top_k(x, np.array([k]), axis=axis)


@operator("OneHot", since=9)
def one_hot(indices: Any, depth: Any, values: Any, *, axis: int = -1) -> Tensor:
    """values[1] at the positions, values[0] elsewhere."""
    places, choice = as_tensor(indices), as_tensor(values)
    (count,) = integers(as_tensor(depth), "the depth of OneHot")
    places = as_tensor(places, types.int64)
    axis = axis_in(axis, places.ndim + 1)
    wrapped = ops.where(ops.less(places, 0), places + count, places)
    shape = [1] * (places.ndim + 1)
    shape[axis] = count
    line = ops.reshape(ops.arange(count, dtype=types.int64), tuple(shape))
    hit = ops.equal(ops.expand_dims(wrapped, axis=axis), line)
    return ops.where(hit, choice[1], choice[0])


@operator("Trilu", since=14)
def triangle(x: Any, k: Any = None, *, upper: int = 1) -> Tensor:
    """The upper or lower triangle; zeros elsewhere."""
    x = as_tensor(x)
    diagonal = 0 if k is None else int(integers(k, "the diagonal of Trilu")[0])
    rows = ops.reshape(ops.arange(x.shape[-2], dtype=types.int64), (-1, 1))
    columns = ops.arange(x.shape[-1], dtype=types.int64)
    inside = columns >= rows + diagonal if upper else columns <= rows + diagonal
    return ops.where(inside, x, as_tensor(0, x.dtype))


@operator("ReverseSequence", since=10)
def reverse_sequence(x: Any, lengths: Any, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    """The first `lengths` elements of each sequence reversed."""
    x, count = as_tensor(x), as_tensor(lengths, types.int64)
    steps = ops.arange(x.shape[time_axis], dtype=types.int64)
    shape = [1] * x.ndim
    shape[time_axis] = -1
    steps = ops.reshape(steps, tuple(shape))
    shape = [1] * x.ndim
    shape[batch_axis] = -1
    ends = ops.reshape(count, tuple(shape))
    places = ops.where(steps < ends, ends - 1 - steps, steps)
    extents = tuple(n if k in (time_axis, batch_axis) else 1 for k, n in enumerate(x.shape))
    return ops.take_along_axis(x, ops.broadcast_to(places, extents), axis=time_axis)
