"""Recording a Python function as a graph: its inputs, the state it reads, the state it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import tree
from lamina.collecting import uncollected
from lamina.ir.graph import Graph, Node, parameter, substitute, topological
from lamina.ir.types import TensorType
from lamina.tensor import Tensor, as_node, as_tensor, from_node
from lamina.variables import Variable, tracing

LIFTED = 64  # constants of more elements become inputs, so that the program's text stays small


@dataclass
class Recorded:
    """A traced function. The graph's parameters are: `inputs` arguments, then `state` variables,
    then `captured` arrays; its results are the `outputs` leaves, then the next value of each
    variable in `changed`."""

    graph: Graph
    inputs: int
    state: list[Variable]
    captured: list[np.ndarray]
    structure: Any
    outputs: int
    changed: list[Variable]

    @property
    def updates(self) -> dict[int, int]:
        """Which parameter each changed variable's next value goes back to."""
        at = {v: self.inputs + k for k, v in enumerate(self.state)}
        return {at[v]: self.outputs + k for k, v in enumerate(self.changed)}


def record(f: Callable[..., Any], types: Sequence[TensorType], name: str = "main") -> Recorded:
    """Trace f on symbolic tensors of the given types; f takes them as positional arguments."""
    nodes = [parameter(t, f"x{k}") for k, t in enumerate(types)]
    with uncollected(), tracing() as trace:
        leaves, structure = tree.flatten(f(*map(from_node, nodes)))
        outputs = [as_node(as_tensor(leaf)) for leaf in leaves]
    assigned = trace.assigned()
    changed = list(assigned)
    results = [*outputs, *(as_node(assigned[v]) for v in changed)]
    state = list(trace.inputs)
    results, captured, arrays = _lift_constants(results)
    parameters = [*nodes, *trace.inputs.values(), *captured]
    graph = Graph(parameters, results, name)
    return Recorded(graph, len(nodes), state, arrays, structure, len(outputs), changed)


def _lift_constants(results: list[Node]) -> tuple[list[Node], list[Node], list[np.ndarray]]:
    """Large constants become parameters: captured arrays are data, not program."""
    large = [
        n for n in topological(results) if n.op == "constant" and n.params["value"].size > LIFTED
    ]
    by_array: dict[int, Node] = {}
    replaced: dict[Node, Node] = {}
    arrays: list[np.ndarray] = []
    for node in large:
        array = node.params["value"]
        if id(array) not in by_array:
            by_array[id(array)] = parameter(node.type, f"captured{len(arrays)}")
            arrays.append(np.ascontiguousarray(array))
        replaced[node] = by_array[id(array)]
    return substitute(results, replaced), list(by_array.values()), arrays


def rebuild(recorded: Recorded, values: Sequence[Any]) -> Any:
    """The function's return value, made of the results' arrays."""
    results = zip(values[: recorded.outputs], recorded.graph.results, strict=False)
    leaves = [Tensor(_concrete(array, node), array) for array, node in results]
    return tree.unflatten(recorded.structure, leaves)


def _concrete(array: np.ndarray, node: Node) -> TensorType:
    return TensorType(tuple(array.shape), node.dtype)
