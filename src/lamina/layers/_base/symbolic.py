"""Symbolic tensors and the record of the layers called on them, from which functional models are
made.

A call of a layer on a symbolic tensor computes nothing. Its `call` is traced once to determine the
types of its outputs, which become new symbolic tensors. Each one refers to its call:

    symbolic tensor -> node -> source (call, index) -> layer, arguments -> symbolic tensors

References lead from a tensor to its operands and never back, so that a model is freed as soon as it
is unused.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import context, tree
from lamina.errors import TracedValueError
from lamina.ir import types
from lamina.ir.graph import Node, parameter, topological
from lamina.ir.types import Extent, TensorType, plain, same
from lamina.layers._base.frames import Scope
from lamina.layers._base.spec import known_shape
from lamina.operations import random_keys
from lamina.tensor import Tensor, from_node
from lamina.variables import tracing

_ORDER = itertools.count()
TEXT = types.DType("string", "S", 0, np.dtype(object))  # of Inputs; no program holds strings


class SymbolicTensor(Tensor):
    """An input of a model, or an output of a layer called on one: a type without a value.

    Its first extent is the batch, whose size is unknown. `sparse` and `ragged` are False.
    """

    __slots__ = ()
    sparse = ragged = False  # for programs that ask tensors of Keras

    def _known(self, what: str) -> Any:
        raise TracedValueError(
            f"{what} asks for the value of {self!r}: it stands for data that will come, and has "
            "no value yet.",
            hint="NumPy functions need values: use the function of the same name in lm (lm.exp(x) "
            "for np.exp(x)), a layer, or a Lambda layer around your function.",
        )

    def __eq__(self, other: object) -> Any:  # type: ignore[override]
        """The comparison of the data; as a bool, whether both stand for the same data."""
        if not isinstance(other, SymbolicTensor):
            return super().__eq__(other)
        if not same(self.shape, other.shape) or self.dtype != other.dtype:
            return self._node is other._node
        compared = super().__eq__(other)
        return _Equality(compared, self._node is other._node)  # type: ignore[arg-type]

    __hash__ = Tensor.__hash__

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={known_shape(self.shape)}, dtype={self.dtype}>"


class _Equality(Tensor):
    """The comparison of two symbolic tensors, which lists ask for when they look for one."""

    __slots__ = ("_is_same",)

    def __init__(self, compared: Tensor, is_same: bool) -> None:
        super().__init__(compared._type, None, compared._node)
        self._is_same = is_same

    def __bool__(self) -> bool:
        return self._is_same


class Call:
    """A call of a layer on symbolic tensors, with `args` and `kwargs` as passed."""

    def __init__(self, layer: Any, args: Any, kwargs: Any, scope: Scope) -> None:
        self.layer, self.args, self.kwargs, self.scope = layer, args, kwargs, scope
        self.order = next(_ORDER)
        self.structure: Any = None
        self._nodes: list[weakref.ref[Node]] = []
        self._types: list[TensorType] = []

    def finish(self, outputs: Any) -> Any:
        """Return new symbolic tensors of the types of `outputs`, in the same nest."""
        leaves, self.structure = tree.flatten(outputs)
        nodes = [self._node(t._type, k) for k, t in enumerate(leaves)]
        self._nodes = [weakref.ref(n) for n in nodes]
        self._types = [n.type for n in nodes]
        return tree.unflatten(self.structure, [_tensor(n) for n in nodes])

    def _node(self, type_: TensorType, index: int) -> Node:
        return Node("parameter", (), {"name": self.layer.name, "source": (self, index)}, type_)

    @property
    def inputs(self) -> list[Tensor]:
        """Return the tensors among the arguments."""
        return [t for t in tree.leaves((self.args, self.kwargs)) if isinstance(t, Tensor)]

    @property
    def outputs(self) -> Any:
        """Return the symbolic outputs of the call; new ones for those that were freed."""
        if not self._types:
            return None
        alive = [reference() for reference in self._nodes] or [None] * len(self._types)
        nodes = [n or self._node(t, k) for k, (n, t) in enumerate(zip(alive, self._types))]
        self._nodes = [weakref.ref(n) for n in nodes]
        return tree.unflatten(self.structure, [_tensor(n) for n in nodes])

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copies, which have other nodes."""
        return {**self.__dict__, "_nodes": []}


class Calls:
    """The calls of one layer on symbolic tensors.

    A call holds its layer, so the layer holds its calls weakly. Of an only call it also holds what
    makes an equal one, so that a layer whose model is gone still has an input and an output; the
    arguments of a first call never lead back to the layer.
    """

    def __init__(self) -> None:
        self._alive: list[weakref.ref[Call]] = []
        self._only: tuple[Any, ...] | None = None

    def add(self, call: Call) -> None:
        """Add a call whose outputs are known."""
        before = [reference for reference in self._alive if reference() is not None]
        self._alive = [*before, weakref.ref(call)]
        made = (call.args, call.kwargs, call.scope, call.structure, call._types)
        self._only = None if before else made

    def last(self, layer: Any) -> Call | None:
        """Return the last call of the layer, to which these outputs belong."""
        alive = [call for reference in self._alive if (call := reference()) is not None]
        if alive or self._only is None:
            return alive[-1] if alive else None
        *arguments, structure, types_ = self._only
        call = Call(layer, *arguments)
        call.structure, call._types = structure, types_
        self._alive = [weakref.ref(call)]
        return call

    def __deepcopy__(self, memo: dict[int, Any]) -> Calls:
        """Copy the calls that are copied as well: of a whole model all, of a single layer none."""
        twin = Calls()
        alive = (reference() for reference in self._alive)
        copied = (memo.get(id(call)) for call in alive if call is not None)
        twin._alive = [weakref.ref(call) for call in copied if call is not None]
        return twin


def last_call(layer: Any, what: str) -> Call:
    """Return the last call of a layer on symbolic tensors, or raise AttributeError: it has none."""
    call: Call | None = layer._calls.last(layer)
    if call is None or call.outputs is None:
        raise AttributeError(
            f"{layer._label()} has no symbolic {what}: it has not been called on an Input"
        )
    return call


def _tensor(node: Any) -> SymbolicTensor:
    return SymbolicTensor(node.type, None, node)


def source_of(node: Node) -> tuple[Call, int] | None:
    """Return the call that created the node of a symbolic tensor, and the index of the output."""
    return node.params.get("source") if node.op == "parameter" else None


def calls_behind(tensors: Iterable[Tensor]) -> list[Call]:
    """Return the calls from whose outputs operations computed these tensors."""
    roots = [t._node for t in tensors if t._value is None and t._node is not None]
    found = (source_of(n) for n in topological(roots))
    return list(dict.fromkeys(f[0] for f in found if f is not None))


def functional_scope(arguments: Any) -> Scope | None:
    """Return the scope of the symbolic inputs of the arguments; None without any, or while a
    program is recorded, in which a layer computes like any function."""
    if context.current().traces:
        return None
    tensors = [t for t in tree.leaves(arguments) if isinstance(t, Tensor)]
    calls = calls_behind(tensors) if any(t._value is None for t in tensors) else []
    return calls[0].scope if calls else None


# ---- types of inputs that are yet to come -----------------------------------------------------
def symbolic_type(shape: Sequence[Any], dtype: Any) -> TensorType:
    """Return the type of a shape with None: the first extent is the batch, others are named by
    their axis, so that sequences of the same length agree."""

    def extent(axis: int, n: Any) -> Any:
        if n is not None:
            return plain(n) if isinstance(n, Extent) else int(n)
        return Extent.symbol(f"axis{axis}" if axis else "batch")

    return TensorType(tuple(extent(k, n) for k, n in enumerate(shape)), types.dtype(dtype))


def traced(type_: TensorType) -> Tensor:
    """Return a tensor of this type without a value, to trace `call` of a layer."""
    return from_node(parameter(type_, "x"))


@functools.cache
def _any_key() -> Tensor:
    return random_keys.key(0)


@contextmanager
def inferring() -> Iterator[None]:
    """Context in which programs are recorded only for the types of their results; any random key is
    accepted."""
    with tracing() as trace, random_keys.key_scope(_any_key()):
        trace.is_for_types = True
        yield


def is_inferring() -> bool:
    """Return True while programs are recorded only for the types of their results."""
    return any(trace.is_for_types for trace in context.current().traces)


def is_shape(value: Any) -> bool:
    """True for (None, 784) and [32, 10], and not for a nest of shapes."""
    return isinstance(value, (tuple, list)) and all(
        n is None or isinstance(n, (int, Extent)) or hasattr(n, "__index__") for n in value
    )


def map_shapes(f: Any, nest: Any) -> Any:
    """Return f of every shape in a nest of shapes; None is kept."""
    if nest is None:
        return None
    if is_shape(nest):
        return f(tuple(nest))
    if isinstance(nest, dict):
        return {key: map_shapes(f, value) for key, value in nest.items()}
    mapped = [map_shapes(f, value) for value in nest]
    return type(nest)(*mapped) if hasattr(nest, "_fields") else type(nest)(mapped)


def shape_leaves(nest: Any) -> list[tuple[Any, ...]]:
    """Return the shapes of a nest, in the order in which the nest of tensors is flattened."""
    if is_shape(nest):
        return [tuple(nest)]
    values = [nest[key] for key in sorted(nest, key=str)] if isinstance(nest, dict) else nest
    return [shape for value in values or () for shape in shape_leaves(value)]


def shapes_of(nest: Any) -> Any:
    """Return the nest of the shapes of tensors, with None for unknown extents."""
    leaves, structure = tree.flatten(nest)
    return tree.unflatten(structure, [known_shape(t.shape) for t in leaves])
