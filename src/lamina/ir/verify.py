"""Does a graph obey the language? Asked of graphs built by hand and after each compiler pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lamina.errors import LaminaError, VerifyError
from lamina.ir.graph import Graph, Node
from lamina.ir.kinds import MOVING
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import TensorType


def verify(graph: Graph) -> None:
    """Raises VerifyError, naming the node and the rule, where a graph breaks one.

    Parameters are parameters, each once, and no others are used (so regions are closed); each
    node's primitive is known, its type is the inferred one, tuples are only operands of
    get_tuple_element, and nothing computes with 16-bit floats. The bodies of loops are verified
    too.
    """
    pending = [graph]
    while pending:
        each = pending.pop()
        nodes = each.nodes()
        _verify_parameters(each, nodes)
        for number, node in enumerate(nodes):
            _verify_node(each, number, node)
        for result in each.results:
            if not isinstance(result.type, TensorType):
                raise VerifyError(f"graph '{each.name}': a result is {result.type}, not a tensor")
        pending.extend(region for node in nodes for region in regions(node).values())


def regions(node: Node) -> Mapping[str, Graph]:
    """The graphs among a node's params, by name."""
    return {name: value for name, value in node.params.items() if isinstance(value, Graph)}


def _verify_parameters(graph: Graph, nodes: list[Node]) -> None:
    own = set(graph.parameters)
    if len(own) != len(graph.parameters):
        raise VerifyError(f"graph '{graph.name}': a parameter is listed twice")
    for number, node in enumerate(nodes):
        if (node.op == "parameter") != (node in own):
            problem = "is not among the graph's own" if node not in own else "is not a parameter"
            raise VerifyError(f"{_named(graph, number, node)}: the parameter {problem}")


def _verify_node(graph: Graph, number: int, node: Node) -> None:
    for problem in _problems(node):
        raise VerifyError(f"{_named(graph, number, node)}: {problem}")


def _problems(node: Node) -> Iterator[str]:
    if node.op == "parameter":
        return
    if node.op not in PRIMITIVES:
        yield "no primitive has this name"
        return
    types = [arg.type for arg in node.args]
    if node.op != "get_tuple_element" and not all(isinstance(t, TensorType) for t in types):
        yield "only get_tuple_element takes several results at once"
        return
    try:
        inferred = PRIMITIVES[node.op].infer(*types, **node.params)
    except (LaminaError, TypeError, ValueError, IndexError, AttributeError) as error:
        yield f"its type cannot be inferred: {error}"
        return
    if inferred != node.type:
        yield f"its type is inferred as {_text(inferred)}"
    if node.op not in MOVING and any(_is_storage(t) for t in (*types, node.type)):
        yield "16-bit floats are storage: convert them to float32 first"


def _is_storage(type_: object) -> bool:
    return isinstance(type_, TensorType) and type_.dtype.is_storage_only


def _text(type_: object) -> str:
    return f"({', '.join(map(str, type_))})" if isinstance(type_, tuple) else str(type_)


def _named(graph: Graph, number: int, node: Node) -> str:
    """`main: %7 = add(float32[3], float32[4]) : float32[3], from Dense 'head'`."""
    operands = ", ".join(_text(arg.type) for arg in node.args)
    origin = f", from {node.origin}" if node.origin else ""
    return f"{graph.name}: %{number} = {node.op}({operands}) : {_text(node.type)}{origin}"
