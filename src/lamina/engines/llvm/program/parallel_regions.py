"""From loop to loop, each thread keeps to rows of its own.

    z <- x W;  for turn: h <- f(z, h);  y <- softmax(h);  for turn: dz <- ...
        ->  z[mine] <- x[mine] W;  for turn: h[mine] <- ...;  y[mine] <- ...;  for turn: ...

Loops whose rows need nothing of each other (row_parallel.py) are often followed by kernels of the
same kind, up to the gradients' loops. Then the threads do not meet in between, and none reads what
another has written, which is slow where processors don't share a cache. What all rows read, such as
weights, each thread reads for itself, so it has to be little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
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

NAMES = {"map", "copy", "zeros", "reduce", "dot_general"}


def form_parallel_regions(program: Program, target: Target) -> Program:
    """Gather row-parallel loops, and the kernels around them, into parallel regions."""
    new = partial(_Region, users_of_memory(program), target.costs.region_shared)
    program.statements = clustered(program.statements, new, lambda loop: True)
    return program


class _Region(Cluster):
    """Kernels and loops over the same rows, in the making."""

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
        """One strip; or the members, if that is better."""
        if len(self.members) < 2 or not any(isinstance(m, Loop) for m in self.members):
            return self.members
        self.set_row_loop()
        self._reuse_memory({*self.kernels, *leaves(later)})
        rows = next(iter(self.kernels.values())).rows
        return [ParallelRegion(self.members, rows)]

    def _reuse_memory(self, from_here: Set[object]) -> None:
        """Where a value is read for the last time before another of the same form is made, that
        takes its memory, if rows are in the same places: so no thread is in the way of another."""
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
        """The first and the last member that each memory is in use by, in order of the first."""
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
    """Whether all rows together read little besides their own."""
    return kernel.nest.name in NAMES and sum(_fixed(kernel, most)) <= most


def _fixed(kernel: Kernel, most: int) -> Iterator[int]:
    row_loop = row_loop_of(kernel)
    seen: set[Slot] = set()
    for slot, index, _ in accesses(kernel):
        if row_loop is None or slot.memory in seen or row_loop.loop in index.vars:
            continue
        seen.add(slot.memory)
        yield int(slot.bytes) if is_static(slot.bytes) else most + 1
