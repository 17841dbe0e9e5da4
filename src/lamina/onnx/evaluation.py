"""Evaluation of ONNX graphs: nodes resolved to rows of the operator tables, run in order.

A value is a Tensor, known or traced; a list (a sequence); None (an absent optional value); an
array of Python objects for strings; or `Extents`, the numbers of a shape of which some are not
known until a program runs. Values that are known are computed at once, so that shapes made by nodes
are known.
"""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lamina.errors import FileFormatError, LaminaError, UnknownNameError, describe
from lamina.onnx.messages import (
    GRAPH,
    GRAPHS,
    SPARSE_TENSOR,
    TENSOR,
    TENSORS,
    AttributeProto,
    FunctionProto,
    GraphProto,
    NodeProto,
    value_of,
)
from lamina.onnx.rows import Row, row_of
from lamina.onnx.tensors import array_of, dense

Value = Any
Values = MutableMapping[str, Value]


@dataclass
class Node:
    """A node with its row: what an operator may ask about its own call."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    version: int
    attributes: dict[str, Any]
    run: Callable[..., Any]
    subgraphs: dict[str, Graph] = field(default_factory=dict)
    is_function: bool = False

    @property
    def label(self) -> str:
        """The node in errors."""
        return f"{self.kind} '{self.name}'" if self.name else f"{self.kind} -> {self.outputs[:1]}"


@dataclass
class Subgraph:
    """A branch or a body: called with its inputs, it sees the values around it."""

    graph: Graph
    around: Values

    def __call__(self, *inputs: Value) -> list[Value]:
        return self.graph.run(inputs, self.around)


class Scope:
    """The meaning of names in a model: operator sets, functions, and the folder of values."""

    def __init__(
        self,
        opsets: Mapping[str, int],
        functions: Iterable[FunctionProto] = (),
        load: Callable[[Any], Value] = array_of,
    ) -> None:
        self.opsets = dict(opsets)
        self.functions = {(f.domain, f.name, f.overload): f for f in functions}
        self.load = load
        self.missing: dict[str, None] = {}
        self.depth = 0

    def within(self, function: FunctionProto) -> Scope:
        """The scope of a function's nodes."""
        opsets = {**self.opsets, **{each.domain: each.version for each in function.opset_import}}
        scope = Scope(opsets, (), self.load)
        scope.functions, scope.missing = self.functions, self.missing
        scope.depth = self.depth + 1
        if scope.depth > 32:
            raise FileFormatError(f"ONNX: function {function.name} calls itself")
        return scope

    def node(self, proto: NodeProto, arguments: Mapping[str, AttributeProto]) -> Node:
        """A node of the file with its row; `arguments` are those of the function around it."""
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        kind = f"{domain}.{proto.op_type}" if domain else proto.op_type
        version = self.opsets.get(domain, self.opsets.get("ai.onnx", 0) if not domain else 1)
        node = Node(kind, proto.name, list(proto.input), list(proto.output), version, {}, _nothing)
        given = list(_attributes(proto.attribute, arguments))
        function = self.functions.get((proto.domain, proto.op_type, proto.overload))
        if function is not None:
            node.run, node.is_function = Function(function, self.within(function), given), True
            return node
        row = row_of(domain, proto.op_type, version)
        if row is None:
            self.missing[f"{kind} (version {version})"] = None
            return node
        for each in given:
            self._attribute(node, row, each)
        node.run = row.run
        if "node" in row.keywords:
            node.attributes["node"] = node
        return node

    def _attribute(self, node: Node, row: Row, each: AttributeProto) -> None:
        if each.type == GRAPH:
            assert each.g is not None
            node.subgraphs[each.name] = Graph(each.g, self)
            return
        if each.name not in row.keywords:
            if each.name in ("consumed_inputs", "doc_string"):  # of the oldest versions
                return
            raise UnknownNameError(
                f"ONNX: {node.label} has the attribute '{each.name}' "
                f"(expected one of {sorted(row.keywords - {'node'})})"
            )
        value = value_of(each)
        if each.type == TENSOR:
            value = self.load(value)
        elif each.type == TENSORS:
            value = [self.load(v) for v in value]
        elif each.type == SPARSE_TENSOR:
            value = dense(value)
        elif each.type == GRAPHS:
            raise UnknownNameError(f"ONNX: {node.label} has a list of graphs")
        node.attributes[each.name] = value


def _nothing(*_: Any) -> None:
    """Stands for an operator that is missing until all of them are known."""


def _attributes(
    given: Sequence[AttributeProto], arguments: Mapping[str, AttributeProto]
) -> Iterable[AttributeProto]:
    """The attributes of a node; those that refer to the function's own are replaced by these."""
    for each in given:
        if not each.ref_attr_name:
            yield each
        elif each.ref_attr_name in arguments:
            named = AttributeProto(**arguments[each.ref_attr_name].__dict__)
            named.name = each.name
            yield named


class Graph:
    """Nodes in the order of the file, with the constants of the graph.

    Args:
        proto: the message.
        scope: what names mean.
        arguments: attributes of the function around it.
    """

    def __init__(
        self,
        proto: GraphProto | FunctionProto,
        scope: Scope,
        arguments: Mapping[str, AttributeProto] | None = None,
    ) -> None:
        self.nodes = [scope.node(each, arguments or {}) for each in proto.node]
        self.constants: dict[str, Value] = {}
        if isinstance(proto, GraphProto):
            self.inputs = [each.name for each in proto.input]
            self.outputs = [each.name for each in proto.output]
            for tensor in proto.initializer:
                self.constants[tensor.name] = scope.load(tensor)
            for sparse in proto.sparse_initializer:
                if sparse.values is not None:
                    self.constants[sparse.values.name] = dense(sparse)
        else:
            self.inputs, self.outputs = list(proto.input), list(proto.output)

    @cached_property
    def last_use(self) -> list[list[str]]:
        """For each node the values that no later node reads, so that they are not kept."""
        needed = set(self.outputs)
        found = []
        for node in reversed(self.nodes):
            own = {*_read(node)} - needed
            found.append(sorted(own))
            needed |= own
        return found[::-1]

    def run(self, inputs: Sequence[Value], around: Values | None = None) -> list[Value]:
        """The outputs for the inputs in order."""
        values: Values = ChainMap({}, around if around is not None else {})
        values.update(self.constants)
        values.update(zip(self.inputs, inputs, strict=False))
        for node, last in zip(self.nodes, self.last_use, strict=True):
            self._step(node, values)
            for name in last:
                values.maps[0].pop(name, None)  # type: ignore[attr-defined]
        return [_found(values, name, "the graph's outputs") for name in self.outputs]

    def _step(self, node: Node, values: Values) -> None:
        inputs = [_found(values, n, node.label) if n else None for n in node.inputs]
        subgraphs = {name: Subgraph(graph, values) for name, graph in node.subgraphs.items()}
        try:
            results = node.run(*inputs, **node.attributes, **subgraphs)
        except LaminaError as error:
            if not node.is_function:
                _explain(error, node, inputs)
            raise
        except TypeError as error:
            if not _is_call(error, node):
                raise
            raise FileFormatError(f"ONNX: {node.label} has {len(inputs)} inputs: {error}") from None
        if not isinstance(results, tuple):
            results = (results,)
        for name, result in zip(node.outputs, results, strict=False):
            if name:
                values[name] = result


def _read(node: Node) -> Iterable[str]:
    """The names that a node reads, also those that its branches read from around them."""
    yield from node.inputs
    for each in node.subgraphs.values():
        for inner in each.nodes:
            yield from _read(inner)
        yield from each.outputs


def _found(values: Mapping[str, Value], name: str, who: str) -> Value:
    try:
        return values[name]
    except KeyError:
        raise FileFormatError(
            f"ONNX: {who} needs '{name}', which no node before it computes"
        ) from None


def _explain(error: LaminaError, node: Node, inputs: Sequence[Value]) -> None:
    given = ", ".join("-" if x is None else describe(x) for x in inputs)
    error.add_note(f"in {node.label} (version {node.version}) of {given}")


def _is_call(error: TypeError, node: Node) -> bool:
    """True if the error is of the call itself: too many inputs, or too few."""
    frames = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    return len(frames) <= 1


class Function:
    """An operator that the file defines by nodes."""

    def __init__(
        self, function: FunctionProto, scope: Scope, given: Sequence[AttributeProto]
    ) -> None:
        defaults = {each.name: each for each in function.attribute_proto}
        self.graph = Graph(function, scope, defaults | {each.name: each for each in given})
        self.inputs = list(function.input)

    def __call__(self, *inputs: Value) -> tuple[Value, ...]:
        padded = [*inputs, *[None] * (len(self.inputs) - len(inputs))]
        return tuple(self.graph.run(padded, {}))
