"""Choice of a tile: how many iterations of which loops are computed together, in registers."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest, walk
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.schedule.cost import expr_cost, tile_cost
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static
from lamina.ir.typical import guess


def tile_of(
    nest: Nest, vector: Var, lanes: int, target: Target, memory_bound: bool
) -> dict[Var, int]:
    if not nest.accumulators:
        heavy = sum(expr_cost(e) for e in walk(nest.roots())) > target.costs.heavy_body
        return {vector: 1 if heavy else _fitting(guess(vector.extent), lanes, (2, 1))}
    reused = _reused(nest, vector)
    if vector in nest.reductions:
        return _dot_tile(vector, reused, lanes, target.costs.dot_side)
    if not reused:
        counts = [
            n
            for n in (4, 2, 1)
            if n == 1 or n * len(nest.accumulators) <= target.costs.accumulators
        ]
        return {vector: _fitting(guess(vector.extent), lanes, counts)}
    return _register_tile(vector, reused, lanes, target, memory_bound, nest)


def _fitting(extent: int, lanes: int, counts: Iterable[int]) -> int:
    """Return the first count of registers that the extent fills without waste."""
    registers = -(-extent // lanes)
    return next((n for n in counts if registers % n == 0), 1)


def _reused(nest: Nest, vector: Var) -> list[Var]:
    """Return the spatial loops along which an operand is invariant, so that unrolling reuses it;
    preferably those along which vector operands are. Operands that no reduction loop changes stay
    in registers anyway."""
    over = frozenset(nest.reductions)
    loads = [e for e in nest.accumulator_loads() if e.vars & over]
    found = [
        v
        for v in nest.loops
        if v is not vector
        and v is not nest.sequential_outer
        and not is_split_part(nest, v)
        and guess(v.extent) > 1
        and any(v not in e.vars for e in loads)
        and any(v in e.vars for e in loads)
    ]
    wide = [e for e in loads if vector in e.vars]
    return [v for v in found if not any(v in e.vars for e in wide)] or found


def is_split_part(nest: Nest, var: Var) -> bool:
    """True for the loop over the parts of a split reduction, which may differ in length."""
    return nest.split_reduction is not None and var is nest.split_reduction.part


def _register_tile(
    vector: Var, reused: list[Var], lanes: int, target: Target, memory_bound: bool, nest: Nest
) -> dict[Var, int]:
    """Return rows x registers of a register tile: what the register file holds, with little waste
    at the edges."""
    costs = target.costs
    # the longest, and of equals the innermost: its neighboring rows are closest in memory
    row = max(
        _rows(nest, reused, costs),
        key=lambda v: (min(guess(v.extent), costs.long_rows), nest.loops.index(v)),
    )
    best: tuple[float, int, int] = (float("inf"), 1, 1)
    # each row of a tile that updates arrays is a memory stream for each of them
    part = 2 if memory_bound else 1
    for columns in range(1, costs.tile_columns // part + 1):
        for rows in range(1, costs.tile_rows // part + 1):
            held = rows * columns + columns + costs.broadcast_registers
            if held > target.machine.vector_registers:
                continue
            cost = tile_cost(guess(row.extent), rows, guess(vector.extent), columns, lanes, costs)
            if nest.split_reduction is not None and guess(row.extent) % rows:
                cost *= costs.clamped_rows
            best = min(best, (cost, -rows * columns, columns * 100 + rows))
    columns, rows = divmod(best[2], 100)
    return {row: rows, vector: columns}


def _rows(nest: Nest, reused: list[Var], costs: Costs) -> list[Var]:
    """Return the loops that may be the rows of a tile: first those that are certainly long enough,
    unless their stores are far from each other; then those that may be 1 at run time."""
    sure = _sure(reused, costs)
    likely = [v for v in reused if v not in sure and guess(v.extent) >= costs.sure_rows]
    far = costs.far_rows
    return _near(nest, sure, far) or (sure and _near(nest, likely, far)) or sure or reused


def _sure(loops: list[Var], costs: Costs) -> list[Var]:
    return [v for v in loops if is_static(v.extent) and guess(v.extent) >= costs.sure_rows]


def _near(nest: Nest, loops: list[Var], far: int) -> list[Var]:
    """Return those loops whose neighboring iterations store near each other."""
    steps = [(s.index.terms, s.buffer.dtype.itemsize) for s in nest.stores]
    return [v for v in loops if all(guess(t.get(v, 0)) * size < far for t, size in steps)]


def _dot_tile(vector: Var, reused: list[Var], lanes: int, side: int) -> dict[Var, int]:
    """Lanes along a reduction: a small square of accumulators if both operands can be reused."""
    two = [v for v in reused if guess(v.extent) >= side][:2]
    if len(two) == 2:
        return {two[0]: side, two[1]: side}
    return {vector: _fitting(guess(vector.extent), lanes, (4, 2, 1))}


def few_rows_tile(nest: Nest, schedule: Schedule, row: Var, target: Target) -> dict[Var, int]:
    """Return the tile for few iterations of `row`: rows along another loop; or one at a time, and
    wider vectors."""
    vector, unroll = schedule.vector, {v: n for v, n in schedule.unroll.items() if v is not row}
    if vector is None or vector not in nest.loops:
        return unroll
    others = _sure(_reused(nest, vector), target.costs)
    if others:
        return _register_tile(vector, others, schedule.lanes, target, False, nest)
    unroll[vector] = _fitting(guess(vector.extent), schedule.lanes, (8, 4, 2, 1))
    return unroll
