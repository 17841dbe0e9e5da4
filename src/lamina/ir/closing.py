"""Closed graphs: a body of a loop or branch refers to no parameter but its own.

    free node = a node that depends on another graph's parameter, and on none of the graph's own

A graph with free nodes is closed by making each a parameter, whose value the loop is then given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamina.errors import VerifyError
from lamina.ir.graph import Graph, Node, parameter, substitute, topological


def free_nodes(parameters: Sequence[Node], results: Sequence[Node]) -> list[Node]:
    """The nodes outside of a graph that it reads: free ones that are results, or operands of
    nodes which depend on its own parameters."""
    inside, free = set(parameters), set[Node]()
    order = topological(results)
    for node in order:
        if node in inside or any(a in inside for a in node.args):
            inside.add(node)
        elif node.op == "parameter" or any(a in free for a in node.args):
            free.add(node)
    read = [*(a for n in order if n in inside for a in n.args), *results]
    return list(dict.fromkeys(n for n in read if n in free))


def closed_over(
    outer: Sequence[Node], parameters: Sequence[Node], results: Sequence[Node], name: str
) -> Graph:
    """The graph of `results`, with the nodes `outer` replaced by leading parameters."""
    inner = {n: parameter(n.type, f"const{k}") for k, n in enumerate(outer)}
    return Graph([*inner.values(), *parameters], substitute(results, inner), name)


def need_closed(name: str, **bodies: Graph) -> None:
    """Raise VerifyError if a body refers to a parameter of another graph."""
    for what, body in bodies.items():
        own = set(body.parameters)
        for node in _parameters(body.results):
            if node not in own:
                raise VerifyError(
                    f"{name}: {what} '{body.name}' refers to the parameter "
                    f"'{node.params.get('name', '')}' of another graph",
                    hint="pass the value as an operand, and read the body's own parameter for it",
                )


def _parameters(results: Iterable[Node]) -> list[Node]:
    return [n for n in topological(results) if n.op == "parameter"]
