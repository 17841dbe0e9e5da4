"""Kernels in order, loops around them, memory for everything: what a compiled program will do.

    program = slot ... ; item ...
    item    = kernel | loop ( item ... ) | while ( item ... ) | if ( item ... ) | routine

A graph's groups are ordered by what they need. State that is updated is written into its own memory
where every other reader has read it before; else through a temporary, copied at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.engines.llvm.fusion.plan import Group, Grouping, group, reaches
from lamina.engines.llvm.graph.partitions import is_joint, parts_of
from lamina.engines.llvm.loopopt.split_at_guards import in_pieces
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel, copy, zeros
from lamina.engines.llvm.loops.nest import walk
from lamina.engines.llvm.lowering.lower import lower
from lamina.engines.llvm.program.buffer_layout import spread
from lamina.engines.llvm.program.halo import border, bordered, middle_of
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.scratch import scratch_types
from lamina.engines.llvm.program.statements import (
    If,
    Item,
    Loop,
    Routine,
    While,
    touched,
)
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node, users
from lamina.ir.types import Dim


def bufferize(graph: Graph, updates: Mapping[int, int], costs: Costs) -> Program:
    """Return the program of a graph; `updates` as an engine's `compile` takes them."""
    arguments = [Slot(p.shape, p.dtype, "argument", k) for k, p in enumerate(graph.parameters)]
    owners = {result: parameter for parameter, result in updates.items()}
    results = [
        arguments[owners[k]] if k in owners else Slot(r.shape, r.dtype, "argument")
        for k, r in enumerate(graph.results)
    ]
    program = Program([], arguments, results)
    program.items = _Assembly(graph, arguments, results, program, costs).items()
    fresh = [s for s in results if s not in arguments]
    for k, slot in enumerate(fresh):
        slot.number = len(arguments) + k
    return program


class _Assembly:
    """One graph with slots for its parameters and its results: the program, or a loop's body."""

    def __init__(
        self,
        graph: Graph,
        parameters: list[Slot],
        results: list[Slot],
        program: Program,
        costs: Costs,
    ) -> None:
        self.graph, self.targets, self.program, self.costs = graph, results, program, costs
        self.tables = program.tables
        self.where: dict[Node, Slot] = dict(zip(graph.parameters, parameters, strict=True))
        self.parameters = parameters
        self.grouping: Grouping = group(graph, costs)
        self.readers = users(graph.nodes())
        self.kernels: dict[Group, list[Item]] = {}
        self.after: dict[Group, set[Group]] = {}
        self.elements: dict[Node, list[Slot]] = {}  # the results of a node with several

    def items(self) -> list[Item]:
        self._place_sources()
        self._place_stored()
        for g in self.grouping.groups:
            self.kernels[g] = self._lowered(g)
        moves = self._place_results()
        self.program.stacks.update(s for slots in self.elements.values() for s in slots)
        return [item for g in self._ordered() for item in self.kernels[g]] + moves

    # ---- memory --------------------------------------------------------------------------------
    def _place_sources(self) -> None:
        for node in self.graph.nodes():
            if node.op == "constant" and node.params["value"].size != 1:
                value = node.params["value"]
                slot = Slot(node.shape, node.dtype, "table", len(self.tables), array=value)
                self.tables.append(slot)
                self.where[node] = slot

    def _place_stored(self) -> None:
        for node, g in self.grouping.stored.items():
            if node.op == "get_tuple_element" or g.whole is node:
                continue
            self.where[node] = self._fresh(node)
        for node in self.grouping.stored:
            if node in self._multiple():
                self._place_elements(node)
        for node in self._multiple():
            if is_joint(node):
                self._place_parts(node)
        self.bordered = bordered(self.graph, self.grouping, self.costs)
        for padded, middle in self.bordered.items():
            self.where[middle] = middle_of(self.where[padded], padded)

    def _fresh(self, node: Node) -> Slot:
        """Memory for a value: laid out as its target is, or as suits its readers."""
        if node in self.graph.results:
            gaps = self.targets[self.graph.results.index(node)].strides
        else:
            gaps = spread(node, self.readers.get(node, []), self.costs)
        return Slot(node.shape, node.dtype, strides=gaps)

    def _multiple(self) -> set[Node]:
        return {g.whole for g in self.grouping.groups if g.whole is not None}

    def _place_elements(self, node: Node) -> None:
        """A slot for each result of a scan, while, if or sort; scatter has one result."""
        if not isinstance(node.type, tuple):
            self.where[node] = self._fresh(node) if is_joint(node) else Slot(node.shape, node.dtype)
            return
        slots = [Slot(t.shape, t.dtype) for t in node.type]
        self.elements[node] = slots
        for other in self.grouping.stored:
            if other.op == "get_tuple_element" and other.args[0] is node:
                slot = self.where[other] = slots[other.params["index"]]
                if node.op == "scan" and other.params["index"] >= node.params["num_carry"]:
                    slot.strides = self._fresh(other).strides

    def _place_parts(self, joint: Node) -> None:
        """The parts that kernels store lie in the joint's own memory."""
        for part, start in parts_of(joint):
            maker = self.grouping.stored.get(part)
            if maker is not None and maker.whole is None and self.where[part].same is None:
                self.where[part] = self._part(joint, part, start)

    def _part(self, joint: Node, part: Node, start: Sequence[Dim]) -> Slot:
        whole = self.where[joint]
        strides = whole.layout
        offset: Dim = sum(n * stride for n, stride in zip(start, strides, strict=True))
        return Slot(part.shape, part.dtype, same=whole, strides=strides, offset=offset)

    def _joined(self, joint: Node) -> list[Item]:
        """Copies of the parts that lie elsewhere."""
        places = [(self._part(joint, part, start), part) for part, start in parts_of(joint)]
        lying = [(place, self._slot(part)) for place, part in places]
        return [copy(place, slot) for place, slot in lying if slot.same is not place.same]

    # ---- groups --------------------------------------------------------------------------------
    def _lowered(self, g: Group) -> list[Item]:
        if g.whole is None and g.stores[0] in self.bordered:
            return list(border(self.where[g.stores[0]], g.stores[0]))
        if g.whole is None:
            return [in_pieces(lower(g, self.where, self.grouping.stored), self.costs)]
        node = g.whole
        if is_joint(node):
            return self._joined(node)
        if node.op == "scan":
            return self._scan(node)
        if node.op == "while":
            return self._while(node)
        if node.op == "if":
            return self._if(node)
        outputs = self.elements.get(node) or [self.where[node]]
        lying = [self._slot(a) for a in node.args]
        inputs = [s if s.strides is None else Slot(s.shape, s.dtype) for s in lying]
        scratch = [Slot(t.shape, t.dtype) for t in scratch_types(node)]
        before = [copy(x, s) for x, s in zip(inputs, lying, strict=True) if x is not s]
        if node.op == "select_and_scatter":
            return [*before, zeros(outputs[0]), Routine(node, inputs, outputs, scratch)]
        if node.op != "scatter":
            return [*before, Routine(node, inputs, outputs, scratch)]
        # the result starts as a copy of x, and only the result is touched from then on
        routine = Routine(node, [outputs[0], *inputs[1:]], outputs, scratch)
        return [*before, copy(outputs[0], inputs[0]), routine]

    def _slot(self, node: Node) -> Slot:
        if node in self.where:
            return self.where[node]
        assert node.op == "constant", node
        slot = Slot(node.shape, node.dtype, "table", len(self.tables), array=node.params["value"])
        self.tables.append(slot)
        self.where[node] = slot
        return slot

    def _scan(self, node: Node) -> list[Item]:
        p = node.params
        consts, carry = p["num_consts"], p["num_consts"] + p["num_carry"]
        inputs = [self._slot(a) for a in node.args]
        outputs = self.elements[node]
        carries, stacked = outputs[: p["num_carry"]], outputs[p["num_carry"] :]
        loop = Loop(p["length"], p["reverse"])
        elements = [_element(s, loop) for s in inputs[carry:]]
        targets = [*carries, *(_element(s, loop) for s in stacked)]
        parameters = [*inputs[:consts], *carries, *elements]
        loop.items = _Assembly(p["body"], parameters, targets, self.program, self.costs).items()
        starts = zip(carries, inputs[consts:carry], strict=True)
        return [*(copy(into, source) for into, source in starts), loop]

    def _while(self, node: Node) -> list[Item]:
        p = node.params
        inputs = [self._slot(a) for a in node.args]
        carries = self.elements[node]
        parameters = [*inputs[: p["num_consts"]], *carries]
        condition = Slot((), p["cond"].results[0].dtype)
        loop = While(condition)
        loop.test = _Assembly(p["cond"], parameters, [condition], self.program, self.costs).items()
        loop.items = _Assembly(p["body"], parameters, carries, self.program, self.costs).items()
        starts = zip(carries, inputs[p["num_consts"] :], strict=True)
        return [*(copy(into, source) for into, source in starts), loop]

    def _if(self, node: Node) -> list[Item]:
        p = node.params
        condition, *inputs = [self._slot(a) for a in node.args]
        outputs = self.elements[node]
        choice = If(condition)
        choice.items = _Assembly(
            p["true_branch"], inputs, outputs, self.program, self.costs
        ).items()
        choice.otherwise = _Assembly(
            p["false_branch"], inputs, outputs, self.program, self.costs
        ).items()
        return [choice]

    # ---- results -------------------------------------------------------------------------------
    def _place_results(self) -> list[Item]:
        """Give each result its target's memory; where that can't be, the moves that do it after."""
        moves: list[Item] = []  # into memory that another move may read, so they come last
        early: list[Item] = []
        taken: set[Slot] = set()
        for node, target in zip(self.graph.results, self.targets, strict=True):
            source = self._slot(node)
            if source.actual is target:
                continue
            own = source.kind == "temporary" and source not in self.parameters
            free = own and source.same is None and target not in taken
            free = free and list(source.layout) == list(target.layout)
            if free and self._may_use(node, source, target):
                source.same = target
            elif target in self.parameters and self._is_overwritten(source):
                # two results may read each other's old memory: all are saved before any is moved
                saved = Slot(target.shape, target.dtype)
                early.append(copy(saved, source))
                moves.append(copy(target, saved))
            else:
                (moves if target in self.parameters else early).append(copy(target, source))
            taken.add(target)
        return early + moves

    def _is_overwritten(self, source: Slot) -> bool:
        """Whether a result of its own is moved into this memory."""
        return source in self.parameters and source in self.targets

    def _may_use(self, node: Node, source: Slot, target: Slot) -> bool:
        """Whether the kernel that makes node can write it straight into target's memory."""
        if target not in self.parameters:
            return True
        if any(self.where.get(r) is target for r in self.graph.results):
            return False
        writer = self.grouping.stored[node]
        readers = [g for g in self.grouping.groups if self._reads(g, target)]
        if is_joint(node):  # its parts are written one by one, while others may read the whole
            return False
        if writer.whole is not None:
            others = [g for g in readers if g is not writer]
            if not self._starts_with(writer, source, target):
                return False
            return self._come_before(others, writer)
        if writer in readers and not self._in_place(writer, source, target):
            return False
        return self._come_before([g for g in readers if g is not writer], writer)

    def _starts_with(self, g: Group, source: Slot, target: Slot) -> bool:
        """Whether a loop only copies target into its carry: then the carry can be target itself."""
        kernels = [i for i in self.kernels[g] if isinstance(i, Kernel)]
        for kernel in kernels:
            if kernel.slots == [target, source] or kernel.slots == [source, target]:
                others = [k for k in self.kernels[g] if k is not kernel]
                return not any(target in touched(k) for k in others)
        return not any(target in touched(k) for k in self.kernels[g])

    def _reads(self, g: Group, target: Slot) -> bool:
        return any(target.memory in touched(item) for item in self.kernels[g])

    def _in_place(self, g: Group, source: Slot, target: Slot) -> bool:
        """Whether the writer reads target only at the very element that it then writes."""
        (kernel,) = self.kernels[g]
        assert isinstance(kernel, Kernel)
        nest, slots = kernel.nest, kernel.slots
        writes = [s.index for s in nest.stores if slots[s.buffer.number] is source]
        summed = {id(e) for e in walk([a.expr for a in nest.accumulators])}
        for expr in walk(nest.roots()):
            if (
                expr.kind != "load"
                or slots[expr.params["buffer"].number].memory is not target.memory
            ):
                continue
            if id(expr) in summed or any(expr.params["index"] != w for w in writes):
                return False
        return True

    def _come_before(self, readers: list[Group], writer: Group) -> bool:
        """Order the readers before the writer, if that makes no circle."""
        if any(self._reaches(r, writer) for r in readers):
            return False
        self.after.setdefault(writer, set()).update(readers)
        return True

    def _reaches(self, start: Group, goal: Group) -> bool:
        return reaches(start, goal, self._needs)

    def _needs(self, g: Group) -> set[Group]:
        return g.needs | self.after.get(g, set())

    def _ordered(self) -> list[Group]:
        """Groups in an order that respects every need, otherwise as they were made."""
        order: list[Group] = []
        done: set[Group] = set()
        for root in self.grouping.groups:
            stack = [root]
            while stack:
                g = stack[-1]
                needs = self._needs(g) - done
                if g in done or not needs:
                    stack.pop()
                    if g not in done:
                        done.add(g)
                        order.append(g)
                else:
                    stack += sorted(needs, key=lambda n: -n.number)
        return order


def _element(slot: Slot, loop: Loop) -> Slot:
    strides = slot.strides and slot.strides[1:]
    return Slot(slot.shape[1:], slot.dtype, "element", base=slot, loop=loop, strides=strides)
