"""Gradients of reading and writing at indices: each is the other's.

What gather reads is added back by scatter; what scatter wrote is read by gather. The two differ at
the edges: gather moves a start that would not fit, scatter drops what falls outside; so indices are
clamped before a scatter, and a gather reads zeros from a border around its operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.autodiff.shape_rules import in_float32
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.primitives import constant_of
from lamina.ir.types import Dim, bool_, int32, int64, is_static

Cotangents = tuple[Node | None, ...]


def dynamic_slice_rule(g: Node, out: Node, x: Node, *starts: Node, slice_sizes: Any) -> Cotangents:
    """g written into zeros."""
    to_x = ops.dynamic_update_slice(ops.fill(0.0, x), g, *starts)
    return (to_x, *(None for _ in starts))


def dynamic_update_slice_rule(
    g: Node, out: Node, x: Node, update: Node, *starts: Node
) -> Cotangents:
    """To x what was not overwritten, to the update what it became."""
    to_x = ops.dynamic_update_slice(g, ops.fill(0.0, update), *starts)
    to_update = ops.dynamic_slice(g, *starts, slice_sizes=update.shape)
    return (to_x, to_update, *(None for _ in starts))


# ---- indices as numbers ------------------------------------------------------------------------
def _signed(indices: Node) -> Node:
    """Indices in a signed dtype that holds any extent."""
    wide = indices.dtype.bits == 64 or indices.dtype.name == "uint32"
    target = int64 if wide else int32
    return indices if indices.dtype == target else ops.convert(indices, dtype=target)


def _vector(extents: Sequence[Dim], like: Node) -> Node:
    """Extents, some of them perhaps symbolic, along the last axis of the shape of `like`."""
    if is_static(extents):
        line = constant_of(np.array(extents, like.dtype.storage), like.dtype)
    else:
        ones = [ops.reshape(ops.size_of(extent=n), shape=(1,)) for n in extents]
        line = ops.convert(ops.concatenate(*ones, dimension=0), dtype=like.dtype)
    return ops.broadcast(line, like.shape, (like.ndim - 1,))


def _fitted(indices: Node, low: Sequence[Dim], high: Sequence[Dim]) -> Node:
    if not low:
        return indices
    return ops.clamp(_vector(low, indices), indices, _vector(high, indices))


# ---- gather ------------------------------------------------------------------------------------
def gather_rule(g: Node, out: Node, x: Node, indices: Node, **params: Any) -> Cotangents:
    """g added into zeros where it was read."""
    mapped, sizes = params["start_index_map"], params["slice_sizes"]
    signed = _signed(indices)
    high = [x.shape[d] - sizes[d] for d in mapped]
    starts = _fitted(signed, [0] * len(high), high)

    def added(g: Node) -> Node:
        return ops.scatter(
            ops.fill(0.0, shape=x.shape, dtype=g.dtype),
            starts,
            g,
            kind="add",
            update_window_dims=params["offset_dims"],
            inserted_window_dims=params["collapsed_slice_dims"],
            scatter_dims_to_operand_dims=mapped,
            input_batching_dims=params.get("operand_batching_dims", ()),
            scatter_indices_batching_dims=params.get("start_indices_batching_dims", ()),
        )

    return in_float32(added, g), None


# ---- scatter -----------------------------------------------------------------------------------
def _window(x: Node, updates: Node, params: dict[str, Any]) -> list[Dim]:
    """The extent of an update's window along each axis of x."""
    gone = {*params["inserted_window_dims"], *params.get("input_batching_dims", ())}
    extents = iter(updates.shape[d] for d in sorted(params["update_window_dims"]))
    return [1 if d in gone else next(extents) for d in range(x.ndim)]


def _read(x: Node, indices: Node, updates: Node, params: dict[str, Any]) -> Node:
    """Return the elements of x at the positions of the updates; 0 for positions outside.

    A border of zeros, as wide as the window, takes every start that is outside.
    """
    mapped = params["scatter_dims_to_operand_dims"]
    window = _window(x, updates, params)
    border = [window[d] if d in mapped else 0 for d in range(x.ndim)]
    wide = ops.pad(
        x,
        ops.fill(0, shape=(), dtype=x.dtype),
        edge_padding_low=tuple(border),
        edge_padding_high=tuple(border),
        interior_padding=(0,) * x.ndim,
    )
    signed = _signed(indices)
    low, high = [-1 * border[d] for d in mapped], [x.shape[d] for d in mapped]
    starts = _fitted(signed, low, high)
    if mapped:
        starts = ops.add(starts, _vector([border[d] for d in mapped], starts))
    return ops.gather(
        wide,
        starts,
        offset_dims=params["update_window_dims"],
        collapsed_slice_dims=params["inserted_window_dims"],
        start_index_map=mapped,
        slice_sizes=tuple(window),
        operand_batching_dims=params.get("input_batching_dims", ()),
        start_indices_batching_dims=params.get("scatter_indices_batching_dims", ()),
    )


def scatter_rule(
    g: Node, out: Node, x: Node, indices: Node, updates: Node, *, kind: str, **params: Any
) -> Cotangents:
    """By kind; where updates meet, min and max share evenly, and set leaves all to the last."""
    to_x, to_updates = _BY_KIND[kind](g, out, x, indices, updates, params)
    return to_x, None, to_updates


def _add(g: Node, out: Node, x: Node, indices: Node, updates: Node, params: Any) -> Any:
    return g, _read(g, indices, updates, params)


def _set(g: Node, out: Node, x: Node, indices: Node, updates: Node, params: Any) -> Any:
    """Updates, numbered from 1 and written as they were, tell which of them stayed."""
    to_x = ops.scatter(g, indices, ops.fill(0.0, updates), kind="set", **params)
    line = ops.iota(shape=(updates.type.size,), dtype=int32, iota_dimension=0)
    numbers = ops.reshape(ops.add(line, ops.fill(1, line)), shape=updates.shape)
    written = ops.fill(0, shape=x.shape, dtype=int32)
    written = ops.scatter(written, indices, numbers, kind="set", **params)
    stayed = ops.compare(_read(written, indices, updates, params), numbers, direction="EQ")
    read = _read(g, indices, updates, params)
    return to_x, ops.select(stayed, read, ops.fill(0.0, read))


def _multiply(g: Node, out: Node, x: Node, indices: Node, updates: Node, params: Any) -> Any:
    """As a product's gradient: of all that are not 0, by the update; 0 if another one is 0.

    Exact at zeros in the first order; of higher orders, only where no update is 0.
    """
    zero, one = ops.fill(0.0, updates), ops.fill(1.0, updates)
    factors = ops.scatter(ops.fill(1.0, x), indices, updates, kind="multiply", **params)
    is_zero = ops.compare(updates, zero, direction="EQ")
    safe = ops.select(is_zero, one, updates)
    here = ops.select(is_zero, one, zero)
    product = ops.scatter(x, indices, safe, kind="multiply", **params)
    zeros = ops.scatter(ops.fill(0.0, x), indices, here, kind="add", **params)
    alone = ops.compare(_read(zeros, indices, updates, params), here, direction="EQ")
    flow = ops.divide(_read(ops.multiply(g, product), indices, updates, params), safe)
    return ops.multiply(g, factors), ops.select(alone, flow, zero)


def _extreme(g: Node, out: Node, x: Node, indices: Node, updates: Node, params: Any) -> Any:
    kept = ops.convert(ops.compare(x, out, direction="EQ"), dtype=x.dtype)
    reached = ops.compare(updates, _read(out, indices, updates, params), direction="EQ")
    inside = ops.fill(True, shape=x.shape, dtype=bool_)
    reached = ops.and_(reached, _read(inside, indices, updates, params))
    won = ops.convert(reached, dtype=x.dtype)
    count = ops.scatter(kept, indices, won, kind="add", **params)
    share = ops.divide(g, count)
    return ops.multiply(share, kept), ops.multiply(_read(share, indices, updates, params), won)


_BY_KIND = {"add": _add, "set": _set, "multiply": _multiply, "min": _extreme, "max": _extreme}
