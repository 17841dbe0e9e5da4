"""The state of an interpreted program (interpreter.py): sizes, memory, iterations, threads, phase.

Once barriers are inserted, or while threads divide rows, each access is noted with its thread: so
two threads that access one element between two barriers are found. Once live ranges are planned,
temporaries are poisoned outside of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.program.memory import MANY, Memory, places_of, span_of
from lamina.engines.llvm.program.program import Program
from lamina.errors import VerifyError
from lamina.ir.graph import parameter
from lamina.ir.types import Dim, TensorType, evaluate
from lamina.reference.interpreter import bind_sizes

Array = np.ndarray


class State:
    """Everything that statements read and change."""

    def __init__(self, program: Program, arrays: Sequence[Array], threads: int) -> None:
        self.program, self.threads = program, threads
        nodes = [parameter(TensorType(s.shape, s.dtype)) for s in program.arguments]
        self.sizes = bind_sizes(nodes, [a.shape for a in arrays])
        self.memories = self._memories(arrays)
        self.iterations: dict[Counter, int] = {}
        self.is_first = self.is_last = False  # the iteration of the loop around
        self.thread = 0  # the one that runs
        self.divides_rows = False  # each thread runs statements on its own rows
        self.phase = 0  # barriers so far, in the order of the program's text
        self.pending: set[Memory] = set()  # what threads have touched since the last barrier
        self._spans: dict[Slot, int] = {}

    def dim(self, extent: Dim) -> int:
        return extent if type(extent) is int else evaluate(extent, self.sizes)

    def _memories(self, arrays: Sequence[Array]) -> dict[Slot, Memory]:
        owners = self.program.owners()
        private = self.program.private
        if any(s.kind != "temporary" for s in private):
            raise VerifyError("program: an argument, result or table is private to each thread")
        found = {s: Memory(s, self.dim, self.threads if s in private else 1) for s in owners}
        for slot, array in zip(self.program.arguments, arrays, strict=True):
            found[slot].fill(array)
            found[slot].is_constant = slot not in self.program.results
        for slot in self.program.tables:
            assert slot.array is not None
            found[slot].fill(slot.array)
            found[slot].is_constant = True
        return found

    # ---- threads -------------------------------------------------------------------------------
    def meet(self) -> None:
        """All threads wait for each other."""
        for memory in self.pending:
            memory.meet()
        self.pending = set()

    def racing(self, memory: Memory, thread: int | None = None) -> int | None:
        """Note an access by a thread, or MANY; return it, if the access could be part of a race."""
        if not self.divides_rows and not self.program.is_synchronized:
            return None
        self.pending.add(memory)
        return self.thread if thread is None else thread

    def poison_dead(self) -> None:
        """Poison the temporaries that are not live in this phase, in which memory is accessed."""
        for slot, (first, last) in self.program.lives.items():
            if slot.kind == "temporary" and not first <= self.phase <= last:
                self.memories[slot].forget()

    # ---- memory --------------------------------------------------------------------------------
    def place(self, slot: Slot) -> tuple[Memory, int, int]:
        """The memory of a slot; where it begins there, and how many elements it spans."""
        slot = slot.actual
        if slot not in self._spans:
            self._spans[slot] = span_of(self._dims(slot.shape), self._dims(slot.layout))
        if slot.slice_of is None:
            memory = self.memories[slot]
            first = memory.span * self.thread if slot in self.program.private else 0
            return memory, first, self._spans[slot]
        assert slot.counter is not None
        memory, offset, _ = self.place(slot.slice_of)
        step = self.dim(slot.slice_of.layout[0])
        return memory, offset + self.iterations[slot.counter] * step, self._spans[slot]

    def read(self, slot: Slot) -> Array:
        """The values of a slot, which all threads read."""
        self.poison_dead()
        memory, elements = self._elements(slot)
        return memory.read(elements, self.racing(memory, MANY))

    def write(self, slot: Slot, array: Array) -> None:
        """Store all of a slot; all threads take part."""
        memory, elements = self._elements(slot)
        memory.write(elements, array, self.racing(memory, MANY))

    def _elements(self, slot: Slot) -> tuple[Memory, Array]:
        memory, offset, _ = self.place(slot)
        first = offset + self.dim(slot.offset)
        return memory, places_of(self._dims(slot.shape), self._dims(slot.layout)) + first

    def _dims(self, extents: Sequence[Dim]) -> list[int]:
        return [self.dim(n) for n in extents]
