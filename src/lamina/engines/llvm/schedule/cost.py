"""Cost model of schedules: operations of a nest, cost of a vector loop, cost of a register tile.

Costs are estimates in instructions for an element (ir/kinds.py), of typical sizes where sizes are
known only at run time. They decide what pays, never what is computed.
"""

from __future__ import annotations

import math

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Expr, Nest, walk
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


def vector_cost(nest: Nest, vector: Var | None, lanes: int, gather: float) -> float:
    """Estimate the cost of one innermost element if `vector` fills the lanes."""
    iterations = 1.0
    for v in nest.reductions:
        iterations *= guess(v.extent)
    inside = sum(_expr(e, vector, gather) for e in walk([a.expr for a in nest.accumulators]))
    outside = sum(_expr(e, vector, gather) for e in walk([s.expr for s in nest.stores]))
    outside += sum(
        _access(s.index.coefficient(vector), 2, gather) if vector else 1 for s in nest.stores
    )
    if vector is None:
        return inside * iterations + outside
    filled = min(guess(vector.extent), lanes)
    if vector in nest.reductions:
        # each horizontal sum takes about ten instructions, and its epilogue is scalar
        after = [s.expr for s in nest.stores]
        scalar = sum(_expr(e, None, gather) for e in walk(after)) + len(after)
        return inside * max(iterations / filled, 1) + 10 + scalar
    return (inside * iterations + outside) / filled


def _expr(expr: Expr, vector: Var | None, gather: float) -> float:
    if expr.kind == "load":
        return _access(expr.params["index"].coefficient(vector), 1, gather) if vector else 1
    if expr.kind in ("constant", "acc"):
        return 0
    return expr_cost(expr) * (1 if vector is None or vector in expr.vars else 0.1)


def _access(coefficient: Dim | None, weight: float, gather: float) -> float:
    if coefficient == 0:
        return 0.3 * weight
    return weight if coefficient == 1 else gather * weight


def tile_cost(n_rows: int, rows: int, n_columns: int, columns: int, lanes: int) -> float:
    """Estimate the time per product: waste at the edges, latency of the adders, and loads."""
    accumulators = rows * columns
    edges = (-(-n_rows // rows) * rows / n_rows) * (
        -(-n_columns // (columns * lanes)) * columns * lanes / n_columns
    )
    # a row is one broadcast from a cached line, a column one register from a far panel
    loads = (0.5 * rows + 2 * columns) / accumulators
    return edges * (max(1.0, 8 / accumulators) + 0.2 * loads)
