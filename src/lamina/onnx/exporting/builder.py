"""The writer of a graph: nodes, constants and names; shapes whose extents are not known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.extents import FLOORS
from lamina.ir.types import Dim, DType, Shape, is_static, plain, same
from lamina.onnx.exporting.values import Value, inverse
from lamina.onnx.messages import GraphProto, NodeProto, TensorProto, attribute
from lamina.onnx.tensors import CODES, tensor_of


@dataclass
class Shared:
    """Names and constants that a graph shares with its branches and bodies."""

    opset: int
    symbols: dict[str, Value] = field(default_factory=dict)
    initializers: list[TensorProto] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    numbers: dict[str, Any] = field(default_factory=dict)
    constants: dict[Any, Value] = field(default_factory=dict)

    def name(self, wanted: str) -> str:
        """A name that no other value has."""
        if wanted not in self.names:
            self.names.add(wanted)
            return wanted
        count = self.numbers.setdefault(wanted, itertools.count(1))
        return self.name(f"{wanted}_{next(count)}")


class Builder:
    """Nodes of one graph; `child` makes the graph of a branch or a body.

    Args:
        shared: what belongs to the whole file.
        outer: the graph around this one.
    """

    def __init__(self, shared: Shared, outer: Builder | None = None) -> None:
        self.shared, self.outer = shared, outer
        self.nodes: list[NodeProto] = []
        self.taken: set[str] = set()

    def child(self) -> Builder:
        """The builder of a graph within this one."""
        return Builder(self.shared, self)

    @property
    def root(self) -> Builder:
        """The builder of the whole file."""
        return self if self.outer is None else self.outer.root

    # ---- values --------------------------------------------------------------------------------
    def constant(self, array: Any, dtype: DType | None = None, hint: str = "") -> Value:
        """A constant, whose values are written when a node reads it."""
        array = np.asarray(array)
        dtype = types.dtype(array.dtype) if dtype is None else dtype
        return Value(self.root, array.shape, dtype, array=array, hint=hint)

    def integers(self, numbers: Sequence[int]) -> Value:
        """A constant of int64."""
        return self.constant(np.array(numbers, np.int64))

    def given(self, name: str, shape: Shape, dtype: DType) -> Value:
        """A value that has a name already: an input."""
        return Value(self, tuple(shape), dtype, name=name)

    def name(self, value: Value) -> str:
        """The name of a value, which is computed or written now if it was not yet."""
        if value.name:
            return value.name
        if value.array is not None:
            value.name = self._written(value)
        else:
            assert value.source is not None
            source = self.name(value.source)
            owner = value.builder
            value.name = self.shared.name("transposed")
            owner._node("Transpose", [source], [value.name], {"perm": list(value.permutation)})
        return value.name

    def _written(self, value: Value) -> str:
        array = value.array
        assert array is not None
        key = None
        if array.size <= 64:
            key = (value.dtype.name, array.shape, array.tobytes())
            if key in self.shared.constants:
                return self.shared.constants[key].name
        name = self.shared.name(value.hint or "constant")
        self.shared.initializers.append(tensor_of(array, name, value.dtype))
        if key is not None:
            self.shared.constants[key] = value
        return name

    def op(
        self,
        kind: str,
        inputs: Sequence[Value | None],
        shape: Shape,
        dtype: DType,
        **attributes: Any,
    ) -> Value:
        """A node with one output of the given type."""
        (found,) = self.ops(kind, inputs, [(shape, dtype)], **attributes)
        return found

    def ops(
        self,
        kind: str,
        inputs: Sequence[Value | None],
        outputs: Sequence[tuple[Shape, DType] | None],
        **attributes: Any,
    ) -> list[Value]:
        """A node with several outputs; None leaves an output out."""
        names = ["" if v is None else self.name(v) for v in inputs]
        found = []
        places = []
        for each in outputs:
            place = "" if each is None else self.shared.name(kind.lower())
            places.append(place)
            if each is not None:
                found.append(Value(self, tuple(each[0]), each[1], name=place))
        while names and not names[-1]:
            names.pop()
        self._node(kind, names, places, attributes)
        return found

    def _node(
        self, kind: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Any]
    ) -> None:
        given = [attribute(k, v) for k, v in attributes.items() if v is not None]
        self.nodes.append(
            NodeProto(op_type=kind, input=inputs, output=outputs, attribute=given, name=outputs[0])
        )

    # ---- shapes --------------------------------------------------------------------------------
    def extent(self, dim: Dim) -> Value:
        """An extent as a vector of one int64."""
        dim = plain(dim)
        if is_static(dim):
            return self.integers([int(dim)])
        assert not isinstance(dim, int)
        total: Value | None = None
        for monomial, coefficient in dim.terms.items():
            part: Value | None = (
                None if coefficient == 1 and monomial else self.integers([coefficient])
            )
            for symbol in monomial:
                factor = self._symbol(symbol)
                part = factor if part is None else self._computed("Mul", part, factor)
            assert part is not None
            total = part if total is None else self._computed("Add", total, part)
        assert total is not None
        return total

    def _computed(self, kind: str, a: Value, b: Value) -> Value:
        return self.op(kind, [a, b], (1,), types.int64)

    def _symbol(self, symbol: str) -> Value:
        known = self.shared.symbols.get(symbol)
        if known is not None:
            return known
        if symbol not in FLOORS:
            raise ArgumentError(f"export: the extent '{symbol}' is that of no input")
        upper, lower = FLOORS[symbol]
        found = self.root._computed("Div", self.root.extent(upper), self.root.extent(lower))
        self.shared.symbols[symbol] = found
        return found

    def shape(self, shape: Shape) -> Value:
        """A shape as a vector of int64."""
        if all(map(is_static, shape)):
            return self.integers([int(n) for n in shape])
        parts = [self.extent(n) for n in shape]
        if len(parts) == 1:
            return parts[0]
        return self.op("Concat", parts, (len(parts),), types.int64, axis=0)

    def reshape(self, value: Value, shape: Shape) -> Value:
        """A value in another shape of as many elements."""
        if len(shape) == value.ndim and all(map(same, shape, value.shape)):
            return value
        if value.array is not None and all(map(is_static, shape)):
            return self.constant(value.array.reshape(shape), value.dtype, value.hint)
        open_ = [k for k, n in enumerate(shape) if not is_static(n)]
        if len(open_) == 1 and all(
            is_static(n) and n != 0 for k, n in enumerate(shape) if k != open_[0]
        ):
            target = self.integers([-1 if k == open_[0] else int(n) for k, n in enumerate(shape)])
        else:
            target = self.shape(shape)
        return self.op("Reshape", [value, target], shape, value.dtype)

    def full(self, value: Value, shape: Shape) -> Value:
        """A value with all the extents of a shape: what is broadcast is written out."""
        if all(map(same, value.shape, shape)):
            return value
        key = tuple(plain(n) for n in shape)
        if key not in value.expanded:
            if value.array is not None and all(map(is_static, shape)):
                wide = np.broadcast_to(value.array, tuple(map(int, shape)))
                if wide.size <= 4096:
                    return self.constant(np.ascontiguousarray(wide), value.dtype)
            expanded = self.op("Expand", [value, self.shape(shape)], shape, value.dtype)
            if self.outer is not None:
                return expanded
            value.expanded[key] = expanded
        return value.expanded[key]

    # ---- elementwise ---------------------------------------------------------------------------
    def elementwise(
        self, kind: str, inputs: Sequence[Value], dtype: DType, **attributes: Any
    ) -> Value:
        """An operator of elements: broadcasts by itself, and lets a transpose move behind it."""
        order = next((v.permutation for v in inputs if v.source is not None and not v.name), None)
        if order is not None and all(_moves(v, order) for v in inputs):
            back = inverse(order)
            moved = [self._aligned(v, len(order)).transposed(back) for v in inputs]
            return self.elementwise(kind, moved, dtype, **attributes).transposed(order)
        shape = _broadcast([v.shape for v in inputs])
        return self.op(kind, inputs, shape, dtype, **attributes)

    def _aligned(self, value: Value, ndim: int) -> Value:
        return self.reshape(value, (1,) * (ndim - value.ndim) + tuple(value.shape))


def _moves(value: Value, order: tuple[int, ...]) -> bool:
    """True if the transpose can be taken off the operand at no cost."""
    if value.source is not None and value.permutation == order:
        return True
    return value.is_constant and value.is_small()


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    return tuple(next((n for n in axis if not same(n, 1)), 1) for axis in zip(*padded, strict=True))


Row = Callable[..., Any]
ROWS: dict[str, Row] = {}
"""Primitive -> function of the builder, the node and its operands."""


def row(*names: str) -> Callable[[Row], Row]:
    """A decorator that enters a function into the table of rows."""

    def enter(function: Row) -> Row:
        for name in names:
            ROWS[name] = function
        return function

    return enter


def graph_of(
    builder: Builder, name: str, inputs: Sequence[Any], outputs: Sequence[Any]
) -> GraphProto:
    """The message of a builder's graph."""
    return GraphProto(name=name, node=builder.nodes, input=list(inputs), output=list(outputs))


def code_of(dtype: DType) -> int:
    """The number of a dtype in ONNX."""
    return CODES[dtype.name]
