"""Which nodes depend on which others differentiably."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.ir.graph import Node, topological
from lamina.ir.types import TensorType

# The reverse sweep: outputs, their cotangents, inputs -> the inputs' cotangents. Rules of
# primitives with regions are handed it, since it calls them.
Gradients = Callable[[Sequence[Node], Sequence[Node], Sequence[Node]], list[Node]]


def dependents(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The nodes under the outputs that depend on inputs differentiably, operands first."""
    found = dict.fromkeys(inputs)
    order = []
    for node in topological(outputs):
        if node not in found and (not _differentiable(node) or _cut_off(node, found)):
            continue
        found[node] = None
        order.append(node)
    return order


def _differentiable(node: Node) -> bool:
    types = (node.type,) if isinstance(node.type, TensorType) else node.type
    return any(t.dtype.is_float for t in types)


def _cut_off(node: Node, found: dict[Node, None]) -> bool:
    """True where no cotangent could pass from the node to a node of those found."""
    if node.op == "stop_gradient":
        return True
    operands = node.args[1:] if node.op == "custom_gradient" else node.args
    return not any(arg in found for arg in operands)
