"""Split reduction (split-K): a reduction over the rows of a batch in two parts, added at the end.

    for m, n: for row: sum[m, n] += h[row, m] dz[row, n]
        ->  for part: for m, n: for row of part: partial[part, m, n] += h[row, m] dz[row, n]
            for m, n: sum[m, n] <- partial[0, m, n] + partial[1, m, n]

Legality: a contraction of floats whose reduction has one loop of unknown extent. Profitability: it
reads stacked values of a row-parallel loop (row_parallel.py), of which each thread has written its
own rows; reading rows that another core wrote is slow, so two threads take one part each. The
partial results must be small compared with what is read (`Costs.split_reads`). Changes bits; there
are two parts for any number of threads, so bits do not depend on that number.
"""

from __future__ import annotations

from collections.abc import Collection

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, at, linear, of
from lamina.engines.llvm.loops.kernel import Kernel, epilogue_of, without_unused_buffers
from lamina.engines.llvm.loops.nest import (
    Accumulator,
    Buffer,
    ExprBuilder,
    Nest,
    SplitReduction,
    Store,
)
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.types import is_static
from lamina.ir.typical import guess_size


def split_reduction(kernel: Kernel, stacks: Collection[Slot], costs: Costs) -> list[Kernel]:
    """Return the kernel; or one that reduces the two parts, and one that adds them."""
    rows = _rows(kernel, stacks, costs)
    if rows is None:
        return [kernel]
    nest, exprs = kernel.nest, ExprBuilder()
    (acc,) = nest.accumulators
    partials = Slot((2, *(v.extent for v in nest.loops)), acc.dtype)
    buffer = Buffer(len(kernel.slots), partials.dtype)
    part, row = Var("half", 2), Var(rows.name, (rows.extent + 1) // 2)
    place = [of(v) for v in nest.loops]

    def at_part(index: Index) -> Index:
        return substituted(index, {rows: of(part) * row.extent + of(row)})

    split = rewrite(nest, exprs, at_part)
    total = exprs.acc(0, acc.dtype, frozenset((part, *nest.loops)))
    partial = Nest(
        nest.kind,
        [part, *nest.loops],
        [row if v is rows else v for v in nest.reductions],
        [Accumulator("sum", split.accumulators[0].expr, acc.dtype)],
        [Store(buffer, linear([of(part), *place], partials.shape), total)],
        split_reduction=SplitReduction(part, row, rows.extent),
    )
    first, second = (exprs.load(buffer, linear([at(k), *place], partials.shape)) for k in range(2))
    both = exprs.op("add", (first, second), acc.dtype, {"operand": acc.dtype})
    slots = [*kernel.slots, partials]
    return [without_unused_buffers(partial, slots), epilogue_of(nest, slots, exprs, both)]


def _rows(kernel: Kernel, stacks: Collection[Slot], costs: Costs) -> Var | None:
    """Return the reduction loop over rows, if splitting it is legal and pays."""
    nest = kernel.nest
    if not nest.kind.is_contraction or nest.accumulators[0].dtype.kind != "f":
        return None
    loads = nest.accumulator_loads()
    if not any(kernel.slot_of(e) in stacks for e in loads):
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
    return guess_size(v.extent for v in variables)
