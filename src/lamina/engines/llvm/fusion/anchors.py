"""Iteration domains and access maps of the anchor ops: reductions, products, convolutions, windows.

One row an op gives the spatial loops, the position of the result at a point of them, the reduction
loops, and the position in each operand at a point of both. Convolutions and windows arrive without
padding and without dilation of the left operand: `legalize` has moved both into the operand.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.engines.llvm.loops.index import Index, Position, Var, at, loops_over, of
from lamina.ir.graph import Node


@dataclass
class IterationDomain:
    loops: list[Var]
    where: Position
    over: list[Var]
    operands: list[Position]


def domain_of(node: Node) -> IterationDomain:
    """Return the iteration domain of an anchor op."""
    return ROWS[node.op](node)


def _reduce(node: Node) -> IterationDomain:
    (x,), axes = node.args, node.params["dimensions"]
    loops, over = loops_over(node.shape), loops_over([x.shape[d] for d in axes], "k")
    reduced, kept = dict(zip(axes, over, strict=True)), iter(loops)
    position = tuple(of(reduced[d] if d in reduced else next(kept)) for d in range(x.ndim))
    return IterationDomain(loops, tuple(map(of, loops)), over, [position])


def _dot_general(node: Node) -> IterationDomain:
    p, x = node.params, node.args[0]
    loops = loops_over(node.shape)
    over = loops_over([x.shape[d] for d in p["lhs_contracting_dimensions"]], "k")
    batch = len(p["lhs_batching_dimensions"])
    rows = x.ndim - batch - len(over)
    sides = (("lhs", loops[batch : batch + rows]), ("rhs", loops[batch + rows :]))
    positions = []
    for side, free in sides:
        fixed = dict(zip(p[f"{side}_batching_dimensions"], loops[:batch], strict=True))
        fixed |= dict(zip(p[f"{side}_contracting_dimensions"], over, strict=True))
        rest = iter(free)
        count = len(fixed) + len(free)
        positions.append(tuple(of(fixed[d] if d in fixed else next(rest)) for d in range(count)))
    return IterationDomain(loops, tuple(map(of, loops)), over, positions)


def _convolution(node: Node) -> IterationDomain:
    """With groups, two loops replace the one over output features: the group and the feature in
    it."""
    p, (x, w) = node.params, node.args
    out_batch, out_feature, *out_space = p["out_spec"]
    groups = p["feature_group_count"] * p["batch_group_count"]
    loops = loops_over(node.shape)
    where = [of(v) for v in loops]
    group = at(0)
    if groups > 1:
        part = Var("g", groups)
        inner = Var(f"i{out_feature}", node.shape[out_feature] // groups)
        loops[out_feature : out_feature + 1] = [part, inner]
        where[out_feature] = of(part) * inner.extent + of(inner)
        group = of(part)
    window = [w.shape[d] for d in p["rhs_spec"][2:]]
    over = loops_over([*window, w.shape[p["rhs_spec"][1]]], "k")
    *taps, feature = map(of, over)
    lhs, rhs = [at(0)] * x.ndim, [at(0)] * w.ndim
    lhs[p["lhs_spec"][0]] = where[out_batch]
    lhs[p["lhs_spec"][1]] = feature
    if p["batch_group_count"] > 1:
        each = x.shape[p["lhs_spec"][0]] // groups
        lhs[p["lhs_spec"][0]] = group * each + where[out_batch]
    else:
        lhs[p["lhs_spec"][1]] = group * over[-1].extent + feature
    steps = zip(
        p["lhs_spec"][2:], out_space, taps, p["window_strides"], p["rhs_dilation"], strict=True
    )
    for axis, out_axis, tap, stride, dilation in steps:
        lhs[axis] = where[out_axis] * stride + tap * dilation
    rhs[p["rhs_spec"][0]] = where[out_feature]
    rhs[p["rhs_spec"][1]] = feature
    for axis, tap in zip(p["rhs_spec"][2:], taps, strict=True):
        rhs[axis] = tap
    return IterationDomain(loops, tuple(where), over, [tuple(lhs), tuple(rhs)])


def _reduce_window(node: Node) -> IterationDomain:
    p = node.params
    loops = loops_over(node.shape)
    wide = [d for d, w in enumerate(p["window_dimensions"]) if w != 1]
    over = loops_over([p["window_dimensions"][d] for d in wide], "k")
    position: list[Index] = []
    for axis, v in enumerate(loops):
        index = of(v) * p["window_strides"][axis]
        if axis in wide:
            index = index + of(over[wide.index(axis)]) * p["window_dilations"][axis]
        position.append(index)
    return IterationDomain(loops, tuple(map(of, loops)), over, [tuple(position)])


ROWS = {
    "reduce": _reduce,
    "dot_general": _dot_general,
    "convolution": _convolution,
    "reduce_window": _reduce_window,
}
