"""Values that a graph wants in memory, laid out as their readers like: each is an `identity`."""

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
    """The view as a value in memory; equal views are one copy."""
    params = ((name, tuple(p) if isinstance(p, list) else p) for name, p in view.params.items())
    key = (view.op, *map(_identity_of, view.args), repr(sorted(params)))
    return materialized.setdefault(key, ops.identity(view))


def _identity_of(operand: Node) -> object:
    """What tells an operand from others: of a number, such as what a border is filled with, its
    value."""
    if operand.op == "constant" and operand.type.size == 1:
        return operand.dtype.name, operand.params["value"].tobytes()
    return operand
