"""Plain operations between the layers of a functional model, as the text of a graph.

    leaves, text = written(node)        the symbolic tensors that it is computed from; a graph
    tensor = restored(text, tensors)    the same operations on other symbolic tensors

A file holds the operations that the expression `x[:, 0] + 1` became, and not the expression: a
graph has no code, and its nodes are applied as those of the model were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamina.errors import ArgumentError, FileFormatError
from lamina.ir import text as graph_text
from lamina.ir.graph import Graph, Node, parameter, substitute, topological
from lamina.layers._base.symbolic import SymbolicTensor, source_of
from lamina.tensor import Tensor, node_of


def written(root: Node) -> tuple[list[Node], str]:
    """Return the nodes of the symbolic tensors that a node is computed from, and the operations as
    text. Raises ArgumentError for a custom gradient that needs more than its operands."""
    leaves = [node for node in topological([root]) if source_of(node) is not None]
    parameters = [parameter(leaf.type, f"x{k}") for k, leaf in enumerate(leaves)]
    (result,) = substitute([root], dict(zip(leaves, parameters, strict=True)), _with_written_rule)
    return leaves, graph_text.to_text(Graph(parameters, [result], "operations"), full=True)


# ---- gradients in closed form ------------------------------------------------------------------
def _with_written_rule(node: Node) -> Node:
    """Replace the rule of a custom gradient, a Python function, by the graph that it computes: a
    function of the gradient of the result and of the operands."""
    if node.op != "custom_gradient":
        return node
    g = parameter(node.type, "g")
    operands = [parameter(arg.type, f"x{k}") for k, arg in enumerate(node.args)]
    found = node.params["rule"](g)
    if any(gradient is None for gradient in found):
        raise _needs_code()
    results = substitute(found, dict(zip(node.args, operands, strict=True)))
    reached = {n for n in topological(results) if n.op == "parameter"}
    if not reached <= {g, *operands}:
        raise _needs_code()
    return node.with_args(node.args, {"rule": Graph([g, *operands], results, "gradient")})


def _needs_code() -> ArgumentError:
    return ArgumentError(
        "between the layers is an operation with a custom gradient that depends on more than its "
        "operands (expected operations that a file can describe)",
        hint="put the operation into a class derived from Layer: its call may do anything",
    )


@dataclass(frozen=True, eq=False)
class _Rule:
    """The rule of a custom gradient that a graph describes, for these operands."""

    graph: Graph
    operands: Sequence[Node]

    def __call__(self, g: Node) -> tuple[Node, ...]:
        values = dict(zip(self.graph.parameters, [g, *self.operands], strict=True))
        return tuple(substitute(self.graph.results, values))


def _with_rule(node: Node) -> Node:
    """Replace the graph of a custom gradient by the rule that it describes."""
    if node.op != "custom_gradient":
        return node
    graph = node.params["rule"]
    graph = getattr(graph, "rule", graph)  # of a node that was rebuilt
    expected = [node.type, *(arg.type for arg in node.args)]
    if not isinstance(graph, Graph) or [p.type for p in graph.parameters] != expected:
        raise FileFormatError("operations between layers: a gradient of other types")
    return node.with_args(node.args, {"rule": _Rule(graph, node.args)})


# ---- reading -----------------------------------------------------------------------------------
def restored(text: str, tensors: Sequence[Tensor]) -> Tensor:
    """Return the result of operations that `written` described, for symbolic tensors.

    Raises FileFormatError if the text is not that of a graph, or tensors of other types are given.
    """
    graph = graph_text.parse(text)
    nodes = [node for node in map(node_of, tensors) if node is not None]
    came, expected = [n.type for n in nodes], [p.type for p in graph.parameters]
    if came != expected or len(graph.results) != 1:
        raise FileFormatError(
            "operations between layers: types differ from those of the layers (expected "
            f"{_listed(expected)}, got {_listed(came)})"
        )
    (result,) = substitute(
        graph.results, dict(zip(graph.parameters, nodes, strict=True)), _with_rule
    )
    return SymbolicTensor(result.type, None, result)


def _listed(types: Sequence[Any]) -> str:
    return ", ".join(map(str, types)) or "none"
