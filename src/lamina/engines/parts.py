"""The parts of a program that are compared one by one (comparison.py), if none is a kernel."""

from __future__ import annotations

from lamina.ir.graph import Graph, Node
from lamina.ir.types import TensorType


def nodes_of(graph: Graph) -> list[list[Node]]:
    """One part for each node; all results of a loop are one."""
    parts: dict[Node, list[Node]] = {}
    for node in graph.nodes():
        if node.op not in ("parameter", "constant") and isinstance(node.type, TensorType):
            owner = node.args[0] if node.op == "get_tuple_element" else node
            parts.setdefault(owner, []).append(node)
    return list(parts.values())
