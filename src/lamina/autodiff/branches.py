"""The gradient of a choice: the gradients of its branches, of which again only one is computed.

    if(p, x; true -> y, false -> y)    ->    if(p, x, dy; true -> dx, false -> dx)

What a branch computed on the way is computed once more on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.autodiff.dependence import Gradients
from lamina.ir import ops
from lamina.ir.closing import closed_over, free_nodes
from lamina.ir.graph import Graph, Node, parameter


def if_rule(
    g: Sequence[Node | None],
    out: Node,
    pred: Node,
    *operands: Node,
    true_branch: Graph,
    false_branch: Graph,
    needed: Sequence[bool],
    gradients: Gradients,
) -> tuple[Node | None, ...]:
    """The cotangents of those operands that are needed (others, and pred, get None); `gradients` is
    the reverse sweep, for the branches."""
    wanted = [k for k, x in enumerate(operands) if needed[1 + k] and x.dtype.is_float]
    given = [k for k, part in enumerate(g) if part is not None]
    branches = [
        _backward(branch, wanted, given, gradients) for branch in (true_branch, false_branch)
    ]
    outer = dict.fromkeys(n for b in branches for n in free_nodes(b.parameters, b.results))
    closed = [closed_over(list(outer), b.parameters, b.results, b.name) for b in branches]
    node = ops.if_(
        pred,
        *outer,
        *operands,
        *(g[k] for k in given),  # type: ignore[arg-type]
        true_branch=closed[0],
        false_branch=closed[1],
    )
    found = dict(zip(wanted, ops.elements(node)))
    return (None, *(found.get(k) for k in range(len(operands))))


def _backward(branch: Graph, wanted: list[int], given: list[int], gradients: Gradients) -> Graph:
    """From the operands and the cotangents of results to the cotangents of operands; not closed,
    since the rules of custom gradients may refer to anything around."""
    results = [branch.results[k] for k in given]
    cotangents = [parameter(r.type, f"d{k}") for k, r in zip(given, results)]
    found = gradients(results, cotangents, [branch.parameters[k] for k in wanted])
    return Graph([*branch.parameters, *cotangents], found, f"{branch.name}_backward")
