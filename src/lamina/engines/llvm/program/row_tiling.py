"""Row tiling: neighboring kernels run over a few rows of the batch at a time (depth-first).

    a <- f(x); b <- g(a); y <- h(b)   ->   for a few rows of x: a <- f(x); b <- g(a); y <- h(b)

What one kernel writes is in the cache when the next reads it. Buffers that only these kernels
access are contracted to the rows of one tile. Predictions of networks and Winograd's transforms are
tiled.

Legality: all accesses to what the kernels write are row-local (footprints.py). Profitability: the
intermediates of all rows exceed `Costs.tile_least`, and everything that a row touches, weights
included, stays below `Costs.tile_most`. Bits do not change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.schedule import RowLoop
from lamina.engines.llvm.program.clusters import Cluster, clustered
from lamina.engines.llvm.program.footprints import (
    Footprints,
    common_rows,
    footprint_at,
    row_footprints,
)
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.statements import (
    Loop,
    Peeled,
    RowTile,
    Statement,
    kernels_of,
)
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import Dim, evaluate, is_static
from lamina.ir.typical import TYPICAL_SIZES, guess


def tile_rows(program: Program, target: Target) -> Program:
    """Tile neighboring kernels by rows where it pays: first by finer rows, then by batch rows."""
    touching, footprints = users_of_memory(program), Footprints()
    for finer in (True, False):
        new = partial(_RowCluster, touching, target, footprints, _RowBytes(footprints), finer)
        program.statements = clustered(program.statements, new, _has_no_rows)
    return program


def _has_no_rows(loop: Loop) -> bool:
    return loop.rows is None


class _RowBytes:
    """The bytes that one row of a kernel accesses, each kernel computed once."""

    def __init__(self, footprints: Footprints) -> None:
        self.footprints = footprints
        self.found: dict[tuple[Kernel, RowLoop], dict[Slot, float]] = {}
        self.sizes: dict[Slot, float] = {}

    def of(self, kernel: Kernel, row_loop: RowLoop) -> Mapping[Slot, float]:
        """Return the bytes of each memory."""
        key = (kernel, row_loop)
        if key not in self.found:
            found = self.found[key] = {}
            for slot, index, limits in self.footprints.accesses(kernel):
                row = footprint_at(index, row_loop, limits)
                if row is not None and row.width != 0:
                    size: float = abs(evaluate(row.width, TYPICAL_SIZES)) * slot.dtype.itemsize
                else:
                    size = self._size(slot)
                    size /= guess(row_loop.rows) if row_loop.loop in index.vars else 1
                found[slot.memory] = max(found.get(slot.memory, 0), size)
        return self.found[key]

    def _size(self, slot: Slot) -> float:
        if slot not in self.sizes:
            self.sizes[slot] = guess(slot.bytes if slot.slice_of is None else slot.memory.bytes)
        return self.sizes[slot]


class _RowCluster(Cluster):
    """Kernels over the same rows, to be tiled. A row is one element of the batch, or finer: then
    each kernel's row is a whole number of them. Tiles of finer rows are members as a whole."""

    def __init__(
        self,
        touching: MemoryUsers,
        target: Target,
        footprints: Footprints,
        row_bytes: _RowBytes,
        finer: bool,
        statements: Sequence[Statement],
    ) -> None:
        super().__init__()
        self.touching, self.target, self.finer = touching, target, finer
        self.footprints, self.row_bytes = footprints, row_bytes
        self.rows: Dim | None = None  # of the batch; `kernels` has rows of the tile
        self.widths: Mapping[Slot, Dim] = {}

    def try_add(self, statement: Statement) -> bool:
        if not isinstance(statement, (Kernel, Peeled, RowTile)):
            return False  # a region contains loops
        added = kernels_of([statement])
        rows = self._common_rows(added)
        if rows is None:
            return False
        batch_rows = self.footprints.row_loops([*self.kernels, *added], rows)
        if batch_rows is None or not self._is_connected(batch_rows, added):
            return False
        kernels = _with_finer_rows(batch_rows) if self.finer else batch_rows
        if self.finer and _rows(kernels) == _rows(batch_rows):
            return False
        if self.kernels and _rows(kernels) != _rows(self.kernels) and self._is_worth_it():
            return False  # this one has larger rows
        widths = row_footprints(kernels, self.footprints)
        if widths is None or self._bytes(kernels) > self.target.costs.tile_most:
            return False
        self.members.append(statement)
        self.rows, self.kernels, self.widths = rows, kernels, widths
        return True

    def _common_rows(self, added: Sequence[Kernel]) -> Dim | None:
        """Return the number of rows of the members and the added kernels, None if it differs."""
        rows = self.rows
        for kernel in added:
            counts = self.footprints.row_counts(kernel)
            shared = [common_rows([n] if rows is None else [rows, n]) for n in counts]
            rows = next((n for n in shared if n is not None), None)
            if rows is None:
                return None
        return rows

    def _is_connected(self, row_loops: Mapping[Kernel, RowLoop], added: Sequence[Kernel]) -> bool:
        """True if a row of the added kernels is a row of the members. Symbols say so; equal numbers
        may be equal by chance, unless both access rows of one buffer."""
        if not self.members or not is_static(_rows(row_loops)):
            return True
        each = [
            [self.footprints.widths(k, row_loops[k]) for k in some]
            for some in (self.kernels, added)
        ]
        ours, theirs = ({pair for widths in some for pair in widths.items()} for some in each)
        return any(width is not None for _, width in ours & theirs)

    def finish(self, later: Sequence[Statement]) -> Statement | None:
        """Return one row tile, if it is worth it."""
        if len(self.members) < 2 or not self._is_worth_it():
            return None
        self.set_row_loop()
        contracted = self._contracted()
        step = max(1, self.target.costs.resident_l2 // sum(contracted.values()))
        return RowTile(list(self.members), _rows(self.kernels), step, contracted)

    def _is_worth_it(self) -> bool:
        contracted = sum(self._contracted().values()) * guess(_rows(self.kernels))
        return contracted > 0 and contracted >= self.target.costs.tile_least

    def _bytes(self, kernels: Mapping[Kernel, RowLoop]) -> float:
        """Return the bytes that one row accesses, with what all rows read."""
        found: dict[Slot, float] = {}
        for kernel, row_loop in kernels.items():
            for memory, size in self.row_bytes.of(kernel, row_loop).items():
                found[memory] = max(found.get(memory, 0), size)
        return sum(found.values())

    def _contracted(self) -> dict[Slot, int]:
        """Return the bytes per row of the buffers that only the members access."""
        elements = {
            s.memory for k in self.kernels for s in k.slots if s.actual.slice_of is not None
        }
        return {
            slot: int(width) * slot.dtype.itemsize
            for slot, width in self.widths.items()
            if slot.kind == "temporary"
            and is_static(width)
            and slot not in elements  # each iteration of a loop needs all of it
            and self.touching[slot] <= self.kernels.keys()
        }


def _rows(kernels: Mapping[Kernel, RowLoop]) -> Dim:
    return next(iter(kernels.values())).rows


def _with_finer_rows(kernels: Mapping[Kernel, RowLoop]) -> dict[Kernel, RowLoop]:
    sizes = [int(each.size) for each in kernels.values() if is_static(each.size)]
    times = math.gcd(*sizes) if len(sizes) == len(kernels) else 1
    return {
        kernel: RowLoop(each.loop, each.rows * times, each.size // times)
        for kernel, each in kernels.items()
    }
