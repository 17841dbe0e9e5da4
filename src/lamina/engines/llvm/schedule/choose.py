"""Choice of a schedule from a nest's strides and extents, and the machine's registers and caches.

Legality: every order of the spatial loops is legal, but for `sequential_outer`. Profitability: the
cost model below, with the thresholds of `Costs`. Changes bits: vectorized reductions add lanes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Expr, Nest, walk
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.schedule.transpose import transposed_loop
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.kinds import ELEMENTWISE, cost_of
from lamina.ir.types import Dim, is_static
from lamina.ir.typical import guess


def work(nest: Nest) -> float:
    """Estimate the operations of a nest."""
    iterations = math.prod(guess(v.extent) for v in (*nest.loops, *nest.reductions))
    return iterations * sum(expr_cost(e) for e in walk(nest.roots()))


def expr_cost(expr: Expr) -> float:
    if expr.kind == "random_bits":
        return cost_of("rng_bit_generator")
    return cost_of(expr.kind) if expr.kind in ELEMENTWISE else 1


def operations(nest: Nest) -> Dim:
    """Return the number of operations of one call."""
    iterations: Dim = math.prod(v.extent for v in (*nest.loops, *nest.reductions))
    return iterations * max(1, int(sum(expr_cost(e) for e in walk(nest.roots()))))


# ---- choosing ----------------------------------------------------------------------------------
def choose(nest: Nest, target: Target) -> Schedule:
    """Return the schedule of a nest."""
    lanes = _lanes(nest, target)
    vector = _vector(nest, lanes, target.costs)
    serial = work(nest) < target.costs.serial
    if vector is None:
        return Schedule(tuple(nest.loops), None, 1, {}, serial=serial)
    loop = transposed_loop(nest, vector, lanes)
    if loop is not None:
        return replace(_transposed(nest, vector, loop, lanes), serial=serial)
    memory_bound = _is_memory_bound(nest, target.costs)
    long_reduction = None
    if memory_bound and unknown_reduction(nest) is not None:
        long_reduction = _with_few_rows(
            nest, _plan(nest, vector, lanes, target, memory_bound=False), target
        )
    chosen = _with_few_rows(nest, _plan(nest, vector, lanes, target, memory_bound), target)
    long_from, few = target.costs.long_reduction, chosen.few_rows
    if few is not None:
        few = replace(few, long_from=long_from, long_reduction=long_reduction)
    return replace(
        chosen, long_from=long_from, long_reduction=long_reduction, few_rows=few, serial=serial
    )


def _with_few_rows(nest: Nest, schedule: Schedule, target: Target) -> Schedule:
    """Return the schedule with a version for few rows, if their number is known only at run
    time."""
    row = row_of(nest, schedule)
    if row is None:
        return schedule
    few, below = few_rows_schedule(nest, schedule, row, target), target.costs.few_rows_version
    return replace(schedule, few_rows=few, few_below=below)


def _plan(nest: Nest, vector: Var, lanes: int, target: Target, memory_bound: bool) -> Schedule:
    unroll = _unroll(nest, vector, lanes, target, memory_bound)
    order = _order(nest, vector, unroll, memory_bound)
    schedule = Schedule(order, vector, lanes, unroll)
    if unroll:
        order = _columns_outermost(nest, schedule, target)
    return replace(schedule, order=order, pipelined=_pipelines(nest, schedule, target.costs))


def _pipelines(nest: Nest, schedule: Schedule, costs: Costs) -> bool:
    """True if the epilogue is worth running during the next tile (pipelined_epilogue.py)."""
    vector, kinds = schedule.vector, [a.kind for a in nest.accumulators]
    if kinds != ["sum"] or len(nest.reductions) != 1 or vector not in nest.loops:
        return False
    if not nest.accumulators[0].expr.dtype.is_float or nest.sequential_outer is not None:
        return False
    if sum(n > 1 for v, n in schedule.unroll.items() if v is not vector) != 1:
        return False
    if not is_static(vector.extent) or int(vector.extent) % schedule.step(vector):
        return False
    return _updates_arrays(nest, costs)


def epilogue_loads(nest: Nest) -> list[Expr]:
    """Return the loads of the epilogue."""
    summed = {id(e) for e in walk([a.expr for a in nest.accumulators])}
    after = [e for e in walk([s.expr for s in nest.stores]) if id(e) not in summed]
    return [e for e in after if e.kind == "load" and set(nest.loops) <= e.vars]


def _updates_arrays(nest: Nest, costs: Costs) -> bool:
    """True if the epilogue updates several arrays, as an optimizer does."""
    return len(epilogue_loads(nest)) + len(nest.stores) >= costs.update_arrays


def _transposed(nest: Nest, vector: Var, loop: Var, lanes: int) -> Schedule:
    """Schedule in-register transposes of `vector` and `loop`, with contiguous stores. Threads
    divide the rows of what is read, which they have mostly written themselves."""
    rest = [v for v in nest.loops if v is not vector and v is not loop]
    order = (*rest, vector, loop)
    return Schedule(order, vector, lanes, {loop: lanes, vector: 1}, transposed=loop)


def unknown_reduction(nest: Nest) -> Var | None:
    """Return the first reduction of an extent that is known only at run time."""
    return next((v for v in nest.reductions if not is_static(v.extent)), None)


def few_rows_schedule(nest: Nest, schedule: Schedule, row: Var, target: Target) -> Schedule:
    """Return the schedule for few iterations of `row`: rows along another loop; or one at a time,
    and wider vectors."""
    vector, unroll = schedule.vector, {v: n for v, n in schedule.unroll.items() if v is not row}
    if vector is None or vector not in nest.loops:
        return Schedule(schedule.order, vector, schedule.lanes, unroll)
    others = _sure(_reused(nest, vector), target.costs)
    if others:
        unroll = _register_tile(vector, others, schedule.lanes, target, False, nest)
        return Schedule(_order(nest, vector, unroll, False), vector, schedule.lanes, unroll)
    unroll[vector] = _fitting(guess(vector.extent), schedule.lanes, (8, 4, 2, 1))
    return Schedule(schedule.order, vector, schedule.lanes, unroll)


def row_of(nest: Nest, schedule: Schedule) -> Var | None:
    """Return the unrolled spatial loop besides the vector loop, if its extent is symbolic."""
    for var, count in schedule.unroll.items():
        if var in nest.loops and var is not schedule.vector and count > 1:
            return None if is_static(var.extent) else var
    return None


def _lanes(nest: Nest, target: Target) -> int:
    """Return how many of the widest element that is read, stored or accumulated fit a register."""
    widths = [s.buffer.dtype.bits for s in nest.stores] + [a.dtype.bits for a in nest.accumulators]
    for expr in walk(nest.roots()):
        if (expr.kind == "load" and expr.vars) or expr.dtype.kind == "f":
            widths.append(expr.dtype.bits)
    return max(target.machine.lanes(max([32, *widths])), 1)


def _vector(nest: Nest, lanes: int, costs: Costs) -> Var | None:
    candidates = [v for v in (*nest.loops, *nest.reductions) if v.extent != 1]
    candidates = [
        v for v in candidates if v is not nest.sequential_outer and not _is_split_part(nest, v)
    ]
    if any(a.kind.startswith("arg") for a in nest.accumulators):
        candidates = [v for v in candidates if v in nest.loops]
    each = {v: _cost(nest, v, lanes, costs.gather) for v in candidates}
    best = min(each, key=lambda v: each[v], default=None)
    if best is None or each[best] >= _cost(nest, None, 1, costs.gather):
        return None
    return best


def _cost(nest: Nest, vector: Var | None, lanes: int, gather: float) -> float:
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


def _order(nest: Nest, vector: Var, unroll: dict[Var, int], memory_bound: bool) -> tuple[Var, ...]:
    """Return the loop order: rows of a tile innermost, so that a panel of the right operand stays
    in the cache; but outside of the vector loop if the epilogue is memory-bound, so that memory
    is accessed in order."""
    rows = [v for v in nest.loops if v is not vector and unroll.get(v, 1) > 1]
    rest = [v for v in nest.loops if v is not vector and v not in rows]
    inner = [vector] if vector in nest.loops else []
    if memory_bound:
        return (*rest, *rows, *inner)
    return (*rest, *inner, *rows)


def _columns_outermost(nest: Nest, schedule: Schedule, target: Target) -> tuple[Var, ...]:
    """Return the order with the vector loop outermost if that moves fewer bytes: one panel of the
    right operand then stays in the cache for all of the left."""
    vector, order = schedule.vector, schedule.order
    rows = [v for v in order if v is not vector and schedule.unroll.get(v, 1) > 1]
    first = [
        v
        for v in order
        if v is nest.sequential_outer or (nest.split_reduction and v is nest.split_reduction.part)
    ]
    rest = [v for v in order if v is not vector and v not in first and v not in rows]
    if vector not in nest.loops or not rows or not rest or not nest.accumulators:
        return order
    right, left = 0, 0  # bytes
    for load in (e for e in walk([a.expr for a in nest.accumulators]) if e.kind == "load"):
        size = _span(load, first) * load.dtype.itemsize
        if vector in load.vars:
            if load.vars & {*rest, *rows}:
                return order
            right += size
        else:
            left += size
    panels = -(-guess(vector.extent) // schedule.step(vector))
    if right > target.machine.l2 // 2:
        right *= math.prod(guess(v.extent) for v in rest)
    if left > target.machine.l2 // 2:
        left *= panels
    if left >= right:
        return order
    return (*first, vector, *rest, *rows)


def _span(load: Expr, besides: Collection[Var]) -> int:
    """Return the number of elements between the first and the last that a load reads."""
    steps = [(v, load.params["index"].coefficient(v)) for v in load.vars if v not in besides]
    return 1 + sum(guess(c) * (guess(v.extent) - 1) for v, c in steps if c is not None)


def _is_memory_bound(nest: Nest, costs: Costs) -> bool:
    """True if short reductions have an epilogue that updates several arrays (an optimizer's)."""
    iterations = math.prod(guess(v.extent) for v in nest.reductions)
    return iterations < costs.long_reduction and _updates_arrays(nest, costs)


# ---- unrolling ---------------------------------------------------------------------------------
def _unroll(
    nest: Nest, vector: Var, lanes: int, target: Target, memory_bound: bool
) -> dict[Var, int]:
    if not nest.accumulators:
        heavy = sum(expr_cost(e) for e in walk(nest.roots())) > 30
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
    preferably those along which vector operands are."""
    loads = [e for e in walk([a.expr for a in nest.accumulators]) if e.kind == "load"]
    found = [
        v
        for v in nest.loops
        if v is not vector
        and v is not nest.sequential_outer
        and not _is_split_part(nest, v)
        and guess(v.extent) > 1
        and any(v not in e.vars for e in loads)
        and any(v in e.vars for e in loads)
    ]
    wide = [e for e in loads if vector in e.vars]
    return [v for v in found if not any(v in e.vars for e in wide)] or found


def _is_split_part(nest: Nest, var: Var) -> bool:
    """True for the loop over the parts of a split reduction, which may differ in length."""
    return nest.split_reduction is not None and var is nest.split_reduction.part


def _register_tile(
    vector: Var, reused: list[Var], lanes: int, target: Target, memory_bound: bool, nest: Nest
) -> dict[Var, int]:
    """Return rows x registers of a register tile: what the register file holds, with little waste
    at the edges."""
    # the longest, and of equals the innermost: its neighboring rows are closest in memory
    row = max(
        _rows(nest, reused, target.costs),
        key=lambda v: (min(guess(v.extent), 64), nest.loops.index(v)),
    )
    best: tuple[float, int, int] = (float("inf"), 1, 1)
    # each row of a tile that updates arrays is a memory stream for each of them
    most = 8 if memory_bound else 16
    for columns in (1, 2) if memory_bound else (1, 2, 3, 4):
        for rows in range(1, most + 1):
            if rows * columns + columns + 1 > target.machine.vector_registers:
                continue
            cost = _tile_cost(guess(row.extent), rows, guess(vector.extent), columns, lanes)
            if nest.split_reduction is not None and guess(row.extent) % rows:
                cost *= target.costs.clamped_rows
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


def _tile_cost(n_rows: int, rows: int, n_columns: int, columns: int, lanes: int) -> float:
    """Estimate the time per product: waste at the edges, latency of the adders, and loads."""
    accumulators = rows * columns
    edges = (-(-n_rows // rows) * rows / n_rows) * (
        -(-n_columns // (columns * lanes)) * columns * lanes / n_columns
    )
    # a row is one broadcast from a cached line, a column one register from a far panel
    loads = (0.5 * rows + 2 * columns) / accumulators
    return edges * (max(1.0, 8 / accumulators) + 0.2 * loads)


def _dot_tile(vector: Var, reused: list[Var], lanes: int, side: int) -> dict[Var, int]:
    """Lanes along a reduction: a small square of accumulators if both operands can be reused."""
    two = [v for v in reused if guess(v.extent) >= side][:2]
    if len(two) == 2:
        return {two[0]: side, two[1]: side}
    return {vector: _fitting(guess(vector.extent), lanes, (4, 2, 1))}
