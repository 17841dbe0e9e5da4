"""One execution of a kernel by the interpreter (interpreter.py): its accesses, and their checks.

bounds            each access is inside its buffer
single writers    no two points store to one element, and none reads what another one stores
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer
from lamina.engines.llvm.program.evaluate import Evaluation
from lamina.engines.llvm.program.memory import Memory, named
from lamina.engines.llvm.program.state import State
from lamina.errors import VerifyError

Array = np.ndarray
Displaced = Mapping[Memory, int]  # elements by which a row tile moves what it contracts
UNMOVED: Displaced = {}


class KernelRun:
    """One execution of a kernel, perhaps in several parts."""

    def __init__(self, state: State, kernel: Kernel, displaced: Displaced = UNMOVED) -> None:
        self.state, self.kernel, self.nest, self.displaced = state, kernel, kernel.nest, displaced
        self.writers: dict[Memory, Array] = {}
        shared = kernel.written & kernel.read
        self.in_place = {state.memories[s] for s in shared}
        self.reads: list[tuple[Memory, Array, Array]] = []  # memory, elements, points
        self.evaluation: Evaluation
        self.points: Array  # the number of each point

    def run(self, points: Mapping[Var, Array]) -> None:
        """Evaluate and store at the given points; iterations of a sequential outer loop in
        order."""
        outer = self.nest.sequential_outer
        with named(f"kernel {self.nest.name}", str(self.nest)):
            if outer is None:
                self._at(points)
            else:
                for k in range(self.state.dim(outer.extent)):
                    self._at({**points, outer: np.array([k])})
            self._check_reads()

    def _at(self, points: Mapping[Var, Array]) -> None:
        self.evaluation = Evaluation(self.nest, points, self.state.dim, self._load)
        self.points = self._points()
        stores = self.evaluation.stored()
        seen: dict[Memory, list[Array]] = {}
        for buffer, index, values in stores:
            memory, elements = self._located(buffer, index)
            seen.setdefault(memory, []).append(elements.reshape(-1))
            self._note_writers(memory, elements)
            memory.write(elements, values, self.state.racing(memory))
        for found in seen.values():
            every = np.concatenate(found)
            if np.unique(every).size != every.size:
                raise VerifyError("several points store to one element")

    def _load(self, buffer: Buffer, index: Array, active: Array) -> Array:
        index, active = np.broadcast_arrays(index, active)
        memory, elements = self._located(buffer, index[active])
        if memory in self.in_place:
            grid = np.broadcast_shapes(index.shape, self.evaluation.spatial)
            here = np.broadcast_to(active, grid)
            points = np.broadcast_to(self.points, grid)[here]
            where = np.broadcast_to(index, grid)[here]
            self.reads.append((memory, self._located(buffer, where)[1], points))
        values = memory.read(elements, self.state.racing(memory))
        if active.all():
            return values.reshape(index.shape)
        found = np.zeros(index.shape, values.dtype)
        found[active] = values
        return found

    def _located(self, buffer: Buffer, index: Array) -> tuple[Memory, Array]:
        """The elements of memory at an index into a buffer."""
        slot = self.kernel.slots[buffer.number]
        memory, offset, span = self.state.place(slot)
        wrong = (index < 0) | (index >= span)
        if wrong.any():
            at = int(index[wrong].flat[0])
            raise VerifyError(f"{buffer}[{at}] is outside of its {span} elements")
        elements = index + (offset + self.displaced.get(memory, 0))
        if memory in self.displaced and elements.size and elements.min() < 0:
            raise VerifyError(f"{buffer} is contracted to memory in front of it")
        return memory, elements

    # ---- single writers ------------------------------------------------------------------------
    def _points(self) -> Array:
        """The number of each point of the spatial loops, but for the sequential one."""
        at = self.evaluation.at
        number, step = np.zeros([1] * len(self.evaluation.shape), np.int64), 1
        for var in reversed(self.nest.loops):
            if var is not self.nest.sequential_outer:
                number = number + at[var] * step
                step *= max(self.state.dim(var.extent), 1)
        return number

    def _note_writers(self, memory: Memory, elements: Array) -> None:
        writers = self.writers.get(memory)
        if writers is None:
            writers = self.writers[memory] = np.full(memory.values.size, -1, np.int64)
        points, before = np.broadcast_to(self.points, elements.shape), writers[elements]
        if not ((before == -1) | (before == points)).all():
            raise VerifyError("several points store to one element")
        writers[elements] = points

    def _check_reads(self) -> None:
        for memory, elements, points in self.reads:
            writers = self.writers.get(memory)
            if writers is not None:
                by = writers[elements]
                if not ((by == -1) | (by == points)).all():
                    raise VerifyError("a point reads what another one stores")
