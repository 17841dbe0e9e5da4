"""Dead results and carries of loops and branches are removed; single-trip loops are inlined.

scan(a, b, unused; body -> a', b', x, y, y), of which y alone is read, and needs a alone
    -> scan(a; body -> a', y)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, substitute, topological
from lamina.ir.primitives import PRIMITIVES


def inline_single_trip(graph: Graph) -> Graph:
    """Inline loops of a single iteration.

    scan(a, xs[1, n]; body -> a', y), length 1    ->    a', y[None]  of  a, xs[0]
    """
    single = [n for n in graph.nodes() if n.op == "scan" and n.params["length"] == 1]
    if not single:
        return graph
    new: dict[Node, Node] = {}
    opened: dict[Node, list[Node]] = {}
    for node in graph.nodes():
        args = [new.get(a, a) for a in node.args]
        if node.op == "get_tuple_element" and node.args[0] in opened:
            new[node] = opened[node.args[0]][node.params["index"]]
        elif node.op == "scan" and node.params["length"] == 1:
            opened[node] = _one_turn(node, args)
        else:
            new[node] = node.with_args(args, same_value=True)
    return Graph(graph.parameters, [new[r] for r in graph.results], graph.name)


def _one_turn(node: Node, args: Sequence[Node]) -> list[Node]:
    p, body = node.params, inline_single_trip(node.params["body"])
    first = p["num_consts"] + p["num_carry"]
    elements = [ops.reshaped(x, x.shape[1:]) for x in args[first:]]
    given = dict(zip(body.parameters, [*args[:first], *elements], strict=True))
    results = substitute(body.results, given)
    stacked = [ops.reshaped(y, (1, *y.shape)) for y in results[p["num_carry"] :]]
    return [*results[: p["num_carry"]], *stacked]


def prune_dead_results(graph: Graph) -> Graph:
    """The graph with each loop and branch reduced to what is read of it."""
    read: dict[Node, set[int]] = {}
    nodes = graph.nodes()
    for node in nodes:
        if node.op == "get_tuple_element" and node.args[0].op in KEEP:
            read.setdefault(node.args[0], set()).add(_place(node))
    if not read:
        return graph
    new: dict[Node, Node] = {}
    places: dict[Node, list[int]] = {}
    for node in nodes:
        args = [new[a] for a in node.args]
        if node in read:
            places[node] = _needed(node, read[node])
            new[node] = KEEP[node.op](node, args, places[node])
        elif node.op == "get_tuple_element" and node.args[0] in places:
            index = places[node.args[0]].index(_place(node))
            new[node] = ops.get_tuple_element(*args, index=index)
        else:
            new[node] = node.with_args(args, same_value=True)
    return Graph(graph.parameters, [new[r] for r in graph.results], graph.name)


def _place(element: Node) -> int:
    """Which result of a loop an element is; of results that are one value, the first."""
    (loop,), index = element.args, element.params["index"]
    if loop.op != "scan" or index < loop.params["num_carry"]:
        return index
    results, first = loop.params["body"].results, loop.params["num_carry"]
    return first + results[first:].index(results[index])


def _needed(node: Node, read: set[int]) -> list[int]:
    """The results that are read, and the carries that they, or the loop condition, depend on."""
    if node.op == "if":
        return sorted(read)
    p, body = node.params, node.params["body"]
    count = p["num_carry"] if node.op == "scan" else len(body.results)
    first = p["num_consts"]
    carries = body.parameters[first : first + count]
    needed = set(read)
    if node.op == "while":
        used = set(topological(p["cond"].results))
        needed |= {k for k in range(count) if p["cond"].parameters[first + k] in used}
    while True:
        used = set(topological([body.results[k] for k in needed]))
        more = {k for k, carry in enumerate(carries) if carry in used} - needed
        if not more:
            return sorted(needed)
        needed |= more


def _scan(node: Node, args: Sequence[Node], kept: list[int]) -> Node:
    p, body = node.params, node.params["body"]
    consts, carry = p["num_consts"], p["num_consts"] + p["num_carry"]
    results = [body.results[k] for k in kept]
    used = set(topological(results))
    stays = [
        k - consts in kept if consts <= k < carry else parameter in used
        for k, parameter in enumerate(body.parameters)
    ]
    if all(stays) and len(kept) == len(body.results):
        return node.with_args(args, same_value=True)
    inner = Graph([x for x, s in zip(body.parameters, stays) if s], results, body.name)
    return _again(
        node,
        [x for x, s in zip(args, stays) if s],
        body=inner,
        num_consts=sum(stays[:consts]),
        num_carry=sum(stays[consts:carry]),
        length=p["length"],
        reverse=p["reverse"],
    )


def _while(node: Node, args: Sequence[Node], kept: list[int]) -> Node:
    p, body, cond = node.params, node.params["body"], node.params["cond"]
    consts = p["num_consts"]
    results = [body.results[k] for k in kept]
    used = set(topological(results)) | set(topological(cond.results))
    stays = [
        k - consts in kept if k >= consts else bool({x, y} & used)
        for k, (x, y) in enumerate(zip(body.parameters, cond.parameters, strict=True))
    ]
    if all(stays):
        return node.with_args(args, same_value=True)
    return _again(
        node,
        [x for x, s in zip(args, stays) if s],
        cond=Graph([x for x, s in zip(cond.parameters, stays) if s], cond.results, cond.name),
        body=Graph([x for x, s in zip(body.parameters, stays) if s], results, body.name),
        num_consts=sum(stays[:consts]),
    )


def _if(node: Node, args: Sequence[Node], kept: list[int]) -> Node:
    names = ("true_branch", "false_branch")
    branches = [node.params[name] for name in names]
    results = [[b.results[k] for k in kept] for b in branches]
    used = set(topological([r for each in results for r in each]))
    pairs = zip(*(b.parameters for b in branches), strict=True)
    stays = [x in used or y in used for x, y in pairs]
    if all(stays) and len(kept) == len(branches[0].results):
        return node.with_args(args, same_value=True)
    smaller = [
        Graph([x for x, s in zip(b.parameters, stays) if s], r, b.name)
        for b, r in zip(branches, results, strict=True)
    ]
    operands = [x for x, s in zip(args[1:], stays) if s]
    return _again(node, [args[0], *operands], **dict(zip(names, smaller, strict=True)))


def _again(node: Node, args: Sequence[Node], **params: Any) -> Node:
    made: Node = PRIMITIVES[node.op](*args, **params)
    return made.with_origin(node.origin)


KEEP = {"scan": _scan, "while": _while, "if": _if}
