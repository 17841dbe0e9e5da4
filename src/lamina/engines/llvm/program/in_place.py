"""In-place results: values are computed straight into the memory of results and of state.

    t <- f(x, s); s <- t     ->   s <- f(x, s)

Legality: every other reader of the old state comes before the writer (group_order.py), and the
writer itself reads it only at the element that it then writes. Else the value is a temporary, which
is copied at the end. Profitability: always. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.engines.llvm.fusion.groups import FusionGroup, FusionPlan
from lamina.engines.llvm.graph.partitions import is_partitioned
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel, copy
from lamina.engines.llvm.loops.nest import walk
from lamina.engines.llvm.program.group_order import GroupOrder
from lamina.engines.llvm.program.placement import Placement
from lamina.engines.llvm.program.statements import Statement, touched
from lamina.ir.graph import Graph, Node


class Results:
    """The results of one graph, whose groups are lowered to `statements`."""

    def __init__(
        self,
        graph: Graph,
        plan: FusionPlan,
        parameters: Sequence[Slot],
        placement: Placement,
        statements: Mapping[FusionGroup, list[Statement]],
        order: GroupOrder,
    ) -> None:
        self.graph, self.plan, self.parameters = graph, plan, frozenset(parameters)
        self.targets, self.where = placement.targets, placement.where
        self.target_slots = frozenset(self.targets)
        self.placement, self.statements, self.order = placement, statements, order
        self.sources = {self.where.get(r) for r in graph.results}
        self.accesses: dict[Slot, dict[FusionGroup, list[Statement]]] = {}  # to each memory
        for g in plan.groups:
            for statement in statements[g]:
                for memory in touched(statement):
                    self.accesses.setdefault(memory, {}).setdefault(g, []).append(statement)

    def place(self) -> list[Statement]:
        """Alias each result with its target; where that is not legal, return the copies to do."""
        moves: list[Statement] = []  # into memory that another move may read, so they come last
        early: list[Statement] = []
        taken: set[Slot] = set()
        for node, target in zip(self.graph.results, self.targets, strict=True):
            source = self.placement.slot(node)
            if source.actual is target:
                continue
            own = source.kind == "temporary" and source not in self.parameters
            free = own and source.alias_of is None and target not in taken
            free = free and list(source.layout) == list(target.layout)
            if free and self._may_use(node, source, target):
                self._alias(source, target)
            elif target in self.parameters and self._is_overwritten(source):
                # two results may read each other's old memory: all are saved before any is moved
                saved = Slot(target.shape, target.dtype)
                early.append(copy(saved, source))
                moves.append(copy(target, saved))
            else:
                (moves if target in self.parameters else early).append(copy(target, source))
            taken.add(target)
        return early + moves

    def _alias(self, source: Slot, target: Slot) -> None:
        source.alias_of = target
        accesses = self.accesses.setdefault(target.memory, {})
        for g, statements in self.accesses.pop(source, {}).items():
            accesses.setdefault(g, []).extend(statements)

    def _is_overwritten(self, source: Slot) -> bool:
        """True if a result is also moved into this memory."""
        return source in self.parameters and source in self.target_slots

    def _may_use(self, node: Node, source: Slot, target: Slot) -> bool:
        """True if the kernel that computes the node can write straight into the target's memory."""
        if target not in self.parameters:
            return True
        if target in self.sources:
            return False
        if is_partitioned(node):  # its parts are written one by one; others may read all of it
            return False
        writer = self.plan.stored[node]
        readers = self.accesses.get(target.memory, {})
        others = [g for g in readers if g is not writer]
        if writer.opaque is not None:
            may_write = self._starts_with(writer, source, target)
        else:
            may_write = writer not in readers or self._in_place(writer, source, target)
        return may_write and self.order.put_before(others, writer)

    def _starts_with(self, g: FusionGroup, source: Slot, target: Slot) -> bool:
        """True if a loop only copies the target into its carry: the carry can then alias the
        target."""
        accesses = dict.fromkeys(self.accesses.get(target.memory, {}).get(g, []))
        copies = [
            s
            for s in accesses
            if isinstance(s, Kernel) and s.slots in ([target, source], [source, target])
        ]
        return len(accesses) == len(copies[:1])

    def _in_place(self, g: FusionGroup, source: Slot, target: Slot) -> bool:
        """True if the writer reads the target only at the element that it then writes."""
        (kernel,) = self.statements[g]
        assert isinstance(kernel, Kernel)
        nest, slots = kernel.nest, kernel.slots
        writes = [s.index for s in nest.stores if slots[s.buffer.number] is source]
        summed = {id(e) for e in walk([a.expr for a in nest.accumulators])}
        for expr in walk(nest.roots()):
            if expr.kind != "load":
                continue
            if slots[expr.params["buffer"].number].memory is not target.memory:
                continue
            if id(expr) in summed or any(expr.params["index"] != w for w in writes):
                return False
        return True
