"""Choice of a schedule from a nest's strides and extents, and the machine's registers and caches.

    choose = vector loop -> tile (tiles.py) -> order -> versions -> tails and prefetches

Legality: every order of the spatial loops is legal, but for `sequential_outer`. Profitability: the
cost model (cost.py), with the thresholds of `Costs`. Changes bits: vectorized reductions add lanes.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Expr, Nest, NestKind, walk
from lamina.engines.llvm.loops.schedule import Condition, Schedule, Tail, Version
from lamina.engines.llvm.schedule.cost import vector_cost, work
from lamina.engines.llvm.schedule.packing import with_packing
from lamina.engines.llvm.schedule.tiles import few_rows_tile, is_split_part, tile_of
from lamina.engines.llvm.schedule.transpose import transposed_loop
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static
from lamina.ir.typical import guess, guess_size


def choose(nest: Nest, target: Target, slots: int | None = None) -> Schedule:
    """Return the schedule of a nest, in a kernel with this number of slots (by default, those it
    accesses)."""
    schedule = _without_packing(nest, target)
    scratch = len(nest.buffers) if slots is None else slots
    updates = _updates_arrays(nest, target.costs)
    return with_packing(nest, schedule, _lanes(nest, target), target, scratch, updates)


def _without_packing(nest: Nest, target: Target) -> Schedule:
    lanes = _lanes(nest, target)
    vector = _vector(nest, lanes, target.costs)
    if vector is None:
        schedule = Schedule(tuple(nest.loops), None, 1)
    elif (loop := transposed_loop(nest, vector, lanes)) is not None:
        schedule = _transposed(nest, vector, loop, lanes)
    else:
        schedule = _tiled(nest, vector, lanes, target)
    serial = work(nest) < target.costs.serial
    return replace(_completed(nest, schedule, target.costs), serial=serial)


def _tiled(nest: Nest, vector: Var, lanes: int, target: Target) -> Schedule:
    """Return the schedule of a nest in tiles, with versions for sizes known only at run time."""
    costs, over = target.costs, unknown_reduction(nest)
    memory_bound = _is_memory_bound(nest, costs)
    schedule = _with_few_rows(nest, _plan(nest, vector, lanes, target, memory_bound), target)
    if over is None or not memory_bound:
        return schedule
    long = _with_few_rows(nest, _plan(nest, vector, lanes, target, False), target)
    condition = Condition(over, costs.long_reduction, below=False)
    return replace(schedule, versions=(Version(condition, long), *schedule.versions))


def _with_few_rows(nest: Nest, schedule: Schedule, target: Target) -> Schedule:
    """Return the schedule with a version for few rows, if their number is known only at run
    time."""
    row = row_of(nest, schedule)
    if row is None or schedule.pipelined:
        return schedule
    vector, order = schedule.vector, schedule.order
    unroll = few_rows_tile(nest, schedule, row, target)
    if vector is not None and unroll.keys() - schedule.unroll.keys():  # rows along another loop
        order = _order(nest, vector, unroll, False)
    few = Schedule(order, vector, schedule.lanes, unroll)
    condition = Condition(row, target.costs.few_rows_version)
    return replace(schedule, versions=(Version(condition, few),))


def _plan(nest: Nest, vector: Var, lanes: int, target: Target, memory_bound: bool) -> Schedule:
    unroll = tile_of(nest, vector, lanes, target, memory_bound)
    order = _order(nest, vector, unroll, memory_bound)
    schedule = Schedule(order, vector, lanes, unroll)
    if unroll:
        order = _columns_outermost(nest, schedule, target)
    return replace(schedule, order=order, pipelined=_pipelines(nest, schedule, target.costs))


def _completed(nest: Nest, schedule: Schedule, costs: Costs) -> Schedule:
    """Return the schedule, and its versions, with what follows from tiles and order."""
    versions = (replace(v, schedule=_completed(nest, v.schedule, costs)) for v in schedule.versions)
    terms = guess_size(v.extent for v in nest.reductions)
    tails = {v: _tail(nest, schedule, v) for v in (*nest.loops, *nest.reductions)}
    hides = bool(nest.accumulators) and not schedule.pipelined and terms >= costs.hide_latency
    vector, prefetches = schedule.vector, hides and schedule.vector in nest.loops
    contiguous = any(e.params["index"].coefficient(vector) == 1 for e in nest.epilogue_loads())
    return replace(
        schedule,
        order=tuple(v for v in schedule.order if v is not nest.sequential_outer),
        sequential=nest.sequential_outer,
        tails={v: tail for v, tail in tails.items() if tail is not Tail.EXACT},
        full_rows=nest.kind is NestKind.PRODUCT
        and len(nest.reductions) == 1
        and terms <= costs.short_tile,
        store_batch=max(costs.masked_values // max(len(nest.stores), 1), 1),
        prefetch_epilogue=prefetches and contiguous,
        prefetch_results=prefetches and nest.split_reduction is not None,
        versions=tuple(versions),
    )


def _tail(nest: Nest, schedule: Schedule, var: Var) -> Tail:
    """Return what the last tile of a loop does."""
    step = schedule.step(var)
    if nest.divides(step, var):
        return Tail.EXACT
    if var in nest.loops and var is not schedule.vector:
        return Tail.CLAMPED
    shorter = var in nest.loops and is_static(var.extent) and int(var.extent) < step
    return Tail.MASKED if shorter else Tail.FULL_OR_MASKED


def _pipelines(nest: Nest, schedule: Schedule, costs: Costs) -> bool:
    """True if the epilogue is worth running during the next tile (pipelined_epilogue.py), which has
    as many terms: the parts of a split reduction may differ."""
    vector, kinds = schedule.vector, [a.kind for a in nest.accumulators]
    if kinds != ["sum"] or len(nest.reductions) != 1 or vector not in nest.loops:
        return False
    if not nest.accumulators[0].expr.dtype.is_float or nest.sequential_outer is not None:
        return False
    if nest.split_reduction is not None:
        return False
    if sum(n > 1 for v, n in schedule.unroll.items() if v is not vector) != 1:
        return False
    if not is_static(vector.extent) or int(vector.extent) % schedule.step(vector):
        return False
    return _updates_arrays(nest, costs)


def _updates_arrays(nest: Nest, costs: Costs) -> bool:
    """True if the epilogue updates several arrays, as an optimizer does."""
    return len(nest.epilogue_loads()) + len(nest.stores) >= costs.update_arrays


def _transposed(nest: Nest, vector: Var, loop: Var, lanes: int) -> Schedule:
    """Schedule in-register transposes of `vector` and `loop`, with contiguous stores. Threads
    divide the rows of what is read, which they have mostly written themselves."""
    rest = [v for v in nest.loops if v is not vector and v is not loop]
    order = (*rest, vector, loop)
    return Schedule(order, vector, lanes, {loop: lanes, vector: 1}, transposed=loop)


def unknown_reduction(nest: Nest) -> Var | None:
    """Return the first reduction of an extent that is known only at run time."""
    return next((v for v in nest.reductions if not is_static(v.extent)), None)


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
        v for v in candidates if v is not nest.sequential_outer and not is_split_part(nest, v)
    ]
    if any(a.kind.startswith("arg") for a in nest.accumulators):
        candidates = [v for v in candidates if v in nest.loops]
    gather = costs.gather
    each = {
        v: vector_cost(nest, v, lanes, costs, _scattered(nest, v, lanes, gather))
        for v in candidates
    }
    best = min(each, key=lambda v: each[v], default=None)
    if best is None or each[best] >= vector_cost(nest, None, 1, costs, gather):
        return None
    return best


def _scattered(nest: Nest, vector: Var, lanes: int, gather: float) -> float:
    """Return the cost of a register that a strided load fills: of a gather, or of its part of an
    in-register transpose, which is a load and log2(lanes) shuffles."""
    if transposed_loop(nest, vector, lanes) is None:
        return gather
    return min(gather, 1 + math.log2(lanes))


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
    for load in nest.accumulator_loads():
        size = _span(load, first) * load.dtype.itemsize
        if vector in load.vars:
            if load.vars & {*rest, *rows}:
                return order
            right += size
        else:
            left += size
    panels = -(-guess(vector.extent) // schedule.step(vector))
    if right > target.costs.resident_l2:
        right *= guess_size(v.extent for v in rest)
    if left > target.costs.resident_l2:
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
    iterations = guess_size(v.extent for v in nest.reductions)
    return iterations < costs.long_reduction and _updates_arrays(nest, costs)
