"""The gradient of a loop: the loop once more, keeping what is needed, then a loop backwards.

    scan body:     consts, carries, elements            -> carries', stacked
    extended body: the same                             -> carries', stacked, residuals
    backward body: consts, d carries', d consts so far, residuals, d stacked
                                                        -> d carries, d consts, d elements

Residuals are the values of the forward body that its gradient reads: those that cost something, and
depend on a carry or an element. The others (broadcasts, reshapes, what follows from consts alone)
are computed again, and so is what one light operation makes of other residuals. Both are ordinary
scans, so a gradient of a gradient is one too. The extended loop has the very nodes of the original
as its body's first results, so that `merge_scans` can make one loop of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.autodiff.dependence import Gradients, dependents
from lamina.ir import ops
from lamina.ir.closing import closed_over, free_nodes
from lamina.ir.graph import Graph, Node, parameter, substitute
from lamina.ir.kinds import ELEMENTWISE, KINDS, Kind, of_kind
from lamina.ir.types import Dim

FREE = of_kind(Kind.SOURCE, Kind.VIEW) - {"parameter"} | {"identity", "stop_gradient"}
# Computed again from residuals rather than kept: elementwise, of a few instructions.
LIGHT = {name for name in ELEMENTWISE if KINDS[name].cost <= KINDS["maximum"].cost}


@dataclass
class _Loop:
    """A scan, its operands and body parameters by role."""

    body: Graph
    args: Sequence[Node]
    num_consts: int
    num_carry: int
    length: Dim
    reverse: bool
    consts: list[Node] = field(init=False)
    carries: list[Node] = field(init=False)
    elements: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        parameters, first = self.body.parameters, self.num_consts + self.num_carry
        self.consts = parameters[: self.num_consts]
        self.carries = parameters[self.num_consts : first]
        self.elements = parameters[first:]

    def operand(self, inside: Node) -> Node:
        """Return the loop's operand for a parameter of its body."""
        return self.args[self.body.parameters.index(inside)]


def scan_rule(
    g: Sequence[Node | None],
    out: Node,
    *args: Node,
    body: Graph,
    num_consts: int,
    num_carry: int,
    length: Dim,
    reverse: bool = False,
    needed: Sequence[bool],
    gradients: Gradients,
) -> tuple[Node | None, ...]:
    """The cotangents of those operands that are needed (others get None); `gradients` is the
    reverse sweep, for the body."""
    loop = _Loop(body, args, num_consts, num_carry, length, reverse)
    active = _active(loop, needed)
    wanted = {kind: [p for p in nodes if p in active] for kind, nodes in _roles(loop)}
    # Inside, for one step: from the cotangents of its results to those of its parameters.
    results, given = _cotangent_parameters(loop, active, g)
    inputs = [p for kind in ("consts", "carries", "elements") for p in wanted[kind]]
    grads = dict(zip(inputs, gradients(results, list(given), inputs)))
    residuals = _residuals(loop, list(grads.values()))
    kept = _kept(loop, residuals)
    backward, outer = _backward(loop, wanted, grads, given, kept)
    found = _run_backward(
        loop, wanted, g, backward, [*outer, *map(loop.operand, loop.consts)], kept
    )
    return tuple(found.get(p) for p in body.parameters)


def _roles(loop: _Loop) -> list[tuple[str, list[Node]]]:
    return [("consts", loop.consts), ("carries", loop.carries), ("elements", loop.elements)]


def _active(loop: _Loop, needed: Sequence[bool]) -> set[Node]:
    """Parameters of the body that depend on a needed operand, by way of the carries if need be."""
    parameters = [p for p, need in zip(loop.body.parameters, needed) if need]
    active = {p for p in parameters if p.dtype.is_float}
    while True:
        reached = set(dependents(loop.body.results, list(active)))
        pairs = zip(loop.carries, loop.body.results)
        more = {c for c, r in pairs if r in reached and c.dtype.is_float} - active
        if not more:
            return active
        active |= more


def _cotangent_parameters(
    loop: _Loop, active: set[Node], g: Sequence[Node | None]
) -> tuple[list[Node], dict[Node, int]]:
    """The results of the body that cotangents come to, and a parameter for each, with its place."""
    results, given = [], {}
    for k, result in enumerate(loop.body.results):
        comes = loop.carries[k] in active if k < loop.num_carry else g[k] is not None
        if comes and result.dtype.is_float:
            results.append(result)
            given[parameter(result.type, f"d{k}")] = k
    return results, given


# ---- residuals ---------------------------------------------------------------------------------
def _residuals(loop: _Loop, grads: Sequence[Node]) -> list[Node]:
    """The nodes of the forward body where its gradient is cut off from it."""
    order = loop.body.nodes()
    varying = {*loop.carries, *loop.elements}
    for node in order:
        if any(a in varying for a in node.args):
            varying.add(node)
    found: set[Node] = set()
    stack, seen = list(grads), set[Node]()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in varying and not _computed_again(node):
            found.add(node)
        else:
            stack.extend(node.args)
    for node in [n for n in order if n in found and n.op in LIGHT]:
        if all(_at_hand(a, found, varying) for a in node.args):
            found.remove(node)
    return [n for n in order if n in found]


def _at_hand(node: Node, found: set[Node], varying: set[Node]) -> bool:
    """Whether a value follows from residuals and constants for nothing."""
    if node in found or node not in varying:
        return True
    free = _computed_again(node) and bool(node.args)
    return free and all(_at_hand(a, found, varying) for a in node.args)


def _computed_again(node: Node) -> bool:
    return node.op in FREE or isinstance(node.type, tuple)


@dataclass
class _Kept:
    """Residuals and, for each, the sequence of its values over the steps."""

    nodes: list[Node]
    sequences: list[Node]


def _kept(loop: _Loop, residuals: list[Node]) -> _Kept:
    """The loop once more with the residuals stacked; elements are a sequence already."""
    stacked = [n for n in residuals if n not in loop.elements]
    sequences = {n: loop.operand(n) for n in residuals if n in loop.elements}
    if stacked:
        results = [*loop.body.results, *stacked]
        name = f"{loop.body.name.removesuffix('_extended')}_extended"
        extended = Graph(loop.body.parameters, results, name)
        node = ops.scan(
            *loop.args,
            body=extended,
            num_consts=loop.num_consts,
            num_carry=loop.num_carry,
            length=loop.length,
            reverse=loop.reverse,
        )
        sequences |= zip(stacked, ops.elements(node)[len(loop.body.results) :])
    return _Kept(residuals, [sequences[n] for n in residuals])


# ---- the loop backwards ------------------------------------------------------------------------
def _copies(nodes: Sequence[Node], prefix: str) -> list[Node]:
    return [parameter(n.type, f"{prefix}{k}") for k, n in enumerate(nodes)]


def _backward(
    loop: _Loop,
    wanted: dict[str, list[Node]],
    grads: dict[Node, Node],
    given: dict[Node, int],
    kept: _Kept,
) -> tuple[Graph, list[Node]]:
    """The body of the loop backwards, and the nodes around the loop that are further constants of
    it: those that rules of custom gradients refer to."""
    consts, residuals = _copies(loop.consts, "const"), _copies(kept.nodes, "residual")
    sums = _copies(wanted["consts"], "sum")
    to_carries = [p for p, k in given.items() if k < loop.num_carry]
    to_stacked = [p for p, k in given.items() if k >= loop.num_carry]
    roots = [grads[p] for kind in ("carries", "consts", "elements") for p in wanted[kind]]
    replaced = {**dict(zip(loop.consts, consts)), **dict(zip(kept.nodes, residuals))}
    new = substitute(roots, {**replaced, **{p: p for p in given}})
    first = len(wanted["carries"])
    after = first + len(sums)
    added = [ops.add(s, d) for s, d in zip(sums, new[first:after])]
    parameters = [*consts, *to_carries, *sums, *residuals, *to_stacked]
    returned = [*new[:first], *added, *new[after:]]
    outer = free_nodes(parameters, returned)
    return closed_over(outer, parameters, returned, f"{loop.body.name}_backward"), outer


def _run_backward(
    loop: _Loop,
    wanted: dict[str, list[Node]],
    g: Sequence[Node | None],
    body: Graph,
    consts: list[Node],
    kept: _Kept,
) -> dict[Node, Node]:
    """The cotangent of each wanted parameter's operand."""
    places = [loop.carries.index(c) for c in wanted["carries"]]
    starts = [g[k] or ops.fill(0.0, loop.carries[k]) for k in places]
    sums = [ops.fill(0.0, c) for c in wanted["consts"]]
    stacked = [
        each
        for each, r in zip(g[loop.num_carry :], loop.body.results[loop.num_carry :])
        if each is not None and r.dtype.is_float
    ]
    node = ops.scan(
        *[*consts, *starts, *sums, *kept.sequences, *stacked],
        body=body,
        num_consts=len(consts),
        num_carry=len(starts) + len(sums),
        length=loop.length,
        reverse=not loop.reverse,
    )
    order = [p for kind in ("carries", "consts", "elements") for p in wanted[kind]]
    return dict(zip(order, ops.elements(node)))
