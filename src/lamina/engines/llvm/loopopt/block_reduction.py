"""Long sums of products, a block at a time: what a block reads stays in the nearest caches.

    for tile: for k in 131072: acc += x[k] y[k]                 each tile reads all of x and y
        ->  for block: for tile: for k in 1024: acc += ...      a block of x and y serves all tiles
                                 sums += acc                    (in the first block: sums <- acc)
            for tile: result <- what follows the sums

Where there may be no block at all, as in a batch of no rows, the sums are put to zero before.

The blocks follow one another in the same order on any number of threads, each of which keeps to its
own tiles (`Nest.sequential_outer`).
"""

from __future__ import annotations

import math
from dataclasses import replace

from lamina.engines.llvm.loopopt.coalesce import by_stride, coalesce
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, linear, of
from lamina.engines.llvm.loops.kernel import Kernel, epilogue_of, without_unused_buffers, zeros
from lamina.engines.llvm.loops.nest import Accumulator, Buffer, ExprBuilder, Nest, Store
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.kinds import CONTRACTIONS
from lamina.ir.types import is_static
from lamina.ir.typical import guess


def block_reduction(kernel: Kernel, target: Target) -> list[Kernel]:
    """The kernel, or in its place others: sums put to zero, if need be; sums in blocks; and what
    uses them, if they are not the results."""
    exprs = ExprBuilder()
    if not _pays(coalesce(kernel.nest, ExprBuilder(), target.costs), target):
        return [kernel]
    nest, block = _split(kernel.nest, exprs, target.costs)
    if block is None:
        return [kernel]
    after: list[Kernel] = []
    if _is_plain(kernel):
        (store,) = nest.stores
        accumulators, place = kernel.slots[store.buffer.number], store.index
    else:
        accumulators = Slot(tuple(v.extent for v in nest.loops), nest.accumulators[0].dtype)
        place = linear([of(v) for v in nest.loops], accumulators.shape)
        total = exprs.load(Buffer(len(kernel.slots), accumulators.dtype), place)
        after = [epilogue_of(nest, [*kernel.slots, accumulators], exprs, total)]
    before = [] if is_static(block.extent) else [zeros(accumulators)]
    return [*before, _accumulation(nest, exprs, kernel.slots, block, accumulators, place), *after]


def _is_plain(kernel: Kernel) -> bool:
    """Whether the sums are stored as they are, where nothing is read."""
    nest = kernel.nest
    return len(nest.stores) == 1 and all(
        s.expr.kind == "acc"
        and s.buffer.dtype == nest.accumulators[0].dtype
        and kernel.slots[s.buffer.number].memory not in kernel.read
        for s in nest.stores
    )


def _pays(nest: Nest, target: Target) -> bool:
    """Whether the right side of one tile is more than a cache keeps until the next one needs it."""
    dtype = nest.accumulators[0].dtype if nest.name in CONTRACTIONS else None
    if dtype is None or dtype.name not in ("float32", "float64"):
        return False
    size, machine, costs = dtype.itemsize, target.machine, target.costs
    if any(is_static(v.extent) and v.extent == 0 for v in nest.reductions):
        return False  # no first block would begin the sums
    terms = math.prod(guess(v.extent) for v in nest.reductions)
    results = math.prod(guess(v.extent) for v in nest.loops)
    panel = costs.block_columns * machine.lanes(8 * size)
    widest = max((guess(v.extent) for v in nest.loops), default=1)
    enough = widest >= panel and results >= costs.block_rows * panel
    known = all(is_static(v.extent) for v in nest.reductions)
    fewer = 1 if known else 4 if nest.split_reduction else 2  # what is guessed may be more
    least = costs.block_panel_l1 * machine.l1 // fewer
    return enough and terms * panel * size >= least and results * size <= machine.l2


def _split(nest: Nest, exprs: ExprBuilder, costs: Costs) -> tuple[Nest, Var | None]:
    """The nest with the loop over blocks among its sums, and that loop."""
    nest = replace(nest, reductions=by_stride(nest, nest.reductions))
    first, *rest = nest.reductions
    inside = math.prod(guess(v.extent) for v in rest)
    # where there is no row of a half, nobody would put its sums to zero
    may_be_first = nest.split_reduction is None or first is not nest.split_reduction.row
    if may_be_first and costs.block_least <= inside <= costs.block_most:
        return nest, first
    longest = max(nest.reductions, key=lambda v: guess(v.extent) if is_static(v.extent) else 0)
    others = math.prod(guess(v.extent) for v in nest.reductions if v is not longest)
    extent = int(longest.extent) if is_static(longest.extent) else 1
    known = all(is_static(v.extent) for v in nest.reductions)
    # what is guessed may well be four times as much
    most = costs.block_most // 2 if known else costs.block_guessed
    fitting = [
        n
        for n in range(2, extent + 1)
        if extent % n == 0 and costs.block_least <= extent // n * others <= most
    ]
    if not fitting:
        near = costs.block_least // 2 <= inside <= costs.block_most
        return nest, first if may_be_first and near else None
    outer, inner = Var(f"{longest.name}b", fitting[0]), Var(longest.name, extent // fitting[0])
    both = {longest: of(outer) * inner.extent + of(inner)}
    split = rewrite(nest, exprs, lambda index: substituted(index, both))
    split.reductions = [outer, *(inner if v is longest else v for v in nest.reductions)]
    return split, outer


def _accumulation(
    nest: Nest, exprs: ExprBuilder, slots: list[Slot], block: Var, accumulators: Slot, place: Index
) -> Kernel:
    """The kernel that adds each block's products to the sums."""
    (acc,) = nest.accumulators
    buffer = Buffer(len(slots), accumulators.dtype)
    before = exprs.load(buffer, place)
    if is_static(block.extent):
        later = ((of(block), 1, block.extent),)
        before = exprs.guard(later, before, exprs.constant(0, acc.dtype))
    total = exprs.acc(0, acc.dtype, frozenset(nest.loops))
    after = exprs.op("add", (before, total), acc.dtype, {"operand": acc.dtype})
    reductions = [v for v in nest.reductions if v is not block]
    accumulated = Nest(
        nest.name,
        [block, *nest.loops],
        reductions,
        [Accumulator("sum", acc.expr, acc.dtype)],
        [Store(buffer, place, after)],
        sequential_outer=block,
        split_reduction=nest.split_reduction,
    )
    return without_unused_buffers(accumulated, [*slots, accumulators])
