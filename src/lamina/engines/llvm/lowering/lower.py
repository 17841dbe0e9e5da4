"""Lowering: a fusion group -> a loop nest and the buffers that it accesses."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.engines.llvm.fusion.groups import FusionGroup
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Position
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import (
    Accumulator,
    Buffer,
    Expr,
    ExprBuilder,
    Nest,
    NestKind,
    Store,
)
from lamina.engines.llvm.lowering.inline import Inliner
from lamina.ir.graph import Node
from lamina.ir.kinds import CONTRACTIONS


def lower(
    group: FusionGroup, slots: Mapping[Node, Slot], stored: Mapping[Node, FusionGroup]
) -> Kernel:
    """Return the kernel of a group; `slots` holds the buffers of sources and materialized
    values."""
    return _Lowering(group, slots, stored).kernel()


class _Lowering:
    def __init__(
        self, group: FusionGroup, slots: Mapping[Node, Slot], stored: Mapping[Node, FusionGroup]
    ) -> None:
        self.group, self.where_is, self.stored = group, slots, stored
        self.exprs = ExprBuilder()
        self.inliner = Inliner(self.exprs, self._leaf)
        self.slots: list[Slot] = []

    def kernel(self) -> Kernel:
        g = self.group
        accumulators = [self._accumulator(g.anchor)] if g.anchor is not None else []
        stores = [self._store(node) for node in g.stores]
        kind = NestKind(g.anchor.op) if g.anchor is not None else NestKind.MAP
        nest = Nest(kind, g.loops, g.reductions, accumulators, stores)
        return Kernel(nest, self.slots)

    def _accumulator(self, anchor: Node) -> Accumulator:
        args = zip(anchor.args, self.group.operands, strict=True)
        exprs = tuple(self.inliner.at_point(x, position) for x, position in args)
        if anchor.op not in CONTRACTIONS:
            return Accumulator(anchor.params["kind"], exprs[0], anchor.dtype)
        operand = {"operand": anchor.dtype}
        product = self.exprs.op("multiply", exprs, anchor.dtype, operand)
        return Accumulator("sum", product, anchor.dtype)

    def _store(self, node: Node) -> Store:
        position, slot = self.group.where[node], self.where_is[node]
        value = self.inliner.at_point(node, position)
        return Store(self._buffer(slot), slot.place(position), value)

    def _leaf(self, node: Node, position: Position) -> Expr | None:
        if node is self.group.anchor and position == self.group.where[node]:
            return self.exprs.acc(0, node.dtype, frozenset(self.group.loops))
        if self.stored.get(node) is self.group and self.group.where.get(node) == position:
            return None
        slot = self.where_is.get(node)
        producer = self.stored.get(node)
        if slot is None or (producer is not None and producer not in self.group.needs):
            return None  # recomputed here, though another group may materialize it later
        return self.exprs.load(self._buffer(slot), slot.place(position))

    def _buffer(self, slot: Slot) -> Buffer:
        slot = slot if slot.strides is None else slot.actual
        if slot not in self.slots:
            self.slots.append(slot)
        return Buffer(self.slots.index(slot), slot.dtype)
