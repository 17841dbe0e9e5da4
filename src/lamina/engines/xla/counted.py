"""Loops whose number of iterations comes with the call, so that one program serves all of them.

XLA compiles for fixed shapes. `fit` does more or fewer steps at a time, and each number would be a
separate program. If a symbol stands for nothing but the number of iterations of a scan, the
sequences are padded to a capacity, and the number is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.ir.graph import Graph, Node, users
from lamina.ir.types import Extent, symbols

LEAST, FACTOR = 64, 16  # capacities: 64, 1024, 16384, ...


@dataclass(frozen=True)
class Counted:
    """A symbol that counts iterations, and the positions of the parameters it is the length of."""

    symbol: str
    parameters: tuple[int, ...]


def counted(graph: Graph) -> Counted | None:
    """The first symbol of the graph that only counts iterations; None if there is none."""
    nodes = graph.nodes()
    read = users(nodes)
    for node in nodes:
        length = node.params.get("length") if node.op == "scan" else None
        if isinstance(length, Extent) and len(symbols((length,))) == 1:
            (symbol,) = symbols((length,))
            if Extent.symbol(symbol) == length and _only_counts(graph, nodes, read, symbol):
                places = [k for k, p in enumerate(graph.parameters) if symbol in _of(p)]
                return Counted(symbol, tuple(places))
    return None


def _of(node: Node) -> set[str]:
    types = node.type if isinstance(node.type, tuple) else (node.type,)
    return {s for t in types for s in symbols(t.shape)}


def _only_counts(
    graph: Graph, nodes: Sequence[Node], read: dict[Node, list[Node]], symbol: str
) -> bool:
    """True if only parameters have the symbol, as their first extent, and only scans of that length
    without stacked results read them, as sequences."""
    loops = [n for n in nodes if n.op == "scan" and n.params["length"] == Extent.symbol(symbol)]
    for node in nodes:
        if node in loops:
            stacked = len(node.params["body"].results) > node.params["num_carry"]
            if stacked or _mentions(node.params["body"], symbol):
                return False
        elif node.op == "parameter":
            if symbol in _of(node) and not _is_sequence(node, read[node], loops, symbol):
                return False
        elif symbol in _of(node) or _in_params(node, symbol):
            return False
    return not any(symbol in _of(r) for r in graph.results)


def _is_sequence(node: Node, readers: Sequence[Node], loops: Sequence[Node], symbol: str) -> bool:
    if node.shape[0] != Extent.symbol(symbol) or symbol in symbols(node.shape[1:]):
        return False
    for reader in readers:
        if reader not in loops:
            return False
        first = reader.params["num_consts"] + reader.params["num_carry"]
        if node in reader.args[:first]:
            return False
    return True


def _mentions(graph: Graph, symbol: str) -> bool:
    return any(symbol in _of(n) or _in_params(n, symbol) for n in graph.nodes())


def _in_params(node: Node, symbol: str) -> bool:
    for value in node.params.values():
        if isinstance(value, Graph):
            if _mentions(value, symbol):
                return True
            continue
        listed = value if isinstance(value, (tuple, list)) else (value,)
        if any(isinstance(v, Extent) and symbol in symbols((v,)) for v in listed):
            return True
    return False


def capacity(count: int) -> int:
    """For how many iterations there is room in a program for `count` of them."""
    room = LEAST
    while room < count:
        room *= FACTOR
    return room


def padded(array: np.ndarray, room: int) -> np.ndarray:
    """The array with its first axis filled up with zeros, which no iteration reads."""
    whole = np.zeros((room, *array.shape[1:]), array.dtype)
    whole[: len(array)] = array
    return whole
