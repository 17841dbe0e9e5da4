"""Placement: the slot of every value of a graph that is stored.

parameters, results   given by the caller, or by the loop or branch around
constants             tables
stored values         temporaries, in a layout that suits their readers (buffer_layout.py)
parts                 views of the buffer of their partitioned value (graph/partitions.py)
interiors             views of the buffer of their padded copy (halo.py)
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.engines.llvm.fusion.groups import FusionPlan
from lamina.engines.llvm.graph.partitions import is_partitioned, parts_of
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.program.buffer_layout import padded_strides
from lamina.engines.llvm.program.halo import halo_eliminations, interior_slot
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node, users
from lamina.ir.types import Dim


class Placement:
    """The slots of one graph: `where` each node is, and the `elements` of nodes with several
    results."""

    def __init__(
        self,
        graph: Graph,
        plan: FusionPlan,
        parameters: Sequence[Slot],
        targets: Sequence[Slot],
        tables: list[Slot],
        costs: Costs,
    ) -> None:
        self.graph, self.plan, self.targets, self.tables = graph, plan, targets, tables
        self.costs, self.readers = costs, users(graph.nodes())
        places = enumerate(graph.results)
        self.results = {node: k for k, node in reversed(list(places))}  # the first place of each
        self.where: dict[Node, Slot] = dict(zip(graph.parameters, parameters, strict=True))
        self.elements: dict[Node, list[Slot]] = {}
        self._place_tables()
        self._place_stored()
        self.halo_eliminations = halo_eliminations(graph, plan, costs)
        for padded, interior in self.halo_eliminations.items():
            self.where[interior] = interior_slot(self.where[padded], padded)

    def slot(self, node: Node) -> Slot:
        """Return the slot of a value; a scalar constant gets one when it is first asked for."""
        return self.where[node] if node in self.where else self._place_table(node)

    def results_of(self, node: Node) -> list[Slot]:
        """Return the slots of an opaque node's results."""
        return self.elements.get(node) or [self.where[node]]

    def part(self, partitioned: Node, part: Node, start: Sequence[Dim]) -> Slot:
        """Return the view of a partitioned value's buffer in which a part is stored."""
        whole = self.where[partitioned]
        strides = whole.layout
        offset: Dim = sum(n * stride for n, stride in zip(start, strides, strict=True))
        return Slot(part.shape, part.dtype, alias_of=whole, strides=strides, offset=offset)

    def _place_tables(self) -> None:
        for node in self.graph.nodes():
            if node.op == "constant" and node.params["value"].size != 1:
                self._place_table(node)

    def _place_table(self, node: Node) -> Slot:
        assert node.op == "constant", node
        value = node.params["value"]
        slot = Slot(node.shape, node.dtype, "table", len(self.tables), array=value)
        self.tables.append(slot)
        self.where[node] = slot
        return slot

    def _place_stored(self) -> None:
        for node, g in self.plan.stored.items():
            if node.op == "get_tuple_element" or g.opaque is node:
                continue
            self.where[node] = self._fresh(node)
        opaque = dict.fromkeys(g.opaque for g in self.plan.groups if g.opaque is not None)
        for node in self.plan.stored:
            if node in opaque:
                self._place_elements(node)
        for node in opaque:
            if is_partitioned(node):
                self._place_parts(node)

    def _fresh(self, node: Node) -> Slot:
        """Return a buffer for a value, in the layout of its target, or in one that suits its
        readers."""
        if node in self.results:
            strides = self.targets[self.results[node]].strides
        else:
            strides = padded_strides(node, self.readers.get(node, []), self.costs)
        return Slot(node.shape, node.dtype, strides=strides)

    def _place_elements(self, node: Node) -> None:
        """Place each result of a scan, while, if or sort; scatter has one result."""
        if not isinstance(node.type, tuple):
            partitioned = is_partitioned(node)
            self.where[node] = self._fresh(node) if partitioned else Slot(node.shape, node.dtype)
            return
        slots = [Slot(t.shape, t.dtype) for t in node.type]
        self.elements[node] = slots
        for other in self.plan.stored:
            if other.op == "get_tuple_element" and other.args[0] is node:
                slot = self.where[other] = slots[other.params["index"]]
                if node.op == "scan" and other.params["index"] >= node.params["num_carry"]:
                    slot.strides = self._fresh(other).strides

    def _place_parts(self, partitioned: Node) -> None:
        """Place the parts that kernels store as views of the partitioned value's buffer."""
        for part, start in parts_of(partitioned):
            producer = self.plan.stored.get(part)
            if producer is None or producer.opaque is not None:
                continue
            if self.where[part].alias_of is None:
                self.where[part] = self.part(partitioned, part, start)
