"""Rewrites of data movement, reductions and contractions: one row per primitive, with before ->
after.

Values stay the same to the bit, but for the order of a sum, which is the engine's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import is_static

Rule = Callable[[Node], Node | None]


def filling(x: Node) -> Node | None:
    """The scalar that x repeats everywhere, if it does."""
    return x.args[0] if x.op == "broadcast_in_dim" and x.args[0].ndim == 0 else None


def _refilled(node: Node) -> Node | None:
    """view(broadcast(scalar)) -> broadcast(scalar)"""
    scalar = filling(node.args[0])
    return None if scalar is None else ops.broadcast(scalar, node.shape, ())


# reshape(reshape(x)) -> reshape(x);  to the same shape -> x;  of a fill -> fill
def _reshape(node: Node) -> Node | None:
    (x,) = node.args
    if x.shape == node.shape:
        return x
    if x.op == "reshape":
        return ops.reshape(x.args[0], shape=node.shape)
    return _refilled(node)


# transpose(transpose(x)) -> transpose(x);  identity permutation -> x;  of a fill -> fill
# transpose(dot_general(x, y)) -> dot_general(y, x) where it swaps the two sides
def _transpose(node: Node) -> Node | None:
    (x,) = node.args
    order = tuple(node.params["permutation"])
    if order == tuple(range(node.ndim)):
        return x
    if x.op == "transpose":
        inner = x.params["permutation"]
        return ops.transpose(x.args[0], permutation=tuple(inner[p] for p in order))
    if x.op == "dot_general":
        return _swapped(x, order)
    return _refilled(node)


def _swapped(product: Node, order: Sequence[int]) -> Node | None:
    p, (x, y) = product.params, product.args
    batch = len(p["lhs_batching_dimensions"])
    columns = y.ndim - batch - len(p["rhs_contracting_dimensions"])
    first = product.ndim - columns
    if tuple(order) != (*range(batch), *range(first, product.ndim), *range(batch, first)):
        return None
    return ops.dot_general(
        y,
        x,
        lhs_batching_dimensions=p["rhs_batching_dimensions"],
        rhs_batching_dimensions=p["lhs_batching_dimensions"],
        lhs_contracting_dimensions=p["rhs_contracting_dimensions"],
        rhs_contracting_dimensions=p["lhs_contracting_dimensions"],
    )


# broadcast(broadcast(x)) -> broadcast(x);  to the same shape -> x
# broadcast(reshape(x)) -> broadcast(x) where the reshape only puts in extents of 1
def _broadcast(node: Node) -> Node | None:
    (x,) = node.args
    dims = tuple(node.params["broadcast_dimensions"])
    if x.shape == node.shape and dims == tuple(range(node.ndim)):
        return x
    inner: Sequence[int] | None = None
    if x.op == "broadcast_in_dim":
        inner = x.params["broadcast_dimensions"]
    elif x.op == "reshape":
        inner = _kept(x.args[0].shape, x.shape)
    if inner is None:
        return None
    dims = tuple(dims[d] for d in inner)
    return ops.broadcast_in_dim(x.args[0], shape=node.shape, broadcast_dimensions=dims)


def _kept(source: Sequence[object], target: Sequence[object]) -> list[int] | None:
    """Return the positions of source's axes in target, whose other axes have extent 1."""
    places = [d for d, extent in enumerate(target) if extent != 1]
    same = [target[d] for d in places] == list(source)
    return places if same else None


# slice of everything -> x;  of a fill -> fill
def _slice(node: Node) -> Node | None:
    (x,) = node.args
    if x.shape == node.shape and all(s == 1 for s in node.params["strides"]):
        return x
    return _refilled(node)


# reverse(reverse(x)) -> x over the same axes;  of axes of extent 1 -> x;  of a fill -> fill
def _reverse(node: Node) -> Node | None:
    (x,) = node.args
    axes = {d for d in node.params["dimensions"] if x.shape[d] != 1}
    if not axes:
        return x
    if x.op == "reverse" and set(x.params["dimensions"]) == set(node.params["dimensions"]):
        return x.args[0]
    return _refilled(node)


# pad by nothing -> x
def _pad(node: Node) -> Node | None:
    p = node.params
    amounts = (*p["edge_padding_low"], *p["edge_padding_high"], *p["interior_padding"])
    return node.args[0] if all(a == 0 for a in amounts) else None


# concatenate(x) -> x;  empty parts go;  of fills with one scalar -> fill
def _concatenate(node: Node) -> Node | None:
    axis = node.params["dimension"]
    parts = [x for x in node.args if x.shape[axis] != 0]
    if len(parts) == 1:
        return parts[0]
    scalar = filling(node.args[0])
    if scalar is not None and all(filling(x) is scalar for x in node.args):
        return ops.broadcast(scalar, node.shape, ())
    if parts and len(parts) < len(node.args):
        return ops.concatenate(*parts, dimension=axis)
    return None


# dynamic_slice of everything -> x: the starts are clamped to 0
def _dynamic_slice(node: Node) -> Node | None:
    x = node.args[0]
    return x if x.shape == node.shape else None


# dynamic_update_slice by everything -> update
def _dynamic_update_slice(node: Node) -> Node | None:
    x, update = node.args[:2]
    return update if update.shape == x.shape else None


# ---- reductions --------------------------------------------------------------------------------
# reduce over no axis -> x;  reduce(reduce(x)) -> reduce(x) of one kind
# reduce(reverse(x)) -> reduce(x);  over all axes of a reshape or transpose -> of what it lays out
# sum(broadcast(x)) -> sum(x * times);  max(broadcast(x)) -> max(x)
def _reduce(node: Node) -> Node | None:
    (x,), kind = node.args, node.params["kind"]
    axes = tuple(node.params["dimensions"])
    if kind.startswith("arg"):
        return None
    if not axes:
        return x
    if x.op == "reduce" and x.params["kind"] == kind:
        return _reduced_twice(x, axes, kind)
    if x.op == "reverse" and set(x.params["dimensions"]) <= set(axes):
        return ops.reduce(x.args[0], kind=kind, dimensions=axes)
    if x.op in ("reshape", "transpose") and len(axes) == x.ndim:
        (inner,) = x.args
        return ops.reduce(inner, kind=kind, dimensions=tuple(range(inner.ndim)))
    if x.op == "broadcast_in_dim":
        return _reduced_broadcast(x, axes, kind)
    return None


def _reduced_twice(x: Node, axes: Sequence[int], kind: str) -> Node:
    first = set(x.params["dimensions"])
    left = [d for d in range(x.args[0].ndim) if d not in first]
    both = sorted(first | {left[d] for d in axes})
    return ops.reduce(x.args[0], kind=kind, dimensions=tuple(both))


def _reduced_broadcast(x: Node, axes: Sequence[int], kind: str) -> Node | None:
    """Axes along which x only repeats are left out, where they surely have elements."""
    (inner,), dims = x.args, x.params["broadcast_dimensions"]
    own = {d for k, d in enumerate(dims) if inner.shape[k] == x.shape[d]}
    gone = [d for d in axes if d not in own]
    extents = [x.shape[d] for d in gone]
    if not gone or not is_static(extents) or 0 in extents or kind == "product":
        return None
    if any(d in gone for d in dims):  # an extent of 1 that is repeated: its axis stays
        return None
    times = math.prod(extents)
    kept = [d for d in range(x.ndim) if d not in gone]
    shape = tuple(x.shape[d] for d in kept)
    small = ops.broadcast(inner, shape, tuple(kept.index(d) for d in dims))
    if kind == "sum":
        count = np.asarray(times).astype(x.dtype.storage)  # small integers wrap, as their sums do
        number = ops.constant(value=count, dtype=x.dtype)
        small = ops.multiply(small, ops.broadcast(number, small.shape, ()))
    rest = tuple(kept.index(d) for d in axes if d in own)
    return ops.reduce(small, kind=kind, dimensions=rest) if rest else small


# ---- products ----------------------------------------------------------------------------------
# dot_general(x, y) contracted over extents of 1 -> broadcast(x) * broadcast(y)
def _dot_general(node: Node) -> Node | None:
    p, (x, y) = node.params, node.args
    if any(x.shape[d] != 1 for d in p["lhs_contracting_dimensions"]):
        return None
    batch = len(p["lhs_batching_dimensions"])
    rows = x.ndim - batch - len(p["lhs_contracting_dimensions"])
    left = _spread(node, x, p, "lhs", range(batch, batch + rows))
    return ops.multiply(left, _spread(node, y, p, "rhs", range(batch + rows, node.ndim)))


def _spread(node: Node, x: Node, p: Mapping[str, Any], side: str, free: Sequence[int]) -> Node:
    """One side in the shape of the result."""
    batch, contracted = p[f"{side}_batching_dimensions"], p[f"{side}_contracting_dimensions"]
    kept = [d for d in range(x.ndim) if d not in contracted]
    flat = ops.reshaped(x, tuple(x.shape[d] for d in kept))
    order = [*batch, *(d for d in kept if d not in batch)]
    turned = ops.transposed(flat, [kept.index(d) for d in order])
    return ops.broadcast(turned, node.shape, [*range(len(batch)), *free])


MOVEMENT: dict[str, Rule] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "reverse": _reverse,
    "pad": _pad,
    "concatenate": _concatenate,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "reduce": _reduce,
    "dot_general": _dot_general,
}
