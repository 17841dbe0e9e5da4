"""Halo elimination: a producer writes the interior of a padded buffer, other kernels the halo.

    y <- f(x); padded <- pad(y)   ->   interior of padded <- f(x); halo of padded <- 0

Readers of y read the interior. The padded copy that a convolution reads then costs no pass over
memory.

Legality: the padding is constant and known, and neither value is a result of the graph.
Profitability: values of at least `Costs.halo` elements. Bits do not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from lamina.engines.llvm.fusion.groups import FusionPlan
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, at, of, strides_of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer, ExprBuilder, Nest, NestKind, Store
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node
from lamina.ir.kinds import SEPARATE
from lamina.ir.types import Dim, is_static
from lamina.ir.typical import guess

OWN = {"identity", "get_tuple_element", "parameter"}  # these have their memory from elsewhere


def halo_eliminations(graph: Graph, plan: FusionPlan, costs: Costs) -> dict[Node, Node]:
    """Return the padded copies whose interior can be written in place, with the interior's node."""
    found: dict[Node, Node] = {}
    results = set(graph.results)
    whole = {
        a for n in graph.nodes() if n.op in SEPARATE for a in n.args
    }  # needed as contiguous arrays
    for node, g in plan.stored.items():
        if node.op != "identity" or node.args[0].op != "pad" or g.stores != [node]:
            continue
        interior, value = node.args[0].args
        exprs = plan.stored.get(interior)
        only_reader = not {interior, node} & results and interior not in {*found.values(), *whole}
        if exprs is None or not only_reader or not _is_plain(node.args[0], interior, value, costs):
            continue
        if exprs.opaque is None and interior.op not in OWN:
            found[node] = interior
    return found


def _is_plain(pad: Node, interior: Node, value: Node, costs: Costs) -> bool:
    p = pad.params
    sides = [*p["edge_padding_low"], *p["edge_padding_high"]]
    outwards = is_static(sides) and min(sides) >= 0 and not any(p["interior_padding"])
    known = value.op == "constant" and value.params["value"].size == 1
    return outwards and known and math.prod(map(guess, interior.shape)) >= costs.halo


def interior_slot(padded: Slot, node: Node) -> Slot:
    """Return the view of a padded buffer's interior."""
    pad = node.args[0]
    interior, strides = pad.args[0], strides_of(node.shape)
    low = pad.params["edge_padding_low"]
    offset: Dim = sum(n * stride for n, stride in zip(low, strides, strict=True))
    return Slot(interior.shape, interior.dtype, alias_of=padded, strides=strides, offset=offset)


def halo_fills(padded: Slot, node: Node) -> list[Kernel]:
    """Return kernels that fill the halo, two sides of an axis in one kernel if both are one
    wide."""
    pad = node.args[0]
    value = pad.args[1].params["value"].reshape(-1)[0].item()
    kernels = []
    for axis in range(node.ndim):
        for extent, start, step in _sides(pad, axis):
            loops, position = [], []
            for d, whole in enumerate(node.shape):
                low = pad.params["edge_padding_low"][d]
                inside = pad.args[0].shape[d]
                v = Var(f"i{d}", extent if d == axis else inside if d < axis else whole)
                loops.append(v)
                first: Index = at(start if d == axis else low if d < axis else 0)
                position.append(of(v) * (step if d == axis else 1) + first)
            exprs = ExprBuilder()
            store = Store(
                Buffer(0, node.dtype), padded.place(position), exprs.constant(value, node.dtype)
            )
            nest = Nest(NestKind.ZEROS, loops, stores=[store])
            kernels.append(Kernel(nest, [padded], halo=True))
    return kernels


def _sides(pad: Node, axis: int) -> Iterator[tuple[int, Dim, Dim]]:
    """Yield the ranges of the halo along an axis: number of positions, first, and step."""
    low = int(pad.params["edge_padding_low"][axis])
    high = int(pad.params["edge_padding_high"][axis])
    inside = pad.args[0].shape[axis]
    if low == high == 1:
        yield 2, 0, inside + 1
        return
    if low:
        yield low, 0, 1
    if high:
        yield high, inside + low, 1
