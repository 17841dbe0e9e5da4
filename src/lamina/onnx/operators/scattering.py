"""Tensors in which some elements are replaced by, or combined with, others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.onnx.rows import operator
from lamina.onnx.values import axis_in
from lamina.tensor import Tensor, as_tensor

_COMBINED: dict[str, Callable[[Any, Any], Tensor]] = {
    "none": lambda at, v: at.set(v),
    "add": lambda at, v: at.add(v),
    "mul": lambda at, v: at.multiply(v),
    "max": lambda at, v: at.max(v),
    "min": lambda at, v: at.min(v),
}


def _combine(at: Any, values: Any, reduction: str) -> Tensor:
    if reduction not in _COMBINED:
        raise ArgumentError(
            f"ONNX: a scatter has the reduction {reduction!r} (expected one of {list(_COMBINED)})"
        )
    return _COMBINED[reduction](at, values)


@operator("ScatterElements", since=11)
def scatter_elements(
    x: Any, indices: Any, updates: Any, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    """x with the updates at positions that differ from line to line along an axis."""
    x, places = as_tensor(x), as_tensor(indices, types.int64)
    axis = axis_in(axis, x.ndim)
    index: list[Any] = []
    for k in range(x.ndim):
        shape = [1] * x.ndim
        shape[k] = -1
        line = ops.reshape(ops.arange(places.shape[k], dtype=types.int64), tuple(shape))
        index.append(ops.broadcast_to(line, places.shape))
    extent = x.shape[axis]
    index[axis] = ops.where(places < 0, places + extent, places)
    return _combine(x.at[tuple(index)], as_tensor(updates), reduction)


@operator("Scatter", since=9)
def scatter(x: Any, indices: Any, updates: Any, *, axis: int = 0) -> Tensor:
    return scatter_elements(x, indices, updates, axis=axis)


@operator("ScatterND", since=11)
def scatter_nd(x: Any, indices: Any, updates: Any, *, reduction: str = "none") -> Tensor:
    """x with slices replaced at the positions along the last axis of `indices`."""
    x, places = as_tensor(x), as_tensor(indices, types.int64)
    index = tuple(places[..., k] for k in range(int(places.shape[-1])))
    return _combine(x.at[index], as_tensor(updates), reduction)


@operator("TensorScatter", since=24)
def tensor_scatter(
    past: Any, update: Any, write_indices: Any = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    """A cache with an update of several positions along an axis, from a position of each sample."""
    x, new = as_tensor(past), as_tensor(update)
    axis = axis_in(axis, x.ndim)
    batch, steps, extent = x.shape[0], int(new.shape[axis]), int(x.shape[axis])
    starts = ops.zeros((batch,), dtype=types.int64)
    if write_indices is not None:
        starts = as_tensor(write_indices, types.int64)
    places = starts[:, None] + as_tensor(np.arange(steps, dtype=np.int64))
    if mode == "circular":
        places = ops.remainder(places, extent)
    shape = [1] * x.ndim
    shape[0], shape[axis] = -1, steps
    index = ops.broadcast_to(ops.reshape(places, tuple(shape)), new.shape)
    return scatter_elements(x, index, new, axis=axis)
