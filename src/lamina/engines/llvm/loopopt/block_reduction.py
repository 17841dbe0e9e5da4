"""Cache blocking of long reductions (blocking of K): a block of the operands stays in a cache.

    for tile: for k in 131072: acc += x[k] y[k]                 each tile reads all of x and y
        ->  for block: for tile: for k in 1024: acc += ...      a block of x and y serves all tiles
                                 partial += acc                 (in the first block: partial <- acc)
            for tile: result <- epilogue(partial)

If there may be no block at all, as in an empty batch, the partial sums are zeroed first. The blocks
run in the same order on any number of threads, each of which keeps its own tiles
(`Nest.sequential_outer`).

Legality: sums of contractions. Profitability: the panel that one tile reads exceeds the nearest
caches (`Costs.block_panel_l1`) and is read again by later tiles (`Costs.block_rows`), and the
schedule does not pack the operands. Changes bits: the blocks are added up one after another.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lamina.engines.llvm.loopopt.coalesce import by_stride, coalesce
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, linear, of
from lamina.engines.llvm.loops.kernel import Kernel, epilogue_of, without_unused_buffers, zeros
from lamina.engines.llvm.loops.nest import Accumulator, Buffer, ExprBuilder, Nest, Store
from lamina.engines.llvm.loops.products import packing_conditions, product_of
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static
from lamina.ir.typical import guess, guess_size


def block_reduction(kernel: Kernel, target: Target) -> list[Kernel]:
    """Return the kernel; or the kernels that zero the partial sums, accumulate blocks, and compute
    the epilogue, as far as each is needed."""
    exprs = ExprBuilder()
    if not kernel.nest.kind.is_contraction:
        return [kernel]
    if not _pays(coalesce(kernel.nest, ExprBuilder(), target.costs), target):
        return [kernel]
    nest, block = _split(kernel.nest, exprs, target.costs)
    if block is None:
        return [kernel]
    after: list[Kernel] = []
    if _is_plain(kernel):
        (store,) = nest.stores
        accumulators, place = kernel.slot_of(store), store.index
    else:
        accumulators = Slot(tuple(v.extent for v in nest.loops), nest.accumulators[0].dtype)
        place = linear([of(v) for v in nest.loops], accumulators.shape)
        total = exprs.load(Buffer(len(kernel.slots), accumulators.dtype), place)
        after = [epilogue_of(nest, [*kernel.slots, accumulators], exprs, total)]
    before = [] if is_static(block.extent) else [zeros(accumulators)]
    return [*before, _accumulation(nest, exprs, kernel.slots, block, accumulators, place), *after]


def _is_plain(kernel: Kernel) -> bool:
    """True if the accumulators are stored as they are, to memory that the kernel does not read."""
    nest = kernel.nest
    return len(nest.stores) == 1 and all(
        s.expr.kind == "acc"
        and s.buffer.dtype == nest.accumulators[0].dtype
        and kernel.slot_of(s).memory not in kernel.read
        for s in nest.stores
    )


def _pays(nest: Nest, target: Target) -> bool:
    """True if the panel of one tile exceeds what a cache keeps until the next tile reads it."""
    dtype = nest.accumulators[0].dtype if nest.kind.is_contraction else None
    if dtype is None or dtype.name not in ("float32", "float64"):
        return False
    size, machine, costs = dtype.itemsize, target.machine, target.costs
    if any(is_static(v.extent) and v.extent == 0 for v in nest.reductions):
        return False  # no first block would begin the sums
    product = product_of(nest)
    if product is not None and packing_conditions(product, target.costs) is not None:
        return False  # the schedule blocks it, with copies of both operands
    terms = guess_size(v.extent for v in nest.reductions)
    results = guess_size(v.extent for v in nest.loops)
    panel = costs.block_columns * machine.lanes(8 * size)
    widest = max((guess(v.extent) for v in nest.loops), default=1)
    enough = widest >= panel and results >= costs.block_rows * panel
    known = all(is_static(v.extent) for v in nest.reductions)
    fewer = 1 if known else 4 if nest.split_reduction else 2  # a guessed extent may be larger
    least = costs.block_panel_l1 * machine.l1 // fewer
    row_of_panel = max(panel * size, machine.line)  # memory moves in whole lines
    return enough and terms * row_of_panel >= least and results * size <= machine.l2


def _split(nest: Nest, exprs: ExprBuilder, costs: Costs) -> tuple[Nest, Var | None]:
    """Return the nest with its reduction split into a loop over blocks and one in a block, and the
    former."""
    nest = replace(nest, reductions=by_stride(nest, nest.reductions))
    first, *rest = nest.reductions
    inside = guess_size(v.extent for v in rest)
    # a part without rows would leave its partial sums undefined, and one block is no division
    is_part = nest.split_reduction is not None and first is nest.split_reduction.row
    may_be_first = not is_part and first.extent != 1
    if may_be_first and costs.block_least <= inside <= costs.block_most:
        return nest, first
    longest = max(nest.reductions, key=partial(_divisible, nest))
    others = guess_size(v.extent for v in nest.reductions if v is not longest)
    extent = _divisible(nest, longest)
    known = all(is_static(v.extent) for v in nest.reductions)
    # a guessed extent may well be four times as large
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


def _divisible(nest: Nest, var: Var) -> int:
    """Return the extent of a loop if it can be divided into blocks, else 1."""
    is_part = nest.split_reduction is not None and var is nest.split_reduction.row
    return int(var.extent) if is_static(var.extent) and not is_part else 1


def _accumulation(
    nest: Nest, exprs: ExprBuilder, slots: list[Slot], block: Var, accumulators: Slot, place: Index
) -> Kernel:
    """Return the kernel that adds each block's products to the partial sums."""
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
        nest.kind,
        [block, *nest.loops],
        reductions,
        [Accumulator("sum", acc.expr, acc.dtype)],
        [Store(buffer, place, after)],
        sequential_outer=block,
        split_reduction=nest.split_reduction,
    )
    return without_unused_buffers(accumulated, [*slots, accumulators])
