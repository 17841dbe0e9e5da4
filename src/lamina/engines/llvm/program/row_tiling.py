"""Row tiling: neighboring kernels run over a few rows of the batch at a time (depth-first).

    a <- f(x); b <- g(a); y <- h(b)   ->   for a few rows of x: a <- f(x); b <- g(a); y <- h(b)

What one kernel writes is in the cache when the next reads it. Buffers that only these kernels
access are contracted to the rows of one tile. Predictions of networks and Winograd's transforms are
tiled.

Legality: as in row_parallel.py, no row depends on another. Profitability: the intermediates exceed
`Costs.tile_least` per row, and everything that a row touches, weights included, stays below
`Costs.tile_most`. Bits do not change.
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
    """Tile neighboring kernels by rows where it pays: first by finer rows, then by batch rows."""
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
    """Kernels over the same rows, to be tiled. A row is one element of the batch, or finer: then
    each kernel's row is a whole number of them. Tiles of finer rows are members as a whole."""

    def __init__(self, touching: MemoryUsers, target: Target, finer: bool) -> None:
        super().__init__()
        self.touching, self.target, self.finer = touching, target, finer
        self.batch_rows: dict[
            Kernel, RowLoop
        ] = {}  # rows of the batch; `kernels` has rows of the tile
        self.widths: dict[Slot, int] = {}

    def try_add(self, statement: Statement) -> bool:
        if not isinstance(statement, Kernel) and not (isinstance(statement, RowTile)):
            return False  # a region contains loops
        batch_rows = row_loops_of(self.batch_rows, statement)
        if batch_rows is None:
            return False
        kernels = _with_finer_rows(batch_rows) if self.finer else batch_rows
        if self.finer and _rows(kernels) == _rows(batch_rows):
            return False
        if self.kernels and _rows(kernels) != _rows(self.kernels) and self._is_worth_it():
            return False  # this one has larger rows
        widths = row_footprints(kernels)
        if widths is None or _bytes(kernels) > self.target.costs.tile_most:
            return False
        self.members.append(statement)
        self.batch_rows, self.kernels, self.widths = batch_rows, kernels, widths
        return True

    def finish(self, later: Sequence[Statement]) -> Sequence[Statement]:
        """Return one row tile; or the members, if that is better."""
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
        """Return the bytes per row of the buffers that only the members access."""
        elements = {
            s.memory for k in self.kernels for s in k.slots if s.actual.slice_of is not None
        }
        return {
            slot: width * slot.dtype.itemsize
            for slot, width in self.widths.items()
            if slot.kind == "temporary"
            and slot not in elements  # each iteration of a loop needs all of it
            and self.touching[slot] <= self.kernels.keys()
        }


def _rows(kernels: Mapping[Kernel, RowLoop]) -> Dim:
    return next(iter(kernels.values())).rows


def _with_finer_rows(kernels: Mapping[Kernel, RowLoop]) -> dict[Kernel, RowLoop]:
    times = math.gcd(*(a.size for a in kernels.values()))
    return {k: RowLoop(a.loop, a.rows * times, a.size // times) for k, a in kernels.items()}


def _bytes(kernels: dict[Kernel, RowLoop]) -> float:
    """Return the bytes that one row accesses, with what all rows read."""
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
