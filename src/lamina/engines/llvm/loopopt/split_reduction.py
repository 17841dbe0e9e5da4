"""Sums over the rows of a batch in two halves: each of two threads sums up what it has written.

    for m, n: for row: sum[m, n] += h[row, m] dz[row, n]
        ->  for half: for m, n: for row of half: sums[half, m, n] += h[row, m] dz[row, n]
            for m, n: sum[m, n] <- sums[0, m, n] + sums[1, m, n]

Where the stacks of a loop are reduced, each thread has written those of its own rows
(row_parallel.py, parallel_regions.py), and what another has written is slow to read: two threads
then take a half each. There are two halves whatever the number of threads, so that the sums are
the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, at, linear, of
from lamina.engines.llvm.loops.kernel import Kernel, trimmed, used
from lamina.engines.llvm.loops.nest import Accumulator, Buffer, Halves, Maker, Nest, Store, walk
from lamina.engines.llvm.loops.rewrite import renamed, rewrite
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.kinds import CONTRACTIONS
from lamina.ir.types import is_static
from lamina.ir.typical import guess


def in_halves(kernel: Kernel, stacks: Collection[Slot], costs: Costs) -> list[Kernel]:
    """The kernel; or in its place one that sums up the halves, and one that adds them."""
    rows = _rows(kernel, stacks, costs)
    if rows is None:
        return [kernel]
    nest, maker = kernel.nest, Maker()
    (acc,) = nest.accumulators
    sums = Slot((2, *(v.extent for v in nest.loops)), acc.dtype)
    buffer = Buffer(len(kernel.slots), sums.dtype)
    half, row = Var("half", 2), Var(rows.name, (rows.extent + 1) // 2)
    place = [of(v) for v in nest.loops]

    def at_half(index: Index) -> Index:
        return renamed(index, {rows: of(half) * row.extent + of(row)})

    cut = rewrite(nest, maker, at_half)
    total = maker.acc(0, acc.dtype, frozenset((half, *nest.loops)))
    summed = Nest(
        nest.name,
        [half, *nest.loops],
        [row if v is rows else v for v in nest.reductions],
        [Accumulator("sum", cut.accumulators[0].expr, acc.dtype)],
        [Store(buffer, linear([of(half), *place], sums.shape), total)],
        halves=Halves(half, row, rows.extent),
    )
    first, second = (maker.load(buffer, linear([at(k), *place], sums.shape)) for k in range(2))
    both = maker.op("add", (first, second), acc.dtype, {"operand": acc.dtype})
    slots = [*kernel.slots, sums]
    return [trimmed(summed, slots), used(nest, slots, maker, both)]


def _rows(kernel: Kernel, stacks: Collection[Slot], costs: Costs) -> Var | None:
    """The loop over the rows whose halves are worth sums of their own."""
    nest = kernel.nest
    if nest.name not in CONTRACTIONS or nest.accumulators[0].dtype.kind != "f":
        return None
    loads = [e for e in walk([a.expr for a in nest.accumulators]) if e.kind == "load"]
    if not any(kernel.slots[e.params["buffer"].number] in stacks for e in loads):
        return None
    open_ = [v for v in nest.reductions if not is_static(v.extent)]
    if len(open_) != 1 or not all(is_static(v.extent) for v in nest.loops):
        return None
    (rows,) = open_
    if any(e.params["index"].coefficient(rows) is None for e in loads):
        return None
    read = sum(_points(e.vars) for e in loads)
    return rows if read >= costs.split_reads * _points(nest.loops) else None


def _points(variables: Collection[Var]) -> int:
    return math.prod(guess(v.extent) for v in variables)
