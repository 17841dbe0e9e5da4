"""Kernels that follow one another on the same rows, some rows at a time.

    a <- f(x); b <- g(a); y <- h(b)     for a few rows of x: a <- f(x); b <- g(a); y <- h(b)

What one kernel leaves is in the cache when the next reads it, and what lies between them takes as
much of it as a few rows. A network's predictions are of this kind, and Winograd's transforms. As in
row_parallel.py, no row may need another; what all rows read, such as weights, is read again each
time, so it has to be little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import RowLoop
from lamina.engines.llvm.program.clusters import Cluster, clustered, row_loops_of
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.row_parallel import (
    accesses,
    footprint_at,
    row_count,
    row_footprints,
)
from lamina.engines.llvm.program.statements import Loop, RowTile, Statement
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import Dim
from lamina.ir.typical import guess


def tile_rows(program: Program, target: Target) -> Program:
    """Run neighboring kernels over a few rows at a time, where that pays."""
    touching = users_of_memory(program)
    finer = clustered(
        program.statements, partial(_RowCluster, touching, target, True), _has_no_rows
    )
    program.statements = clustered(
        finer, partial(_RowCluster, touching, target, False), _has_no_rows
    )
    return program


def _has_no_rows(loop: Loop) -> bool:
    return loop.rows is None


class _RowCluster(Cluster):
    """Kernels over the same rows, in the making of a strip. A row is one turn of the batch; or a
    finer one, the least of which each kernel takes a whole number of turns. Strips of finer rows
    are taken as a whole."""

    def __init__(self, touching: MemoryUsers, target: Target, finer: bool) -> None:
        super().__init__()
        self.touching, self.target, self.finer = touching, target, finer
        self.thread_private: dict[
            Kernel, RowLoop
        ] = {}  # by turns of the batch; `kernels` by the strip's rows
        self.widths: dict[Slot, int] = {}

    def try_add(self, statement: Statement) -> bool:
        if not isinstance(statement, Kernel) and not (isinstance(statement, RowTile)):
            return False  # nor is a region, which has loops in it
        thread_private = row_loops_of(self.thread_private, statement)
        if thread_private is None:
            return False
        kernels = _with_finer_rows(thread_private) if self.finer else thread_private
        if self.finer and _rows(kernels) == _rows(thread_private):
            return False
        if self.kernels and _rows(kernels) != _rows(self.kernels) and self._is_worth_it():
            return False  # this one has larger rows
        widths = row_footprints(kernels)
        if widths is None or _bytes(kernels) > self.target.costs.tile_most:
            return False
        self.members.append(statement)
        self.thread_private, self.kernels, self.widths = thread_private, kernels, widths
        return True

    def finish(self, later: Sequence[Statement]) -> Sequence[Statement]:
        """One strip; or the members, if that is better."""
        if len(self.members) < 2 or not self._is_worth_it():
            return self.members
        self.set_row_loop()
        contracted = self._contracted()
        step = max(1, self.target.machine.l2 // 2 // sum(contracted.values()))
        return [RowTile(list(self.members), _rows(self.kernels), step, contracted)]

    def _is_worth_it(self) -> bool:
        contracted = sum(self._contracted().values())
        return (
            bool(contracted)
            and contracted * row_count(_rows(self.kernels))[1] >= self.target.costs.tile_least
        )

    def _contracted(self) -> dict[Slot, int]:
        """Bytes of a row of the memory that nobody else touches."""
        elements = {
            s.memory for k in self.kernels for s in k.slots if s.actual.slice_of is not None
        }
        return {
            slot: width * slot.dtype.itemsize
            for slot, width in self.widths.items()
            if slot.kind == "temporary"
            and slot not in elements  # by_batch turn of a loop has all of it
            and self.touching[slot] <= self.kernels.keys()
        }


def _rows(kernels: Mapping[Kernel, RowLoop]) -> Dim:
    return next(iter(kernels.values())).rows


def _with_finer_rows(kernels: Mapping[Kernel, RowLoop]) -> dict[Kernel, RowLoop]:
    times = math.gcd(*(a.size for a in kernels.values()))
    return {k: RowLoop(a.loop, a.rows * times, a.size // times) for k, a in kernels.items()}


def _bytes(kernels: dict[Kernel, RowLoop]) -> float:
    """What a row of everything takes, with what all rows read."""
    found: dict[Slot, float] = {}
    for kernel, row_loop in kernels.items():
        for slot, index, limits in accesses(kernel):
            row = footprint_at(index, row_loop, limits)
            size: float = guess(slot.bytes if slot.slice_of is None else slot.memory.bytes)
            if row is not None and row.width:
                size = abs(row.width) * slot.dtype.itemsize
            elif row_loop.loop in index.vars:
                size /= guess(row_loop.rows)
            found[slot.memory] = max(found.get(slot.memory, 0), size)
    return sum(found.values())
