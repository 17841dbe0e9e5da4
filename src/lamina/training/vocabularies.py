"""Have the numbers in the data a row in the tables that look them up?

A compiled program cannot raise. So before it runs, arrays that go into an Embedding as they are get
compared with its table. Models made of Inputs know their readers (`checks.check_inputs`); here are
those that are code: which array goes where is found by recording the model once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from lamina import tree
from lamina.ir.graph import Node
from lamina.layers import Embedding, embedding
from lamina.layers._base import symbolic
from lamina.tensor import node_of
from lamina.training.columns import Columns
from lamina.training.protocol import Trainable

Lookup = tuple[int, Embedding]  # the number of an input, and what it goes into
_SAME_NUMBERS = ("convert", "reshape")


class Vocabularies:
    """The vocabularies of one model's lookups, by the kind of its inputs."""

    def __init__(self) -> None:
        self._known: dict[Hashable, list[Lookup]] = {}

    def of(self, model: Trainable, data: Columns) -> list[Lookup]:
        """Which inputs go into which Embedding."""
        ranks = tuple((a.dtype.str, a.ndim) for a in data.inputs)
        key = (data.input_structure, ranks)
        if key not in self._known:
            self._known[key] = _lookups(model, data) if _is_code(model) else []
        return self._known[key]

    def check(self, model: Trainable, data: Columns, first: int = 0) -> None:
        """Raise OutOfBoundsError for a number outside of its table, DTypeError for a fraction; rows
        are counted from `first`."""
        for k, layer in self.of(model, data):
            layer.check_data(data.inputs[k], first)


def _is_code(model: Trainable) -> bool:
    has_tables = any(isinstance(layer, Embedding) for layer in model.layers)
    return model.structure.key is None and has_tables


def _lookups(model: Trainable, data: Columns) -> list[Lookup]:
    types_ = [symbolic.symbolic_type((None, *a.shape[1:]), a.dtype) for a in data.inputs]
    leaves = [symbolic.traced(type_) for type_ in types_]
    with symbolic.inferring(), embedding.watched() as seen:
        model.forward(tree.unflatten(data.input_structure, leaves), training=False)
    model.forget_penalties()
    return list(_matched([node_of(leaf) for leaf in leaves], seen))


def _matched(nodes: Sequence[Node | None], seen: Sequence[tuple[Node, Embedding]]) -> set[Lookup]:
    found = ((_origin(node), layer) for node, layer in seen)
    return {(nodes.index(node), layer) for node, layer in found if node in nodes}


def _origin(node: Node) -> Node:
    while node.op in _SAME_NUMBERS:
        node = node.args[0]
    return node
