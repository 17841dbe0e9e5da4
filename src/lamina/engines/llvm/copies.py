"""Values that a graph wants in memory, laid out as their readers like: each is an `identity`."""

from __future__ import annotations

from lamina.ir import ops
from lamina.ir.graph import Node

Copies = dict[tuple[object, ...], Node]  # what has been copied already, and how


def stored(view: Node, copies: Copies) -> Node:
    """The view as a value in memory; equal views are one copy."""
    key = (view.op, view.args[0], repr(sorted(view.params.items())))
    return copies.setdefault(key, ops.identity(view))
