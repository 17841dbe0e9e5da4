"""Gradients of what moves, repeats, sums, multiplies and orders elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import Dim, bool_, float32, int32

Cotangents = tuple[Node | None, ...]


def _zero(like: Node) -> Node:
    return ops.fill(0.0, shape=(), dtype=like.dtype)


def _equal(x: Node, y: Node) -> Node:
    return ops.compare(x, y, direction="EQ")


def in_float32(f: Callable[[Node], Node], g: Node) -> Node:
    """f(g), which adds elements up; by way of float32 where g's dtype does not compute."""
    if not g.dtype.is_storage_only:
        return f(g)
    return ops.convert(f(ops.convert(g, dtype=float32)), dtype=g.dtype)


# ---- movement ----------------------------------------------------------------------------------
def transpose_rule(g: Node, out: Node, x: Node, *, permutation: Sequence[int]) -> Cotangents:
    """The inverse permutation."""
    return (ops.transposed(g, [int(p) for p in np.argsort(permutation)]),)


def broadcast_rule(g: Node, out: Node, x: Node, **params: Any) -> Cotangents:
    """The sum over what was repeated."""
    target = dict(zip(params["broadcast_dimensions"], x.shape))
    axes = [d for d, n in enumerate(g.shape) if d not in target or target[d] != n]
    return (ops.reshaped(in_float32(lambda g: ops.sum_over(g, axes), g), x.shape),)


def slice_rule(g: Node, out: Node, x: Node, **params: Any) -> Cotangents:
    """Zeros around and, with strides, between."""
    low, strides = params["start_indices"], params["strides"]
    if any(isinstance(m, int) and m == 0 for m in g.shape):
        return (ops.fill(0.0, x),)
    spread = [1 + (m - 1) * s for m, s in zip(g.shape, strides)]
    high = [n - a - w for n, a, w in zip(x.shape, low, spread)]
    inner = tuple(s - 1 for s in strides)
    return (_padded(g, low, high, inner),)


def _padded(g: Node, low: Sequence[Any], high: Sequence[Any], inner: Sequence[int]) -> Node:
    if all(n == 0 for n in (*low, *high, *inner)):
        return g
    return ops.pad(
        g,
        _zero(g),
        edge_padding_low=tuple(low),
        edge_padding_high=tuple(high),
        interior_padding=tuple(inner),
    )


def pad_rule(g: Node, out: Node, x: Node, value: Node, **params: Any) -> Cotangents:
    """To x what landed inside, every stride-th of it; to the value the sum of all others."""
    low, high = params["edge_padding_low"], params["edge_padding_high"]
    inside = _padded(g, [-n for n in low], [-n for n in high], [0] * g.ndim)
    to_x = ops.slice(
        inside,
        start_indices=(0,) * g.ndim,
        limit_indices=inside.shape,
        strides=tuple(n + 1 for n in params["interior_padding"]),
    )
    if value.op == "constant":
        return to_x, None
    true = ops.fill(True, shape=(), dtype=bool_)
    padding = ops.pad(ops.fill(False, shape=x.shape, dtype=bool_), true, **params)
    others = ops.select(padding, g, ops.fill(0.0, g))
    return to_x, in_float32(lambda g: ops.sum_over(g, range(g.ndim)), others)


def concatenate_rule(g: Node, out: Node, *xs: Node, dimension: int) -> Cotangents:
    """Each operand's part."""
    parts: list[Node] = []
    start: Dim = 0
    for x in xs:
        starts: list[Dim] = [0] * g.ndim
        limits = list(g.shape)
        starts[dimension], limits[dimension] = start, start + x.shape[dimension]
        start = limits[dimension]
        parts.append(
            ops.slice(
                g,
                start_indices=tuple(starts),
                limit_indices=tuple(limits),
                strides=(1,) * g.ndim,
            )
        )
    return tuple(parts)


# ---- reductions --------------------------------------------------------------------------------
def reduce_rule(g: Node, out: Node, x: Node, *, kind: str, dimensions: Sequence[int]) -> Cotangents:
    """Sum: to all alike. Max and min: to the extreme ones, in equal shares. Product: see below."""
    if not out.dtype.is_float:
        return (None,)
    kept = [d for d in range(x.ndim) if d not in dimensions]
    if kind == "sum":
        return (ops.broadcast(g, x.shape, kept),)
    if kind == "product":
        return (_product(g, x, dimensions, kept),)
    chosen = _equal(x, ops.broadcast(out, x.shape, kept))
    count = ops.sum_over(ops.convert(chosen, dtype=x.dtype), dimensions)
    share = ops.broadcast(ops.divide(g, count), x.shape, kept)
    return (ops.select(chosen, share, ops.fill(0.0, x)),)


def _product(g: Node, x: Node, dimensions: Sequence[int], kept: Sequence[int]) -> Node:
    """The product of all others: of all that are not 0, by x; where x alone is 0, that product.

    Exact at zeros in the first order; of higher orders, only where no element is 0.
    """
    zero, one = ops.fill(0.0, x), ops.fill(1.0, x)
    is_zero = _equal(x, zero)
    safe = ops.select(is_zero, one, x)
    product = ops.reduce(safe, kind="product", dimensions=tuple(dimensions))
    zeros = ops.sum_over(ops.convert(is_zero, dtype=x.dtype), dimensions)
    flow = ops.broadcast(ops.multiply(g, product), x.shape, kept)
    zeros_here = ops.select(is_zero, one, zero)
    alone = _equal(ops.broadcast(zeros, x.shape, kept), zeros_here)
    return ops.select(alone, ops.divide(flow, safe), zero)


# ---- products ----------------------------------------------------------------------------------
def dot_general_rule(g: Node, out: Node, x: Node, y: Node, **params: Any) -> Cotangents:
    """g y' to x and x' g to y, axes put back where they were."""
    lb = tuple(params.get("lhs_batching_dimensions", ()))
    rb = tuple(params.get("rhs_batching_dimensions", ()))
    lc = tuple(params["lhs_contracting_dimensions"])
    rc = tuple(params["rhs_contracting_dimensions"])
    lf = tuple(d for d in range(x.ndim) if d not in (*lb, *lc))
    rf = tuple(d for d in range(y.ndim) if d not in (*rb, *rc))
    batch = tuple(range(len(lb)))
    g_lf = tuple(range(len(lb), len(lb) + len(lf)))
    g_rf = tuple(range(len(lb) + len(lf), g.ndim))
    to_x = _dot(g, y, batch, rb, g_rf, rf)  # axes: batch, x's free, then y's contracted in order
    order_x = (*lb, *lf, *(lc[k] for k in np.argsort(rc)))
    to_y = _dot(x, g, lb, batch, lf, g_lf)  # axes: batch, x's contracted in order, then y's free
    order_y = (*rb, *(rc[k] for k in np.argsort(lc)), *rf)
    return _put_back(to_x, order_x), _put_back(to_y, order_y)


def _dot(x: Node, y: Node, lb: Any, rb: Any, lc: Any, rc: Any) -> Node:
    return ops.dot_general(
        x,
        y,
        lhs_batching_dimensions=lb,
        rhs_batching_dimensions=rb,
        lhs_contracting_dimensions=lc,
        rhs_contracting_dimensions=rc,
    )


def _put_back(x: Node, order: Sequence[int]) -> Node:
    """x, whose axis k stands for axis order[k], with its axes in order."""
    return ops.transposed(x, [int(p) for p in np.argsort(order)])


# ---- sorting -----------------------------------------------------------------------------------
def sort_rule(
    g: Sequence[Node | None], out: Node, *xs: Node, dimension: int, **params: Any
) -> Cotangents:
    """Positions sorted along with xs say where each came from: sorting by them undoes it."""
    wanted = {k: each for k, each in enumerate(g) if each is not None and xs[k].dtype.is_float}
    positions = ops.iota(shape=xs[0].shape, dtype=int32, iota_dimension=dimension)
    came_from = ops.elements(ops.sort(*xs, positions, dimension=dimension, **params))[-1]
    undone = ops.elements(ops.sort(came_from, *wanted.values(), dimension=dimension))[1:]
    back = dict(zip(wanted, undone))
    return tuple(back.get(k) for k in range(len(xs)))
