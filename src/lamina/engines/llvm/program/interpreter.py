"""Programs interpreted with NumPy, without compiling: what each pass has to keep.

    run(program, arrays, order) -> arrays

A program promises more than its results, and every promise is checked on the way:

    bounds            an access is inside its buffer, a store not in the padding between rows
    defined values    what is read has been written before (memory starts out poisoned)
    single writers    no two points of a kernel's spatial loops store to the same element, and none
                      reads what another one stores
    no races          between two barriers, and inside of row-parallel loops, regions and tiles, no
                      thread touches an element that another one writes

`Order` chooses among what the compiled program may do: the number of threads, which of them comes
first, and which tiles each takes. No result may depend on it by more than the order of sums. Before
barriers are inserted, threads wait for each other after every statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer, RowLoop
from lamina.engines.llvm.program.evaluate import Evaluation
from lamina.engines.llvm.program.memory import MANY, Memory, named, places_of, span_of
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Barrier,
    If,
    Loop,
    ParallelRegion,
    Routine,
    RowTile,
    RowVersions,
    Statement,
    While,
    leaves,
)
from lamina.errors import VerifyError
from lamina.ir.graph import parameter
from lamina.ir.types import Dim, TensorType, evaluate, exact_division
from lamina.reference.interpreter import apply, bind_sizes, resolve

Array = np.ndarray
Rows = tuple[int, int]
Displaced = Mapping[Memory, int]  # elements by which a row tile moves what it contracts
UNMOVED: Displaced = {}


@dataclass(frozen=True)
class Order:
    """A run's choices: the number of threads, whether they divide the rows of row-parallel
    statements (or run the inner statements one by one), and the seed that decides the rest."""

    threads: int = 3
    divided: bool = True
    seed: int = 0


def run(program: Program, arrays: Sequence[Array], order: Order = Order()) -> list[Array]:
    """The results of a program for one array per argument; the arrays stay as they are.

    Raises:
        VerifyError: the program breaks a promise; the kernel and the promise are named.
    """
    return _Interpreter(program, arrays, order).run()


class _Interpreter:
    def __init__(self, program: Program, arrays: Sequence[Array], order: Order) -> None:
        self.program, self.threads, self.divided = program, order.threads, order.divided
        self.rng = np.random.default_rng(order.seed)
        nodes = [parameter(TensorType(s.shape, s.dtype)) for s in program.arguments]
        self.sizes = bind_sizes(nodes, [a.shape for a in arrays])
        self.memories = self._memories(arrays)
        self.iterations: dict[Counter, int] = {}
        self._spans: dict[Slot, int] = {}
        self.is_first = self.is_last = False  # the iteration of the loop around
        self.thread = 0
        self.divides_rows = False  # in a row-parallel statement
        self.pending: set[Memory] = set()  # what threads have touched since the last barrier

    def run(self) -> list[Array]:
        self._statements(self.program.statements)
        found = []
        for k, slot in enumerate(self.program.results):
            memory = self.memories[slot.memory]
            if not memory.defined.all():
                raise VerifyError(f"program: no statement writes all of result {k}")
            found.append(memory.array())
        return found

    def dim(self, extent: Dim) -> int:
        return extent if type(extent) is int else evaluate(extent, self.sizes)

    def _memories(self, arrays: Sequence[Array]) -> dict[Slot, Memory]:
        owners = [s for s in self.program.slots() if s.alias_of is None and s.slice_of is None]
        if any(s.thread_private and s.kind != "temporary" for s in owners):
            raise VerifyError("program: an argument, result or table is private to each thread")
        found = {s: Memory(s, self.dim, self.threads if s.thread_private else 1) for s in owners}
        for slot, array in zip(self.program.arguments, arrays, strict=True):
            found[slot].fill(array)
            found[slot].is_constant = slot not in self.program.results
        for slot in self.program.tables:
            assert slot.array is not None
            found[slot].fill(slot.array)
            found[slot].is_constant = True
        return found

    # ---- statements ----------------------------------------------------------------------------
    def _statements(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Loop):
                self._loop(statement)
            elif isinstance(statement, RowTile):
                self._tiled(statement)
            elif isinstance(statement, ParallelRegion):
                self._region(statement)
            elif isinstance(statement, While):
                self._while(statement)
            elif isinstance(statement, RowVersions):
                divided = statement.statements if self.divided else statement.otherwise
                self._statements(divided)
            elif isinstance(statement, If):
                holds = bool(self._read(statement.condition))
                self._statements(statement.statements if holds else statement.otherwise)
            elif isinstance(statement, Barrier):
                self._meet()
            elif isinstance(statement, Kernel):
                self._shared(statement)
            else:
                self._routine(statement)

    def _meet(self) -> None:
        """All threads wait for each other."""
        for memory in self.pending:
            memory.meet()
        self.pending = set()

    def _loop(self, statement: Loop) -> None:
        if statement.rows is not None and self._divides():
            self._row_partitioned([statement], statement.rows)
            return
        for _ in self._iterated(statement):
            self._statements(statement.statements)

    def _iterated(self, statement: Loop) -> Iterator[None]:
        count, outer_flags = self.dim(statement.count), (self.is_first, self.is_last)
        for number in range(count):
            counter = statement.counter
            self.iterations[counter] = count - 1 - number if counter.reverse else number
            self.is_first, self.is_last = number == 0, number == count - 1
            yield
        self.is_first, self.is_last = outer_flags

    def _while(self, statement: While) -> None:
        while True:
            self._statements(statement.test)
            if not self._read(statement.condition):
                return
            self._statements(statement.statements)

    def _routine(self, statement: Routine) -> None:
        """A primitive without a nest, by the reference."""
        with named(statement.node.op):
            arrays = [self._read(slot) for slot in statement.inputs]
            params = resolve(statement.node.params, self.sizes)
            found = apply(statement.node.op, arrays, params)
            results = found if isinstance(found, tuple) else (found,)
            for slot, array in zip(statement.outputs, results, strict=True):
                self._write(slot, array)

    # ---- rows ----------------------------------------------------------------------------------
    def _divides(self) -> bool:
        """Return whether threads divide the rows of a statement; divided ones do not nest."""
        return self.divided and not self.divides_rows

    def _region(self, statement: ParallelRegion) -> None:
        if self._divides():
            self._row_partitioned(statement.statements, statement.rows)
        else:
            self._statements(statement.statements)

    def _tiled(self, statement: RowTile) -> None:
        if not self._divides():
            self._statements(statement.statements)
        else:
            with self._rows_divided():
                for first, end in self._shares(self.dim(statement.rows)):
                    most = min(statement.step, max((end - first) // 2, 1))
                    self._in_tiles(statement, first, end, int(self.rng.integers(1, most + 1)))
            for slot in statement.contracted:
                self.memories[slot].forget()

    def _row_partitioned(self, statements: Sequence[Statement], rows: Dim) -> None:
        """Each thread runs all statements on its own rows; the threads come in any order."""
        with self._rows_divided():
            for share in self._shares(self.dim(rows)):
                for statement in statements:
                    if isinstance(statement, Loop):
                        for _ in self._iterated(statement):
                            for kernel in statement.statements:
                                self._kernel(kernel, share)
                    else:
                        self._kernel(statement, share)

    def _in_tiles(self, statement: RowTile, first: int, end: int, step: int) -> None:
        """A thread's rows, `step` at a time. Contracted buffers hold the rows of one tile."""
        for row in range(first, end, step):
            displaced: dict[Memory, int] = {}
            for slot, bytes_ in statement.contracted.items():
                memory = self.memories[slot]
                memory.forget(memory.of_thread(self.thread))
                displaced[memory] = -(row - first) * (bytes_ // slot.dtype.itemsize)
            for kernel in leaves(statement.statements):
                assert isinstance(kernel, Kernel) and kernel.nest.row_loop is not None
                finer = exact_division(kernel.nest.row_loop.rows, statement.rows)
                assert isinstance(finer, int)
                rows = row * finer, min(row + step, end) * finer
                self._kernel(kernel, rows, displaced)

    @contextmanager
    def _rows_divided(self) -> Iterator[None]:
        self.divides_rows = True
        yield
        self.divides_rows = False
        self.thread = 0
        if not self.program.is_synchronized:
            self._meet()

    def _shares(self, rows: int) -> Iterator[Rows]:
        """The rows of each thread, which it becomes, in any order."""
        cuts = [rows * k // self.threads for k in range(self.threads + 1)]
        for thread in self.rng.permutation(self.threads):
            self.thread = int(thread)
            if cuts[thread] < cuts[thread + 1]:
                yield cuts[thread], cuts[thread + 1]

    # ---- kernels -------------------------------------------------------------------------------
    def _kernel(self, statement: Statement, rows: Rows, displaced: Displaced = UNMOVED) -> None:
        """A kernel on rows of this thread."""
        assert isinstance(statement, Kernel)
        kernel = self._variant(statement)
        if kernel is None:
            return
        row_loop = kernel.nest.row_loop
        assert isinstance(row_loop, RowLoop)
        size = self.dim(row_loop.size)
        points = np.arange(rows[0] * size, rows[1] * size, dtype=np.int64)
        _KernelRun(self, kernel, displaced).run({row_loop.loop: points})

    def _shared(self, statement: Kernel) -> None:
        """A kernel on all of its points: each thread takes some, in any order."""
        kernel = self._variant(statement)
        if kernel is None:
            return
        if any(slot.thread_private for slot in kernel.written):
            for thread in range(self.threads):
                self.thread = thread
                _KernelRun(self, kernel).run({})
        else:
            one = _KernelRun(self, kernel)
            for points in self._parts(kernel):
                one.run(points)
        self.thread = 0

    def _parts(self, kernel: Kernel) -> Iterator[dict[Var, Array]]:
        """The points of each thread, which it becomes: some of those of one loop, shuffled."""
        nest = kernel.nest
        long = [v for v in nest.loops if v is not nest.sequential_outer and self.dim(v.extent) > 1]
        is_serial = kernel.schedule is not None and kernel.schedule.serial
        if is_serial or not long:
            self.thread = 0 if is_serial else int(self.rng.integers(self.threads))
            yield {}
            return
        var = long[int(self.rng.integers(len(long)))]
        parts = np.array_split(self.rng.permutation(self.dim(var.extent)), self.threads)
        for thread in self.rng.permutation(self.threads):
            self.thread = int(thread)
            yield {var: parts[thread].astype(np.int64)}

    def _variant(self, kernel: Kernel) -> Kernel | None:
        """Return the version of the kernel for this iteration of the surrounding loop, if any
        runs."""
        if kernel.skip_last and self.is_last:
            return None
        return (
            kernel.first_iteration
            if kernel.first_iteration is not None and self.is_first
            else kernel
        )

    # ---- memory --------------------------------------------------------------------------------
    def place(self, slot: Slot) -> tuple[Memory, int, int]:
        """The memory of a slot; where it begins there, and how many elements it spans."""
        slot = slot.actual
        if slot not in self._spans:
            self._spans[slot] = span_of(self._dims(slot.shape), self._dims(slot.layout))
        if slot.slice_of is None:
            memory = self.memories[slot]
            return (
                memory,
                memory.span * self.thread if slot.thread_private else 0,
                self._spans[slot],
            )
        assert slot.counter is not None
        memory, offset, _ = self.place(slot.slice_of)
        step = self.dim(slot.slice_of.layout[0])
        return memory, offset + self.iterations[slot.counter] * step, self._spans[slot]

    def _dims(self, extents: Sequence[Dim]) -> list[int]:
        return [self.dim(n) for n in extents]

    def _elements(self, slot: Slot) -> tuple[Memory, Array]:
        memory, offset, _ = self.place(slot)
        first = offset + self.dim(slot.offset)
        return memory, places_of(self._dims(slot.shape), self._dims(slot.layout)) + first

    def _read(self, slot: Slot) -> Array:
        memory, elements = self._elements(slot)
        return memory.read(elements, self.thread_of(memory, MANY))

    def _write(self, slot: Slot, array: Array) -> None:
        memory, elements = self._elements(slot)
        memory.write(elements, array, self.thread_of(memory, MANY))

    def thread_of(self, memory: Memory, thread: int) -> int | None:
        """Note an access by a thread; return the thread, if the access could be part of a race."""
        if not self.divides_rows and not self.program.is_synchronized:
            return None
        self.pending.add(memory)
        return thread


class _KernelRun:
    """One execution of a kernel, perhaps in several parts."""

    def __init__(self, owner: _Interpreter, kernel: Kernel, displaced: Displaced = UNMOVED) -> None:
        self.owner, self.kernel, self.nest, self.displaced = owner, kernel, kernel.nest, displaced
        self.writers: dict[Memory, Array] = {}
        shared = kernel.written & kernel.read
        self.in_place = {owner.memories[s] for s in shared}
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
                for k in range(self.owner.dim(outer.extent)):
                    self._at({**points, outer: np.array([k])})
            self._check_reads()

    def _at(self, points: Mapping[Var, Array]) -> None:
        self.evaluation = Evaluation(self.nest, points, self.owner.dim, self._load)
        self.points = self._points()
        stores = self.evaluation.stored()
        seen: dict[Memory, list[Array]] = {}
        for buffer, index, values in stores:
            memory, elements = self._located(buffer, index)
            seen.setdefault(memory, []).append(elements.reshape(-1))
            self._note_writers(memory, elements)
            memory.write(elements, values, self.owner.thread_of(memory, self.owner.thread))
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
        values = memory.read(elements, self.owner.thread_of(memory, self.owner.thread))
        if active.all():
            return values.reshape(index.shape)
        found = np.zeros(index.shape, values.dtype)
        found[active] = values
        return found

    def _located(self, buffer: Buffer, index: Array) -> tuple[Memory, Array]:
        """The elements of memory at an index into a buffer."""
        slot = self.kernel.slots[buffer.number]
        memory, offset, span = self.owner.place(slot)
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
                step *= max(self.owner.dim(var.extent), 1)
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
