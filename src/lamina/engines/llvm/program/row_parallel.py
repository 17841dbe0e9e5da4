"""Row-parallel loops: scans whose rows, such as the sequences of a batch, are independent.

    for t: z <- f(h)  |  h <- g(z)                                barriers in each iteration
        ->  for t: z[mine] <- f(h[mine]); h[mine] <- g(z[mine])   a barrier after the loop

A recurrent network is an example: the sequences of a batch are independent. Each thread then runs
all iterations over its own rows. The rows are divided at run time; with too few, the threads share
each kernel as elsewhere.

Legality: all accesses to what the loop writes are row-local (footprints.py). Profitability: always;
barriers disappear. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.schedule import RowLoop
from lamina.engines.llvm.program.footprints import Footprints, common_rows
from lamina.engines.llvm.program.footprints import row_footprints as row_footprints
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Peeled,
    Statement,
    kernels_of,
    loops,
    unpeeled,
)
from lamina.ir.types import Dim


def find_row_parallel(program: Program) -> Program:
    """Mark the row-parallel loops with the number of their rows, and set their kernels' row
    loops."""
    footprints = Footprints()
    for loop in loops(program.statements):
        for kernel, row_loop in independent_rows(loop.statements, footprints).items():
            kernel.set_row_loop(row_loop)
            loop.rows = row_loop.rows
    return program


def independent_rows(
    statements: Sequence[Statement], footprints: Footprints
) -> dict[Kernel, RowLoop]:
    """Return the row loop of each kernel in a loop of these statements, if threads may divide its
    rows."""
    if not all(isinstance(s, (Kernel, Peeled)) for s in statements):
        return {}
    for rows in _suggested_rows(kernels_of(unpeeled(statements)), footprints):
        row_loops = footprints.row_loops(kernels_of(statements), rows)
        if row_loops is not None:
            return row_loops
    return {}


def _suggested_rows(kernels: Sequence[Kernel], footprints: Footprints) -> list[Dim]:
    """Return the numbers of rows that some kernels suggest, and what each has in common with those
    of the others."""
    every = [footprints.row_counts(kernel) for kernel in kernels]
    found: list[Dim] = []
    for count in [n for counts in every for n in counts]:
        for counts in every:
            shared = [c for n in counts if (c := common_rows([count, n])) is not None]
            count = shared[0] if shared else count
        found.append(count)
    return list(dict.fromkeys(found))
