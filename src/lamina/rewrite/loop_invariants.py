"""Loop-invariant code motion: what each iteration of a scan computes alike is computed before it.

    scan(w, ...; body(w, ...) -> ... dot_general(h, copy(transpose(w))) ...)
        -> scan(w, copy(transpose(w)), ...; body(w, t, ...) -> ... dot_general(h, t) ...)

Legality: the node depends only on loop constants. Profitability: only what costs more than reading
it again: a light map of a constant operand stays in the loop, and so does a gather that reads
little. Bits do not change.
"""

from __future__ import annotations

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter, substitute, topological
from lamina.ir.kinds import KINDS, Kind, of_kind
from lamina.ir.types import TensorType

COSTLY = 14  # instructions for an element from which on reading it again is cheaper
HEAVY = {
    "identity",
    *of_kind(Kind.CONTRACTION, Kind.REDUCTION, Kind.WINDOW, Kind.OPAQUE),
    *(name for name, row in KINDS.items() if row.cost >= COSTLY),
}
FREE = of_kind(Kind.VIEW, Kind.ELEMENT)
PICKING = of_kind(Kind.INDIRECT_VIEW)  # these read a part of their first operand


def hoist_invariants(graph: Graph) -> Graph:
    """Return the graph with loop-invariant nodes moved in front of their loops."""
    results = substitute(graph.results, {}, lambda n: _hoisted(n) if n.op == "scan" else n)
    return Graph(graph.parameters, results, graph.name)


def _hoisted(loop: Node) -> Node:
    """The inner loops first: what they hoist may be hoisted further."""
    p, body = loop.params, hoist_invariants(loop.params["body"])
    consts = p["num_consts"]
    found = _invariant(body, set(body.parameters[:consts]))
    if not found and body.results == p["body"].results:
        return loop
    given = dict(zip(body.parameters[:consts], loop.args[:consts], strict=True))
    before = substitute(found, given)
    inside = [parameter(n.type, f"before{k}") for k, n in enumerate(found)]
    parameters = [*body.parameters[:consts], *inside, *body.parameters[consts:]]
    results = substitute(body.results, dict(zip(found, inside, strict=True)))
    made = ops.scan(
        *loop.args[:consts],
        *before,
        *loop.args[consts:],
        body=Graph(parameters, results, body.name),
        num_consts=consts + len(found),
        num_carry=p["num_carry"],
        length=p["length"],
        reverse=p["reverse"],
    )
    return made.with_origin(loop.origin)


def _invariant(body: Graph, consts: set[Node]) -> list[Node]:
    """Nodes that depend on consts alone, cost something, and are read by others that don't."""
    same: dict[Node, bool] = {}  # node -> whether something heavy is in it
    edge: dict[Node, None] = {}
    nodes = topological(body.results)
    for node in nodes:
        fixed = node.op != "parameter" and all(a in same or a in consts for a in node.args)
        if fixed and node.args:
            same[node] = node.op in HEAVY or any(same.get(a, False) for a in node.args)
        elif fixed:
            same[node] = False
        else:
            edge.update(dict.fromkeys(node.args[node.op in PICKING :]))
    edge.update(dict.fromkeys(body.results))
    found = dict.fromkeys(_below_views(e, same) for e in edge)
    return [n for n in found if n is not None and isinstance(n.type, TensorType)]


def _below_views(node: Node, same: dict[Node, bool]) -> Node | None:
    """Return the operand below a view: its materialization costs, the view itself is free."""
    while same.get(node, False) and node.op in FREE:
        node = node.args[0]
    return node if same.get(node, False) else None
