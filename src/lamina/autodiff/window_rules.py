"""Reverse-mode rules of convolutions and of reductions over windows.

The gradients of a convolution are convolutions: to lhs, of the cotangent spread out by the strides
with the flipped kernel, features exchanged; to rhs, of lhs with the cotangent as a kernel spread
out by the strides, batch and features exchanged. Feature groups of one become batch groups of the
other. These are JAX's transposition rules (jax/_src/lax/convolution.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import Dim, bool_, is_static
from lamina.ir.windows import spread

Cotangents = tuple[Node | None, ...]
Spec = tuple[int, ...]


# ---- convolution -------------------------------------------------------------------------------
def convolution_rule(g: Node, out: Node, lhs: Node, rhs: Node, **params: Any) -> Cotangents:
    """Two convolutions; see the top of this file. Where it is not known how much of lhs the last
    window leaves, that is taken off before, and gets zeros after."""
    rest = _unseen(g, lhs, rhs, params)
    if all(is_static(n) for n in rest):
        return _to_lhs(g, lhs, rhs, params), _to_rhs(g, lhs, rhs, params)
    limits = tuple(n - r for n, r in zip(lhs.shape, rest, strict=True))
    none = (0,) * lhs.ndim
    seen = ops.slice(lhs, start_indices=none, limit_indices=limits, strides=(1,) * lhs.ndim)
    back = _pad(_to_lhs(g, seen, rhs, params), 0.0, [(0, r) for r in rest], none)
    return back, _to_rhs(g, seen, rhs, params)


def _unseen(g: Node, lhs: Node, rhs: Node, p: dict[str, Any]) -> list[Dim]:
    """Return the number of last positions of each axis of lhs in no window, for axes that are
    neither padded there nor dilated."""
    rest: list[Dim] = [0] * lhs.ndim
    wide = _extents(lhs, p["lhs_spec"], p["lhs_dilation"])
    window = _extents(rhs, p["rhs_spec"], p["rhs_dilation"])
    given = _extents(g, p["out_spec"], p["window_strides"])
    lists = (p["lhs_spec"][2:], wide, window, given, p["padding"], p["lhs_dilation"])
    for axis, n, w, m, (low, high), dilation in zip(*lists, strict=True):
        if high == 0 and dilation == 1:
            rest[axis] = n + low - (m + w - 1)
    return rest


def _exchanged(spec: Sequence[int]) -> Spec:
    """The spec with its batch and features (of a kernel, its outputs and inputs) exchanged."""
    return (spec[1], spec[0], *spec[2:])


def _to_lhs(g: Node, lhs: Node, rhs: Node, p: dict[str, Any]) -> Node:
    groups, parts = p.get("feature_group_count", 1), p.get("batch_group_count", 1)
    outputs, inputs, *space = p["rhs_spec"]
    kernel = _regrouped(rhs, outputs, inputs, groups * parts)
    found = ops.convolution(
        g,
        ops.reverse(kernel, dimensions=tuple(space)),
        window_strides=p["lhs_dilation"],
        padding=_padding_to_lhs(g, lhs, rhs, p),
        lhs_dilation=p["window_strides"],
        rhs_dilation=p["rhs_dilation"],
        lhs_spec=p["out_spec"],
        rhs_spec=_exchanged(p["rhs_spec"]),
        out_spec=p["lhs_spec"],
        feature_group_count=groups * parts,
    )
    batch, feature = p["lhs_spec"][:2]
    return _regrouped(found, feature, batch, parts)


def _regrouped(x: Node, source: int, target: int, groups: int) -> Node:
    """x whose `source` axis, groups after one another, gives the groups up to the `target` axis."""
    if groups == 1:
        return x
    shape = list(x.shape)
    shape[source : source + 1] = [groups, shape[source] // groups]
    apart = ops.reshaped(x, tuple(shape))
    rest = [d for d in range(len(shape)) if d != source]
    rest.insert(rest.index(target if target < source else target + 1), source)
    merged = list(x.shape)
    merged[source], merged[target] = merged[source] // groups, merged[target] * groups
    return ops.reshaped(ops.transposed(apart, rest), tuple(merged))


def _extents(x: Node, spec: Sequence[int], dilation: Sequence[int]) -> list[Dim]:
    return [spread(x.shape[axis], d) for axis, d in zip(spec[2:], dilation, strict=True)]


def _padding_to_lhs(g: Node, lhs: Node, rhs: Node, p: dict[str, Any]) -> tuple[Any, ...]:
    """So much that each place of lhs, its gaps included, sees every window that it lay in."""
    wide = _extents(lhs, p["lhs_spec"], p["lhs_dilation"])
    window = _extents(rhs, p["rhs_spec"], p["rhs_dilation"])
    given = _extents(g, p["out_spec"], p["window_strides"])
    found = []
    for n, w, m, (low, _) in zip(wide, window, given, p["padding"], strict=True):
        before = w - low - 1
        found.append((before, n + w - 1 - m - before))
    return tuple(found)


def _to_rhs(g: Node, lhs: Node, rhs: Node, p: dict[str, Any]) -> Node:
    return ops.convolution(
        lhs,
        g,
        window_strides=p["rhs_dilation"],
        padding=_padding_to_rhs(g, lhs, rhs, p),
        lhs_dilation=p["lhs_dilation"],
        rhs_dilation=p["window_strides"],
        lhs_spec=_exchanged(p["lhs_spec"]),
        rhs_spec=_exchanged(p["out_spec"]),
        out_spec=_exchanged(p["rhs_spec"]),
        feature_group_count=p.get("batch_group_count", 1),
        batch_group_count=p.get("feature_group_count", 1),
    )


def _padding_to_rhs(g: Node, lhs: Node, rhs: Node, p: dict[str, Any]) -> tuple[Any, ...]:
    """The same in front; behind, what makes the result as large as the kernel."""
    wide = _extents(lhs, p["lhs_spec"], p["lhs_dilation"])
    window = _extents(rhs, p["rhs_spec"], p["rhs_dilation"])
    given = _extents(g, p["out_spec"], p["window_strides"])
    extents = zip(wide, window, given, p["padding"], strict=True)
    return tuple((low, m - n + w - low - 1) for n, w, m, (low, _) in extents)


# ---- windows -----------------------------------------------------------------------------------
def reduce_window_rule(g: Node, out: Node, x: Node, *, kind: str, **p: Any) -> Cotangents:
    """Sum: to each element, over all windows that hold it. Max and min: to the (first) extreme."""
    if kind == "sum":
        return (_tiled(g, x, p) if _tiles(p) else _spread_back(g, x, p),)
    if all(d == 1 for d in p["window_dilations"]):
        shared = {name: p[name] for name in ("window_dimensions", "window_strides", "padding")}
        return (ops.select_and_scatter(x, g, kind=kind, **shared),)
    return (_scattered(g, x, kind, p),)


def _tiles(p: dict[str, Any]) -> bool:
    """True if windows are adjacent, without gaps, from the first element on."""
    alike = tuple(p["window_dimensions"]) == tuple(p["window_strides"])
    plain = all(d == 1 for d in p["window_dilations"])
    return alike and plain and all(low == 0 and high <= 0 for low, high in p["padding"])


def _tiled(g: Node, x: Node, p: dict[str, Any]) -> Node:
    """Each element repeated over its window, and zeros where no window fits any more."""
    window = p["window_dimensions"]
    shape = tuple(e for n, w in zip(g.shape, window, strict=True) for e in (n, w))
    wide = ops.broadcast(g, shape, range(0, 2 * g.ndim, 2))
    whole = tuple(n * w for n, w in zip(g.shape, window, strict=True))
    rest = [n - m for n, m in zip(x.shape, whole, strict=True)]
    return _pad(ops.reshaped(wide, whole), 0.0, [(0, k) for k in rest], [0] * g.ndim)


def _spread_back(g: Node, x: Node, p: dict[str, Any]) -> Node:
    """Cotangents spread out by the strides, then summed over windows of stride 1."""
    dilations, strides = p["window_dilations"], p["window_strides"]
    padding = []
    lists = (x.shape, g.shape, p["window_dimensions"], strides, dilations, p["padding"])
    for n, m, w, s, d, (low, _) in zip(*lists, strict=True):
        reach = spread(w, d)
        alone = w == s == 1 and low == 0 and n == m
        before = reach - low - 1
        padding.append((0, 0) if alone else (before, n + reach - 1 - spread(m, s) - before))
    return ops.reduce_window(
        _pad(g, 0.0, padding, [s - 1 for s in strides]),
        kind="sum",
        window_dimensions=p["window_dimensions"],
        window_strides=(1,) * g.ndim,
        padding=((0, 0),) * g.ndim,
        window_dilations=dilations,
    )


def _pad(x: Node, value: float, padding: Sequence[Any], interior: Sequence[int]) -> Node:
    if all(pair == (0, 0) for pair in padding) and not any(interior):
        return x
    return ops.pad(
        x,
        ops.fill(value, shape=(), dtype=x.dtype),
        edge_padding_low=tuple(low for low, _ in padding),
        edge_padding_high=tuple(high for _, high in padding),
        interior_padding=tuple(interior),
    )


# ---- the extreme of a window -------------------------------------------------------------------
def select_and_scatter_rule(
    g: Node, out: Node, x: Node, source: Node, *, kind: str, **p: Any
) -> Cotangents:
    """To source what g holds at the position of the extreme; nothing to x, whose positions are
    steps."""
    p = {**p, "window_dilations": (1,) * x.ndim}
    total = ops.fill(0.0, source)
    parts = zip(_chosen(x, kind, p), _offsets(g, 0.0, p, source), strict=True)
    for chosen, part in parts:
        total = ops.select(chosen, part, total)
    return None, total


def _scattered(g: Node, x: Node, kind: str, p: dict[str, Any]) -> Node:
    """`select_and_scatter` for windows with gaps: one sum of padded parts, an offset each."""
    total = ops.fill(0.0, x)
    zero = ops.fill(0.0, g)
    for chosen, starts in zip(_chosen(x, kind, p), _starts(p), strict=True):
        padding = [
            (k - low, n + low - k - spread(m, s))
            for n, m, s, k, (low, _) in zip(
                x.shape, g.shape, p["window_strides"], starts, p["padding"], strict=True
            )
        ]
        part = ops.select(chosen, g, zero)
        total = ops.add(total, _pad(part, 0.0, padding, [s - 1 for s in p["window_strides"]]))
    return total


def _chosen(x: Node, kind: str, p: dict[str, Any]) -> list[Node]:
    """For each place in the window, a bool per window: whether its (first) extreme is there.

    A NaN is the extreme where there is one; places beyond the edges of x are none.
    """
    best = ops.reduce_window(x, kind=kind, **p)
    inside = ops.fill(True, shape=x.shape, dtype=bool_)
    free = ops.fill(True, shape=best.shape, dtype=bool_)
    found = []
    places = zip(_offsets(x, 0.0, p, best), _offsets(inside, False, p, best), strict=True)
    for value, own in places:
        equal = ops.compare(value, best, direction="EQ")
        both = ops.and_(_is_nan(value), _is_nan(best))
        chosen = ops.and_(ops.and_(ops.or_(equal, both), own), free)
        free = ops.and_(free, ops.not_(chosen))
        found.append(chosen)
    return found


def _is_nan(x: Node) -> Node:
    return ops.compare(x, x, direction="NE")


def _starts(p: dict[str, Any]) -> list[tuple[int, ...]]:
    """The places in a window, in C order, as offsets in padded x."""
    starts: list[tuple[int, ...]] = [()]
    for w, d in zip(p["window_dimensions"], p["window_dilations"], strict=True):
        starts = [(*before, k * d) for before in starts for k in range(w)]
    return starts


def _offsets(x: Node, value: float, p: dict[str, Any], windows: Node) -> list[Node]:
    """For each place in the window, what x, padded by `value`, holds there in every window."""
    strides = tuple(p["window_strides"])
    wide = _pad(x, value, p["padding"], [0] * x.ndim)
    found = []
    for starts in _starts(p):
        counts = zip(starts, windows.shape, strides, strict=True)
        limits = tuple(k + spread(m, s) for k, m, s in counts)
        found.append(ops.slice(wide, start_indices=starts, limit_indices=limits, strides=strides))
    return found
