"""A graph in float64 with a bound on how far a rounded run may deviate: the fuzzer's tolerance.

Each node has a Shadow (bounds.py). Each primitive has a rule (bound_rules.py) that carries its
operands' errors over and adds what rounding its result adds; what has several results or graphs
inside is done here. Where a float may overflow its bound is infinite: nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lamina.fuzz.bound_rules import RULES, whole
from lamina.fuzz.bounds import ROUNDING, Array, Shadow, exact
from lamina.fuzz.signs import signed
from lamina.ir.graph import Graph, Node
from lamina.ir.types import DType
from lamina.reference import interpreter
from lamina.reference.meaning import MEANING

Sizes = Mapping[str, int]


class Refused(Exception):
    """Nothing, or too little, can be claimed about a value."""


def shadows(graph: Graph, arrays: Sequence[Array], lane: str) -> list[Shadow]:
    """The shadows of a graph's results for one array per parameter.

    Raises Refused where a lane of exact numbers would round.
    """
    sizes = interpreter.bind_sizes(graph.parameters, [a.shape for a in arrays])
    given = zip(graph.parameters, arrays, strict=True)
    found: dict[Node, Any] = {p: exact(a, p.dtype) for p, a in given}
    for node in graph.nodes():
        if node not in found:
            found[node] = claimed(node, step(node, [found[a] for a in node.args], sizes), lane)
    return [found[r] for r in graph.results]


MOST = float(np.finfo(np.float32).max)
SUMS = {"reduce", "dot_general", "scatter", "convolution", "reduce_window", "select_and_scatter"}


def claimed(node: Node, shadow: Any, lane: str) -> Any:
    """Return the tolerance of the lane: the bound, or zero (in sums, if no part of them rounds)."""
    if lane == "smooth":
        return shadow
    if isinstance(shadow, tuple):
        return tuple(claimed(node, part, lane) for part in shadow)
    most = {**dict.fromkeys(SUMS, 0.25), "scan": MOST, "while": MOST}.get(node.op)
    if lane == "exact" and most is not None and np.max(shadow.error, initial=0.0) > most:
        raise Refused  # rounded, or in a loop perhaps beyond the range
    value = shadow.value
    if lane == "special" and value.dtype.kind == "f":  # all are float32, rounded once
        with np.errstate(all="ignore"):
            value = value.astype(np.float32).astype(np.float64)
    return Shadow(value, np.zeros(value.shape), shadow.signed)


@np.errstate(all="ignore")
def step(node: Node, args: Sequence[Any], sizes: Sizes) -> Shadow | tuple[Shadow, ...]:
    """The shadow of a node from its operands'."""
    params = interpreter.params_of(node, sizes)
    if node.op == "scan":
        return _scan(args, params, sizes)
    if node.op == "while":
        return _while(args, params, sizes)
    if node.op == "if":
        return _if(args, params, sizes)
    if node.op == "get_tuple_element":
        return args[0][params["index"]]
    if node.op == "sort":
        return _sort(node, args, params)
    rule = RULES.get(node.op, whole)
    shadow = _settled(rule(node, list(args), params), node.dtype)
    return replace(shadow, signed=signed(node, args, shadow.value, params))


def _settled(shadow: Shadow, dtype: DType) -> Shadow:
    """Nothing is claimed of what may overflow, nor of NaN."""
    value, error = np.asarray(shadow.value), np.asarray(shadow.error, np.float64)
    if dtype.is_float:
        value = value.astype(np.float64, copy=False)
        fits = np.abs(value) + error < ROUNDING[dtype.name].most
        error = np.where(fits, error, np.inf)
    return Shadow(value, np.broadcast_to(error, value.shape))


def _sort(node: Node, xs: Sequence[Shadow], params: dict[str, Any]) -> tuple[Shadow, ...]:
    values = MEANING["sort"](*(x.value for x in xs), **params)
    axis, keys = params["dimension"], xs[: params["num_keys"]]
    if all(x.exact for x in keys):
        order = [x.value for x in keys]
        moved = [
            MEANING["sort"](*order, x.error, **params)[-1] if not x.exact else x.error for x in xs
        ]
        return tuple(map(Shadow, values, moved))
    unknown = np.max([np.max(x.error, axis, keepdims=True, initial=0.0) for x in keys], axis=0)
    one_float = len(keys) == 1 and node.type[0].dtype.is_float
    first = unknown if one_float else np.where(unknown > 0, np.inf, 0.0)
    rest = np.where(unknown > 0, np.inf, 0.0)
    errors = [first, *[rest] * (len(xs) - 1)]
    return tuple(
        Shadow(
            v,
            np.maximum(
                np.broadcast_to(e, v.shape), np.max(x.error, axis, keepdims=True, initial=0.0)
            ),
        )
        for v, e, x in zip(values, errors, xs, strict=True)
    )


# ---- loops and branches --------------------------------------------------------------------------
def _run(graph: Graph, given: Sequence[Shadow], sizes: Sizes) -> list[Any]:
    found: dict[Node, Any] = dict(zip(graph.parameters, given, strict=True))
    for node in graph.nodes():
        if node not in found:
            found[node] = step(node, [found[a] for a in node.args], sizes)
    return [found[r] for r in graph.results]


def _scan(args: Sequence[Shadow], p: dict[str, Any], sizes: Sizes) -> tuple[Shadow, ...]:
    first = p["num_consts"] + p["num_carry"]
    consts, carries, sequences = (
        args[: p["num_consts"]],
        args[p["num_consts"] : first],
        args[first:],
    )
    turns = range(p["length"])
    stacked: list[list[Shadow]] = [[] for _ in p["body"].results[p["num_carry"] :]]
    for i in reversed(turns) if p["reverse"] else turns:
        elements = [s[i] for s in sequences]
        out = _run(p["body"], [*consts, *carries, *elements], sizes)
        carries = out[: p["num_carry"]]
        for results, element in zip(stacked, out[p["num_carry"] :], strict=True):
            results.append(element)
    ends = [
        _stack(w[::-1] if p["reverse"] else w, r, sizes)
        for w, r in zip(stacked, p["body"].results[p["num_carry"] :], strict=True)
    ]
    return (*carries, *ends)


def _stack(elements: list[Shadow], result: Node, sizes: Sizes) -> Shadow:
    if elements:
        return Shadow(np.stack([e.value for e in elements]), np.stack([e.error for e in elements]))
    shape = (0, *interpreter.resolve({"shape": result.shape}, sizes)["shape"])
    dtype = np.float64 if result.dtype.is_float else result.dtype.storage
    return Shadow(np.zeros(shape, dtype), np.zeros(shape))


def _while(args: Sequence[Shadow], p: dict[str, Any], sizes: Sizes) -> tuple[Shadow, ...]:
    consts, carries = list(args[: p["num_consts"]]), list(args[p["num_consts"] :])
    for _ in range(1000):
        (holds,) = _run(p["cond"], [*consts, *carries], sizes)
        if not holds.exact:
            return tuple(Shadow(c.value, np.full(c.value.shape, np.inf)) for c in carries)
        if not holds.value:
            return tuple(carries)
        carries = _run(p["body"], [*consts, *carries], sizes)
    raise RecursionError("while: a thousand iterations have not ended it")


def _if(args: Sequence[Shadow], p: dict[str, Any], sizes: Sizes) -> tuple[Shadow, ...]:
    pred, *operands = args
    found = _run(p["true_branch" if pred.value else "false_branch"], operands, sizes)
    if pred.exact:
        return tuple(found)
    return tuple(Shadow(f.value, np.full(f.value.shape, np.inf)) for f in found)
