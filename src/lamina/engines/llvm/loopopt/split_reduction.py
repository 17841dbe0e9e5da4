"""Split reduction (split-K): a reduction over the rows of a batch in two parts, added at the end.

    for m, n: for row: sum[m, n] += h[row, m] dz[row, n]
        ->  for part: for m, n: for row of part: partial[part, m, n] += h[row, m] dz[row, n]
            for m, n: sum[m, n] <- partial[0, m, n] + partial[1, m, n]

Legality: a contraction of floats over the row axis of a value that a loop made. Profitability: in a
row-parallel loop (row_parallel.py), each thread has written its own rows of the value; reading rows
that another core wrote is slow, so two threads take one part each. The partial results must be
small compared with what is read (`Costs.split_reads`). Changes bits; there are two parts for any
number of threads, so bits do not depend on that number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, at, linear, of
from lamina.engines.llvm.loops.kernel import Kernel, epilogue_of, without_unused_buffers
from lamina.engines.llvm.loops.nest import (
    Accumulator,
    Buffer,
    Expr,
    ExprBuilder,
    Nest,
    SplitReduction,
    Store,
)
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.typical import guess_size


def split_reduction(kernel: Kernel, row_axes: Mapping[Slot, int], costs: Costs) -> list[Kernel]:
    """Return the kernel; or one that reduces the two parts, and one that adds them. `row_axes` are
    the axes of the rows in values of loops."""
    rows = _rows(kernel, row_axes, costs)
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


def _rows(kernel: Kernel, row_axes: Mapping[Slot, int], costs: Costs) -> Var | None:
    """Return the reduction loop over rows, if splitting it is legal and pays."""
    nest = kernel.nest
    if not nest.kind.is_contraction or nest.accumulators[0].dtype.kind != "f":
        return None
    loads = nest.accumulator_loads()
    over = [v for e in loads for v in nest.reductions if _runs_over_rows(v, e, kernel, row_axes)]
    if not over or over[0].extent in (0, 1):
        return None
    rows = over[0]
    if any(e.params["index"].coefficient(rows) is None for e in loads):
        return None
    read = sum(_points(e.vars) for e in loads)
    return rows if read >= costs.split_reads * _points(nest.loops) else None


def _runs_over_rows(var: Var, load: Expr, kernel: Kernel, row_axes: Mapping[Slot, int]) -> bool:
    """True if a load takes the rows of a loop's value one after another along `var`."""
    slot = kernel.slot_of(load)
    axis = row_axes.get(slot, len(slot.shape))
    if axis >= len(slot.shape) or var.extent != slot.shape[axis]:
        return False
    step = load.params["index"].coefficient(var)
    return step is not None and step == slot.layout[axis]


def _points(variables: Collection[Var]) -> int:
    return guess_size(v.extent for v in variables)
