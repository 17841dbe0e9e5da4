"""Packing of products: blocks of the operands are copied where caches and pages keep them.

    for i, j: c[i, j] <- f(sum over k of l[i, k] r[k, j])  ->  codegen/packed_product.py

Legality: one sum of products of two operands without guards, over one reduction loop; each operand
depends on a spatial loop that the other does not; stores are contiguous along that of the right.
Profitability: the right operand exceeds what caches keep (`Costs.packed_bytes`), or is contiguous
along the reduction, so that vectors need a transposed copy (`Costs.packed_transposed`); and each
copied element is used often (`packed_rows`, `packed_terms`). An extent known only at run time
decides then, by a version. Changes bits: blocks of terms are added up one after another.
"""

from __future__ import annotations

from dataclasses import replace

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.packed import PackedNests
from lamina.engines.llvm.loops.products import (
    Product,
    along,
    packing_conditions,
    product_of,
    right_along,
)
from lamina.engines.llvm.loops.schedule import Packing, Schedule, Tail, Version
from lamina.engines.llvm.schedule.cost import tile_cost
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static
from lamina.ir.typical import guess


def with_packing(
    nest: Nest, schedule: Schedule, lanes: int, target: Target, scratch: int, updates: bool
) -> Schedule:
    """Return the schedule with packing, or with a version with packing for sizes known at run time,
    if it pays; it never does for an epilogue that `updates` arrays and cannot run during the next
    tile. The scratch buffer is parameter number `scratch` of the kernel."""
    product = product_of(nest)
    if product is None or lanes < 2:
        return schedule
    found = packing_conditions(product, target.costs)
    if found is None:
        return schedule
    packed = _packed(nest, product, schedule, lanes, target, scratch)
    if updates and not packed.pipelined:
        return schedule
    if not found:
        return packed
    (condition,) = found
    return replace(schedule, versions=(Version(condition, packed), *schedule.versions))


def _is_pipelined(schedule: Schedule) -> bool:
    """True if an epilogue that updates arrays is to run during the next tile."""
    return schedule.pipelined or any(_is_pipelined(v.schedule) for v in schedule.versions)


def _packed(
    nest: Nest, product: Product, otherwise: Schedule, lanes: int, target: Target, scratch: int
) -> Schedule:
    """Return the schedule with packing."""
    costs = target.costs
    pipelined = _is_pipelined(otherwise)
    rows, columns = _tile(product, lanes, target, exact=pipelined)
    size, panel = product.right_operand.dtype.itemsize, columns * lanes
    terms = _multiple(min(costs.packed_block, costs.packed_panel // (panel * size)), lanes)
    block = max(-(-(costs.packed_left // (terms * size)) // rows), 1) * rows
    kept = max(costs.packed_right // (terms * size) // panel, 1) * panel
    blocks = max(costs.packed_partial // (kept * size) // block, 1)
    outer_rows = product.left.extent
    if is_static(outer_rows):
        blocks = min(blocks, -(-int(outer_rows) // block))
    if is_static(product.right.extent):
        kept = min(kept, -(-int(product.right.extent) // panel) * panel)
    left_along = along(product.left_operand, product.over, product.left)
    outer = [v for v in nest.loops if v is not product.left and v is not product.right]
    packing = Packing(
        product.left,
        product.right,
        product.over,
        block,
        blocks,
        panel,
        kept,
        terms,
        left_along,
        right_along(product),
        scratch,
        otherwise,
    )
    return Schedule(
        (*outer, product.left, product.right),
        product.right,
        lanes,
        {product.left: rows, product.right: columns},
        tails={product.left: Tail.CLAMPED, product.right: Tail.FULL_OR_MASKED},
        store_batch=max(costs.masked_values // max(len(nest.stores), 1), 1),
        prefetch_epilogue=any(
            e.params["index"].coefficient(product.right) == 1 for e in nest.epilogue_loads()
        ),
        prefetch_results=not pipelined,
        pipelined=pipelined and rows > 1 and _divides(columns * lanes, product.right),
        packing=packing,
    )


def _divides(step: int, var: Var) -> bool:
    return is_static(var.extent) and int(var.extent) % step == 0


def _tile(product: Product, lanes: int, target: Target, exact: bool) -> tuple[int, int]:
    """Return the rows and the registers of columns of the tile; `exact` prefers columns that
    divide."""
    costs, best = target.costs, (float("inf"), 0, 1, 1)
    spare = costs.epilogue_registers if exact else 0
    n_rows, n_columns = guess(product.left.extent), guess(product.right.extent)
    for columns in range(1, costs.tile_columns + 1):
        for rows in range(1, costs.tile_rows + 1):
            if rows * columns + columns + 1 + spare <= target.machine.vector_registers:
                cost = tile_cost(n_rows, rows, n_columns, columns, lanes, costs)
                if exact and not _divides(columns * lanes, product.right):
                    cost = float("inf")
                best = min(best, (cost, -rows * columns, columns, rows))
    return best[3], best[2]


def _multiple(number: int, unit: int) -> int:
    """Return the number rounded down to a multiple, which is at least one unit."""
    return max(number // unit, 1) * unit


# ---- schedules of the nests of a packed product (loops/packed.py) --------------------------------
def left_schedule(schedule: Schedule, nests: PackedNests) -> Schedule:
    """Return the schedule of the copy of the left operand."""
    packing = schedule.packing
    assert packing is not None
    across, along = nests.row, nests.term
    if packing.left_along is packing.left:
        across, along = along, across
    tails = {along: Tail.FULL_OR_MASKED}
    return Schedule((across, along), along, schedule.lanes, {along: 2}, tails=tails)


def right_schedules(schedule: Schedule, nests: PackedNests) -> list[Schedule]:
    """Return the schedules of the copies of the right operand: of whole panels (of their squares,
    then of the rest), and of a partial one."""
    packing, lanes = schedule.packing, schedule.lanes
    assert packing is not None
    panel, column, term = nests.panel, nests.column, nests.term
    whole = Schedule((term, panel, column), column, lanes, {column: packing.panel // lanes})
    partial = replace(whole, tails={column: Tail.FULL_OR_MASKED})
    if not packing.is_transposed:
        return [whole, partial]
    unroll = {term: lanes, column: 1}
    squares = Schedule((panel, column, term), column, lanes, unroll, transposed=term)
    return [squares, whole, partial]


def tile_schedule(schedule: Schedule, nests: PackedNests) -> Schedule:
    """Return the schedule of a tile of the product."""
    packing = schedule.packing
    assert packing is not None
    unroll = {
        nests.row: schedule.unroll.get(packing.left, 1),
        nests.column: packing.panel // schedule.lanes,
    }
    return replace(
        schedule,
        order=(nests.row,),
        vector=nests.column,
        unroll=unroll,
        tails={nests.row: Tail.CLAMPED, nests.column: Tail.FULL_OR_MASKED},
        packing=None,
        versions=(),
    )
