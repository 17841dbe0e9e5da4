"""Sequences: values that a scan reads or stacks, one slice per iteration, for the rows of a batch.

    h[batch, units] <- f(h, x[t]), t in time      x[time, batch, features]: its rows are axis 1

The rows of a batch are the first axis of a value, but the second one of a sequence. Nothing depends
on it but layouts and the order of sums, so a wrong answer costs time only.
"""

from __future__ import annotations

from lamina.ir.graph import Node
from lamina.ir.kinds import ELEMENTWISE
from lamina.ir.types import Dim


def iterates_over(loop: Node, node: Node) -> bool:
    """True if a scan reads one slice of the value per iteration."""
    if loop.op != "scan":
        return False
    before = loop.params["num_consts"] + loop.params["num_carry"]
    return node not in loop.args[:before]


def stacking_scan(node: Node) -> Node | None:
    """Return the scan that stacks the value, one slice per iteration."""
    if node.op != "get_tuple_element" or node.args[0].op != "scan":
        return None
    (loop,) = node.args
    return loop if node.params["index"] >= loop.params["num_carry"] else None


def has_rows_of(node: Node, loop: Node) -> bool:
    """True if a slice of the value has as many rows as a value that the scan carries."""
    first, carries = loop.params["num_consts"], loop.params["num_carry"]
    rows: set[Dim] = {c.shape[0] for c in loop.args[first : first + carries] if c.ndim}
    return node.ndim >= 2 and node.shape[1] != 1 and node.shape[1] in rows


def row_axis(node: Node) -> int:
    """Return the axis of the rows of a batch."""
    axis = _sequence_axis(node)
    return 0 if axis is None else axis


def _sequence_axis(node: Node) -> int | None:
    """Return the axis of the rows of a sequence, also through maps and transposes of it."""
    loop = stacking_scan(node)
    if loop is not None:
        return 1 if has_rows_of(node, loop) else None
    if node.op == "transpose":
        axis = _sequence_axis(node.args[0])
        return None if axis is None else list(node.params["permutation"]).index(axis)
    if node.op not in ELEMENTWISE:
        return None
    found = (_sequence_axis(a) for a in node.args if a.shape == node.shape)
    return next((axis for axis in found if axis is not None), None)
