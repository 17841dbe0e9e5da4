"""Profitability of fusion: when a value is stored, and when it is computed again."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.engines.llvm.fusion.groups import FusionGroup
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Node
from lamina.ir.kinds import CONTRACTIONS, cost_of


@dataclass(frozen=True)
class FusionPolicy:
    """The decisions of fusion planning, by the thresholds of `Costs`."""

    costs: Costs

    def own_cost(self, node: Node) -> float:
        """Return the cost of an element of an inlined node, without its operands."""
        if node.op == "gather" or node.op == "dynamic_update_slice":
            return self.costs.reread + 1
        if node.op == "pad" or node.op == "concatenate":
            return self.costs.reread
        return cost_of(node.op)

    def stores_map(self, node: Node, cost: float, readers: int) -> bool:
        """True if a map or view that costs this much with its operands is stored, not inlined."""
        if node.op == "identity":  # legalize.py requests materialization
            return True
        shared = readers > 1 and cost > self.costs.recompute
        return (shared or cost > self.costs.longest) and not _is_source(node)

    def operand_limit(self, anchor: Node) -> float:
        """Return what an operand of an anchor may cost and still be inlined."""
        return self.costs.reread if anchor.op in CONTRACTIONS else self.costs.longest

    def recomputes(self, cost: float, readers: set[FusionGroup]) -> bool:
        """True if these groups compute a value again that costs this much."""
        few = 0 < len(readers) <= self.costs.recompute_readers
        return cost <= self.costs.recompute and few and all(map(_may_recompute, readers))


def _is_source(node: Node) -> bool:
    return node.op in ("iota", "constant", "size_of")


def _may_recompute(reader: FusionGroup) -> bool:
    """True for groups that read each value about once."""
    anchor = reader.anchor.op if reader.anchor is not None else "map"
    again = anchor in CONTRACTIONS or anchor == "reduce_window"
    return reader.opaque is None and not again
