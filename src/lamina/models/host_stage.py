"""The first layers of a model where those take strings: what they make of the data.

A Sequential has a list of them. A functional model is split: calls of such layers on Inputs happen
on the data, and their outputs are the inputs of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamina import tree
from lamina.data.dataset import Dataset
from lamina.errors import ArgumentError, DTypeError, describe
from lamina.ir.graph import Node
from lamina.layers._base.host import HostLayer, as_strings
from lamina.layers._base.symbolic import TEXT, Call, SymbolicTensor, source_of
from lamina.models.functional import FunctionalGraph
from lamina.string_tensor import StringTensor
from lamina.tensor import Tensor, node_of
from lamina.training.columns import parts_of
from lamina.training.sources import is_iterable_of_batches

Encode = Callable[[Any], Any]  # from the inputs that the user gave to those of the program


def through(layers: Sequence[HostLayer], data: Any) -> np.ndarray:
    """Return the output of the layers, applied in order, as an array of numbers."""
    if isinstance(data, (str, bytes)):
        raise ArgumentError(
            "a single string came, expected a batch of them", hint="wrap it in a list: [text]"
        )
    for layer in layers:
        data = layer(data)
    return np.asarray(data)


def prepared(encode: Encode, data: Any) -> Any:
    """Data as `fit` takes it, encoded: arrays now, batches when they are made."""
    if not is_iterable_of_batches(data):
        return encode(data)
    if isinstance(data, Dataset):
        return data.map(lambda *batch: _with_inputs(encode, batch))
    return (_Counted if hasattr(data, "__len__") else _Batches)(encode, data)


def _with_inputs(encode: Encode, batch: tuple[Any, ...]) -> Any:
    x = encode(batch[0])
    return x if len(batch) == 1 else (x, *batch[1:])


class _Batches:
    """Batches of any iterable, encoded."""

    def __init__(self, encode: Encode, batches: Any) -> None:
        self.encode, self.batches = encode, batches

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            yield _with_inputs(self.encode, parts_of(batch))


class _Counted(_Batches):
    def __len__(self) -> int:
        return len(self.batches)


# ---- functional models -----------------------------------------------------------------------
class Split:
    """A functional graph in two parts: calls on data, and the graph of the program.

    Args:
        whole: graph from the Inputs that the user named to the outputs.
        calls: calls of layers that run on data, in order.
    """

    def __init__(self, whole: FunctionalGraph, calls: list[Call]) -> None:
        self.whole, self.calls = whole, calls
        self._entries = self._read_by_the_program()
        tensors = [SymbolicTensor(node.type, None, node) for node in self._entries]
        self.program = FunctionalGraph(tensors, whole.outputs)

    def _read_by_the_program(self) -> list[Node]:
        whole, on_data = self.whole, set(self.calls)
        roots = list(whole.output_nodes)
        for call in whole.calls:
            if call not in on_data:
                roots += [node for node in map(node_of, call.inputs) if node is not None]
        entries: dict[Node, None] = {}
        for leaf in (leaf for root in roots for leaf in whole._leaves(root)):
            source = source_of(leaf)
            if leaf in whole.input_nodes or (source is not None and source[0] in on_data):
                entries[leaf] = None
        for node in entries:
            if node.dtype == TEXT:
                raise DTypeError(
                    f"Model: the strings of Input '{node.params['name']}' cannot enter a compiled "
                    "program (expected a layer for strings, such as TextVectorization, behind it)"
                )
        return list(entries)

    def encode(self, data: Any) -> Any:
        """Return the inputs of the program for those that the user gave."""
        columns = zip(self.whole.input_nodes, self._ordered(data), strict=True)
        known = {node: _fitted(node, column) for node, column in columns}
        made: dict[tuple[Call, int], Any] = {}

        def value(leaf: Any) -> Any:
            node = node_of(leaf) if isinstance(leaf, Tensor) else None
            if node is None:
                return leaf
            return known[node] if node in known else made[source_of(node)]  # type: ignore[index]

        for call in self.calls:
            outputs = call.layer(*tree.map_structure(value, call.args))
            made.update(((call, k), each) for k, each in enumerate(tree.leaves(outputs)))
        found = [
            np.asarray(known[node] if node in known else made[source_of(node)])  # type: ignore[index]
            for node in self._entries
        ]
        return found[0] if len(found) == 1 else tuple(found)

    def _ordered(self, data: Any) -> list[Any]:
        """The columns of the Inputs, in their order; a list of strings is one column."""
        count = len(self.whole.input_nodes)
        if isinstance(data, Mapping):
            return self.whole.ordered("Model", {k: _Held(v) for k, v in data.items()})
        if count == 1:
            is_list = isinstance(self.whole.inputs, (list, tuple)) and isinstance(
                data, (list, tuple)
            )
            return [data[0]] if is_list and len(data) == 1 and np.ndim(data[0]) else [data]
        if not isinstance(data, (list, tuple)) or len(data) != count:
            raise ArgumentError(
                f"Model: expected the data of {count} inputs "
                f"({', '.join(self.whole.input_names)}), got {describe(data)}"
            )
        return list(data)

    def entered(self, inputs: Any) -> Any:
        """Return the inputs of a call: data are encoded, tensors of numbers are so already."""
        leaves = tree.leaves(inputs)
        if any(isinstance(leaf, SymbolicTensor) and leaf.dtype == TEXT for leaf in leaves):
            raise DTypeError(
                "a model with layers for strings was called on an Input",
                hint="call its layers on the Input, those for strings first",
            )
        if all(isinstance(leaf, Tensor) for leaf in leaves):
            return inputs
        return self.encode(inputs)


class _Held:
    """A column that no nest is seen in."""

    def __init__(self, column: Any) -> None:
        self.column = column


def split(graph: FunctionalGraph) -> Split | None:
    """Return the parts of a graph; None if all of it belongs to the program."""
    on_data = [call for call in graph.calls if isinstance(call.layer, HostLayer)]
    has_text = any(node.dtype == TEXT for node in graph.input_nodes)
    return Split(graph, on_data) if on_data or has_text else None


def _fitted(node: Node, column: Any) -> np.ndarray:
    """The data of an Input as an array of as many axes."""
    column = column.column if isinstance(column, _Held) else column
    is_text = node.dtype == TEXT
    array = (
        as_strings(column.numpy() if isinstance(column, StringTensor) else column)
        if is_text
        else np.asarray(column)
    )
    expected = node.type.shape
    if array.ndim == len(expected) - 1 and expected[-1] == 1:
        return array[..., None]
    is_wide = array.ndim == len(expected) + 1 and array.shape[-1] == 1
    return array[..., 0] if is_wide else array
