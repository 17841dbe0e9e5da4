"""Fusion groups: which kernel computes and stores each value, and what a group depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lamina.engines.llvm.loops.index import Position, Var, loops_over, of
from lamina.ir.graph import Graph, Node, users
from lamina.ir.kinds import INLINE


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

    def reaches(self, goal: FusionGroup) -> bool:
        """True if this is `goal` or depends on it, directly or through other groups."""
        return reaches(self, goal, lambda g: g.needs)

    def __repr__(self) -> str:
        what = self.opaque or self.anchor
        return f"<group {self.number}: {what.op if what else 'map'} -> {len(self.stores)} stores>"


@dataclass(eq=False)
class FusionPlan:
    """The groups, and for each materialized node the group that stores it."""

    groups: list[FusionGroup]
    stored: dict[Node, FusionGroup]


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


class FusionState:
    """The groups of a graph while they are planned: the group that computes each node in registers
    (`kernel_of`), the group that stores each materialized node, and the cost of inlined ones."""

    def __init__(self, graph: Graph) -> None:
        self.users = users(graph.nodes())
        self.groups: list[FusionGroup] = []
        self.stored: dict[Node, FusionGroup] = {}
        self.kernel_of: dict[Node, FusionGroup] = {}
        self.cost: dict[Node, float] = {}

    def is_pending(self, node: Node) -> bool:
        """True if a group computes the node in registers, without storing it."""
        return node in self.kernel_of and node not in self.stored

    # ---- dependences ---------------------------------------------------------------------------
    def read_cost(self, node: Node) -> float:
        return 0 if node in self.stored else self.cost.get(node, 0)

    def sources(self, node: Node) -> set[FusionGroup]:
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

    def readers(self, node: Node) -> set[FusionGroup]:
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

    def outside(self, node: Node, g: FusionGroup) -> set[FusionGroup]:
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
                found |= self.sources(arg)
        return found

    def may_need(self, g: FusionGroup, others: Iterable[FusionGroup]) -> bool:
        """True if g may depend on all the others: none of them is g or depends on it."""
        return not any(other.reaches(g) for other in others)

    def fits(self, node: Node, g: FusionGroup) -> bool:
        """True if g can also compute an inlined node without creating a cycle."""
        cycle = any(g.reaches(reader) for reader in self.readers(node) - {g})
        return self.may_need(g, self.sources(node) - {g}) and not cycle

    def reads_off_point(self, node: Node, g: FusionGroup) -> bool:
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

    # ---- new groups ----------------------------------------------------------------------------
    def new(self, loops: list[Var]) -> FusionGroup:
        g = FusionGroup(len(self.groups), loops)
        self.groups.append(g)
        return g

    def new_map(self, node: Node) -> FusionGroup:
        g = self.new(loops_over(node.shape))
        g.where[node] = tuple(of(v) for v in g.loops)
        g.needs |= self.sources(node)
        self.kernel_of[node] = g
        return g

    def new_opaque(self, node: Node, operands: Iterable[Node]) -> None:
        g = self.new([])
        g.opaque = node
        g.stores.append(node)
        g.needs |= {self.stored[a] for a in operands if a in self.stored}
        self.stored[node] = g
        self.cost[node] = 0

    # ---- members and stores --------------------------------------------------------------------
    def join(self, node: Node, g: FusionGroup, position: Position) -> None:
        g.needs |= self.outside(node, g) - {g}
        g.where[node] = position
        self.kernel_of[node] = g
        self.cost[node] = 0

    def materialize(self, node: Node) -> None:
        """Materialize a node, in the group that computes it or in a new one."""
        if node in self.stored or node.op == "parameter" or is_table(node):
            return
        readers = self.readers(node)
        g = self.kernel_of.get(node) or self._neighbor(node) or self.new_map(node)
        g.stores.append(node)
        self.stored[node] = g
        for reader in readers:
            if not g.reaches(reader):  # else the reader keeps recomputing the node
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
            if self.fits(node, g) and not self.reads_off_point(node, g):
                g.needs |= self.sources(node) - {g}
                g.where[node] = g.where[arg]
                self.kernel_of[node] = g
                return g
        return None

    def forget(self, node: Node) -> None:
        """Store a node no longer: its readers compute it."""
        self.stored[node].stores.remove(node)
        del self.stored[node], self.kernel_of[node]


def is_table(node: Node) -> bool:
    """True for a constant of several elements: memory that exists before the program starts."""
    return node.op == "constant" and node.params["value"].size != 1
