"""The table of all rows, and a graph as a function of JAX arrays.

    row: (node, operands, params) -> JAX array, or a tuple of them     params with integer extents

`run` walks a graph once, while `jax.jit` records it. Loops and branches run their graphs within
`lax.scan`, `lax.while_loop` and `lax.cond`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jax import lax

from lamina.engines.xla import elementwise, indexing, reductions, shapes, windows
from lamina.engines.xla.elementwise import Params
from lamina.ir.graph import Graph, Node
from lamina.reference import interpreter

Sizes = Mapping[str, int]
Row = Callable[[Node, list[Any], Params], Any]

ROWS: dict[str, Row] = {
    **elementwise.ROWS,
    **shapes.ROWS,
    **indexing.ROWS,
    **reductions.ROWS,
    **windows.ROWS,
}


def run(
    graph: Graph, arrays: Sequence[Any], sizes: Sizes, counts: Mapping[str, Any] | None = None
) -> list[Any]:
    """The results of a graph for JAX arrays, one per parameter. `counts` are numbers of iterations
    that come with the call, by the symbols of their scans."""
    known: dict[Node, Any] = dict(zip(graph.parameters, arrays, strict=True))
    for node in graph.nodes():
        if node not in known:
            known[node] = _apply(node, [known[a] for a in node.args], sizes, counts or {})
    return [known[r] for r in graph.results]


def _apply(node: Node, xs: list[Any], sizes: Sizes, counts: Mapping[str, Any]) -> Any:
    params = interpreter.params_of(node, sizes)
    if node.op == "scan" and str(node.params["length"]) in counts:
        return _counted(xs, params, sizes, counts[str(node.params["length"])])
    if node.op in REGIONS:
        return REGIONS[node.op](xs, params, sizes)
    return ROWS[node.op](node, xs, params)


# ---- loops and branches ------------------------------------------------------------------------
def _scan(xs: list[Any], p: Params, sizes: Sizes) -> Any:
    count, first = p["num_carry"], p["num_consts"] + p["num_carry"]
    consts, start = xs[: p["num_consts"]], xs[p["num_consts"] : first]

    def body(carry: Any, elements: Any) -> Any:
        out = run(p["body"], [*consts, *carry, *elements], sizes)
        return out[:count], out[count:]

    last, stacked = lax.scan(body, start, xs[first:], p["length"], p["reverse"])
    return (*last, *stacked)


def _counted(xs: list[Any], p: Params, sizes: Sizes, count: Any) -> Any:
    """A scan without stacked results over the first `count` elements of its sequences."""
    first = p["num_consts"] + p["num_carry"]
    consts, start, sequences = xs[: p["num_consts"]], xs[p["num_consts"] : first], xs[first:]

    def body(i: Any, carry: Any) -> Any:
        at = count - 1 - i if p["reverse"] else i
        elements = [lax.dynamic_index_in_dim(s, at, keepdims=False) for s in sequences]
        return tuple(run(p["body"], [*consts, *carry, *elements], sizes))

    return lax.fori_loop(np.int32(0), count, body, tuple(start))


def _while(xs: list[Any], p: Params, sizes: Sizes) -> Any:
    consts, start = xs[: p["num_consts"]], xs[p["num_consts"] :]
    return lax.while_loop(
        lambda carry: run(p["cond"], [*consts, *carry], sizes)[0],
        lambda carry: run(p["body"], [*consts, *carry], sizes),
        start,
    )


def _if(xs: list[Any], p: Params, sizes: Sizes) -> Any:
    pred, *operands = xs

    def branch(graph: Graph) -> Callable[..., Any]:
        return lambda *given: tuple(run(graph, given, sizes))

    return lax.cond(pred, branch(p["true_branch"]), branch(p["false_branch"]), *operands)


REGIONS: dict[str, Callable[[list[Any], Params, Sizes], Any]] = {
    "scan": _scan,
    "while": _while,
    "if": _if,
}
