"""Fusion planning: decide which values are materialized, and which kernel computes each.

    group = anchor ? ; member ... ; materialized value ...

An anchor op (a reduction or a contraction) starts a group. A map whose operands are computed in a
group is fused into it: it is computed in registers (epilogue fusion). Every other map and view is
inlined into each consumer (prologue fusion).

Legality: fusion must not create a cycle between groups. Profitability: a value with several readers
is materialized if recomputing it costs more than a store and a load (`Costs.recompute`); operands
of contractions are read again and again, so theirs may cost less (`Costs.reread`). Materialized
values that follow cheaply from others are rematerialized in their consumers. Bits do not change.

One walk in topological order decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lamina.engines.llvm.fusion.anchors import domain_of
from lamina.engines.llvm.graph.partitions import is_partitioned, parts_of
from lamina.engines.llvm.loops.index import Position, Var, at, loops_over, of, reshaped
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node, users
from lamina.ir.kinds import ANCHORS, CONTRACTIONS, INLINE, MARKERS, SEPARATE, VIEWS, cost_of
from lamina.ir.types import Shape


@dataclass(eq=False)
class FusionGroup:
    """A future kernel. `where` maps each member to its position in terms of the group's loops;
    `opaque` is the node if it is not a loop nest (control flow, sort, scatter, partitioned
    values)."""

    number: int
    loops: list[Var]
    anchor: Node | None = None
    reductions: list[Var] = field(default_factory=list)
    operands: list[Position] = field(default_factory=list)
    where: dict[Node, Position] = field(default_factory=dict)
    stores: list[Node] = field(default_factory=list)
    needs: set[FusionGroup] = field(default_factory=set)
    opaque: Node | None = None

    def __repr__(self) -> str:
        what = self.opaque or self.anchor
        return f"<group {self.number}: {what.op if what else 'map'} -> {len(self.stores)} stores>"


@dataclass(eq=False)
class FusionPlan:
    """The groups, and for each materialized node the group that stores it."""

    groups: list[FusionGroup]
    stored: dict[Node, FusionGroup]


def plan_fusion(graph: Graph, costs: Costs) -> FusionPlan:
    """Plan the fusion of a simplified and legalized graph."""
    return _Planner(graph, costs).run()


def reaches(
    start: FusionGroup, goal: FusionGroup, needs: Callable[[FusionGroup], set[FusionGroup]]
) -> bool:
    """True if `start` is `goal` or depends on it, directly or through other groups."""
    stack, seen = [start], {start}
    while stack:
        g = stack.pop()
        if g is goal:
            return True
        new = needs(g) - seen
        seen |= new
        stack += new
    return False


class _Planner:
    def __init__(self, graph: Graph, costs: Costs) -> None:
        self.graph, self.costs = graph, costs
        self.nodes = graph.nodes()
        self.users = users(self.nodes)
        self.results = set(graph.results)
        self.groups: list[FusionGroup] = []
        self.stored: dict[Node, FusionGroup] = {}
        self.kernel_of: dict[Node, FusionGroup] = {}
        self.cost: dict[Node, float] = {}

    def run(self) -> FusionPlan:
        for node in self.nodes:
            self._visit(node)
        for node in self.graph.results:
            if node.op != "parameter":
                self._materialize(node)
        for g in self.groups:
            self._rematerialize(g)
        for g in self.groups:
            g.needs.discard(g)
        return FusionPlan(self.groups, self.stored)

    # ---- one node ------------------------------------------------------------------------------
    def _visit(self, node: Node) -> None:
        if node.op == "parameter" or (node.op == "constant" and node.params["value"].size > 1):
            self._inline(node, 0)
        elif node.op in ANCHORS:
            self._start_anchor(node)
        elif node.op in SEPARATE:
            for arg in node.args:
                self._materialize(arg)
            self._start_opaque(node, node.args)
        elif is_partitioned(node):
            self._start_partitioned(node)
        elif node.op == "get_tuple_element":
            self._inline(node, 0)
            self.stored[node] = self.stored[node.args[0]]
        else:
            self._visit_map(node)

    def _visit_map(self, node: Node) -> None:
        kernels = {
            self.kernel_of[a] for a in node.args if a in self.kernel_of and a not in self.stored
        }
        for g in sorted(kernels, key=lambda g: -g.number):
            position = self._same_domain(node, g)
            if position is not None and self._may_need(g, self._outside(node, g)):
                self._materialize_others(node, g)
                self._join(node, g, position)
                return
        for arg in node.args:
            if arg in self.kernel_of and arg not in self.stored:
                self._materialize(arg)
        cost = sum(self._read_cost(a) for a in node.args) + self._own_cost(node)
        self._inline(node, cost)
        if node.op == "identity":  # legalize.py requests materialization
            self._materialize(node)
            return
        shared = len(self.users[node]) > 1 and cost > self.costs.recompute
        if (shared or cost > self.costs.longest) and not _is_source(node):
            self._materialize(node)

    def _own_cost(self, node: Node) -> float:
        if node.op == "gather" or node.op == "dynamic_update_slice":
            return self.costs.reread + 1
        if node.op == "pad" or node.op == "concatenate":
            return self.costs.reread
        return cost_of(node.op)

    def _read_cost(self, node: Node) -> float:
        return 0 if node in self.stored else self.cost.get(node, 0)

    def _inline(self, node: Node, cost: float) -> None:
        self.cost[node] = cost

    def _sources(self, node: Node) -> set[FusionGroup]:
        """Return the groups whose materialized values are read where an inlined node is
        computed."""
        found: set[FusionGroup] = set()
        stack, seen = [node], {node}
        while stack:
            for arg in stack.pop().args:
                if arg in self.stored or arg in self.kernel_of:
                    found.add(self.stored.get(arg) or self.kernel_of[arg])
                elif arg not in seen:
                    seen.add(arg)
                    stack.append(arg)
        return found

    def _readers(self, node: Node) -> set[FusionGroup]:
        """Return the groups that inline a node so far; once it is materialized, they load it."""
        found: set[FusionGroup] = set()
        stack, seen = [node], {node}
        while stack:
            for user in self.users[stack.pop()]:
                if user in self.stored or user in self.kernel_of:
                    found.add(self.stored.get(user) or self.kernel_of[user])
                elif user in self.cost and user not in seen:
                    seen.add(user)
                    stack.append(user)
        return found

    # ---- fusion ----------------------------------------------------------------------------------
    def _same_domain(self, node: Node, g: FusionGroup) -> Position | None:
        """Return the position in `node` of the group's point if both have the same domain, else
        None."""
        inside = [a for a in node.args if self.kernel_of.get(a) is g and a not in self.stored]
        first = g.where[inside[0]]
        if node.op == "transpose":
            return tuple(first[p] for p in node.params["permutation"])
        if node.op == "reshape":
            return _reshaped(first, node.args[0].shape, node.shape)
        if node.op == "broadcast_in_dim":
            return self._axes_added(node, first)
        if node.op in INLINE and node.op not in MARKERS:
            return None
        here = [a for a in node.args if a in g.where and (a in inside or self.stored.get(a) is g)]
        return first if all(g.where[a] == first for a in here) else None

    def _axes_added(self, node: Node, first: Position) -> Position | None:
        """Return the position after axes of extent 1 are added; None if elements are repeated."""
        dims = node.params["broadcast_dimensions"]
        if node.type.size != node.args[0].type.size:
            return None
        position = [at(0)] * node.ndim
        for axis, index in zip(dims, first, strict=True):
            position[axis] = index
        return tuple(position)

    def _outside(self, node: Node, g: FusionGroup) -> set[FusionGroup]:
        """Return the groups whose materialized values `node` would read if it were computed in
        g."""
        found: set[FusionGroup] = set()
        for arg in node.args:
            if arg in self.stored:
                if self.stored[arg] is not g:
                    found.add(self.stored[arg])
            elif arg in self.kernel_of:
                if self.kernel_of[arg] is not g:
                    found.add(self.kernel_of[arg])
            else:
                found |= self._sources(arg)
        return found

    def _may_need(self, g: FusionGroup, others: Iterable[FusionGroup]) -> bool:
        """True if g may depend on all the others: none of them is g or depends on it."""
        return not any(self._reaches(other, g) for other in others)

    def _reaches(self, start: FusionGroup, goal: FusionGroup) -> bool:
        return reaches(start, goal, lambda g: g.needs)

    def _materialize_others(self, node: Node, g: FusionGroup) -> None:
        for arg in node.args:
            if arg in self.kernel_of and arg not in self.stored and self.kernel_of[arg] is not g:
                self._materialize(arg)

    def _join(self, node: Node, g: FusionGroup, position: Position) -> None:
        g.needs |= self._outside(node, g) - {g}
        g.where[node] = position
        self.kernel_of[node] = g
        self.cost[node] = 0

    # ---- materialization -------------------------------------------------------------------------
    def _materialize(self, node: Node) -> None:
        """Materialize a node, in the group that computes it or in a new one."""
        if node in self.stored or node.op == "parameter" or _is_table(node):
            return
        readers = self._readers(node)
        g = self.kernel_of.get(node) or self._neighbor(node) or self._start_map(node)
        g.stores.append(node)
        self.stored[node] = g
        for reader in readers:
            if not self._reaches(g, reader):  # else the reader keeps recomputing the node
                reader.needs.add(g)

    def _neighbor(self, node: Node) -> FusionGroup | None:
        """Return a group that materializes an operand of this map and can compute the map as
        well."""
        if node.op in INLINE:
            return None
        for arg in node.args:
            g = self.stored.get(arg)
            if g is None or arg not in g.where or g.opaque is not None:
                continue
            if self._fits(node, g) and not self._reads_off_point(node, g):
                g.needs |= self._sources(node) - {g}
                g.where[node] = g.where[arg]
                self.kernel_of[node] = g
                return g
        return None

    def _reads_off_point(self, node: Node, g: FusionGroup) -> bool:
        """True if `node`, computed in g, would read a value of g off g's own point."""
        places = {g.where[a] for a in node.args if self.stored.get(a) is g}
        stack, seen = [(node, False)], {(node, False)}
        while stack:
            reader, moved = stack.pop()  # moved: through a view
            for arg in reader.args:
                if self.stored.get(arg) is g:
                    places.add(g.where[arg])
                    if moved or len(places) > 1:
                        return True
                elif arg not in self.stored and arg not in self.kernel_of:
                    step = (arg, moved or arg.op in INLINE)
                    if step not in seen:
                        seen.add(step)
                        stack.append(step)
        return False

    # ---- rematerialization -----------------------------------------------------------------------
    def _rematerialize(self, g: FusionGroup) -> None:
        """Rematerialize values of a group in their readers if they follow cheaply from its other
        stored values, so that one array goes through memory instead of several."""
        for node in list(g.stores):
            if len(g.stores) < 2 or node in self.results or node.op in INLINE:
                continue
            sources, cost = self._materialized_operands(node)
            readers = self._direct_readers(node)
            if cost <= self.costs.recompute and self._may_compute(readers, sources):
                g.stores.remove(node)
                del self.stored[node], self.kernel_of[node]
                for reader in readers:
                    reader.needs |= sources

    def _materialized_operands(self, node: Node) -> tuple[set[FusionGroup], float]:
        """Return the groups of the stored values that a node is computed from, and the cost of
        that."""
        sources: set[FusionGroup] = set()
        cost, stack, seen = 0.0, [node], {node}
        while stack:
            inner = stack.pop()
            if inner.op in ANCHORS or inner.op in SEPARATE or inner.op == "get_tuple_element":
                return sources, float("inf")
            cost += self._own_cost(inner)
            for arg in inner.args:
                if arg in self.stored:
                    sources.add(self.stored[arg])
                elif arg not in seen and arg.op != "parameter" and not _is_table(arg):
                    seen.add(arg)
                    stack.append(arg)
        return sources, cost

    def _direct_readers(self, node: Node) -> set[FusionGroup]:
        """Return the groups that load a stored node, also through members that are no longer
        stored."""
        own, found = self.stored[node], set[FusionGroup]()
        stack, seen = [node], {node}
        while stack:
            for user in self.users[stack.pop()]:
                producer = self.stored.get(user) or self.kernel_of.get(user)
                if producer is not None and (producer is not own or user in self.stored):
                    found.add(producer)
                elif user not in seen:
                    seen.add(user)
                    stack.append(user)
        return found - {own}

    def _may_compute(self, readers: set[FusionGroup], sources: set[FusionGroup]) -> bool:
        """True if these few groups may recompute what they read from the sources."""
        if not 0 < len(readers) <= self.costs.recompute_readers:
            return False
        for reader in readers:
            anchor = reader.anchor.op if reader.anchor is not None else "map"
            if reader.opaque is not None or anchor in CONTRACTIONS or anchor == "reduce_window":
                return False
            if any(source is reader or self._reaches(source, reader) for source in sources):
                return False
        return True

    def _new(self, loops: list[Var]) -> FusionGroup:
        g = FusionGroup(len(self.groups), loops)
        self.groups.append(g)
        return g

    def _start_map(self, node: Node) -> FusionGroup:
        g = self._new(loops_over(node.shape))
        g.where[node] = tuple(of(v) for v in g.loops)
        g.needs |= self._sources(node)
        self.kernel_of[node] = g
        return g

    def _start_partitioned(self, node: Node) -> None:
        parts = [part for part, _ in parts_of(node)]
        by_shape: dict[Shape, FusionGroup] = {}
        for part in parts:
            self._materialize_together(part, by_shape)
        self._start_opaque(node, parts)

    def _materialize_together(self, part: Node, by_shape: dict[Shape, FusionGroup]) -> None:
        """Compute maps of one shape in one kernel, so that shared operands are read once."""
        free = part not in self.kernel_of and part not in self.stored
        g = by_shape.get(part.shape)
        if free and g is not None and self._fits(part, g):
            g.needs |= self._sources(part) - {g}
            g.where[part] = next(iter(g.where.values()))
            self.kernel_of[part] = g
        self._materialize(part)
        g = self.stored.get(part)
        if free and g is not None and g.anchor is None:
            by_shape[part.shape] = g

    def _fits(self, node: Node, g: FusionGroup) -> bool:
        """True if g can also compute an inlined node without creating a cycle."""
        cycle = any(self._reaches(g, reader) for reader in self._readers(node) - {g})
        return self._may_need(g, self._sources(node) - {g}) and not cycle

    def _start_opaque(self, node: Node, operands: Iterable[Node]) -> None:
        g = self._new([])
        g.opaque = node
        g.stores.append(node)
        g.needs |= {self.stored[a] for a in operands if a in self.stored}
        self.stored[node] = g
        self.cost[node] = 0

    def _start_anchor(self, node: Node) -> None:
        limit = self.costs.reread if node.op in CONTRACTIONS else self.costs.longest
        for arg in node.args:
            self._prepare_operand(arg, limit)
        anchor = domain_of(node)
        g = self._new(anchor.loops)
        g.anchor, g.where[node] = node, anchor.where
        g.reductions, g.operands = anchor.over, anchor.operands
        for arg in node.args:
            g.needs |= {self.stored[arg]} if arg in self.stored else self._sources(arg)
        self.kernel_of[node] = g
        self.cost[node] = 0

    def _prepare_operand(self, arg: Node, limit: float) -> None:
        """Materialize an operand that would be recomputed too often, but not the views on top of
        it."""
        if arg in self.kernel_of or self._read_cost(arg) > limit:
            while arg.op in VIEWS and arg not in self.kernel_of and arg not in self.stored:
                arg = arg.args[0]
            self._materialize(arg)


def _is_source(node: Node) -> bool:
    return node.op in ("iota", "constant", "size_of")


def _is_table(node: Node) -> bool:
    """True for a constant of several elements: memory that exists before the program starts."""
    return node.op == "constant" and node.params["value"].size != 1


def _reshaped(position: Position, source: Shape, target: Shape) -> Position | None:
    """Return the position after a reshape if the inverse reshape gives back the original
    position."""
    there = reshaped(position, source, target)
    return tuple(there) if reshaped(there, target, source) == list(position) else None
