"""Values that a graph wants in memory, laid out as their readers like: each is an `identity`."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.engines.llvm.target.target import Target
from lamina.ir import ops
from lamina.ir.graph import Node


class Copies(dict[tuple[object, ...], Node]):
    """What has been copied already, and how. A copy of the `fixed`, which are the same in all turns
    of a loop, is made once before it. `trains` is true if the graph has gradients of weights: its
    batches will not be single images."""

    def __init__(self, target: Target, fixed: Iterable[Node] = (), trains: bool = False) -> None:
        self.target, self.fixed, self.trains = target, frozenset(fixed), trains


def stored(view: Node, copies: Copies) -> Node:
    """The view as a value in memory; equal views are one copy."""
    params = ((name, tuple(p) if isinstance(p, list) else p) for name, p in view.params.items())
    key = (view.op, *map(_meant, view.args), repr(sorted(params)))
    return copies.setdefault(key, ops.identity(view))


def _meant(operand: Node) -> object:
    """What tells an operand from others: of a number, such as what a border is filled with, its
    value."""
    if operand.op == "constant" and operand.type.size == 1:
        return operand.dtype.name, operand.params["value"].tobytes()
    return operand
