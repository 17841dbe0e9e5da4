"""Parts that are read or written side by side do not lie a power of two apart.

A cache has few places for addresses that agree in their lower bits: sixteen streams of memory, 32
kB from each other, push one another out. So where a value is made or read in parts, the parts
follow one another with a gap.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lamina.engines.llvm.index import strides_of
from lamina.engines.llvm.joints import is_joint, parts_of
from lamina.ir.graph import Node
from lamina.ir.types import Dim, is_static

SEVERAL = 8  # parts that a cache may not have places for
PERIOD = 1024  # bytes: steps of a multiple of it come back to few places
GAP = 128


def spread(node: Node, readers: Collection[Node]) -> Sequence[Dim] | None:
    """Strides (elements) of a stored value with gaps in it; None where it is better without."""
    axis = _axis_of_parts(node) if is_joint(node) else _axis_of_slices(readers)
    if axis is None or not {r.op for r in readers} <= {"slice", "dot_general"}:
        return None
    shape, strides, size = node.shape, strides_of(node.shape), node.dtype.itemsize
    count, step = shape[axis], strides[axis]
    if not is_static(count) or not is_static(step) or count < SEVERAL or step * size % PERIOD:
        return None
    strides[axis] = step + GAP // size
    for outer in reversed(range(axis)):
        strides[outer] = strides[outer + 1] * shape[outer + 1]
    return strides


def _axis_of_parts(joint: Node) -> int | None:
    """The axis along which the parts of a joint follow one another, one turn each."""
    parts = list(parts_of(joint))
    axis: int = joint.args[0].params["dimension"]
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
