"""Simplification: markers removed, constants folded, algebra applied, equal nodes merged.

First a loop and its extension by the gradient are merged, and loops lose dead results. Then one
walk in topological order rebuilds the graph; every rule looks at a node whose operands are already
simple, and returns its replacement (or None). Rules are rows of `RULES`, by primitive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.ir import ops
from lamina.ir.graph import Graph, Node
from lamina.ir.loop_primitives import WITH_REGIONS
from lamina.ir.types import is_static
from lamina.reference import interpreter
from lamina.rewrite.algebra import RULES
from lamina.rewrite.loops import inline_single_trip, prune_dead_results
from lamina.rewrite.merge_scans import merge_scans

FOLDED = 64  # constants of more elements are not folded: they would make the program large


def simplify(graph: Graph) -> Graph:
    """The same function of the same parameters, simplified."""
    shared = Graph(graph.parameters, merge_scans(graph.results), graph.name)
    shared = inline_single_trip(shared)
    return Graph(graph.parameters, _Simplifier().run(prune_dead_results(shared)), graph.name)


class _Simplifier:
    def __init__(self) -> None:
        self.made: dict[Any, Node] = {}

    def run(self, graph: Graph) -> list[Node]:
        new: dict[Node, Node] = {p: p for p in graph.parameters}
        for node in graph.nodes():
            if node not in new:
                new[node] = self._simple(self._rebuilt(node, [new[a] for a in node.args]))
        return [new[r] for r in graph.results]

    def _rebuilt(self, node: Node, args: list[Node]) -> Node:
        params = node.params
        if node.op in WITH_REGIONS:
            params = {k: simplify(v) if isinstance(v, Graph) else v for k, v in params.items()}
        return node.with_args(args, params)

    def _simple(self, node: Node) -> Node:
        """Rules until none applies; what a rule makes of several nodes is simplified too."""
        for _ in range(20):
            folded = _folded(node)
            rule = RULES.get(folded.op)
            better = rule(folded) if rule else None
            if better is None:
                return self._unique(folded)
            node = self._deep(better)
        return self._unique(node)

    def _deep(self, node: Node) -> Node:
        """A rule's result: the operands that it made are simplified first."""
        if node.op == "parameter" or self.made.get(_key(node)) is node:
            return node
        return node.with_args([self._simple(self._deep(a)) for a in node.args])

    def _unique(self, node: Node) -> Node:
        return self.made.setdefault(_key(node), node)


def _key(node: Node) -> Any:
    """Equal for nodes that compute the same from the same operands."""
    if node.op == "parameter":
        return id(node)
    items = tuple((k, _hashable(v)) for k, v in sorted(node.params.items()))
    return (node.op, tuple(map(id, node.args)), items)


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(v) for v in value)
    if isinstance(value, Graph) or callable(value):
        return id(value)
    return value


def _folded(node: Node) -> Node:
    """A small node of constants alone is a constant."""
    if not node.args or node.op in WITH_REGIONS or node.op in ("get_tuple_element", "sort"):
        return node
    if not all(a.op == "constant" for a in node.args) or isinstance(node.type, tuple):
        return node
    size = node.type.size
    if not is_static(size) or size > FOLDED or node.op == "broadcast_in_dim":
        return node
    values = [a.params["value"] for a in node.args]
    value = interpreter.apply(node.op, values, node.params, node.args[0].dtype)
    return ops.constant(value=np.asarray(value), dtype=node.dtype)
