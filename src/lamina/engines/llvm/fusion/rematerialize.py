"""Rematerialization: values are computed again in their readers instead of being loaded.

    kernel 1: a[i] <- f(x[i]); b[i] <- g(a[i])      kernel 2: ... b[i] ...
        ->  kernel 1: a[i] <- f(x[i])               kernel 2: ... g(a[i]) ...

One array then goes through memory instead of several. Legality: no cycle between groups.
Profitability: `FusionPolicy.recomputes`. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Collection

from lamina.engines.llvm.fusion.groups import FusionGroup, FusionState, is_table
from lamina.engines.llvm.fusion.policy import FusionPolicy
from lamina.ir.graph import Node
from lamina.ir.kinds import ANCHORS, INLINE, SEPARATE


def rematerialize(state: FusionState, policy: FusionPolicy, results: Collection[Node]) -> None:
    """Rematerialize the values of each group that follow cheaply from its other stored values."""
    for group in state.groups:
        for node in list(group.stores):
            if len(group.stores) < 2 or node in results or node.op in INLINE:
                continue
            sources, cost = _materialized_operands(state, policy, node)
            readers = _direct_readers(state, node)
            if policy.recomputes(cost, readers) and not _makes_cycle(readers, sources):
                state.forget(node)
                for reader in readers:
                    reader.needs |= sources


def _makes_cycle(readers: Collection[FusionGroup], sources: Collection[FusionGroup]) -> bool:
    """True if a source depends on a group that would have to wait for it."""
    return any(source.reaches(reader) for reader in readers for source in sources)


def _materialized_operands(
    state: FusionState, policy: FusionPolicy, node: Node
) -> tuple[set[FusionGroup], float]:
    """Return the groups of the stored values that a node is computed from, and the cost of
    that."""
    sources: set[FusionGroup] = set()
    cost, stack, seen = 0.0, [node], {node}
    while stack:
        inner = stack.pop()
        if inner.op in ANCHORS or inner.op in SEPARATE or inner.op == "get_tuple_element":
            return sources, float("inf")
        cost += policy.own_cost(inner)
        for arg in inner.args:
            if arg in state.stored:
                sources.add(state.stored[arg])
            elif arg not in seen and arg.op != "parameter" and not is_table(arg):
                seen.add(arg)
                stack.append(arg)
    return sources, cost


def _direct_readers(state: FusionState, node: Node) -> set[FusionGroup]:
    """Return the groups that load a stored node, also through members that are no longer
    stored."""
    own, found = state.stored[node], set[FusionGroup]()
    stack, seen = [node], {node}
    while stack:
        for user in state.users[stack.pop()]:
            producer = state.stored.get(user) or state.kernel_of.get(user)
            if producer is not None and (producer is not own or user in state.stored):
                found.add(producer)
            elif user not in seen:
                seen.add(user)
                stack.append(user)
    return found - {own}
