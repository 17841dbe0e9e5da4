"""Memory planning: live ranges of all buffers, and displaced buffers of parallel regions.

    t0 <- f(x); barrier; t1 <- g(t0); barrier; t2 <- h(t1)   ->   t0 in 0..1, t1 in 1..2, t2 in 2..2

A phase is what runs between two barriers, numbered in the order of the program's text. Buffers that
are live in no common phase may share memory (runtime/arena.py). Within a phase threads may be
anywhere, so all buffers that it accesses are live in all of it. A buffer that is accessed inside
and outside of a loop, or only in some of its iterations, is live in all phases of the loop.

Buffers whose rows are divided are live throughout: the lines of each thread's rows then stay in its
core's cache. Displacement: the rows of thread t of a buffer that only one parallel region accesses
begin t * `Costs.displacement` later, so that the hardware prefetcher of one core does not pull
lines that another is writing.

Legality of a displacement: the buffer is a temporary, only the region accesses it, and its rows are
contiguous (else other iterations are between them). Profitability: always. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.footprints import row_footprints
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.statements import (
    Barrier,
    If,
    Loop,
    ParallelRegion,
    RowVersions,
    Statement,
    While,
    bodies,
    kernels_of,
    touched,
    walk,
)
from lamina.engines.llvm.target.target import Target

Path = tuple[Loop | While, ...]  # the loops around a statement


def plan_memory(program: Program, target: Target) -> Program:
    """Find the live range of every buffer, and which buffers of regions are displaced."""
    users = users_of_memory(program)
    divided: set[Slot] = set()
    for statement in walk(program.statements):
        if isinstance(statement, ParallelRegion):
            private = _private_rows(statement, users)
            statement.displaced = dict.fromkeys(private, target.costs.displacement)
            divided |= {s for k in kernels_of([statement]) for s in k.written}
        elif isinstance(statement, Kernel) and statement.nest.split_reduction is not None:
            divided |= statement.written
    program.lives = _Ranges(program.statements).lives(divided)
    return program


def _private_rows(region: ParallelRegion, users: MemoryUsers) -> list[Slot]:
    """Return the temporaries that only this region accesses, and whose rows are contiguous."""
    kernels = {k: k.row_loop for k in kernels_of([region]) if k.row_loop is not None}
    widths, rows = row_footprints(kernels) or {}, next(iter(kernels.values())).rows
    written = dict.fromkeys(  # in the order of the text
        slot.memory for kernel in kernels for slot in kernel.slots if slot.memory in kernel.written
    )
    return [
        slot
        for slot in written
        if slot.kind == "temporary"
        and users[slot] <= kernels.keys()
        and slot.bytes == rows * widths.get(slot, 0) * slot.dtype.itemsize
    ]


class _Ranges:
    """The phases in which each buffer is accessed, and in which loops."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.phase, self.path = 0, Path()
        self.accesses: dict[Slot, list[tuple[int, Path]]] = {}
        self._walk(statements)

    def lives(self, everywhere: set[Slot]) -> dict[Slot, tuple[int, int]]:
        """Return the first and last phase of each buffer; those of `everywhere` live in all."""
        spans = self._spans()
        found: dict[Slot, tuple[int, int]] = {}
        for slot, accesses in self.accesses.items():
            phases = {phase for phase, _ in accesses}
            loops = {loop for _, path in accesses for loop in path}
            for loop in loops:
                if any(loop not in path for _, path in accesses):  # live across iterations
                    phases |= {*spans[loop]}
            found[slot] = (0, self.phase) if slot in everywhere else (min(phases), max(phases))
        return found

    def _spans(self) -> dict[Loop | While, tuple[int, int]]:
        """Return the first and last phase in which a loop accesses memory."""
        spans: dict[Loop | While, tuple[int, int]] = {}
        for phase, path in (access for found in self.accesses.values() for access in found):
            for loop in path:
                first, last = spans.get(loop, (phase, phase))
                spans[loop] = min(first, phase), max(last, phase)
        return spans

    def _walk(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Barrier):
                self.phase += 1
            elif isinstance(statement, Loop):
                with self._inside(statement):
                    self._walk(statement.statements)
            elif isinstance(statement, While):
                condition = statement.condition.memory
                with self._inside(statement):
                    self._walk(statement.test)
                    self._touch([condition])
                    self._walk(statement.statements)
                self._touch([condition])  # until a barrier, threads may still be reading it
            elif isinstance(statement, If):
                for body in bodies(statement):
                    self._touch([statement.condition.memory])
                    self._walk(body)
            elif isinstance(statement, RowVersions):
                for body in bodies(statement):
                    self._walk(body)
            else:
                self._touch(touched(statement))

    @contextmanager
    def _inside(self, loop: Loop | While) -> Iterator[None]:
        outer, self.path = self.path, (*self.path, loop)
        yield
        self.path = outer

    def _touch(self, slots: Iterable[Slot]) -> None:
        for slot in slots:
            self.accesses.setdefault(slot, []).append((self.phase, self.path))
