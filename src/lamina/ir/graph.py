"""A program as data: nodes that apply primitives, and graphs of them.

    graph = name(parameter, ...) { node ... return result, ... }
    node  = primitive(node, ..., parameter=constant, ...) : type
    type  = tensor type | (tensor type, ...)        `get_tuple_element` reads the second

Nodes are immutable; equality is identity, and `number` says in which order they were made. A node
whose value is known already (eager code) carries it.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.ir.types import DType, Shape, TensorType

_NUMBERS = itertools.count()


def next_number() -> int:
    """A number larger than that of every node so far, smaller than that of every one to come."""
    return next(_NUMBERS)


class Node:
    """One application of a primitive; `type` is inferred when the node is made."""

    __slots__ = ("__weakref__", "args", "number", "op", "origin", "params", "type", "value")

    def __init__(
        self,
        op: str,
        args: Sequence[Node],
        params: Mapping[str, Any],
        type_: TensorType | tuple[TensorType, ...],
        value: Any = None,
        origin: str = "",
    ) -> None:
        self.number = next(_NUMBERS)
        self.op = op
        self.args = tuple(args)
        self.params = params
        self.type: Any = type_
        self.value = value
        self.origin = origin

    def with_args(
        self,
        args: Sequence[Node],
        params: Mapping[str, Any] | None = None,
        *,
        type_: TensorType | None = None,
        same_value: bool = False,
    ) -> Node:
        """The same primitive of other operands (and parameters, and of another type); this node if
        nothing differs. With `same_value`, the operands equal the old ones, so a value that is
        known stays known."""
        params = self.params if params is None else params
        same_args = len(args) == len(self.args) and all(map(operator.is_, args, self.args))
        same_params = params is self.params or (
            params.keys() == self.params.keys()
            and all(value is self.params[key] for key, value in params.items())
        )
        if same_args and same_params and type_ is None:
            return self
        value = self.value if same_value else None
        return Node(self.op, args, params, type_ or self.type, value, self.origin)

    def with_origin(self, origin: str) -> Node:
        """The same application, as if it had been recorded elsewhere."""
        return Node(self.op, self.args, self.params, self.type, self.value, origin)

    @property
    def shape(self) -> Shape:
        return self.type.shape

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    def __repr__(self) -> str:
        kind = self.type if isinstance(self.type, TensorType) else "(...)"
        return f"<{self.op}: {kind}>"


def parameter(type_: TensorType, name: str = "") -> Node:
    """An input of a graph."""
    return Node("parameter", (), {"name": name}, type_)


@dataclass(eq=False)
class Graph:
    """A function from parameters to results."""

    parameters: list[Node]
    results: list[Node]
    name: str = "main"

    def nodes(self) -> list[Node]:
        """Every node the results need and every parameter, operands first."""
        return topological([*self.parameters, *self.results])

    def __repr__(self) -> str:
        return f"<Graph {self.name}: {len(self.parameters)} -> {len(self.results)}>"


def topological(roots: Iterable[Node], known: Iterable[Node] = ()) -> list[Node]:
    """Every node reachable from the roots, operands before users; without recursion. The `known`
    are left out, and what is reachable through them alone."""
    order: list[Node] = []
    done: set[Node] = set(known)
    for root in roots:
        stack: list[tuple[Node, Iterator[Node]]] = []
        if root not in done:
            done.add(root)
            stack.append((root, iter(root.args)))
        while stack:
            node, rest = stack[-1]
            for arg in rest:
                if arg not in done:
                    done.add(arg)
                    stack.append((arg, iter(arg.args)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def users(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node, the nodes that take it as an operand."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        found.setdefault(node, [])
        for arg in node.args:
            found.setdefault(arg, []).append(node)
    return found


def substitute(
    roots: Sequence[Node],
    replace: Mapping[Node, Node],
    rewrite: Callable[[Node], Node] | None = None,
) -> list[Node]:
    """The roots with nodes replaced; `rewrite` may also change each rebuilt node."""
    new: dict[Node, Node] = dict(replace)
    for node in topological(roots, replace):
        rebuilt = _rebuilt(node, [new[a] for a in node.args], new)
        new[node] = rewrite(rebuilt) if rewrite else rebuilt
    return [new[r] for r in roots]


def _rebuilt(node: Node, args: Sequence[Node], new: Mapping[Node, Node]) -> Node:
    rebuilt = node.with_args(args)
    if rebuilt is node or node.op != "custom_gradient":
        return rebuilt
    return node.with_args(args, {**node.params, "rule": _Moved(node.params["rule"], new)})


@dataclass(frozen=True, eq=False)
class _Moved:
    """The rule of a custom gradient in a rebuilt graph. A rule is a Python function, and refers to
    nodes of the graph in which it was written; what it returns is rebuilt as that graph was."""

    rule: Callable[[Node], Sequence[Node | None]]
    new: Mapping[Node, Node]

    def __call__(self, g: Node) -> tuple[Node | None, ...]:
        found = self.rule(g)
        moved = iter(substitute([n for n in found if n is not None], {**self.new, g: g}))
        return tuple(None if n is None else next(moved) for n in found)


def is_constant(node: Node, value: float | None = None) -> bool:
    """True for a constant, or one all of whose elements are `value`."""
    if node.op == "broadcast_in_dim" and value is not None:
        return is_constant(node.args[0], value)
    if node.op != "constant":
        return False
    if value is None:
        return True
    array = node.params["value"]
    return bool(array.size) and bool(np.all(array == value))
