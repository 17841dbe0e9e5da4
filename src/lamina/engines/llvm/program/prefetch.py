"""Software prefetching: the product of a loop prefetches what other kernels read next.

    for t: z <- dz U'; dz <- f(a[t], b[t])
        ->  for t: z <- dz U', prefetching a[t + 1], b[t + 1]; dz <- f(a[t], b[t])

The stacked values of a recurrent network exceed a core's caches, so each iteration waits for them;
the loop's product reads only weights and leaves the memory idle.

Legality: row-parallel loops (row_parallel.py), in which a thread knows its rows. Profitability: a
few lines per interval of the reduction (`Costs.prefetch_lines`). Bits do not change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import NestKind
from lamina.engines.llvm.loops.schedule import Prefetch
from lamina.engines.llvm.program.footprints import accesses, footprint_at
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import Loop, loops, unpeeled
from lamina.engines.llvm.schedule.cost import work
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import Dim, is_static
from lamina.ir.typical import guess


def prefetch(program: Program, target: Target) -> Program:
    """Give the largest product of every row-parallel loop its prefetches."""
    for loop in loops(program.statements):
        attach_prefetches(loop, target)
    return program


def attach_prefetches(loop: Loop, target: Target) -> None:
    """Give the largest product of a loop its prefetches."""
    costs = target.costs
    kernels = [k for k in unpeeled(loop.statements) if isinstance(k, Kernel)]
    products = [k for k in kernels if _is_long_product(k, costs)]
    if loop.rows is None or not products:
        return
    product = max(products, key=lambda k: work(k.nest))
    rows = _rows_of([k for k in kernels if k is not product], loop, target.machine.line)
    first = len(product.slots)
    prefetches = [
        Prefetch(
            first + k,
            row,
            each,
            _lines(product, each, costs.prefetch_interval),
            costs.prefetch_interval,
        )
        for k, (row, each) in enumerate(rows.values())
    ]
    if prefetches and sum(a.lines for a in prefetches) <= costs.prefetch_lines:
        product.schedule = product.chosen.everywhere(prefetches=tuple(prefetches))
        product.prefetched = [_next_element(slot, loop) for slot in rows]


def _is_long_product(kernel: Kernel, costs: Costs) -> bool:
    """True for a product with one reduction loop, a whole number of prefetch intervals long."""
    nest, schedule = kernel.nest, kernel.chosen
    if (
        nest.kind is not NestKind.PRODUCT
        or len(nest.reductions) != 1
        or len(nest.accumulators) != 1
    ):
        return False
    (over,) = nest.reductions
    by_term = schedule.vector in nest.loops and schedule.step(over) == 1
    if not by_term or not is_static(over.extent) or int(over.extent) > costs.plain_sum:
        return False
    return int(over.extent) % costs.prefetch_interval == 0


def _rows_of(kernels: Sequence[Kernel], loop: Loop, line: int) -> dict[Slot, tuple[Dim, int]]:
    """Return the stacked values that these kernels read: bytes between rows, cache lines per
    row."""
    found: dict[Slot, tuple[Dim, int]] = {}
    written = {slot for kernel in kernels for slot in kernel.written}
    for kernel in kernels:
        row_loop = kernel.row_loop
        assert row_loop is not None
        for slot, index, limits in accesses(kernel):
            stack, row = slot.actual, footprint_at(index, row_loop, limits)
            if stack.counter is not loop.counter or slot.memory in written:
                continue
            if row is not None and is_static(row.last):
                size = slot.dtype.itemsize
                found[stack] = row.width * size, -(-(row.last + 1) * size // line)
    return found


def _lines(product: Kernel, each: int, interval: int) -> int:
    """Return the lines per prefetch that cover all rows by the end of the product."""
    nest, schedule = product.nest, product.chosen
    assert product.row_loop is not None
    row_loop = product.row_loop.loop
    rows = schedule.step(row_loop)
    others = (v for v in nest.loops if v is not row_loop)
    tiles = math.prod(-(-guess(v.extent) // schedule.step(v)) for v in others)
    intervals = tiles * guess(nest.reductions[0].extent) // interval
    return -(-rows * each // intervals)


def _next_element(slot: Slot, loop: Loop) -> Slot:
    """Return the slice of the next iteration."""
    return Slot(
        slot.shape,
        slot.dtype,
        "element",
        slice_of=slot.slice_of,
        counter=loop.counter,
        strides=slot.strides,
        iteration=1,
    )
