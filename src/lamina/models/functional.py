"""The graph of a functional model: which layers are called on what, between inputs and outputs."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from lamina import tree
from lamina.errors import ArgumentError, OutOfBoundsError, ShapeError, describe, warn
from lamina.ir.graph import Node
from lamina.ir.types import Extent, is_static, same
from lamina.layers._base import propagation
from lamina.layers._base.layer import Layer
from lamina.layers._base.spec import shape_text
from lamina.layers._base.symbolic import Call, source_of
from lamina.models.replay import Replay
from lamina.operations import shaping
from lamina.tensor import Tensor, as_tensor, node_of


class FunctionalGraph:
    """Calls of layers from `inputs` to `outputs`, both nests of symbolic tensors."""

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = inputs, outputs
        flat, self.input_structure = tree.flatten(inputs)
        self.input_nodes = [_node(t, "inputs") for t in flat]
        results, self.output_structure = tree.flatten(alone(outputs))
        self.output_nodes = [_node(t, "outputs") for t in results]

    @cached_property
    def calls(self) -> list[Call]:
        """The calls needed, in the order in which they can run."""
        return self._collected[0]

    @cached_property
    def held(self) -> list[Node]:
        """The symbolic tensors' nodes that the outputs depend on."""
        return self._collected[1]

    @cached_property
    def _collected(self) -> tuple[list[Call], list[Node]]:
        calls: dict[Call, None] = {}
        held: list[Node] = []
        stack = list(self.output_nodes)
        seen: set[Node] = set()
        while stack:
            for node in self._leaves(stack.pop()):
                if node in seen:
                    continue
                seen.add(node)
                held.append(node)
                call = self._call_of(node)
                if call is not None and call not in calls:
                    calls[call] = None
                    stack += _nodes(call.inputs)
        return sorted(calls, key=lambda call: call.order), held

    def _leaves(self, root: Node) -> list[Node]:
        """The symbolic tensors' nodes that a node is computed from by operations alone."""
        stop = set(self.input_nodes)
        found, stack, seen = [], [root], {root}
        while stack:
            node = stack.pop()
            if node in stop or source_of(node) is not None:
                found.append(node)
                continue
            for arg in node.args:
                if arg not in seen:
                    seen.add(arg)
                    stack.append(arg)
        return found

    def _call_of(self, node: Node) -> Call | None:
        if node in self.input_nodes:
            return None
        call, _ = source_of(node) or (None, 0)
        if call is not None and not call.inputs:
            raise ArgumentError(
                f"the outputs depend on Input '{call.layer.name}', which is not among the inputs "
                f"of the model ({', '.join(self.input_names)})",
                hint="name every Input that is needed: Model(inputs=[a, b], outputs=...)",
            )
        return call

    _has_warned = False  # of inputs of another structure

    @property
    def input_names(self) -> list[str]:
        """The names of the Inputs, in order."""
        sources = [source_of(n) for n in self.input_nodes]
        return [str(s[0].layer.name) if s is not None else "input" for s in sources]

    def __deepcopy__(self, memo: dict[int, Any]) -> FunctionalGraph:
        """A graph of copies of all layers. Calls are copied in order, so that none leads the copy
        back through all those before it, deeper than Python can go."""
        for call in self.calls:
            copy.deepcopy(call, memo)
        twin = memo[id(self)] = object.__new__(FunctionalGraph)
        for name, value in self.__dict__.items():
            twin.__dict__[name] = copy.deepcopy(value, memo)
        return twin

    # ---- layers and calls inside ---------------------------------------------------------------
    def layers(self) -> list[Any]:
        """Each layer once: inputs first, then by distance from the outputs, as in Keras."""
        inputs = [source_of(n) for n in self.input_nodes]
        depth, place = self._depths(), self._places()
        ordered = sorted(self.calls, key=lambda call: (-depth[call], place[id(call.layer)]))
        first = [s[0].layer for s in inputs if s is not None]
        return list({id(x): x for x in [*first, *(c.layer for c in ordered)]}.values())

    def _places(self) -> dict[int, int]:
        """Return the number of each layer, by `id`, in the order in which a search from the outputs
        meets them, depth first."""
        found: dict[int, int] = {}
        stack = self._sources(reversed(self.output_nodes))
        seen: set[Call] = set()
        while stack:
            call = stack.pop()
            if call not in seen:
                seen.add(call)
                found.setdefault(id(call.layer), len(found))
                stack += self._sources(reversed(_nodes(call.inputs)))
        return found

    def _sources(self, nodes: Iterable[Node]) -> list[Call]:
        """Return the calls that computed what nodes are computed from by operations alone."""
        leaves = [leaf for n in nodes for leaf in self._leaves(n) if leaf not in self.input_nodes]
        return [found[0] for leaf in leaves if (found := source_of(leaf)) is not None]

    def _depths(self) -> dict[Call, int]:
        """Return the number of calls between each call and the farthest output; all calls of a
        layer have the depth of the one farthest away."""
        known = set(self.calls)
        depth: dict[Call, int] = {}
        of_layer = dict.fromkeys((id(call.layer) for call in self.calls), 0)
        for call in reversed(self.calls):
            own = depth[call] = of_layer[id(call.layer)]
            for before in self._calls_before(call):
                if before in known:
                    place = id(before.layer)
                    of_layer[place] = max(of_layer[place], own + 1)
        return depth

    def _calls_before(self, call: Call) -> list[Call]:
        return self._sources(_nodes(call.inputs))

    @cached_property
    def readers(self) -> list[tuple[int, Any]]:
        """Return the checkers of the data of Inputs, as (index, object with `check_data`): the
        range of its dtype, and the layers that are called on the Input itself."""
        found: list[tuple[int, Any]] = [
            (k, Range(name, node.dtype))
            for k, (name, node) in enumerate(zip(self.input_names, self.input_nodes, strict=True))
            if node.dtype.is_integer
        ]
        for call in self.calls:
            inner = getattr(call.layer, "_graph", None)
            own = [(k, call.layer) for k in range(len(call.inputs))]
            for k, layer in own if inner is None else inner.readers:
                node = node_of(call.inputs[k]) if k < len(call.inputs) else None
                if node in self.input_nodes and type(layer).check_data is not Layer.check_data:
                    found.append((self.input_nodes.index(node), layer))
        return found

    # ---- running -------------------------------------------------------------------------------
    def run(self, label: str, inputs: Any, apply: Callable[..., Any] | None = None) -> Any:
        """The outputs for these inputs: a nest like the model's, a list in its order, or a dict by
        the names of the Inputs. `apply(layer, *args, **kwargs)` calls the layers, if it is given.
        """
        tensors = self.converted(self.matched(label, inputs))
        known = zip(self.input_nodes, tensors, strict=True)
        replay = Replay({node: tensor for node, tensor in known if tensor is not None})
        absent = {node for node in self.input_nodes if node not in replay.known}
        by_source = {source_of(n): n for n in self.held if n not in self.input_nodes}

        def value(leaf: Any) -> Any:
            node = node_of(leaf) if isinstance(leaf, Tensor) and leaf.is_traced else None
            if node in absent:
                return None
            return leaf if node is None else replay.tensor(node)

        for call in self.calls:
            args, kwargs = tree.map_structure(value, (call.args, call.kwargs))
            called = call.layer if apply is None else functools.partial(apply, call.layer)
            for index, result in enumerate(tree.leaves(called(*args, **kwargs))):
                if (call, index) in by_source:
                    replay.known[by_source[call, index]] = result
        return tree.unflatten(self.output_structure, [replay.tensor(n) for n in self.output_nodes])

    def matched(self, label: str, inputs: Any) -> list[Any]:
        """The inputs in the order of the model's, their shapes checked; None for an optional one
        that is not given."""
        tensors = [
            None if tensor is None else _adjusted(node, tensor)
            for node, tensor in zip(self.input_nodes, self.ordered(label, inputs), strict=True)
        ]
        for node, tensor, name in zip(self.input_nodes, tensors, self.input_names, strict=True):
            if tensor is not None:
                _check_shape(label, name if len(tensors) > 1 else "", node, tensor)
        return tensors

    def converted(self, tensors: Sequence[Any]) -> list[Any]:
        """The inputs in the dtypes of the Inputs, with the masks that they have."""
        return [
            None if tensor is None else propagation.like(tensor, as_tensor(tensor, node.dtype))
            for node, tensor in zip(self.input_nodes, tensors, strict=True)
        ]

    def ordered(self, label: str, inputs: Any) -> list[Any]:
        """The leaves of a nest, or of a dict by the Inputs' names, in the order of the Inputs."""
        if isinstance(inputs, dict):
            by_key = isinstance(self.inputs, dict)
            names = sorted(self.inputs, key=str) if by_key else self.input_names
            missing = [n for n in names if n not in inputs]
            if missing:
                raise ArgumentError(
                    f"{label}: no data for the inputs {missing}; the dict has {sorted(inputs)}"
                )
            inputs = [inputs[n] for n in names]
        elif isinstance(self.inputs, dict) and not _has_none(inputs):
            self._warn_of_structure(label, describe(inputs), sorted(self.inputs, key=str))
        is_flat = isinstance(inputs, (list, tuple)) and len(inputs) == len(self.input_nodes)
        if is_flat and _has_none(inputs):
            self._need_optional(label, inputs)
            return list(inputs)
        tensors = tree.leaves(inputs)
        if len(tensors) != len(self.input_nodes):
            raise ArgumentError(
                f"{label}: expected {len(self.input_nodes)} inputs "
                f"({', '.join(self.input_names)}), got {len(tensors)}"
            )
        return tensors

    def _warn_of_structure(self, label: str, given: Any, expected: Any) -> None:
        """Warn once that the inputs are not the dict that the model was made with."""
        if not self._has_warned:
            self._has_warned = True
            warn(f"{label}: the inputs have another structure (expected {expected}, got {given})")

    def _need_optional(self, label: str, inputs: Sequence[Any]) -> None:
        """Raise for None in place of an Input that is not optional."""
        for node, name, given in zip(self.input_nodes, self.input_names, inputs, strict=True):
            source = source_of(node)
            if given is None and not (source and getattr(source[0].layer, "optional", False)):
                raise ArgumentError(
                    f"{label}: no data for the input '{name}' (expected a tensor, got None)",
                    hint="Input(..., optional=True) may be None",
                )


def alone(outputs: Any) -> Any:
    """Return the result of a call: the element of a list of one, as in Keras, otherwise the
    list."""
    return outputs[0] if type(outputs) in (list, tuple) and len(outputs) == 1 else outputs


class Range:
    """The numbers that an Input of whole numbers takes. Conversion drops fractions, as in Keras,
    and would make numbers beyond the range others."""

    def __init__(self, name: str, dtype: Any) -> None:
        self.name, self.dtype = name, dtype

    def check_data(self, values: np.ndarray, first: int = 0) -> None:
        """Raise OutOfBoundsError for a number that the dtype does not hold, with its row."""
        if not values.size or np.can_cast(values.dtype, self.dtype.storage):
            return
        least, most = np.iinfo(self.dtype.storage).min, np.iinfo(self.dtype.storage).max
        if least <= values.min() and values.max() <= most:
            return
        place = tuple(np.argwhere((values < least) | (values > most))[0].tolist())
        raise OutOfBoundsError(
            f"Input '{self.name}': {values[place].item()} in row {place[0] + first} is outside of "
            f"{self.dtype}, {least} to {most}",
            hint="give the Input a wider dtype, such as Input(..., dtype='int64')",
        )


def _nodes(tensors: Iterable[Tensor]) -> list[Node]:
    return [node for node in map(node_of, tensors) if node is not None]


def _node(value: Any, what: str) -> Node:
    node = node_of(value) if isinstance(value, Tensor) and value.is_traced else None
    if node is None:
        raise ArgumentError(
            f"Model: {what} must be symbolic tensors, made by Input(...) and by layers called on "
            f"them; got {describe(value)}"
        )
    if what == "inputs" and source_of(node) is None:
        raise ArgumentError(
            "Model: an input must come from Input(...) or from a layer, not from an operation"
        )
    return node


def _adjusted(node: Node, tensor: Tensor) -> Tensor:
    """Numbers without an axis for their one feature get it, and the reverse, as in Keras; where
    that does not make them fit they stay, so that the error tells what came."""
    changed = tensor
    if tensor.ndim == node.ndim - 1 and node.shape[-1] == 1:
        changed = shaping.expand_dims(tensor, -1)
    elif tensor.ndim == node.ndim + 1 and same(tensor.shape[-1], 1):
        changed = shaping.squeeze(tensor, -1)
    return changed if _fits(node.type.shape, changed.shape) else tensor


def _check_shape(label: str, name: str, node: Node, tensor: Tensor) -> None:
    """Every extent the Input gave must be there."""
    expected, came = node.type.shape, tensor.shape
    if not _fits(expected, came):
        which = f" for input '{name}'" if name else ""
        raise ShapeError(
            f"{label}: expected data of shape {shape_text(expected)}{which}, got shape "
            f"{shape_text(came)}",
            hint=_shape_hint(expected, came),
        )


def _fits(expected: Any, came: Any) -> bool:
    return len(expected) == len(came) and all(
        isinstance(e, Extent) or isinstance(c, Extent) or e == c
        for e, c in zip(expected, came, strict=True)
    )


def _shape_hint(expected: Any, came: Any) -> str:
    if _fits(expected[1:-1], came[1:]) and not _fits(expected[2:], came[1:]):
        return "the last axis, of features, is missing: x[..., None] adds one for a single feature"
    inside, flat = expected[1:], came[1:]
    if (
        len(flat) == 1 < len(inside)
        and is_static((*inside, *flat))
        and math.prod(inside) == flat[0]
    ):
        return f"x.reshape({', '.join(map(str, (-1, *inside)))}) gives flat rows that shape"
    if len(came) == len(expected) - 1:
        return "models take batches: x[None] makes a batch of one example"
    if len(came) > len(expected) and len(expected) == 2:
        return "flatten the examples, x.reshape(len(x), -1), or put a Flatten layer in front"
    if len(came) > 3 and _fits(expected, (came[0], *came[2:], came[1])):
        return "channels come last: numpy.moveaxis(x, 1, -1) puts them there"
    if len(came) > 3 and _fits(expected, (came[0], came[-1], *came[1:-1])):
        return "the Input has its channels first: numpy.moveaxis(x, -1, 1) puts them there"
    if len(came) == len(expected) > 2 and _fits(expected[-1:], came[-1:]):
        wider = tuple(
            e if same(e, c) else None for e, c in zip(expected[1:], came[1:], strict=True)
        )
        tool = "keras.utils.pad_sequences" if len(came) == 3 else "layers.Resizing"
        return f"Input({wider}) takes any size there; or bring the data to one: {tool}"
    return "the first axis is the batch; the others must be as the model's Input says"


def _has_none(inputs: Any) -> bool:
    """True for a flat list with None for an optional input."""
    return isinstance(inputs, (list, tuple)) and any(each is None for each in inputs)
