"""Cost model of schedules: operations of a nest, cost of a vector loop, cost of a register tile.

Costs are estimates in instructions for an element (ir/kinds.py), of typical sizes where sizes are
known only at run time. They decide what pays, never what is computed.
"""

from __future__ import annotations

import math

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Expr, Nest, walk
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.kinds import ELEMENTWISE, cost_of
from lamina.ir.types import Dim
from lamina.ir.typical import guess, guess_size


def work(nest: Nest) -> float:
    """Estimate the operations of a nest."""
    iterations = guess_size(v.extent for v in (*nest.loops, *nest.reductions))
    return iterations * sum(expr_cost(e) for e in walk(nest.roots()))


def expr_cost(expr: Expr) -> float:
    if expr.kind == "random_bits":
        return cost_of("rng_bit_generator")
    return cost_of(expr.kind) if expr.kind in ELEMENTWISE else 1


def operations(nest: Nest) -> Dim:
    """Return the number of operations of one call."""
    iterations: Dim = math.prod(v.extent for v in (*nest.loops, *nest.reductions))
    return iterations * max(1, int(sum(expr_cost(e) for e in walk(nest.roots()))))


def vector_cost(nest: Nest, vector: Var | None, lanes: int, costs: Costs, gather: float) -> float:
    """Estimate the cost of one innermost element if `vector` fills the lanes; `gather` is the cost
    of a register filled from scattered places."""
    iterations = 1.0
    for v in nest.reductions:
        iterations *= guess(v.extent)
    inside = _all([a.expr for a in nest.accumulators], vector, costs, gather)
    outside = _all([s.expr for s in nest.stores], vector, costs, gather)
    outside += sum(
        _access(s.index.coefficient(vector), costs.store, costs, gather) if vector else 1
        for s in nest.stores
    )
    if vector is None:
        return inside * iterations + outside
    filled = min(guess(vector.extent), lanes)
    if vector in nest.reductions:
        # the epilogue of a horizontal sum is scalar
        after = [s.expr for s in nest.stores]
        scalar = _all(after, None, costs, gather) + len(after)
        return inside * max(iterations / filled, 1) + costs.horizontal_sum + scalar
    return (inside * iterations + outside) / filled


def _all(roots: list[Expr], vector: Var | None, costs: Costs, gather: float) -> float:
    return sum(_expr(e, vector, costs, gather) for e in walk(roots))


def _expr(expr: Expr, vector: Var | None, costs: Costs, gather: float) -> float:
    if expr.kind == "load":
        index = expr.params["index"]
        return _access(index.coefficient(vector), 1, costs, gather) if vector else 1
    if expr.kind in ("constant", "acc"):
        return 0
    return expr_cost(expr) * (1 if vector is None or vector in expr.vars else costs.invariant)


def _access(coefficient: Dim | None, weight: float, costs: Costs, gather: float) -> float:
    if coefficient == 0:
        return costs.broadcast * weight
    return weight if coefficient == 1 else gather * weight


def tile_cost(
    n_rows: int, rows: int, n_columns: int, columns: int, lanes: int, costs: Costs
) -> float:
    """Estimate the time per product: waste at the edges, latency of the adders, and loads."""
    accumulators = rows * columns
    edges = (-(-n_rows // rows) * rows / n_rows) * (
        -(-n_columns // (columns * lanes)) * columns * lanes / n_columns
    )
    # a row is one broadcast from a cached line, a column one register from a far panel
    loads = (costs.row_load * rows + costs.column_load * columns) / accumulators
    return edges * (max(1.0, costs.adder_latency / accumulators) + loads)
