"""Buffer layout: padded strides against cache-set conflicts; sequences in batch-major order.

    t[512, 512], strides (512, 1)        ->  strides (544, 1)                    padded strides
    sequence[time, batch, features]      ->  strides of [batch, time, features]  batch-major

Padded strides: addresses that agree in their low bits share few sets of a cache. Rows or parts at
such a distance, read or written at the same time, evict each other; a gap between them avoids that.
Batch-major: the values of one row of the batch are contiguous over the iterations of a scan, so
that the rows of one thread (row_parallel.py) are one range of memory, which the hardware
prefetchers of other cores do not reach into.

Legality: only kernels, slices and scans access the value, not the caller. Profitability: the stride
is a multiple of `Costs.set_period` and there are `Costs.conflicting_rows`. Bits do not change.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from lamina.engines.llvm.graph.partitions import is_partitioned, parts_of
from lamina.engines.llvm.graph.sequences import has_rows_of, iterates_over, stacking_scan
from lamina.engines.llvm.loops.index import strides_of
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.graph import Node
from lamina.ir.kinds import SEPARATE
from lamina.ir.types import Dim, is_static

PLAIN = {"slice", "dot_general"}


def padded_strides(node: Node, readers: Collection[Node], costs: Costs) -> Sequence[Dim] | None:
    """Return strides (in elements) of a value that is better stored with gaps, else None."""
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
    """True if a scan reads or stacks the value, one slice per iteration, for the rows of a
    batch."""
    if node.ndim < 2 or node.shape[0] == 1 or is_partitioned(node):
        return False
    if any(r.op in SEPARATE - {"scan"} for r in readers):
        return False
    stacking = stacking_scan(node)
    scans = [r for r in readers if iterates_over(r, node)]
    scans += [stacking] if stacking is not None else []
    return any(has_rows_of(node, scan) for scan in scans)


def _batch_major(node: Node, costs: Costs) -> Sequence[Dim]:
    """Return batch-major strides."""
    strides = strides_of(node.shape[2:])
    each: Dim = math.prod(node.shape[2:])
    row = node.shape[0] * each
    if is_static(row) and row * node.dtype.itemsize % costs.set_period == 0:
        row += costs.padding // node.dtype.itemsize
    return [each, row, *strides]


def _axis_of_rows(node: Node, readers: Collection[Node]) -> int | None:
    """Return the axis of rows over which a product reduces its right operand, or through which a
    scan iterates."""
    if any(r.op in SEPARATE - {"scan"} for r in readers):
        return None
    for reader in readers:
        if node.ndim > 2 and iterates_over(reader, node):
            return node.ndim - 2
        if reader.op == "dot_general" and reader.args[1] is node and node.ndim > 1:
            over = reader.params["rhs_contracting_dimensions"]
            used = (*over, *reader.params["rhs_batching_dimensions"])
            if node.ndim - 2 in over and node.ndim - 1 not in used:
                return node.ndim - 2
    return None


def _axis_of_parts(partitioned: Node) -> int | None:
    """Return the axis along which the parts of a partitioned value follow one another."""
    parts = list(parts_of(partitioned))
    axis: int = partitioned.args[0].params["dimension"]
    plain = all(part.shape[axis] == 1 and start[axis] == k for k, (part, start) in enumerate(parts))
    return axis if plain else None


def _axis_of_slices(readers: Collection[Node]) -> int | None:
    """Return the axis of which every reader takes one slice."""
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
