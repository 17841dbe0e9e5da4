"""The last pass on a graph: the shape of the work is made to suit loops and vectors.

Same values (a sum's order apart), other memory: an `identity` in the result is a value that the
grouping must store, because what reads it wants it laid out that way.

    product whose right side steps along its rows   -> of a transposed copy of that side
    sum over several axes that keeps little         -> over all but the first, then the first
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from lamina.engines.llvm.schedule import guess
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, substitute
from lamina.ir.types import Dim

SHORT = 64  # sums of fewer terms aren't worth filling lanes with
MANY = 128  # rows for which a copy of the right side pays whatever its size
FEW_ROWS = 8
NARROW = 1024  # results of a reduction that two threads cannot share well


def prepare(graph: Graph) -> Graph:
    """The graph as the grouping wants it; loop bodies too."""
    return Graph(graph.parameters, substitute(graph.results, {}, _prepared), graph.name)


def _prepared(node: Node) -> Node:
    if node.op in ("scan", "while"):
        bodies = {k: prepare(v) if isinstance(v, Graph) else v for k, v in node.params.items()}
        return Node(node.op, node.args, bodies, node.type, origin=node.origin)
    rule = RULES.get(node.op)
    return rule(node) if rule else node


def _total(extents: Iterable[Dim]) -> int:
    return math.prod(guess(e) for e in extents)


# dot(x, y), y's last axis not free -> dot(x, stored(y transposed))
def _product(node: Node) -> Node:
    x, y = node.args
    p = node.params
    batch, over = tuple(p["rhs_batching_dimensions"]), tuple(p["rhs_contracting_dimensions"])
    free = [d for d in range(y.ndim) if d not in batch and d not in over]
    if not free or y.ndim - 1 in free or _total(y.shape[d] for d in free) == 1:
        return node
    used = (*p["lhs_batching_dimensions"], *p["lhs_contracting_dimensions"])
    rows = _total(n for d, n in enumerate(x.shape) if d not in used)
    terms = _total(y.shape[d] for d in over)
    if rows < FEW_ROWS or (terms >= SHORT and rows < MANY):
        return node
    order = (*batch, *over, *free)
    turned = ops.identity(ops.transpose(y, permutation=order))
    at = {d: k for k, d in enumerate(order)}
    moved = {
        **p,
        "rhs_batching_dimensions": tuple(at[d] for d in batch),
        "rhs_contracting_dimensions": tuple(at[d] for d in over),
    }
    return ops.dot_general(x, turned, **moved)


# sum(x over a, b, c) -> sum(sum(x over b, c) over a): threads share the first
def _reduction(node: Node) -> Node:
    (x,) = node.args
    axes = sorted(node.params["dimensions"])
    kept = _total(node.shape)
    if len(axes) < 2 or kept >= NARROW or _total(x.shape) < 4 * NARROW:
        return node
    first, *rest = axes
    kind = node.params["kind"]
    inner = ops.reduce(x, kind=kind, dimensions=tuple(rest))
    return ops.reduce(inner, kind=kind, dimensions=(first,))


RULES: dict[str, Callable[[Node], Node]] = {"dot_general": _product, "reduce": _reduction}
