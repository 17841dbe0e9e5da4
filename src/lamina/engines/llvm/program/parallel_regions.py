"""Parallel regions: row-parallel loops and kernels share one partition of rows; no barriers inside.

    z <- x W;  for t: h <- f(z, h);  y <- softmax(h);  for t: dz <- ...
        ->  z[mine] <- x[mine] W;  for t: h[mine] <- ...;  y[mine] <- ...;  for t: ...

Kernels next to row-parallel loops (row_parallel.py) join them, from the forward loop to the loops
of the gradient. No thread then waits for another, or reads what another core wrote.

Legality: all statements access only their own rows of what the region writes. Profitability: what
all rows read (weights) is small (`Costs.region_shared`), since each thread reads it itself. Bits do
not change. Storage reuse: inside a region, a dead temporary's buffer is reused by a later value of
equal layout, so that threads still touch only their own rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import NestKind
from lamina.engines.llvm.program.clusters import Cluster, clustered, row_loops_of
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.row_parallel import accesses, row_footprints, row_loop_of
from lamina.engines.llvm.program.statements import (
    Loop,
    ParallelRegion,
    Statement,
    leaves,
    mentioned,
)
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static


def form_parallel_regions(program: Program, target: Target) -> Program:
    """Gather row-parallel loops, and the kernels around them, into parallel regions."""
    new = partial(_Region, users_of_memory(program), target.costs.region_shared)
    program.statements = clustered(program.statements, new, lambda loop: True)
    return program


class _Region(Cluster):
    """A cluster of kernels and loops over the same rows."""

    def __init__(self, touching: MemoryUsers, shared: int) -> None:
        super().__init__()
        self.touching, self.shared = touching, shared

    def try_add(self, statement: Statement) -> bool:
        if isinstance(statement, Loop):
            if statement.rows is None:
                return False
        elif not isinstance(statement, Kernel) or not _is_small(statement, self.shared):
            return False
        kernels = row_loops_of(self.kernels, statement)
        if kernels is None or row_footprints(kernels) is None:
            return False
        self.members.append(statement)
        self.kernels = kernels
        return True

    def finish(self, later: Sequence[Statement]) -> Sequence[Statement]:
        """Return one region; or the members, if there is no loop among them."""
        if len(self.members) < 2 or not any(isinstance(m, Loop) for m in self.members):
            return self.members
        self.set_row_loop()
        self._reuse_memory({*self.kernels, *leaves(later)})
        rows = next(iter(self.kernels.values())).rows
        return [ParallelRegion(self.members, rows)]

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


def _is_small(kernel: Kernel, most: int) -> bool:
    """True if all rows together read little besides their own."""
    kind = kernel.nest.kind
    has_rows = kind.is_map or kind in (NestKind.REDUCE, NestKind.PRODUCT)
    return has_rows and sum(_fixed(kernel, most)) <= most


def _fixed(kernel: Kernel, most: int) -> Iterator[int]:
    row_loop = row_loop_of(kernel)
    seen: set[Slot] = set()
    for slot, index, _ in accesses(kernel):
        if row_loop is None or slot.memory in seen or row_loop.loop in index.vars:
            continue
        seen.add(slot.memory)
        yield int(slot.bytes) if is_static(slot.bytes) else most + 1
