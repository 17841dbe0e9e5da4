"""Equal iteration domains: whether a map can be computed at the point of a fusion group."""

from __future__ import annotations

from lamina.engines.llvm.fusion.groups import FusionGroup, FusionState
from lamina.engines.llvm.loops.index import Position, at, reshaped
from lamina.ir.graph import Node
from lamina.ir.kinds import INLINE, MARKERS
from lamina.ir.types import Shape


def position_in(node: Node, g: FusionGroup, state: FusionState) -> Position | None:
    """Return the position in `node` of the group's point if both have the same domain, else
    None."""
    inside = [a for a in node.args if state.kernel_of.get(a) is g and state.is_pending(a)]
    first = g.where[inside[0]]
    if node.op == "transpose":
        return tuple(first[p] for p in node.params["permutation"])
    if node.op == "reshape":
        return _reshaped(first, node.args[0].shape, node.shape)
    if node.op == "broadcast_in_dim":
        return _axes_added(node, first)
    if node.op in INLINE and node.op not in MARKERS:
        return None
    here = [a for a in node.args if a in g.where and (a in inside or state.stored.get(a) is g)]
    return first if all(g.where[a] == first for a in here) else None


def _axes_added(node: Node, first: Position) -> Position | None:
    """Return the position after axes of extent 1 are added; None if elements are repeated."""
    dims = node.params["broadcast_dimensions"]
    if node.type.size != node.args[0].type.size:
        return None
    position = [at(0)] * node.ndim
    for axis, index in zip(dims, first, strict=True):
        position[axis] = index
    return tuple(position)


def _reshaped(position: Position, source: Shape, target: Shape) -> Position | None:
    """Return the position after a reshape if the inverse reshape gives back the original
    position."""
    there = reshaped(position, source, target)
    return tuple(there) if reshaped(there, target, source) == list(position) else None
