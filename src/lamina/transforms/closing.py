"""Closed bodies of loops and branches: captured values become parameters."""

from __future__ import annotations

from typing import Any

from lamina import tree
from lamina.ir.closing import closed_over
from lamina.ir.graph import Graph, Node, topological
from lamina.ir.types import is_static
from lamina.tensor import Tensor, as_tensor


def tensors(nest: Any) -> tuple[list[Tensor], Any]:
    """The leaves of a nest as tensors, and its structure."""
    leaves, structure = tree.flatten(nest)
    return [as_tensor(leaf) for leaf in leaves], structure


def close(parameters: list[Node], results: list[Node], name: str) -> tuple[list[Node], Graph]:
    """A closed body: each captured value becomes a leading parameter.

    Nodes that don't depend on the body's parameters are such constants: what does not change from
    iteration to iteration is computed once, outside.
    """
    consts = captured(parameters, results)
    return consts, closed_over(consts, parameters, results, name)


def captured(parameters: list[Node], results: list[Node]) -> list[Node]:
    """Return the nodes that results need and that do not depend on the parameters."""
    inside, known = set(parameters), set[Node]()
    order = topological(results)
    for node in order:
        if any(a in inside for a in node.args):
            inside.add(node)
        elif _follows_from_values(node, known):
            known.add(node)
    needed = [a for n in order if n in inside for a in n.args] + results
    outside = [part for n in needed if n not in inside for part in _with_values(n, known)]
    return list(dict.fromkeys(n for n in outside if not _small(n)))


def _follows_from_values(node: Node, known: set[Node]) -> bool:
    if not node.args or any(a.value is None and a not in known for a in node.args):
        return False
    results = node.type if isinstance(node.type, tuple) else (node.type,)
    return all(is_static(result.shape) for result in results)


def _with_values(node: Node, known: set[Node]) -> list[Node]:
    """The node, or what it is made of where it follows from known values and has none itself.

    Such a node (a number repeated over a shape, and what is computed of it) is computed inside;
    then a loop whose operands all have values has a value too.
    """
    if node.value is not None or node not in known:
        return [_before_repeating(node)]
    return [part for a in node.args for part in _with_values(a, known)]


def _before_repeating(node: Node) -> Node:
    """A known value that is only repeated is better fetched as it is, and repeated inside."""
    is_known = node.op == "broadcast_in_dim" and node.value is None
    return node.args[0] if is_known and node.args[0].value is not None else node


CHEAP = {"convert", "broadcast_in_dim", "reshape", "compare", "negate", "add", "multiply", "divide"}


def _small(node: Node, depth: int = 4) -> bool:
    """Return True for values computed from known sizes and scalars: recomputing them inside is
    cheaper."""
    if node.op in ("iota", "size_of"):
        return True
    if node.op == "constant":
        return bool(node.params["value"].size <= 1)
    return node.op in CHEAP and depth > 0 and all(_small(a, depth - 1) for a in node.args)


def made_before(first: int, parameters: list[Node], results: list[Node]) -> list[Node]:
    """Return the nodes that results need and that are older than node `first`, or cost nothing:
    parameters of the surrounding graph, large constants."""
    found: dict[Node, None] = {}
    stack, seen = list(results), set(parameters)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        is_given = node.number < first or node.op in ("parameter", "constant")
        if is_given and not _small(node):
            found[_before_repeating(node)] = None
        else:
            stack.extend(node.args)
    return sorted(found, key=lambda n: n.number)
