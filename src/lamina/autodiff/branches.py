"""The gradient of a choice: the gradients of its branches, of which again only one is computed.

    if(p, x; true -> y, false -> y)    ->    if(p, x, dy; true -> dx, false -> dx)

What a branch computed on the way is computed once more on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter


def if_rule(
    g: Sequence[Node | None],
    out: Node,
    pred: Node,
    *operands: Node,
    true_branch: Graph,
    false_branch: Graph,
    needed: Sequence[bool],
) -> tuple[Node | None, ...]:
    """The cotangents of those operands that are needed (others, and pred, get None)."""
    wanted = [k for k, x in enumerate(operands) if needed[1 + k] and x.dtype.is_float]
    given = [k for k, part in enumerate(g) if part is not None]
    node = ops.if_(
        pred,
        *operands,
        *(g[k] for k in given),  # type: ignore[arg-type]
        true_branch=_backward(true_branch, wanted, given),
        false_branch=_backward(false_branch, wanted, given),
    )
    found = dict(zip(wanted, ops.elements(node)))
    return (None, *(found.get(k) for k in range(len(operands))))


def _backward(branch: Graph, wanted: list[int], given: list[int]) -> Graph:
    """From the operands and the cotangents of results to the cotangents of operands."""
    from lamina.autodiff.reverse import gradients  # which itself calls this row

    results = [branch.results[k] for k in given]
    cotangents = [parameter(r.type, f"d{k}") for k, r in zip(given, results)]
    found = gradients(results, cotangents, [branch.parameters[k] for k in wanted])
    return Graph([*branch.parameters, *cotangents], found, f"{branch.name}_backward")
