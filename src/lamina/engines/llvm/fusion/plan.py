"""Which values are stored, and which kernel computes each: a graph becomes a list of groups.

    group = core ? ; member ... ; stored value ...

A core (a reduction or a product) starts a group. A map whose operands live in a group joins it: it
is computed in registers, where they are made (an epilogue). Every other map and every view is free:
it belongs to no group and is computed wherever it is read (a prologue), again in each place, unless
that costs more than storing it. A value is stored only when somebody outside its group reads it.

One walk in topological order decides. What a group needs is a set of other groups; a map may join
only where that makes no circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lamina.engines.llvm.fusion.anchors import core_of
from lamina.engines.llvm.graph.partitions import is_joint, parts_of
from lamina.engines.llvm.loops.index import Position, Var, at, of, reshaped
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Graph, Node, users
from lamina.ir.kinds import ANCHORS, CONTRACTIONS, INLINE, MARKERS, SEPARATE, VIEWS, cost_of
from lamina.ir.types import Dim, Shape


@dataclass(eq=False)
class Group:
    """One kernel to be. `where` maps each member to its position in terms of the group's loops."""

    number: int
    loops: list[Var]
    core: Node | None = None
    reductions: list[Var] = field(default_factory=list)
    operands: list[Position] = field(default_factory=list)
    where: dict[Node, Position] = field(default_factory=dict)
    stores: list[Node] = field(default_factory=list)
    needs: set[Group] = field(default_factory=set)
    whole: Node | None = None

    def __repr__(self) -> str:
        what = self.whole or self.core
        return f"<group {self.number}: {what.op if what else 'map'} -> {len(self.stores)} stores>"


@dataclass(eq=False)
class Grouping:
    """The decision: groups, and for each stored node the group that stores it."""

    groups: list[Group]
    stored: dict[Node, Group]


def group(graph: Graph, costs: Costs) -> Grouping:
    """Decide for a graph (already simplified) what is stored and where it is computed."""
    return _Grouper(graph, costs).run()


def reaches(start: Group, goal: Group, needs: Callable[[Group], set[Group]]) -> bool:
    """Whether the start is the goal, or needs it, by way of others if need be."""
    stack, seen = [start], {start}
    while stack:
        g = stack.pop()
        if g is goal:
            return True
        new = needs(g) - seen
        seen |= new
        stack += new
    return False


class _Grouper:
    def __init__(self, graph: Graph, costs: Costs) -> None:
        self.graph, self.costs = graph, costs
        self.nodes = graph.nodes()
        self.users = users(self.nodes)
        self.results = set(graph.results)
        self.groups: list[Group] = []
        self.stored: dict[Node, Group] = {}
        self.home: dict[Node, Group] = {}
        self.cost: dict[Node, float] = {}

    def run(self) -> Grouping:
        for node in self.nodes:
            self._visit(node)
        for node in self.graph.results:
            if node.op != "parameter":
                self._store(node)
        for g in self.groups:
            self._lighten(g)
        for g in self.groups:
            g.needs.discard(g)
        return Grouping(self.groups, self.stored)

    # ---- one node ------------------------------------------------------------------------------
    def _visit(self, node: Node) -> None:
        if node.op == "parameter" or (node.op == "constant" and node.params["value"].size > 1):
            self._free(node, 0)
        elif node.op in ANCHORS:
            self._start_core(node)
        elif node.op in SEPARATE:
            for arg in node.args:
                self._store(arg)
            self._start_whole(node, node.args)
        elif is_joint(node):
            self._start_joint(node)
        elif node.op == "get_tuple_element":
            self._free(node, 0)
            self.stored[node] = self.stored[node.args[0]]
        else:
            self._visit_map(node)

    def _visit_map(self, node: Node) -> None:
        homes = {self.home[a] for a in node.args if a in self.home and a not in self.stored}
        for g in sorted(homes, key=lambda g: -g.number):
            position = self._natural(node, g)
            if position is not None and self._may_need(g, self._outside(node, g)):
                self._settle_others(node, g)
                self._join(node, g, position)
                return
        for arg in node.args:
            if arg in self.home and arg not in self.stored:
                self._store(arg)
        cost = sum(self._read_cost(a) for a in node.args) + self._own_cost(node)
        self._free(node, cost)
        if node.op == "identity":  # legalize.py wants it in memory
            self._store(node)
            return
        shared = len(self.users[node]) > 1 and cost > self.costs.recompute
        if (shared or cost > self.costs.longest) and not _is_source(node):
            self._store(node)

    def _own_cost(self, node: Node) -> float:
        if node.op == "gather" or node.op == "dynamic_update_slice":
            return self.costs.reread + 1
        if node.op == "pad" or node.op == "concatenate":
            return self.costs.reread
        return cost_of(node.op)

    def _read_cost(self, node: Node) -> float:
        return 0 if node in self.stored else self.cost.get(node, 0)

    def _free(self, node: Node, cost: float) -> None:
        self.cost[node] = cost

    def _sources(self, node: Node) -> set[Group]:
        """The groups whose stored values are read where a free node is computed, as of now."""
        found: set[Group] = set()
        stack, seen = [node], {node}
        while stack:
            for arg in stack.pop().args:
                if arg in self.stored or arg in self.home:
                    found.add(self.stored.get(arg) or self.home[arg])
                elif arg not in seen:
                    seen.add(arg)
                    stack.append(arg)
        return found

    def _readers(self, node: Node) -> set[Group]:
        """The groups that so far compute a free node for themselves: once stored, they load it."""
        found: set[Group] = set()
        stack, seen = [node], {node}
        while stack:
            for user in self.users[stack.pop()]:
                if user in self.stored or user in self.home:
                    found.add(self.stored.get(user) or self.home[user])
                elif user in self.cost and user not in seen:
                    seen.add(user)
                    stack.append(user)
        return found

    # ---- joining -------------------------------------------------------------------------------
    def _natural(self, node: Node, g: Group) -> Position | None:
        """Where in node the group's point lies, if node can be computed in the group."""
        inside = [a for a in node.args if self.home.get(a) is g and a not in self.stored]
        first = g.where[inside[0]]
        if node.op == "transpose":
            return tuple(first[p] for p in node.params["permutation"])
        if node.op == "reshape":
            return _reshaped(first, node.args[0].shape, node.shape)
        if node.op == "broadcast_in_dim":
            return self._grown(node, first)
        if node.op in INLINE and node.op not in MARKERS:
            return None
        here = [a for a in node.args if a in g.where and (a in inside or self.stored.get(a) is g)]
        return first if all(g.where[a] == first for a in here) else None

    def _grown(self, node: Node, first: Position) -> Position | None:
        """Axes of extent 1 added: no element is repeated."""
        dims = node.params["broadcast_dimensions"]
        if node.type.size != node.args[0].type.size:
            return None
        position = [at(0)] * node.ndim
        for axis, index in zip(dims, first, strict=True):
            position[axis] = index
        return tuple(position)

    def _outside(self, node: Node, g: Group) -> set[Group]:
        """The groups whose stored values node would read if it were computed in g."""
        found: set[Group] = set()
        for arg in node.args:
            if arg in self.stored:
                if self.stored[arg] is not g:
                    found.add(self.stored[arg])
            elif arg in self.home:
                if self.home[arg] is not g:
                    found.add(self.home[arg])
            else:
                found |= self._sources(arg)
        return found

    def _may_need(self, g: Group, others: Iterable[Group]) -> bool:
        """Whether g may come after all the others: none of them is, or needs, g."""
        return not any(self._reaches(other, g) for other in others)

    def _reaches(self, start: Group, goal: Group) -> bool:
        return reaches(start, goal, lambda g: g.needs)

    def _settle_others(self, node: Node, g: Group) -> None:
        for arg in node.args:
            if arg in self.home and arg not in self.stored and self.home[arg] is not g:
                self._store(arg)

    def _join(self, node: Node, g: Group, position: Position) -> None:
        g.needs |= self._outside(node, g) - {g}
        g.where[node] = position
        self.home[node] = g
        self.cost[node] = 0

    # ---- storing -------------------------------------------------------------------------------
    def _store(self, node: Node) -> None:
        """Give the node memory, in the group where it lives or a new one of its own."""
        if node in self.stored or node.op == "parameter" or _is_table(node):
            return
        readers = self._readers(node)
        g = self.home.get(node) or self._neighbour(node) or self._start_map(node)
        g.stores.append(node)
        self.stored[node] = g
        for reader in readers:
            if not self._reaches(g, reader):  # else it goes on computing the node for itself
                reader.needs.add(g)

    def _neighbour(self, node: Node) -> Group | None:
        """A group that already stores an operand of this free map, and can compute it alongside."""
        if node.op in INLINE:
            return None
        for arg in node.args:
            g = self.stored.get(arg)
            if g is None or arg not in g.where or g.whole is not None:
                continue
            if self._fits(node, g) and not self._strays(node, g):
                g.needs |= self._sources(node) - {g}
                g.where[node] = g.where[arg]
                self.home[node] = g
                return g
        return None

    def _strays(self, node: Node, g: Group) -> bool:
        """Whether computing node in g would read a value of g at another place than g's own."""
        places = {g.where[a] for a in node.args if self.stored.get(a) is g}
        stack, seen = [(node, False)], {(node, False)}
        while stack:
            reader, moved = stack.pop()  # moved: a view lies between node and what is read
            for arg in reader.args:
                if self.stored.get(arg) is g:
                    places.add(g.where[arg])
                    if moved or len(places) > 1:
                        return True
                elif arg not in self.stored and arg not in self.home:
                    step = (arg, moved or arg.op in INLINE)
                    if step not in seen:
                        seen.add(step)
                        stack.append(step)
        return False

    # ---- storing less --------------------------------------------------------------------------
    def _lighten(self, g: Group) -> None:
        """Of several stored values, keep those from which others follow at little cost: these are
        computed where they are read, so that one array goes through memory in place of several."""
        for node in list(g.stores):
            if len(g.stores) < 2 or node in self.results or node.op in INLINE:
                continue
            sources, cost = self._stored_below(node)
            readers = self._direct_readers(node)
            if cost <= self.costs.recompute and self._may_compute(readers, sources):
                g.stores.remove(node)
                del self.stored[node], self.home[node]
                for reader in readers:
                    reader.needs |= sources

    def _stored_below(self, node: Node) -> tuple[set[Group], float]:
        """The groups of the stored values from which node follows, and the cost of doing so."""
        sources: set[Group] = set()
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

    def _direct_readers(self, node: Node) -> set[Group]:
        """The groups that load a stored node, also by way of what its own no longer stores."""
        own, found = self.stored[node], set[Group]()
        stack, seen = [node], {node}
        while stack:
            for user in self.users[stack.pop()]:
                maker = self.stored.get(user) or self.home.get(user)
                if maker is not None and (maker is not own or user in self.stored):
                    found.add(maker)
                elif user not in seen:
                    seen.add(user)
                    stack.append(user)
        return found - {own}

    def _may_compute(self, readers: set[Group], sources: set[Group]) -> bool:
        """Whether these groups, few, may compute what they read for themselves, from sources."""
        if not 0 < len(readers) <= self.costs.recompute_readers:
            return False
        for reader in readers:
            core = reader.core.op if reader.core is not None else "map"
            if reader.whole is not None or core in CONTRACTIONS or core == "reduce_window":
                return False
            if any(source is reader or self._reaches(source, reader) for source in sources):
                return False
        return True

    def _new(self, loops: list[Var]) -> Group:
        g = Group(len(self.groups), loops)
        self.groups.append(g)
        return g

    def _start_map(self, node: Node) -> Group:
        g = self._new(_loops(node.shape))
        g.where[node] = tuple(of(v) for v in g.loops)
        g.needs |= self._sources(node)
        self.home[node] = g
        return g

    def _start_joint(self, node: Node) -> None:
        parts = [part for part, _ in parts_of(node)]
        alike: dict[Shape, Group] = {}
        for part in parts:
            self._store_beside(part, alike)
        self._start_whole(node, parts)

    def _store_beside(self, part: Node, alike: dict[Shape, Group]) -> None:
        """Free maps of one shape are made by one kernel: what they read, they read once."""
        free = part not in self.home and part not in self.stored
        g = alike.get(part.shape)
        if free and g is not None and self._fits(part, g):
            g.needs |= self._sources(part) - {g}
            g.where[part] = next(iter(g.where.values()))
            self.home[part] = g
        self._store(part)
        g = self.stored.get(part)
        if free and g is not None and g.core is None:
            alike[part.shape] = g

    def _fits(self, node: Node, g: Group) -> bool:
        """Whether g can compute a free node as well, without a circle."""
        circle = any(self._reaches(g, reader) for reader in self._readers(node) - {g})
        return self._may_need(g, self._sources(node) - {g}) and not circle

    def _start_whole(self, node: Node, operands: Iterable[Node]) -> None:
        g = self._new([])
        g.whole = node
        g.stores.append(node)
        g.needs |= {self.stored[a] for a in operands if a in self.stored}
        self.stored[node] = g
        self.cost[node] = 0

    def _start_core(self, node: Node) -> None:
        limit = self.costs.reread if node.op in CONTRACTIONS else self.costs.longest
        for arg in node.args:
            self._prepare_operand(arg, limit)
        core = core_of(node)
        g = self._new(core.loops)
        g.core, g.where[node] = node, core.where
        g.reductions, g.operands = core.over, core.operands
        for arg in node.args:
            g.needs |= {self.stored[arg]} if arg in self.stored else self._sources(arg)
        self.home[node] = g
        self.cost[node] = 0

    def _prepare_operand(self, arg: Node, limit: float) -> None:
        """Store what would be computed too often, but not the views on top of it."""
        if arg in self.home or self._read_cost(arg) > limit:
            while arg.op in VIEWS and arg not in self.home and arg not in self.stored:
                arg = arg.args[0]
            self._store(arg)


def _is_source(node: Node) -> bool:
    return node.op in ("iota", "constant", "size_of")


def _is_table(node: Node) -> bool:
    """A constant of several elements: memory that is there before the program starts."""
    return node.op == "constant" and node.params["value"].size != 1


def _loops(shape: Sequence[Dim]) -> list[Var]:
    return [Var(f"i{n}", extent) for n, extent in enumerate(shape)]


def _reshaped(position: Position, source: Shape, target: Shape) -> Position | None:
    """The position after a reshape, if the way back is as plain to see."""
    there = reshaped(position, source, target)
    return tuple(there) if reshaped(there, target, source) == list(position) else None
