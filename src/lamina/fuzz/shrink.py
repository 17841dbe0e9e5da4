"""Delta debugging: the smallest program, made from one that fails, that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from lamina.errors import LaminaError
from lamina.fuzz.generate import Case
from lamina.ir import ops
from lamina.ir.extents import symbols
from lamina.ir.graph import Graph, Node, parameter, substitute
from lamina.ir.primitives import constant_of
from lamina.ir.types import TensorType
from lamina.reference import interpreter

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, tries: int = 400) -> Case:
    """Replace the case by a smaller one that fails, until none does or the tries are used up."""
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller in _smaller(case):
            tries -= 1
            if tries < 0:
                break
            if fails(smaller):
                case, progress = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    yield from _fewer_sizes(case)
    yield from _fewer_results(case)
    yield from _earlier_results(case)
    yield from _fewer_nodes(case)
    yield from _smaller_loops(case)


def _fewer_sizes(case: Case) -> Iterator[Case]:
    for arrays in case.more:
        yield replace(case, arrays=arrays, more=[])
    if case.more:
        yield replace(case, more=[])


def _fewer_results(case: Case) -> Iterator[Case]:
    count = len(case.graph.results)
    if count > 1:
        for k in range(count):
            yield _with_results(case, [k])
        for k in range(count):
            yield _with_results(case, [j for j in range(count) if j != k])
    for p in case.updates:
        yield replace(case, updates={q: r for q, r in case.updates.items() if q != p})


def _earlier_results(case: Case) -> Iterator[Case]:
    """A result replaced by one of its operands."""
    for k, result in enumerate(case.graph.results):
        for arg in result.args:
            if arg.args and isinstance(arg.type, TensorType) and k not in case.updates.values():
                results = [*case.graph.results[:k], arg, *case.graph.results[k + 1 :]]
                graph = Graph(case.graph.parameters, results, case.graph.name)
                yield _pruned(replace(case, graph=graph))


def _with_results(case: Case, kept: list[int]) -> Case:
    results = [case.graph.results[k] for k in kept]
    updates = {p: kept.index(r) for p, r in case.updates.items() if r in kept}
    graph = Graph(case.graph.parameters, results, case.graph.name)
    return _pruned(replace(case, graph=graph, updates=updates))


def _pruned(case: Case) -> Case:
    """Without the parameters that nothing reads."""
    used = {a for n in case.graph.nodes() for a in n.args} | set(case.graph.results)
    kept = [k for k, p in enumerate(case.graph.parameters) if p in used or k in case.updates]
    if not kept:
        return case
    kept = sorted({*kept, *_binding(case.graph.parameters, kept)})
    return replace(
        case,
        graph=Graph([case.graph.parameters[k] for k in kept], case.graph.results, case.graph.name),
        arrays=[case.arrays[k] for k in kept],
        more=[[arrays[k] for k in kept] for arrays in case.more],
        updates={kept.index(p): r for p, r in case.updates.items()},
    )


def _binding(parameters: list[Node], kept: list[int]) -> list[int]:
    """Further parameters, from whose shapes the sizes of symbols follow that no kept one has."""
    known = {str(d) for k in kept for d in parameters[k].shape}
    found = []
    for k, p in enumerate(parameters):
        alone = {str(d) for d in p.shape if str(d) in symbols(p.shape)}
        if alone - known:
            found.append(k)
            known |= alone
    return found


def _fewer_nodes(case: Case) -> Iterator[Case]:
    """A node replaced by an operand of its type, an input holding its value, or by zeros."""
    for node in reversed(case.graph.nodes()):
        if not isinstance(node.type, TensorType) or node.op in ("parameter", "constant"):
            continue
        for arg in node.args:
            if arg.type == node.type:
                yield _replaced(case, node, arg)
        if node.args:
            yield from _with_input(case, node)
        yield _replaced(case, node, ops.broadcast(constant_of(0, node.dtype), node.shape, ()))


def _replaced(case: Case, node: Node, other: Node) -> Case:
    results = substitute(case.graph.results, {node: other})
    return _pruned(replace(case, graph=Graph(case.graph.parameters, results, case.graph.name)))


def _with_input(case: Case, node: Node) -> Iterator[Case]:
    new = parameter(node.type, f"y{len(case.graph.parameters)}")
    try:
        values = [_value(case, node, arrays) for arrays in (case.arrays, *case.more)]
    except LaminaError:
        return
    parameters = [*case.graph.parameters, new]
    results = substitute(case.graph.results, {node: new})
    wider = replace(
        case,
        graph=Graph(parameters, results, case.graph.name),
        arrays=[*case.arrays, values[0]],
        more=[[*a, v] for a, v in zip(case.more, values[1:], strict=True)],
    )
    yield _pruned(wider)


def _value(case: Case, node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    graph = Graph(case.graph.parameters, [node], "value")
    (value,) = interpreter.run(graph, arrays)
    return np.ascontiguousarray(value).reshape(np.shape(value))


# ---- loops -------------------------------------------------------------------------------------
def _smaller_loops(case: Case) -> Iterator[Case]:
    """A node of a loop's body replaced by an operand of its type, or by zeros."""
    for loop in case.graph.nodes():
        body = loop.params.get("body")
        if not isinstance(body, Graph):
            continue
        for node in reversed(body.nodes()):
            if node.op == "parameter" or not isinstance(node.type, TensorType):
                continue
            zeros = ops.broadcast(constant_of(0, node.dtype), node.shape, ())
            for other in [a for a in node.args if a.type == node.type] + [zeros]:
                if node.op in ("constant", "broadcast_in_dim") and other is zeros:
                    continue
                results = substitute(body.results, {node: other})
                params = {**loop.params, "body": Graph(body.parameters, results, body.name)}
                yield _replaced(case, loop, Node(loop.op, loop.args, params, loop.type))
