"""Parallel regions: row-parallel loops and kernels share one partition of rows; no barriers inside.

    z <- x W;  for t: h <- f(z, h);  y <- softmax(h);  for t: dz <- ...
        ->  z[mine] <- x[mine] W;  for t: h[mine] <- ...;  y[mine] <- ...;  for t: ...

Kernels next to row-parallel loops (row_parallel.py) join them, from the forward loop to the loops
of the gradient. No thread then waits for another, or reads what another core wrote.

Legality: all accesses to what the region writes are row-local (footprints.py). Profitability: what
all rows read (weights) is small (`Costs.region_shared`), since each thread reads it itself. Bits do
not change. Storage reuse: inside a region, a dead temporary's buffer is reused by a later value of
equal layout, so that threads still touch only their own rows.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import NestKind
from lamina.engines.llvm.loops.schedule import RowLoop
from lamina.engines.llvm.program.clusters import Cluster, clustered
from lamina.engines.llvm.program.footprints import Footprints, row_footprints
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.statements import (
    Loop,
    ParallelRegion,
    Statement,
    kernels_of,
    leaves,
    mentioned,
)
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static


def form_parallel_regions(program: Program, target: Target) -> Program:
    """Gather row-parallel loops, and the kernels around them, into parallel regions."""
    touching, shared = users_of_memory(program), target.costs.region_shared
    new = partial(_Region, touching, shared, Footprints())
    program.statements = clustered(program.statements, new, lambda loop: True)
    return program


class _Region(Cluster):
    """A cluster of kernels and loops over the rows of the next row-parallel loop."""

    def __init__(
        self,
        touching: MemoryUsers,
        shared: int,
        footprints: Footprints,
        statements: Sequence[Statement],
    ) -> None:
        super().__init__()
        self.touching, self.shared, self.footprints = touching, shared, footprints
        parallel = (s for s in statements if isinstance(s, Loop) and s.rows is not None)
        self.loop = next(parallel, None)

    def try_add(self, statement: Statement) -> bool:
        if self.loop is None or not isinstance(statement, (Loop, Kernel)):
            return False
        rows = self.loop.rows
        assert rows is not None
        if isinstance(statement, Loop) and statement.rows != rows:
            return False
        around = [self.loop] if self.loop not in self.members else []
        kernels = kernels_of([*self.members, statement])
        if self.footprints.row_loops([*kernels, *kernels_of(around)], rows) is None:
            return False
        row_loops = self.footprints.row_loops(kernels, rows)
        assert row_loops is not None
        if isinstance(statement, Kernel) and not self._is_small(statement, row_loops[statement]):
            return False
        self.members.append(statement)
        self.kernels = row_loops
        return True

    def finish(self, later: Sequence[Statement]) -> Statement | None:
        """Return one region, if there is a loop among the members."""
        if len(self.members) < 2 or self.loop not in self.members:
            return None
        assert self.loop is not None and self.loop.rows is not None
        self.set_row_loop()
        self._reuse_memory({*self.kernels, *leaves(later)})
        return ParallelRegion(self.members, self.loop.rows)

    def _is_small(self, kernel: Kernel, row_loop: RowLoop) -> bool:
        """True if all rows together read little besides their own."""
        kind = kernel.nest.kind
        if not kind.is_map and kind not in (NestKind.REDUCE, NestKind.PRODUCT):
            return False
        total, seen = 0, set[Slot]()
        for slot, index, _ in self.footprints.accesses(kernel):
            if slot.memory in seen or row_loop.loop in index.vars:
                continue
            seen.add(slot.memory)
            total += int(slot.bytes) if is_static(slot.bytes) else self.shared + 1
        return total <= self.shared

    def _reuse_memory(self, from_here: Set[object]) -> None:
        """Alias each temporary with a dead one of the same shape, layout and bytes per row: equal
        rows then occupy equal memory, so threads do not interfere."""
        free: list[tuple[int, Slot]] = []
        widths = row_footprints(self.kernels) or {}
        for slot, (first, last) in self._lives().items():
            own = slot.kind == "temporary" and slot.memory is slot
            if not own or not self.touching[slot] <= from_here:
                continue
            candidates = (s for end, s in free if end < first and _has_same_layout(s, slot))
            found = next((s for s in candidates if widths.get(s) == widths.get(slot)), None)
            if found is not None:
                free = [(end, s) for end, s in free if s is not found]
                slot.alias_of = found
            if self.touching[slot] <= self.kernels.keys():
                free.append((last, found or slot))

    def _lives(self) -> dict[Slot, tuple[int, int]]:
        """Return the first and the last member that accesses each buffer, in order of the first."""
        lives: dict[Slot, tuple[int, int]] = {}
        for place, member in enumerate(self.members):
            for leaf in leaves([member]):
                for slot in mentioned(leaf):
                    first, _ = lives.get(slot.memory, (place, place))
                    lives[slot.memory] = first, place
        return lives


def _has_same_layout(slot: Slot, other: Slot) -> bool:
    alias_of = slot.shape == other.shape and slot.dtype == other.dtype
    return alias_of and list(slot.layout) == list(other.layout)
