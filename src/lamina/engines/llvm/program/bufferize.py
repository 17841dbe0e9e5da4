"""Bufferization: a graph -> a program of kernels, loops and branches with buffers for all values.

    program   = slot ... ; statement ...
    statement = kernel | loop ( statement ... ) | while ( statement ... ) | if ( statement ... )
              | routine

Fusion groups are ordered by their dependences. State that is updated is written in place if every
other reader comes before the writer; else through a temporary, which is copied at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.engines.llvm.fusion.groups import FusionGroup, FusionPlan, reaches
from lamina.engines.llvm.fusion.plan import plan_fusion
from lamina.engines.llvm.graph.partitions import is_partitioned, parts_of
from lamina.engines.llvm.loopopt.split_at_guards import split_at_guards
from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.kernel import Kernel, copy, zeros
from lamina.engines.llvm.loops.nest import NestKind, walk
from lamina.engines.llvm.lowering.lower import lower
from lamina.engines.llvm.program.buffer_layout import padded_strides
from lamina.engines.llvm.program.halo import halo_eliminations, halo_fills, interior_slot
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.scratch import scratch_types
from lamina.engines.llvm.program.statements import (
    If,
    Loop,
    Routine,
    Statement,
    While,
    map_bodies,
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
    statements = _Bufferizer(graph, arguments, results, program, costs).statements()
    program.statements = map_bodies(statements, _without_identity_copies)
    fresh = [s for s in results if s not in arguments]
    for k, slot in enumerate(fresh):
        slot.number = len(arguments) + k
    return program


def _without_identity_copies(statements: list[Statement]) -> list[Statement]:
    """Leave out the copies of memory onto itself."""
    return [s for s in statements if not (isinstance(s, Kernel) and _is_identity(s))]


def _is_identity(kernel: Kernel) -> bool:
    return kernel.nest.kind is NestKind.COPY and kernel.slots[0].actual is kernel.slots[1].actual


class _Bufferizer:
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
        self.plan: FusionPlan = plan_fusion(graph, costs)
        self.readers = users(graph.nodes())
        self.kernels: dict[FusionGroup, list[Statement]] = {}
        self.after: dict[FusionGroup, set[FusionGroup]] = {}
        self.elements: dict[Node, list[Slot]] = {}  # the results of a node with several

    def statements(self) -> list[Statement]:
        self._place_sources()
        self._place_stored()
        for g in self.plan.groups:
            self.kernels[g] = self._lowered(g)
        moves = self._place_results()
        self.program.stacks.update(s for slots in self.elements.values() for s in slots)
        return [statement for g in self._ordered() for statement in self.kernels[g]] + moves

    # ---- memory --------------------------------------------------------------------------------
    def _place_sources(self) -> None:
        for node in self.graph.nodes():
            if node.op == "constant" and node.params["value"].size != 1:
                value = node.params["value"]
                slot = Slot(node.shape, node.dtype, "table", len(self.tables), array=value)
                self.tables.append(slot)
                self.where[node] = slot

    def _place_stored(self) -> None:
        for node, g in self.plan.stored.items():
            if node.op == "get_tuple_element" or g.opaque is node:
                continue
            self.where[node] = self._fresh(node)
        for node in self.plan.stored:
            if node in self._multiple():
                self._place_elements(node)
        for node in self._multiple():
            if is_partitioned(node):
                self._place_parts(node)
        self.halo_eliminations = halo_eliminations(self.graph, self.plan, self.costs)
        for padded, interior in self.halo_eliminations.items():
            self.where[interior] = interior_slot(self.where[padded], padded)

    def _fresh(self, node: Node) -> Slot:
        """Return a buffer for a value, in the layout of its target, or in one that suits its
        readers."""
        if node in self.graph.results:
            strides = self.targets[self.graph.results.index(node)].strides
        else:
            strides = padded_strides(node, self.readers.get(node, []), self.costs)
        return Slot(node.shape, node.dtype, strides=strides)

    def _multiple(self) -> set[Node]:
        return {g.opaque for g in self.plan.groups if g.opaque is not None}

    def _place_elements(self, node: Node) -> None:
        """Place each result of a scan, while, if or sort; scatter has one result."""
        if not isinstance(node.type, tuple):
            self.where[node] = (
                self._fresh(node) if is_partitioned(node) else Slot(node.shape, node.dtype)
            )
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
            if (
                producer is not None
                and producer.opaque is None
                and self.where[part].alias_of is None
            ):
                self.where[part] = self._part(partitioned, part, start)

    def _part(self, partitioned: Node, part: Node, start: Sequence[Dim]) -> Slot:
        whole = self.where[partitioned]
        strides = whole.layout
        offset: Dim = sum(n * stride for n, stride in zip(start, strides, strict=True))
        return Slot(part.shape, part.dtype, alias_of=whole, strides=strides, offset=offset)

    def _partition_copies(self, partitioned: Node) -> list[Statement]:
        """Return copies of the parts that are stored elsewhere."""
        places = [
            (self._part(partitioned, part, start), part) for part, start in parts_of(partitioned)
        ]
        sources = [(place, self._slot(part)) for place, part in places]
        return [copy(place, slot) for place, slot in sources if slot.alias_of is not place.alias_of]

    # ---- fusion groups ---------------------------------------------------------------------------
    def _lowered(self, g: FusionGroup) -> list[Statement]:
        if g.opaque is None and g.stores[0] in self.halo_eliminations:
            return list(halo_fills(self.where[g.stores[0]], g.stores[0]))
        if g.opaque is None:
            return [split_at_guards(lower(g, self.where, self.plan.stored), self.costs)]
        node = g.opaque
        if is_partitioned(node):
            return self._partition_copies(node)
        if node.op == "scan":
            return self._scan(node)
        if node.op == "while":
            return self._while(node)
        if node.op == "if":
            return self._if(node)
        outputs = self.elements.get(node) or [self.where[node]]
        sources = [self._slot(a) for a in node.args]
        inputs = [s if s.strides is None else Slot(s.shape, s.dtype) for s in sources]
        scratch = [Slot(t.shape, t.dtype) for t in scratch_types(node)]
        before = [copy(x, s) for x, s in zip(inputs, sources, strict=True) if x is not s]
        if node.op == "select_and_scatter":
            return [*before, zeros(outputs[0]), Routine(node, inputs, outputs, scratch)]
        if node.op != "scatter":
            return [*before, Routine(node, inputs, outputs, scratch)]
        # the result starts as a copy of x, and from then on only the result is accessed
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

    def _scan(self, node: Node) -> list[Statement]:
        p = node.params
        consts, carry = p["num_consts"], p["num_consts"] + p["num_carry"]
        inputs = [self._slot(a) for a in node.args]
        outputs = self.elements[node]
        carries, stacked = outputs[: p["num_carry"]], outputs[p["num_carry"] :]
        loop = Loop(p["length"], Counter(p["reverse"]))
        elements = [_element(s, loop.counter) for s in inputs[carry:]]
        targets = [*carries, *(_element(s, loop.counter) for s in stacked)]
        parameters = [*inputs[:consts], *carries, *elements]
        loop.statements = _Bufferizer(
            p["body"], parameters, targets, self.program, self.costs
        ).statements()
        starts = zip(carries, inputs[consts:carry], strict=True)
        return [*(copy(into, source) for into, source in starts), loop]

    def _while(self, node: Node) -> list[Statement]:
        p = node.params
        inputs = [self._slot(a) for a in node.args]
        carries = self.elements[node]
        parameters = [*inputs[: p["num_consts"]], *carries]
        condition = Slot((), p["cond"].results[0].dtype)
        loop = While(condition)
        loop.test = _Bufferizer(
            p["cond"], parameters, [condition], self.program, self.costs
        ).statements()
        loop.statements = _Bufferizer(
            p["body"], parameters, carries, self.program, self.costs
        ).statements()
        starts = zip(carries, inputs[p["num_consts"] :], strict=True)
        return [*(copy(into, source) for into, source in starts), loop]

    def _if(self, node: Node) -> list[Statement]:
        p = node.params
        condition, *inputs = [self._slot(a) for a in node.args]
        outputs = self.elements[node]
        choice = If(condition)
        choice.statements = _Bufferizer(
            p["true_branch"], inputs, outputs, self.program, self.costs
        ).statements()
        choice.otherwise = _Bufferizer(
            p["false_branch"], inputs, outputs, self.program, self.costs
        ).statements()
        return [choice]

    # ---- results -------------------------------------------------------------------------------
    def _place_results(self) -> list[Statement]:
        """Alias each result with its target; where that is not legal, return the copies to do."""
        moves: list[Statement] = []  # into memory that another move may read, so they come last
        early: list[Statement] = []
        taken: set[Slot] = set()
        for node, target in zip(self.graph.results, self.targets, strict=True):
            source = self._slot(node)
            if source.actual is target:
                continue
            own = source.kind == "temporary" and source not in self.parameters
            free = own and source.alias_of is None and target not in taken
            free = free and list(source.layout) == list(target.layout)
            if free and self._may_use(node, source, target):
                source.alias_of = target
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
        """True if a result is also moved into this memory."""
        return source in self.parameters and source in self.targets

    def _may_use(self, node: Node, source: Slot, target: Slot) -> bool:
        """True if the kernel that computes the node can write straight into the target's memory."""
        if target not in self.parameters:
            return True
        if any(self.where.get(r) is target for r in self.graph.results):
            return False
        writer = self.plan.stored[node]
        readers = [g for g in self.plan.groups if self._reads(g, target)]
        if is_partitioned(
            node
        ):  # its parts are written one by one, while others may read the whole value
            return False
        if writer.opaque is not None:
            others = [g for g in readers if g is not writer]
            if not self._starts_with(writer, source, target):
                return False
            return self._come_before(others, writer)
        if writer in readers and not self._in_place(writer, source, target):
            return False
        return self._come_before([g for g in readers if g is not writer], writer)

    def _starts_with(self, g: FusionGroup, source: Slot, target: Slot) -> bool:
        """True if a loop only copies the target into its carry: the carry can then alias the
        target."""
        kernels = [i for i in self.kernels[g] if isinstance(i, Kernel)]
        for kernel in kernels:
            if kernel.slots == [target, source] or kernel.slots == [source, target]:
                others = [k for k in self.kernels[g] if k is not kernel]
                return not any(target in touched(k) for k in others)
        return not any(target in touched(k) for k in self.kernels[g])

    def _reads(self, g: FusionGroup, target: Slot) -> bool:
        return any(target.memory in touched(statement) for statement in self.kernels[g])

    def _in_place(self, g: FusionGroup, source: Slot, target: Slot) -> bool:
        """True if the writer reads the target only at the element that it then writes."""
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

    def _come_before(self, readers: list[FusionGroup], writer: FusionGroup) -> bool:
        """Order the readers before the writer, if that creates no cycle."""
        if any(self._reaches(r, writer) for r in readers):
            return False
        self.after.setdefault(writer, set()).update(readers)
        return True

    def _reaches(self, start: FusionGroup, goal: FusionGroup) -> bool:
        return reaches(start, goal, self._needs)

    def _needs(self, g: FusionGroup) -> set[FusionGroup]:
        return g.needs | self.after.get(g, set())

    def _ordered(self) -> list[FusionGroup]:
        """Return the groups in an order that respects every dependence, else in order of
        creation."""
        order: list[FusionGroup] = []
        done: set[FusionGroup] = set()
        for root in self.plan.groups:
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


def _element(slot: Slot, counter: Counter) -> Slot:
    strides = slot.strides and slot.strides[1:]
    return Slot(
        slot.shape[1:], slot.dtype, "element", slice_of=slot, counter=counter, strides=strides
    )
