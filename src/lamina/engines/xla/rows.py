"""Programs that compute each row separately, so that one compilation serves several row counts.

XLA compiles for fixed shapes. If no row of a symbol's axis depends on another one, as in a
prediction, the arguments are padded with rows of zeros, and their results are dropped. A program
that combines rows (a loss, a metric, batch statistics, a gradient) is compiled for each count:
masks that would make padding exact there cost time in every step.

    separate(graph, held) -> Rows      the symbol, or None
    room(count, known) -> int          the number of rows to pad to
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from lamina.ir import kinds
from lamina.ir.graph import Graph, Node
from lamina.ir.kinds import Kind
from lamina.ir.types import Extent, Shape, TensorType, symbols
from lamina.ir.verify import regions

MOST = 8  # times as many rows as there are: more of them cost more than a compilation saves

Axis = int | None  # of the rows in a value; None if it has none


@dataclass(frozen=True)
class Rows:
    """A symbol whose rows are computed separately: its axis in each parameter and each result."""

    symbol: str
    parameters: Mapping[int, int]
    results: Mapping[int, int]


def separate(graph: Graph, held: Collection[int]) -> Rows | None:
    """The first symbol of an argument whose rows the graph computes separately; None without one.
    `held` are the positions of parameters that stay as they are."""
    given = [p for k, p in enumerate(graph.parameters) if k not in held]
    leading = [p.shape[0] for p in given if p.shape and isinstance(p.shape[0], Extent)]
    for extent in dict.fromkeys(leading):
        names = symbols((extent,))
        symbol = next(iter(names))
        if len(names) > 1 or extent != Extent.symbol(symbol) or not _is_separate(graph, symbol):
            continue
        places = _axes(graph.parameters, symbol)
        if not places.keys() & set(held):
            return Rows(symbol, places, _axes(graph.results, symbol))
    return None


def room(count: int, known: Iterable[int]) -> int:
    """The number of rows of the program that `count` rows run in, given those that exist: the
    smallest that is not much too large, else a power of two. The first count is taken as it is."""
    sizes = set(known)
    fitting = [n for n in sizes if count <= n <= MOST * count]
    if fitting or not sizes or not count:
        return min(fitting, default=count)
    return 1 << (count - 1).bit_length()


def padded(array: np.ndarray, axis: int, count: int) -> np.ndarray:
    """The array with rows of zeros at the end of an axis."""
    shape = list(array.shape)
    shape[axis] = count
    whole = np.zeros(shape, array.dtype)
    whole[_first(array.shape[axis], axis)] = array
    return whole


def cut(array: np.ndarray, axis: int, count: int) -> np.ndarray:
    """The first rows of an array, in separate memory."""
    return array[_first(count, axis)].copy()


def _first(count: int, axis: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(count))


def _axes(nodes: Sequence[Node], symbol: str) -> dict[int, int]:
    places = ((k, _axis(node.shape, symbol)) for k, node in enumerate(nodes))
    return {k: axis for k, axis in places if axis is not None}


# ---- analysis ----------------------------------------------------------------------------------
class _Mixed(Exception):
    """Rows are combined, or their number is read."""


def _is_separate(graph: Graph, symbol: str) -> bool:
    try:
        _check(graph, symbol)
    except _Mixed:
        return False
    return True


def _check(graph: Graph, symbol: str) -> None:
    for node in graph.nodes():
        for type_ in node.type if isinstance(node.type, tuple) else (node.type,):
            _axis(type_.shape, symbol)
        if node.op in CONTROL:
            if symbol in _symbols_of(node.params.get("length")):
                raise _Mixed
            for body in regions(node).values():
                _check(body, symbol)
        elif node.op == "sort":
            if _axis(node.args[0].shape, symbol) == node.params["dimension"]:
                raise _Mixed
        else:
            _check_node(node, symbol)


def _check_node(node: Node, symbol: str) -> None:
    axis = _axis(node.shape, symbol)
    tensors = [a for a in node.args if isinstance(a.type, TensorType)]
    axes = [_axis(a.shape, symbol) for a in tensors]
    if node.op == "size_of" and symbol in _symbols_of(node.params["extent"]):
        raise _Mixed
    if node.op == "rng_bit_generator" and axis:
        raise _Mixed  # counters of later axes depend on the number of rows
    if all(a is None for a in axes):
        return
    row = ROWS.get(node.op)
    if axis is None or (row is not None and not row(node, axes, axis)):
        raise _Mixed
    if row is None and node.op not in ALWAYS:
        raise _Mixed


def _axis(shape: Shape, symbol: str) -> Axis:
    """The one axis whose extent is the symbol. Raises _Mixed for several, or other expressions."""
    places = [k for k, extent in enumerate(shape) if symbol in _symbols_of(extent)]
    if not places:
        return None
    if len(places) > 1 or shape[places[0]] != Extent.symbol(symbol):
        raise _Mixed
    return places[0]


def _symbols_of(extent: Any) -> Collection[str]:
    return symbols((extent,)) if isinstance(extent, Extent) else ()


# ---- rules: (node, axes of its operands, axis of the result) -> whether rows stay separate ------
Rule = Callable[[Node, Sequence[Axis], int], bool]


def _reshape(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    (before,) = axes
    old: Any = prod(node.args[0].shape[:before])
    return bool(old == prod(node.shape[:axis]))


def _dot_general(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    p = node.params
    contracted = (p["lhs_contracting_dimensions"], p["rhs_contracting_dimensions"])
    return all(a is None or a not in c for a, c in zip(axes, contracted, strict=True))


def _convolution(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    return (
        tuple(axes) == (node.params["lhs_spec"][0], None) and node.params["batch_group_count"] == 1
    )


def _reduce_window(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    p = node.params
    return p["window_dimensions"][axis] == p["window_strides"][axis] == 1 and tuple(
        p["padding"][axis]
    ) == (0, 0)


def _gather(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    p, (rows, numbers) = node.params, axes
    if rows is None:
        return True
    if rows in p["operand_batching_dims"]:
        place = tuple(p["operand_batching_dims"]).index(rows)
        return bool(p["start_indices_batching_dims"][place] == numbers)
    return rows not in p["start_index_map"] and rows not in p["collapsed_slice_dims"]


def _pad(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    keys = ("edge_padding_low", "edge_padding_high", "interior_padding")
    return all(node.params[key][axis] == 0 for key in keys)


def _slice(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    p = node.params
    return bool(p["start_indices"][axis] == 0 and p["strides"][axis] == 1)


def _dynamic_update_slice(node: Node, axes: Sequence[Axis], axis: int) -> bool:
    return axes[0] == axes[1]


ALWAYS = kinds.ELEMENTWISE | kinds.MARKERS | {
    *("transpose", "broadcast_in_dim", "get_tuple_element", "dynamic_slice", "reduce"),
}  # fmt: skip
CONTROL = kinds.of_kind(Kind.CONTROL)
ROWS: dict[str, Rule] = {
    "reshape": _reshape,
    "dot_general": _dot_general,
    "convolution": _convolution,
    "reduce_window": _reduce_window,
    "gather": _gather,
    "pad": _pad,
    "slice": _slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "concatenate": lambda node, axes, axis: node.params["dimension"] != axis,
    "reverse": lambda node, axes, axis: axis not in node.params["dimensions"],
}
