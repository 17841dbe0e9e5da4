"""Deferred accumulation: a sum of products that a scan only adds to becomes one product after it.

    scan(s, ...; body(s, ..., x) -> s + dot_general(u, v), ...)
        -> scan(...; body(..., x) -> ..., u, v)  then  s + dot_general(all steps' u, all steps' v)

Likewise a sum of values that the loop stacks anyway. The gradient of a recurrent weight so becomes
one long product instead of one per iteration, each of which would pass over the whole accumulator.

Legality: only the addition reads the carry. Profitability: u and v are sequences that the loop has,
or are smaller than the accumulator. Changes bits: the order of additions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, users
from lamina.ir.typical import guess_size

LEAST = 1024  # elements of a sum: a smaller one stays in the nearest cache


def defer_accumulation(graph: Graph) -> Graph:
    """The graph with the sums of its loops taken out of them."""
    new: dict[Node, Node] = {}
    values: dict[Node, list[Node]] = {}  # in the place of a loop: what it results in
    for node in graph.nodes():
        args = [new[a] for a in node.args if a not in values]
        if node.op == "scan":
            again = _rebuilt(node, args, defer_accumulation(node.params["body"]))
            sums = _sums(again)
            new[node] = again
            if sums:
                values[node] = _Sinking(again, sums).values()
        elif node.op == "get_tuple_element" and node.args[0] in values:
            new[node] = values[node.args[0]][node.params["index"]]
        else:
            new[node] = _rebuilt(node, args)
    return Graph(graph.parameters, [new[r] for r in graph.results], graph.name)


def _rebuilt(node: Node, args: Sequence[Node], body: Graph | None = None) -> Node:
    same_body = body is None or body.results == node.params["body"].results
    params = node.params if same_body else {**node.params, "body": body}
    return node.with_args(args, params, same_value=True)


@dataclass
class _Sum:
    """Carry number `place` of a loop: what each iteration adds to it, and the values to stack so
    that it can be added afterwards."""

    place: int
    added: Node
    kept: Sequence[Node]


def _sums(loop: Node) -> list[_Sum]:
    p, body = loop.params, loop.params["body"]
    consts, carries = p["num_consts"], p["num_carry"]
    read = users(body.nodes())
    given = {*body.parameters[consts + carries :], *body.results[carries:]}
    found: list[_Sum] = []
    open_ = [(k, a) for k in range(carries) if (a := _added(body, consts, k, read)) is not None]
    for place, added in sorted(open_, key=lambda each: each[1].op != "dot_general"):
        kept = _kept(added, given)
        if kept:
            found.append(_Sum(place, added, kept))
            given.update(kept)
    return found


def _added(body: Graph, consts: int, place: int, read: dict[Node, list[Node]]) -> Node | None:
    """Return what an iteration adds to a carry that nothing else reads."""
    carry, result = body.parameters[consts + place], body.results[place]
    if result.op != "add" or carry not in result.args or read[carry] != [result]:
        return None
    if read.get(result) or body.results.count(result) > 1 or carry in body.results:
        return None
    (added,) = [a for a in result.args if a is not carry]
    return added


def _kept(added: Node, given: set[Node]) -> Sequence[Node]:
    """Return the values to stack in each iteration; empty if the accumulation stays in the loop."""
    size = guess_size(added.shape)
    if size < LEAST:
        return ()
    if added in given:
        return (added,)
    if added.op != "dot_general" or added.params["lhs_batching_dimensions"]:
        return ()
    fits = all(x in given or guess_size(x.shape) <= size for x in added.args)
    return added.args if fits else ()


class _Sinking:
    """One loop without its sums."""

    def __init__(self, loop: Node, sums: list[_Sum]) -> None:
        self.loop, self.sums, p = loop, sums, loop.params
        self.body: Graph = p["body"]
        self.consts, self.carries = p["num_consts"], p["num_carry"]
        self.gone = {s.place for s in sums}
        self.results = [r for k, r in enumerate(self.body.results) if k not in self.gone]

    def values(self) -> list[Node]:
        """Return the loop's results: the sums, and the results of a loop without them."""
        first = self.consts + self.carries
        kept = [k for k in range(len(self.body.parameters)) if k - self.consts not in self.gone]
        factors = [x for s in self.sums for x in s.kept]
        elements = dict(zip(self.body.parameters[first:], self.loop.args[first:], strict=True))
        for x in dict.fromkeys(factors):
            if x not in elements and x not in self._stacked():
                self.results.append(x)
        p = self.loop.params
        inner = ops.scan(
            *[self.loop.args[k] for k in kept],
            body=Graph([self.body.parameters[k] for k in kept], self.results, self.body.name),
            num_consts=self.consts,
            num_carry=self.carries - len(self.gone),
            length=p["length"],
            reverse=p["reverse"],
        )
        outputs = ops.elements(inner)
        stacked = outputs[self.carries - len(self.gone) :]
        sequences = {**elements, **dict(zip(self._stacked(), stacked, strict=True))}
        rest = iter(outputs)
        totals = {s.place: self._total(s, sequences) for s in self.sums}
        count = len(self.body.results)
        return [totals[k] if k in totals else next(rest) for k in range(count)]

    def _stacked(self) -> list[Node]:
        """The results that have a value for every step."""
        return self.results[self.carries - len(self.gone) :]

    def _total(self, total: _Sum, sequences: dict[Node, Node]) -> Node:
        before = self.loop.args[self.consts + total.place]
        if total.kept == (total.added,):
            return ops.add(before, ops.sum_over(sequences[total.added], [0]))
        p = total.added.params
        names = [f"{side}_contracting_dimensions" for side in ("lhs", "rhs")]
        sides = {name: (0, *(d + 1 for d in p[name])) for name in names}
        x, y = (sequences[a] for a in total.added.args)
        return ops.add(before, ops.dot_general(x, y, **{**p, **sides}))
