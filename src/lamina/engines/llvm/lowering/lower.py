"""A group of nodes becomes a loop nest, and the slots of memory that the nest reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lamina.engines.llvm.fusion.anchors import PRODUCTS
from lamina.engines.llvm.fusion.plan import Group
from lamina.engines.llvm.loopopt.coalesce import rewrite
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Var, of
from lamina.engines.llvm.loops.nest import (
    Accumulator,
    Apart,
    Buffer,
    Expr,
    Maker,
    Nest,
    Store,
    walk,
)
from lamina.engines.llvm.lowering.inline import Position, Puller
from lamina.ir.graph import Node


@dataclass(eq=False)
class Kernel:
    """A nest and its memory: buffer number k of the nest is `slots[k]`. Every loop is one of the
    graph's axes, until the kernels are finished (bufferize.py). In the first turn of the loop
    around it, another may take its place; in the last, none (peel.py)."""

    nest: Nest
    slots: list[Slot]
    at_first: Kernel | None = None
    not_at_last: bool = False

    def keep_apart(self, apart: Apart) -> None:
        """Let a call be for some of its rows only."""
        self.nest.apart = apart
        if self.at_first is not None:
            self.at_first.nest.apart = apart

    @property
    def written(self) -> set[Slot]:
        return {self.slots[s.buffer.number].memory for s in self.nest.stores}

    @property
    def touched(self) -> set[Slot]:
        return {s.memory for s in self.slots}


def lower(group: Group, slots: Mapping[Node, Slot], stored: Mapping[Node, Group]) -> Kernel:
    """The kernel of a group; `slots` says where sources and stored values lie."""
    return _Lowering(group, slots, stored).kernel()


def copy(into: Slot, source: Slot) -> Kernel:
    """A kernel that copies one slot to another of the same shape."""
    maker = Maker()
    loops = [Var(f"i{k}", extent) for k, extent in enumerate(source.shape)]
    position = [of(v) for v in loops]
    value = maker.load(Buffer(1, source.dtype), source.place(position))
    nest = Nest("copy", loops, stores=[Store(Buffer(0, into.dtype), into.place(position), value)])
    return Kernel(nest, [into, source])


def zeros(into: Slot) -> Kernel:
    """A kernel that fills a slot with zeros."""
    maker = Maker()
    loops = [Var(f"i{k}", extent) for k, extent in enumerate(into.shape)]
    index = into.place([of(v) for v in loops])
    store = Store(Buffer(0, into.dtype), index, maker.constant(0, into.dtype))
    return Kernel(Nest("zeros", loops, stores=[store]), [into])


def trimmed(nest: Nest, slots: Sequence[Slot]) -> Kernel:
    """The kernel of a nest with the slots that it touches, and no others."""
    maker = Maker()
    touched = {e.params["buffer"] for e in walk(nest.roots()) if e.kind == "load"}
    touched |= {s.buffer for s in nest.stores}
    kept = sorted(touched, key=lambda b: b.number)
    new = {b: Buffer(k, b.dtype) for k, b in enumerate(kept)}
    made = rewrite(nest, maker, lambda index: index, lambda b, index: maker.load(new[b], index))
    made.stores = [Store(new[s.buffer], s.index, s.expr) for s in made.stores]
    return Kernel(made, [slots[b.number] for b in kept])


def used(nest: Nest, slots: Sequence[Slot], maker: Maker, total: Expr) -> Kernel:
    """The kernel of what follows a nest's sums, with another value in their place."""
    after = replace(nest, name="map", reductions=[], accumulators=[], outermost=None, halves=None)
    return trimmed(rewrite(after, maker, lambda index: index, total=lambda _: total), slots)


class _Lowering:
    def __init__(
        self, group: Group, slots: Mapping[Node, Slot], stored: Mapping[Node, Group]
    ) -> None:
        self.group, self.where_is, self.stored = group, slots, stored
        self.maker = Maker()
        self.puller = Puller(self.maker, self._leaf)
        self.slots: list[Slot] = []

    def kernel(self) -> Kernel:
        g = self.group
        accumulators = [self._accumulator(g.core)] if g.core is not None else []
        stores = [self._store(node) for node in g.stores]
        name = g.core.op if g.core is not None else "map"
        nest = Nest(name, g.loops, g.reductions, accumulators, stores)
        return Kernel(nest, self.slots)

    def _accumulator(self, core: Node) -> Accumulator:
        args = zip(core.args, self.group.operands, strict=True)
        exprs = tuple(self.puller.pull(x, position) for x, position in args)
        if core.op not in PRODUCTS:
            return Accumulator(core.params["kind"], exprs[0], core.dtype)
        operand = {"operand": core.dtype}
        product = self.maker.op("multiply", exprs, core.dtype, operand)
        return Accumulator("sum", product, core.dtype)

    def _store(self, node: Node) -> Store:
        position, slot = self.group.where[node], self.where_is[node]
        value = self.puller.pull(node, position)
        return Store(self._buffer(slot), slot.place(position), value)

    def _leaf(self, node: Node, position: Position) -> Expr | None:
        if node is self.group.core and position == self.group.where[node]:
            return self.maker.acc(0, node.dtype, frozenset(self.group.loops))
        if self.stored.get(node) is self.group and self.group.where.get(node) == position:
            return None
        slot = self.where_is.get(node)
        maker = self.stored.get(node)
        if slot is None or (maker is not None and maker not in self.group.needs):
            return None  # computed here, though another group may store it later
        return self.maker.load(self._buffer(slot), slot.place(position))

    def _buffer(self, slot: Slot) -> Buffer:
        slot = slot if slot.strides is None else slot.actual
        if slot not in self.slots:
            self.slots.append(slot)
        return Buffer(self.slots.index(slot), slot.dtype)
