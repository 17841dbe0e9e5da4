"""The graph in the language of Graphviz: `dot -Tsvg graph.dot -o graph.svg`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lamina.inspect.subject import subject
from lamina.ir.graph import Graph, Node
from lamina.ir.kinds import ANCHORS, SEPARATE
from lamina.ir.types import TensorType

HEAVY = ANCHORS | SEPARATE | {"gather"}


def dot(f: Callable[..., Any], *args: Any, simplified: bool = True, **kwargs: Any) -> str:
    """Return the graph of f(*args, **kwargs) in the DOT language.

    Boxes are primitives, arrows are values, frames are the bodies of loops.

    Args:
        f: function of tensors, or what `compile` returned.
        simplified: show the graph as it is compiled; False shows it as it was recorded.

    Example:
        >>> import lamina as lm
        >>> lm.inspect.dot(lambda x: x + 1, lm.ones((4,))).startswith("digraph")
        True
    """
    seen = subject(f, args, kwargs)
    graph = seen.simplified if simplified else seen.recorded
    head = ["digraph {", "  node [shape=box, fontname=Helvetica, fontsize=10]"]
    return "\n".join([*head, *_lines(graph, "n", "  "), "}"]) + "\n"


def _lines(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    """Nodes, arrows and results of a graph; those of its loops inside frames."""
    names = {node: f"{prefix}{number}" for number, node in enumerate(graph.nodes())}
    for node, name in names.items():
        yield f"{indent}{name} [label={_quoted(_label(node))}{_style(node)}]"
        for arg in node.args:
            yield f"{indent}{names[arg]} -> {name}"
        for key, value in node.params.items():
            if isinstance(value, Graph):
                yield f"{indent}subgraph cluster_{name}_{key} {{"
                yield f"{indent}  label={_quoted(f'{key} of {node.op}')}"
                yield from _lines(value, f"{name}_{key}_", indent + "  ")
                yield f"{indent}}}"
    for number, result in enumerate(graph.results):
        yield f'{indent}{prefix}r{number} [label="result {number}", shape=plaintext]'
        yield f"{indent}{names[result]} -> {prefix}r{number}"


def _label(node: Node) -> str:
    if node.op == "parameter":
        head = str(node.params["name"] or "parameter")
    elif node.op == "constant" and node.params["value"].size == 1:
        head = str(node.params["value"].item())
    else:
        head = node.op
    many = not isinstance(node.type, TensorType)
    return f"{head}\n{'several values' if many else node.type}"


def _style(node: Node) -> str:
    if node.op in ("parameter", "constant"):
        return ", style=filled, fillcolor=lightgrey"
    return ", style=filled, fillcolor=lightblue" if node.op in HEAVY else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
