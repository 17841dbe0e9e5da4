"""Materialization of views: an `identity` node is a value that must be stored in its own layout."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.engines.llvm.target.target import Target
from lamina.ir import ops
from lamina.ir.graph import Node


class Materialized(dict[tuple[object, ...], Node]):
    """The materialized views of a graph, by content, so that equal views share one copy.

    `fixed` are loop-invariant parameters: their copies are hoisted out of the loop.
    `has_weight_gradients` is true if the graph computes gradients of weights: its batches are then
    not single samples."""

    def __init__(
        self, target: Target, fixed: Iterable[Node] = (), has_weight_gradients: bool = False
    ) -> None:
        self.target, self.fixed, self.has_weight_gradients = (
            target,
            frozenset(fixed),
            has_weight_gradients,
        )


def materialize(view: Node, materialized: Materialized) -> Node:
    """Return the view as a materialized value; equal views share one."""
    params = ((name, tuple(p) if isinstance(p, list) else p) for name, p in view.params.items())
    key = (view.op, *map(_identity_of, view.args), repr(sorted(params)))
    return materialized.setdefault(key, ops.identity(view))


def _identity_of(operand: Node) -> object:
    """Return what identifies an operand: of a scalar constant, such as a padding value, its
    value."""
    if operand.op == "constant" and operand.type.size == 1:
        return operand.dtype.name, operand.params["value"].tobytes()
    return operand
