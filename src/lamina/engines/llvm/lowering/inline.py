"""Inlining: the value of a node at a position, as an expression. Views become index arithmetic.

`at_point(node, position)` walks from a value towards memory. A view maps the position to its
operand's (access-map composition, one row a view); a map becomes an operation on its operands'
expressions; `leaf` ends the walk at memory, or at an accumulator of the nest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.engines.llvm.loops.index import (
    Div,
    Index,
    Indirect,
    Mod,
    Position,
    at,
    bounds,
    linear,
    reshaped,
)
from lamina.engines.llvm.loops.nest import Expr, ExprBuilder
from lamina.ir.graph import Node
from lamina.ir.types import Dim, int64, is_static

Leaf = Callable[[Node, Position], Expr | None]
Test = tuple[Index, Dim, Dim]


class Inliner:
    """Builds the expressions of one nest, with memoization."""

    def __init__(self, exprs: ExprBuilder, leaf: Leaf) -> None:
        self.exprs, self.leaf = exprs, leaf
        self._known: dict[tuple[Node, Position], Expr] = {}

    def at_point(self, node: Node, position: Sequence[Index]) -> Expr:
        key = (node, tuple(position))
        if key not in self._known:
            expr = self.leaf(node, key[1])
            self._known[key] = self._computed(node, key[1]) if expr is None else expr
        return self._known[key]

    def _computed(self, node: Node, position: Position) -> Expr:
        view = VIEWS.get(node.op)
        if view is not None:
            return view(self, node, position)
        args = tuple(self.at_point(a, position) for a in node.args)
        params = {k: v for k, v in node.params.items() if k != "dtype"}
        params["operand"] = args[1 if node.op == "select" else 0].dtype
        return self.exprs.op(node.op, args, node.dtype, params)

    def guarded(self, tests: Sequence[Test], inside: Expr, other: Expr) -> Expr:
        """Return `inside` guarded by the tests; tests that always hold are dropped."""
        open_ = tuple(t for t in tests if not _always(*t))
        return self.exprs.guard(open_, inside, other) if open_ else inside

    def indirect(self, node: Node, position: Position, most: Dim) -> Index:
        """Return an integer element as an index, clamped to [0, most]."""
        return Index({Indirect(self.at_point(node, position), most): 1})


def _always(index: Index, low: Dim, high: Dim) -> bool:
    least, most = bounds(index)
    if least is None or not is_static(low) or least < low:
        return False
    if most is not None and is_static(high):
        return most < high
    only = list(index.terms.items())
    return (
        len(only) == 1
        and index.offset == 0
        and only[0][1] == 1
        and getattr(only[0][0], "extent", None) == high
    )


# ---- one row a view --------------------------------------------------------------------------
def _identity(p: Inliner, node: Node, position: Position) -> Expr:
    return p.at_point(node.args[0], position)


def _constant(p: Inliner, node: Node, position: Position) -> Expr:
    value = node.params["value"]
    number = value.reshape(-1)[0].item() if node.dtype.name != "bfloat16" else int(value.flat[0])
    return p.exprs.constant(number, node.dtype)


def _reshape(p: Inliner, node: Node, position: Position) -> Expr:
    (x,) = node.args
    return p.at_point(x, reshaped(position, node.shape, x.shape))


def _transpose(p: Inliner, node: Node, position: Position) -> Expr:
    inner = [at(0)] * node.ndim
    for axis, source in enumerate(node.params["permutation"]):
        inner[source] = position[axis]
    return p.at_point(node.args[0], inner)


def _broadcast(p: Inliner, node: Node, position: Position) -> Expr:
    (x,) = node.args
    axes = zip(x.shape, node.params["broadcast_dimensions"], strict=True)
    return p.at_point(x, [at(0) if extent == 1 else position[axis] for extent, axis in axes])


def _slice(p: Inliner, node: Node, position: Position) -> Expr:
    rows = zip(position, node.params["start_indices"], node.params["strides"], strict=True)
    return p.at_point(node.args[0], [i * step + start for i, start, step in rows])


def _reverse(p: Inliner, node: Node, position: Position) -> Expr:
    axes = node.params["dimensions"]
    flipped = [
        -i + (extent - 1) if axis in axes else i
        for axis, (i, extent) in enumerate(zip(position, node.shape, strict=True))
    ]
    return p.at_point(node.args[0], flipped)


def _pad(p: Inliner, node: Node, position: Position) -> Expr:
    x, value = node.args
    tests: list[Test] = []
    inner = []
    rows = zip(
        position,
        x.shape,
        node.params["edge_padding_low"],
        node.params["interior_padding"],
        strict=True,
    )
    for index, extent, low, gap in rows:
        index = index - low
        if gap:
            tests.append((index, 0, extent * (gap + 1)))
            tests.append((Index({Mod(index, gap + 1): 1}), 0, 1))
            index = Index({Div(index, gap + 1): 1})
        tests.append((index, 0, extent))
        inner.append(index)
    return p.guarded(tests, p.at_point(x, inner), p.at_point(value, ()))


def _concatenate(p: Inliner, node: Node, position: Position) -> Expr:
    axis = node.params["dimension"]
    result = p.exprs.constant(0, node.dtype)
    starts: list[Dim] = [0]
    for x in node.args[:-1]:
        starts.append(starts[-1] + x.shape[axis])
    for x, start in reversed(list(zip(node.args, starts, strict=True))):
        inner = [*position[:axis], position[axis] - start, *position[axis + 1 :]]
        tests = [(inner[axis], 0, x.shape[axis])]
        result = p.guarded(tests, p.at_point(x, inner), result)
    return result


def _iota(p: Inliner, node: Node, position: Position) -> Expr:
    return _number(p, position[node.params["iota_dimension"]], node)


def _size_of(p: Inliner, node: Node, position: Position) -> Expr:
    return _number(p, at(node.params["extent"]), node)


def _number(p: Inliner, index: Index, node: Node) -> Expr:
    if not index.terms and is_static(index.offset):
        return p.exprs.constant(int(index.offset), node.dtype)
    wide = p.exprs.index(index, int64)
    if node.dtype == int64:
        return wide
    return p.exprs.op("convert", (wide,), node.dtype, {"operand": int64})


def _gather(p: Inliner, node: Node, position: Position) -> Expr:
    x, indices = node.args
    q = node.params
    offset_dims = tuple(q["offset_dims"])
    batch = [i for d, i in enumerate(position) if d not in offset_dims]
    gone = {*q["collapsed_slice_dims"], *q["operand_batching_dims"]}
    kept = [d for d in range(x.ndim) if d not in gone]
    inner = [at(0)] * x.ndim
    for d, out in zip(kept, offset_dims, strict=True):
        inner[d] = position[out]
    pairs = zip(q["operand_batching_dims"], q["start_indices_batching_dims"], strict=True)
    for d, axis in pairs:
        inner[d] = batch[axis]
    for k, d in enumerate(q["start_index_map"]):
        most = x.shape[d] - q["slice_sizes"][d]
        inner[d] = inner[d] + p.indirect(indices, (*batch, at(k)), most)
    return p.at_point(x, inner)


def _starts(p: Inliner, node: Node, starts: Sequence[Node], sizes: Sequence[Dim]) -> list[Index]:
    shape = node.args[0].shape
    rows = zip(starts, shape, sizes, strict=True)
    return [p.indirect(start, (), extent - size) for start, extent, size in rows]


def _dynamic_slice(p: Inliner, node: Node, position: Position) -> Expr:
    starts = _starts(p, node, node.args[1:], node.params["slice_sizes"])
    return p.at_point(node.args[0], [i + s for i, s in zip(position, starts, strict=True)])


def _dynamic_update_slice(p: Inliner, node: Node, position: Position) -> Expr:
    x, update, *start_nodes = node.args
    starts = _starts(p, node, start_nodes, update.shape)
    inner = [i - s for i, s in zip(position, starts, strict=True)]
    tests = [(i, 0, extent) for i, extent in zip(inner, update.shape, strict=True)]
    return p.guarded(tests, p.at_point(update, inner), p.at_point(x, position))


def _random_bits(p: Inliner, node: Node, position: Position) -> Expr:
    (key,) = node.args
    words = (p.at_point(key, (at(0),)), p.at_point(key, (at(1),)))
    counter = p.exprs.index(linear(position, node.shape), int64)
    operand = {"operand": words[0].dtype}
    return p.exprs.op("random_bits", (*words, counter), node.dtype, operand)


VIEWS: dict[str, Callable[[Inliner, Node, Position], Expr]] = {
    "identity": _identity,
    "optimization_barrier": _identity,
    "stop_gradient": _identity,
    "custom_gradient": _identity,
    "constant": _constant,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "reverse": _reverse,
    "pad": _pad,
    "concatenate": _concatenate,
    "iota": _iota,
    "size_of": _size_of,
    "gather": _gather,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "rng_bit_generator": _random_bits,
}
