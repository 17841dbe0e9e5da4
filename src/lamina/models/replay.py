"""Graph nodes made on symbolic inputs, computed again on the tensors that come.

Between the layers of a functional model there may be plain operations (`x + 1`, `lm.concat`). They
are nodes whose shapes hold symbols ("batch"); here each is applied again, with the symbols replaced
by what the inputs' shapes say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamina.errors import ShapeError
from lamina.ir.graph import Graph, Node, parameter, topological
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import FLOORS, Dim, Extent, TensorType, plain
from lamina.tensor import Tensor, as_node, bind, from_node


class Replay:
    """Tensors for nodes: those in `known`, and whatever is computed from them on demand."""

    def __init__(self, known: Mapping[Node, Tensor]) -> None:
        self.known = dict(known)
        self.sizes = sizes_of((n.type, t.shape) for n, t in known.items())

    def tensor(self, node: Node) -> Tensor:
        """The value of a node, whose symbolic inputs must be known."""
        for each in self._missing(node):
            operands = [self.known[a] for a in each.args]
            self.known[each] = self._applied(each, operands)
        return self.known[node]

    def _missing(self, node: Node) -> list[Node]:
        if node in self.known:
            return []
        found, stack = {node}, [node]
        while stack:
            for arg in stack.pop().args:
                if arg not in self.known and arg not in found:
                    found.add(arg)
                    stack.append(arg)
        return [n for n in topological([node]) if n in found]

    def _applied(self, node: Node, operands: list[Any]) -> Any:
        if node.op == "get_tuple_element":
            return operands[0][node.params["index"]]
        if node.value is not None and not operands and node.op == "constant":
            return Tensor(node.type, node.value)
        params = {k: instantiated(v, self.sizes) for k, v in node.params.items()}
        if node.op == "custom_gradient":
            params["rule"] = _Replayed(node, self)
        return bind(node.op, *operands, **params)


class _Replayed:
    """The rule of a custom gradient, which refers to nodes of the functional model, applied to the
    tensors that were computed for them."""

    def __init__(self, node: Node, replay: Replay) -> None:
        self.node, self.replay = node, replay

    def __call__(self, g: Node) -> tuple[Node | None, ...]:
        symbolic = parameter(self.node.type, "g")
        found = self.node.params["rule"](symbolic)
        inner = Replay({})
        inner.known = {**self.replay.known, symbolic: from_node(g)}
        inner.sizes = self.replay.sizes
        return tuple(None if n is None else as_node(inner.tensor(n)) for n in found)


def sizes_of(pairs: Iterable[tuple[TensorType, tuple[Dim, ...]]]) -> dict[str, Dim]:
    """Return the value of each symbol in the types, given shapes. A symbol with two different
    values is left out; a caller that needs it raises the error."""
    found: dict[str, set[Dim]] = {}
    for type_, shape in pairs:
        for extent, size in zip(type_.shape, shape, strict=True):
            name = _symbol(extent)
            if name is not None:
                found.setdefault(name, set()).add(plain(size))
    return {name: sizes.pop() for name, sizes in found.items() if len(sizes) == 1}


def _symbol(extent: Dim) -> str | None:
    """The name of an extent that is one symbol and nothing else."""
    if isinstance(extent, Extent) and list(extent.terms.values()) == [1]:
        (monomial,) = extent.terms
        return monomial[0] if len(monomial) == 1 else None
    return None


def instantiated(value: Any, sizes: Mapping[str, Dim]) -> Any:
    """A parameter of a primitive with the symbols in its extents replaced."""
    if isinstance(value, Extent):
        return _extent(value, sizes)
    if isinstance(value, (tuple, list)):
        return type(value)(instantiated(v, sizes) for v in value)
    return _graph(value, sizes) if isinstance(value, Graph) else value


def _extent(extent: Extent, sizes: Mapping[str, Dim]) -> Dim:
    total: Dim = 0
    for monomial, coefficient in extent.terms.items():
        product: Dim = coefficient
        for symbol in monomial:
            product = product * _size(symbol, sizes)
        total = total + product
    return total


def _size(symbol: str, sizes: Mapping[str, Dim]) -> Dim:
    if symbol in sizes:
        return sizes[symbol]
    if symbol in FLOORS:
        value, by = (instantiated(v, sizes) for v in FLOORS[symbol])
        return value // by
    raise ShapeError(
        f"the size of {symbol!r} differs between the inputs, and an operation between the layers "
        "depends on it",
        hint="put the operation into a custom layer, or give the axis of the Input a size",
    )


def _graph(graph: Graph, sizes: Mapping[str, Dim]) -> Graph:
    """The body of a loop, for these sizes."""
    new: dict[Node, Node] = {}
    for node in graph.nodes():
        if node.op == "parameter":
            shape = instantiated(node.type.shape, sizes)
            new[node] = parameter(TensorType(shape, node.type.dtype), node.params["name"])
        else:
            params = {k: instantiated(v, sizes) for k, v in node.params.items()}
            new[node] = PRIMITIVES[node.op](*(new[a] for a in node.args), **params)
    return Graph([new[p] for p in graph.parameters], [new[r] for r in graph.results], graph.name)
