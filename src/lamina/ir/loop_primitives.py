"""Primitives that have graphs among their params: loops and branches.

The graphs are closed: they refer to no parameters but their own.
"""

from __future__ import annotations

from lamina.ir.closing import need_closed
from lamina.ir.graph import Graph
from lamina.ir.primitive import need, primitive
from lamina.ir.types import Dim, TensorType, bool_


@primitive
def scan(
    *types: TensorType,
    body: Graph,
    num_consts: int,
    num_carry: int,
    length: Dim,
    reverse: bool = False,
) -> tuple[TensorType, ...]:
    """A loop over the leading axis. Operands: consts, first carries, sequences; body takes consts,
    carries and one element of each sequence, and gives the next carries and one element of each
    stacked result. Results: last carries, then the stacked results."""
    need_closed("scan", body=body)
    carries = types[num_consts : num_consts + num_carry]
    outs = [r.type for r in body.results]
    need(
        tuple(outs[:num_carry]) == tuple(carries),
        "scan",
        "(C1) the body must give carries of the types it takes",
        *outs[:num_carry],
        *carries,
    )
    for t in types[num_consts + num_carry :]:
        ok = t.ndim >= 1 and t.shape[0] == length
        need(ok, "scan", f"(C2) sequences must have {length} elements", t)
    stacked = [TensorType((length, *t.shape), t.dtype) for t in outs[num_carry:]]
    return (*carries, *stacked)


@primitive
def while_(
    *types: TensorType, cond: Graph, body: Graph, num_consts: int = 0
) -> tuple[TensorType, ...]:
    """Repeats body on the carries while cond holds; both take consts, then carries."""
    need_closed("while", cond=cond, body=body)
    carries = types[num_consts:]
    outs = tuple(r.type for r in body.results)
    need(outs == carries, "while", "(C1) the body must give carries of the types it takes", *outs)
    (test,) = (r.type for r in cond.results)
    need(test == TensorType((), bool_), "while", "(C2) cond must give one bool scalar", test)
    return carries


@primitive
def if_(
    pred: TensorType, *types: TensorType, true_branch: Graph, false_branch: Graph
) -> tuple[TensorType, ...]:
    """The results of one branch, of true_branch where pred holds; the other does not run. Both take
    all operands behind pred."""
    need_closed("if", true_branch=true_branch, false_branch=false_branch)
    need(pred == TensorType((), bool_), "if", "(C1) pred must be one bool scalar", pred)
    results = []
    for name, branch in (("true_branch", true_branch), ("false_branch", false_branch)):
        taken = tuple(p.type for p in branch.parameters)
        need(taken == types, "if", f"(C2) {name} must take the operands' types", *taken, *types)
        results.append(tuple(r.type for r in branch.results))
    ok = results[0] == results[1]
    need(ok, "if", "(C3) the branches must give the same types", *results[0], *results[1])
    return results[0]


WITH_REGIONS = {"scan", "while", "if"}  # the primitives that have graphs among their params
