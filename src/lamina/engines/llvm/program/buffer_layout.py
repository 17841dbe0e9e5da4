"""What is read or written side by side does not lie a power of two apart.

A cache has few places for addresses that agree in their lower bits: sixteen streams of memory, 32
kB from each other, push one another out, and so do the rows of a matrix of 512 columns, of which a
product reads a few columns again and again. So where a value is made or read in parts, or is the
right side of a product, the parts or rows follow one another with a gap.

Of the sequences that a loop goes through, each row's turns lie side by side: the rows of a thread
(row_parallel.py) are then one stretch of memory, into which no other thread's fetching ahead
reaches.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from lamina.engines.llvm.graph.partitions import is_partitioned, parts_of
from lamina.engines.llvm.loops.index import strides_of
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Node
from lamina.ir.kinds import SEPARATE
from lamina.ir.types import Dim, is_static

PLAIN = {"slice", "dot_general"}


def padded_strides(node: Node, readers: Collection[Node], costs: Costs) -> Sequence[Dim] | None:
    """Strides (elements) of a stored value with gaps in it; None where it is better without."""
    if _is_sequence(node, readers):
        return _batch_major(node, costs)
    axis = _axis_of_parts(node) if is_partitioned(node) else _axis_of_slices(readers)
    if axis is None or not {r.op for r in readers} <= PLAIN:
        axis = _axis_of_rows(node, readers)
    if axis is None:
        return None
    shape, strides, size = node.shape, strides_of(node.shape), node.dtype.itemsize
    count, step = shape[axis], strides[axis]
    if is_static(count) and count < costs.conflicting_rows:
        return None
    if not is_static(step) or step * size % costs.set_period:
        return None
    strides[axis] = step + costs.padding // size
    for outer in reversed(range(axis)):
        strides[outer] = strides[outer + 1] * shape[outer + 1]
    return strides


def _is_sequence(node: Node, readers: Collection[Node]) -> bool:
    """Whether it is what a loop reads or keeps of each turn, for rows of a batch."""
    if node.ndim < 2 or is_static(node.shape[1]) or is_partitioned(node):
        return False
    if not is_static((node.shape[0], *node.shape[2:])) or node.shape[0] == 1:
        return False
    if any(r.op in SEPARATE - {"scan"} for r in readers):
        return False
    kept = node.op == "get_tuple_element" and node.args[0].op == "scan"
    kept = kept and node.params["index"] >= node.args[0].params["num_carry"]
    return kept or any(_iterates_over(reader, node) for reader in readers)


def _iterates_over(loop: Node, node: Node) -> bool:
    """Whether a loop takes one turn of a value at a time."""
    if loop.op != "scan":
        return False
    before = loop.params["num_consts"] + loop.params["num_carry"]
    return node not in loop.args[:before]


def _batch_major(node: Node, costs: Costs) -> Sequence[Dim]:
    """Strides with the turns of each row side by side."""
    strides = strides_of(node.shape[2:])
    each: Dim = math.prod(node.shape[2:])
    row = node.shape[0] * each
    if is_static(row) and row * node.dtype.itemsize % costs.set_period == 0:
        row += costs.padding // node.dtype.itemsize
    return [each, row, *strides]


def _axis_of_rows(node: Node, readers: Collection[Node]) -> int | None:
    """The axis of rows that a product, whose right side the value is, sums over; or that a loop
    goes through at each turn."""
    if any(r.op in SEPARATE - {"scan"} for r in readers):
        return None
    for reader in readers:
        if node.ndim > 2 and _iterates_over(reader, node):
            return node.ndim - 2
        if reader.op == "dot_general" and reader.args[1] is node and node.ndim > 1:
            over = reader.params["rhs_contracting_dimensions"]
            used = (*over, *reader.params["rhs_batching_dimensions"])
            if node.ndim - 2 in over and node.ndim - 1 not in used:
                return node.ndim - 2
    return None


def _axis_of_parts(partitioned: Node) -> int | None:
    """The axis along which the parts of a joint follow one another, one turn each."""
    parts = list(parts_of(partitioned))
    axis: int = partitioned.args[0].params["dimension"]
    plain = all(part.shape[axis] == 1 and start[axis] == k for k, (part, start) in enumerate(parts))
    return axis if plain else None


def _axis_of_slices(readers: Collection[Node]) -> int | None:
    """The axis of which every reader takes one turn."""
    found = None
    for reader in readers:
        if reader.op != "slice":
            return None
        whole = reader.args[0].shape
        taken = [d for d, n in enumerate(reader.shape) if n != whole[d]]
        if len(taken) != 1 or reader.shape[taken[0]] != 1 or found not in (None, taken[0]):
            return None
        found = taken[0]
    return found
