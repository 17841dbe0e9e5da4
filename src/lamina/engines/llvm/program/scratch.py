"""Choose the scratch memory of routines: sorts and some scatters.

`Costs.float64_updates` and `Costs.plain_sum` also decide at run time, in codegen/library.py,
whether a scatter whose extents are symbolic adds in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Node
from lamina.ir.types import Dim, TensorType, float32, float64, int32, is_static
from lamina.ir.typical import guess


def scratch_types(node: Node, costs: Costs) -> list[TensorType]:
    """Return the types of the scratch memory that a routine needs."""
    if node.op == "sort":
        return [TensorType(node.args[0].shape, int32)] * 2
    if _needs_float64(node, costs):
        return [TensorType(node.shape, float64)]
    return []


def _needs_float64(node: Node, costs: Costs) -> bool:
    """True if a scatter may add so much to single elements that float64 is worth it. For sizes
    known only at run time, memory is reserved if it is little."""
    if node.op != "scatter" or node.params["kind"] != "add" or node.dtype != float32:
        return False
    shapes = (node.shape, node.args[2].shape)
    elements, updates = (prod(map(guess, shape)) for shape in shapes)
    if not all(map(is_static, shapes)):
        return elements <= costs.float64_scratch
    is_long = prod(map(int, indexed_extents(node))) > costs.plain_sum
    return is_long and updates >= costs.float64_updates * elements


def indexed_extents(node: Node) -> Sequence[Dim]:
    """Return the extents of the indices: the number of updates that may hit one element."""
    updates, window = node.args[2], node.params["update_window_dims"]
    return [n for d, n in enumerate(updates.shape) if d not in window]
