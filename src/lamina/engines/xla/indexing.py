"""Primitives that read and write where other values say, in `jax.lax`."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from lamina.engines.xla.elementwise import Params
from lamina.ir.graph import Node


def signed(indices: Any) -> Any:
    """Indices as int32, or as int64 where they may be larger; those beyond its range at its end."""
    kind, size = indices.dtype.kind, indices.dtype.itemsize
    if kind == "u" and size == 8:
        indices = lax.min(indices, np.uint64(2**62))
    wide = size == 8 or (kind == "u" and size == 4)
    return lax.convert_element_type(indices, np.int64 if wide else np.int32)


def _starts(starts: list[Any]) -> list[Any]:
    """Of one dtype, and at least 0: `lax` counts negative ones from the end."""
    found = [signed(s) for s in starts]
    widest = np.result_type(np.int32, *(s.dtype for s in found))
    return [lax.max(lax.convert_element_type(s, widest), widest.type(0)) for s in found]


def _dynamic_slice(node: Node, xs: list[Any], p: Params) -> Any:
    return lax.dynamic_slice(xs[0], _starts(xs[1:]), p["slice_sizes"])


def _dynamic_update_slice(node: Node, xs: list[Any], p: Params) -> Any:
    return lax.dynamic_update_slice(xs[0], xs[1], _starts(xs[2:]))


def _gather(node: Node, xs: list[Any], p: Params) -> Any:
    keys = (
        *("offset_dims", "collapsed_slice_dims", "start_index_map"),
        *("operand_batching_dims", "start_indices_batching_dims"),
    )
    numbers = lax.GatherDimensionNumbers(**{key: tuple(p[key]) for key in keys})
    mode = lax.GatherScatterMode.CLIP
    return lax.gather(xs[0], signed(xs[1]), numbers, tuple(p["slice_sizes"]), mode=mode)


SCATTER = {
    "set": lax.scatter,
    "add": lax.scatter_add,
    "multiply": lax.scatter_mul,
    "min": lax.scatter_min,
    "max": lax.scatter_max,
}


def _scatter(node: Node, xs: list[Any], p: Params) -> Any:
    x, indices, updates = xs[0], signed(xs[1]), xs[2]
    if updates.size == 0:
        return x
    if any(_window(x, updates, p)[d] > 1 for d in p["scatter_dims_to_operand_dims"]):
        return _scatter_elements(x, indices, updates, p)
    # XLA on CPUs (jaxlib 0.10.2) writes into the indices if they are the operand itself; windows
    # have one element along the indexed axes here, so that -1 is outside like all numbers below it
    indices = lax.max(indices, lax.full_like(indices, -1))
    numbers = lax.ScatterDimensionNumbers(
        tuple(p["update_window_dims"]),
        tuple(p["inserted_window_dims"]),
        tuple(p["scatter_dims_to_operand_dims"]),
        tuple(p["input_batching_dims"]),
        tuple(p["scatter_indices_batching_dims"]),
    )
    mode = lax.GatherScatterMode.FILL_OR_DROP
    return SCATTER[p["kind"]](x, indices, updates, numbers, mode=mode)


def _window(x: Any, updates: Any, p: Params) -> list[int]:
    """The extent of a window along each axis of x; 1 where none of its axes stands for it."""
    gone = {*p["inserted_window_dims"], *p["input_batching_dims"]}
    extents = iter(updates.shape[axis] for axis in sorted(p["update_window_dims"]))
    return [1 if d in gone else next(extents) for d in range(x.ndim)]


def _scatter_elements(x: Any, indices: Any, updates: Any, p: Params) -> Any:
    """A scatter of windows that may be partly outside: XLA drops such a window whole, and here
    only what is outside is dropped. Each element becomes a separate update."""
    gone = {*p["inserted_window_dims"], *p["input_batching_dims"]}
    window_axes = sorted(p["update_window_dims"])
    batch_axes = [d for d in range(updates.ndim) if d not in window_axes]
    shape, index_dtype = updates.shape, indices.dtype

    def along(axis: int) -> Any:
        return lax.broadcasted_iota(index_dtype, shape, axis)

    at = [lax.full(shape, 0, index_dtype) for _ in range(x.ndim)]
    for k, d in enumerate(p["scatter_dims_to_operand_dims"]):
        column = lax.index_in_dim(indices, k, indices.ndim - 1, keepdims=False)
        at[d] = at[d] + lax.broadcast_in_dim(column, shape, batch_axes)
    batching = zip(p["input_batching_dims"], p["scatter_indices_batching_dims"], strict=True)
    for d, k in batching:
        at[d] = at[d] + along(batch_axes[k])
    for d, axis in zip([d for d in range(x.ndim) if d not in gone], window_axes, strict=True):
        at[d] = at[d] + along(axis)
    places = lax.concatenate([lax.expand_dims(each, [updates.ndim]) for each in at], updates.ndim)
    every = tuple(range(x.ndim))
    numbers = lax.ScatterDimensionNumbers((), every, every)
    mode = lax.GatherScatterMode.FILL_OR_DROP
    return SCATTER[p["kind"]](x, places, updates, numbers, mode=mode)


ROWS = {
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "scatter": _scatter,
}
