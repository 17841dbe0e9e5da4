"""Legalization: layouts and loop structures that suit caches and vectors.

    optimization barrier                                    -> a stored value
    product whose right operand is strided along its rows   -> of a transposed copy of the operand
    product with a loop-invariant matrix                    -> of a copy packed into panels
    reduction of several axes with few results              -> in two stages
    gradient of pooling without overlap                     -> maps over the windows' extremes
    convolution                                             -> convolutions.py

An `identity` in the result requests materialization: fusion planning must store that value.

Legality: always. Profitability: a copy must be read often enough (`Costs.few_rows`, `many_rows`,
`short_sum`), and the schedule must not copy blocks itself (`packed_transposed`); two stages if the
results are too few for several threads (`Costs.narrow_result`).
Changes bits: the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from lamina.engines.llvm.graph.convolutions import convolution, is_weights_gradient
from lamina.engines.llvm.graph.materialize import Materialized, materialize
from lamina.engines.llvm.graph.sequences import row_axis
from lamina.engines.llvm.target.target import Target
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, is_constant, substitute
from lamina.ir.loop_primitives import WITH_REGIONS
from lamina.ir.types import Dim, DType, Shape, TensorType, int32, is_static
from lamina.ir.typical import guess_size


def legalize(graph: Graph, target: Target, fixed: Iterable[Node] = ()) -> Graph:
    """Legalize a graph and its loop bodies. `fixed` are the parameters that a surrounding loop
    never changes."""
    materialized = Materialized(target, fixed, any(map(is_weights_gradient, graph.nodes())))
    results = substitute(graph.results, {}, lambda node: _legalized(node, materialized))
    return Graph(graph.parameters, results, graph.name)


def _legalized(node: Node, materialized: Materialized) -> Node:
    if node.op in WITH_REGIONS:
        count = node.params.get("num_consts", 0)
        bodies = {
            k: legalize(v, materialized.target, v.parameters[:count]) if isinstance(v, Graph) else v
            for k, v in node.params.items()
        }
        return node.with_args(node.args, bodies)
    rule = RULES.get(node.op)
    return rule(node, materialized) if rule else node


# dot(x, y), the last axis of y not free -> dot(x, materialize(y transposed))
def _product(node: Node, materialized: Materialized) -> Node:
    node = _without_zeros(node)
    x, y = node.args
    p, costs = node.params, materialized.target.costs
    batch, over = tuple(p["rhs_batching_dimensions"]), tuple(p["rhs_contracting_dimensions"])
    free = [d for d in range(y.ndim) if d not in batch and d not in over]
    if y in materialized.fixed and _wants_panels(node, materialized.target):
        return _packed_panels(node, materialized)
    if not free or y.ndim - 1 in free or guess_size(y.shape[d] for d in free) == 1:
        return node
    used = (*p["lhs_batching_dimensions"], *p["lhs_contracting_dimensions"])
    rows = guess_size(n for d, n in enumerate(x.shape) if d not in used)
    terms = guess_size(y.shape[d] for d in over)
    wide = terms >= costs.short_sum and rows < costs.many_rows and y not in materialized.fixed
    if rows < costs.few_rows or wide or _is_packed(node, materialized):
        return node
    order = (*batch, *over, *free)
    transposed = materialize(ops.transpose(y, permutation=order), materialized)
    at = {d: k for k, d in enumerate(order)}
    moved = {
        **p,
        "rhs_batching_dimensions": tuple(at[d] for d in batch),
        "rhs_contracting_dimensions": tuple(at[d] for d in over),
    }
    return ops.dot_general(x, transposed, **moved)


def _is_packed(node: Node, materialized: Materialized) -> bool:
    """True if the schedule of a product will copy the right operand, which is contiguous along the
    reduction (schedule/packing.py), so that it needs no transposed copy of all of it."""
    (x, y), p, costs = node.args, node.params, materialized.target.costs
    over = tuple(p["rhs_contracting_dimensions"])
    if over != (y.ndim - 1,) or y in materialized.fixed or not node.dtype.is_float:
        return False
    batch = {*p["rhs_batching_dimensions"]}
    used = (*p["lhs_batching_dimensions"], *p["lhs_contracting_dimensions"])
    rows = [n for d, n in enumerate(x.shape) if d not in used]
    columns = [n for d, n in enumerate(y.shape[:-1]) if d not in batch]
    terms = y.shape[-1]
    if not is_static(columns) or not is_static(terms) or int(terms) < costs.packed_terms:
        return False
    if not is_static(rows) and int(terms) < costs.short_sum:
        return False  # of few rows, the transposed copy is better than no copy
    count, width = guess_size(rows), guess_size(columns)
    enough = width >= costs.packed_rows and count >= costs.packed_rows
    return enough and count * width * int(terms) >= costs.packed_transposed


# sum over t of dot(h[t], y[t]), h[0] = 0  ->  sum over all t but the first
def _without_zeros(node: Node) -> Node:
    """Return the product without the first iteration of a stack whose loop starts from zeros."""
    p = node.params
    pairs = list(zip(p["lhs_contracting_dimensions"], p["rhs_contracting_dimensions"], strict=True))
    for side, x in enumerate(node.args):
        pair = next((pair for pair in pairs if pair[side] == 0), None)
        if pair is not None and _begins_with_zeros(x):
            reverse = x.args[0].params["reverse"]
            args = [_without_iteration(a, d, reverse) for a, d in zip(node.args, pair, strict=True)]
            return ops.dot_general(*args, **p)
    return node


def _begins_with_zeros(x: Node) -> bool:
    """True if x stacks the carry at the start of each iteration of a loop that starts from
    zeros."""
    if x.op != "get_tuple_element" or x.args[0].op != "scan" or not is_static(x.shape[0]):
        return False
    loop, p = x.args[0], x.args[0].params
    body, consts = p["body"], p["num_consts"]
    stacked = body.results[x.params["index"]]
    carries = body.parameters[consts : consts + p["num_carry"]]
    if x.params["index"] < p["num_carry"] or stacked not in carries or x.shape[0] < 2:
        return False
    return is_constant(loop.args[consts + carries.index(stacked)], 0)


def _without_iteration(x: Node, axis: int, last: bool) -> Node:
    """Return x without its first iteration along an axis, or without its last."""
    starts = [0 if d != axis or last else 1 for d in range(x.ndim)]
    limits = [n - 1 if d == axis and last else n for d, n in enumerate(x.shape)]
    return ops.slice(x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)


def _wants_panels(node: Node, target: Target) -> bool:
    """True if a right operand's rows are so far from each other that a cache cannot keep a
    panel."""
    y, p, size = node.args[1], node.params, node.dtype.itemsize
    if y.ndim != 2 or p["rhs_contracting_dimensions"] != (0,) or not is_static(y.shape):
        return False
    rows, columns = map(int, y.shape)
    step, costs = columns * size, target.costs
    return (
        columns % costs.panel == 0
        and step % costs.set_period == 0
        and step > costs.set_period
        and rows * costs.panel * size <= costs.resident_l1
    )


# dot(x, y) -> dot(x, materialize(panels of y))
def _packed_panels(node: Node, materialized: Materialized) -> Node:
    x, y = node.args
    (rows, columns), panel = map(int, y.shape), materialized.target.costs.panel
    split = ops.reshaped(y, (rows, columns // panel, panel))
    panels = materialize(ops.transpose(split, permutation=(1, 0, 2)), materialized)
    found = ops.dot_general(x, panels, **{**node.params, "rhs_contracting_dimensions": (1,)})
    return ops.reshaped(found, node.shape)


# sum(x over a, b, c) -> sum(sum(x over b, c) over a): threads share the first stage
def _reduction(node: Node, materialized: Materialized) -> Node:
    (x,) = node.args
    axes = sorted(node.params["dimensions"])
    kept, narrow = guess_size(node.shape), materialized.target.costs.narrow_result
    if len(axes) < 2 or kept >= narrow or guess_size(x.shape) < 4 * narrow:
        return node
    first = row_axis(x) if row_axis(x) in axes else axes[0]
    rest = [d for d in axes if d != first]
    kind = node.params["kind"]
    inner = ops.reduce(x, kind=kind, dimensions=tuple(rest))
    return ops.reduce(inner, kind=kind, dimensions=(sum(d not in rest for d in range(first)),))


# windows of x, padded -> windows of padded x
def _windows(node: Node, materialized: Materialized) -> Node:
    (x,) = node.args
    p = node.params
    if not any(low or high for low, high in p["padding"]):
        return node
    neutral = _neutral(p["kind"].removeprefix("arg"), x.dtype)
    low, high = zip(*p["padding"], strict=True)
    edges = {"edge_padding_low": low, "edge_padding_high": high}
    padded = ops.pad(
        x, ops.fill(neutral, shape=(), dtype=x.dtype), **edges, interior_padding=(0,) * x.ndim
    )
    return ops.reduce_window(padded, **{**p, "padding": ((0, 0),) * x.ndim})


def _neutral(kind: str, dtype: DType) -> float | int:
    if kind == "sum":
        return 0
    if dtype.is_float:
        return float("-inf") if kind == "max" else float("inf")
    limits = np.iinfo(dtype.storage)
    return int(limits.min if kind == "max" else limits.max)


# gradient of pooling without overlap -> the index of each window's extreme, then a map
def _select_and_scatter(node: Node, materialized: Materialized) -> Node:
    x, source = node.args
    p = node.params
    window = tuple(p["window_dimensions"])
    adjacent = window == tuple(p["window_strides"]) and not any(map(any, p["padding"]))
    rest = [n - w * m for n, w, m in zip(x.shape, window, source.shape, strict=True)]
    if not adjacent:
        return node
    found = {**p, "kind": "arg" + p["kind"], "window_dilations": (1,) * x.ndim}
    type_ = TensorType(source.shape, int32)
    place = Node("reduce_window", (x,), found, type_)
    wide = [d for d, w in enumerate(window) if w > 1]
    shape, kept = _split_axis(source.shape, window)
    number = ops.fill(0, shape=shape, dtype=int32)
    for d in wide:
        iteration = ops.iota(shape=shape, dtype=int32, iota_dimension=kept[d] + 1)
        number = ops.add(ops.multiply(number, ops.fill(window[d], number)), iteration)
    here = ops.compare(ops.broadcast(place, shape, kept), number, direction="EQ")
    chosen = ops.select(
        here, ops.broadcast(source, shape, kept), ops.fill(0, shape=shape, dtype=x.dtype)
    )
    whole = ops.reshaped(chosen, tuple(w * m for w, m in zip(window, source.shape, strict=True)))
    if all(r == 0 for r in rest):
        return whole
    zero = ops.fill(0, shape=(), dtype=x.dtype)
    none = (0,) * x.ndim
    return ops.pad(
        whole, zero, edge_padding_low=none, edge_padding_high=rest, interior_padding=none
    )


def _split_axis(shape: Shape, window: Sequence[int]) -> tuple[Shape, tuple[int, ...]]:
    """Return the shape with a window axis after each axis that has one, and where the axes went."""
    split: list[Dim] = []
    kept = []
    for extent, w in zip(shape, window, strict=True):
        kept.append(len(split))
        split += [extent] if w == 1 else [extent, w]
    return tuple(split), tuple(kept)


# optimization_barrier(x, ...) -> identity(x, ...), computed after all operands; -> x in memory
def _barrier(node: Node, materialized: Materialized) -> Node:
    x, *after = node.args
    if x.op in ("parameter", "constant", "get_tuple_element"):
        return x
    return Node("identity", node.args, {}, x.type) if after else materialize(x, materialized)


RULES: dict[str, Callable[[Node, Materialized], Node]] = {
    "dot_general": _product,
    "optimization_barrier": _barrier,
    "reduce": _reduction,
    "convolution": convolution,
    "reduce_window": _windows,
    "select_and_scatter": _select_and_scatter,
}
