"""Programs interpreted with NumPy, without compiling: what each pass has to keep.

    run(program, arrays, order) -> arrays

A program promises more than its results, and every promise is checked on the way:

    bounds            an access is inside its buffer, a store not in the padding between rows
    defined values    what is read has been written before, while its memory is live (all other
                      memory is poisoned)
    single writers    no two points of a kernel's spatial loops store to the same element, and none
                      reads what another one stores
    no races          between two barriers, and inside of row-parallel loops, regions and tiles, no
                      thread touches an element that another one writes

`Order` chooses among what the compiled program may do: the number of threads, which of them comes
first, and which tiles each takes. No result may depend on it by more than the order of sums. Before
barriers are inserted, threads wait for each other after every statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.kernel_run import UNMOVED, Displaced, KernelRun
from lamina.engines.llvm.program.memory import named
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.state import State
from lamina.engines.llvm.program.statements import (
    Barrier,
    If,
    Loop,
    ParallelRegion,
    Peeled,
    Replicated,
    Routine,
    RowTile,
    RowVersions,
    Statement,
    While,
    bodies,
    walk,
)
from lamina.errors import VerifyError
from lamina.ir.types import Dim, exact_division
from lamina.reference.interpreter import apply, resolve

Array = np.ndarray


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


class Share(NamedTuple):
    """The part of `rows` that a thread runs statements on, from `first` to `end`."""

    rows: Dim
    first: int
    end: int
    displaced: Displaced = UNMOVED


class _Interpreter:
    def __init__(self, program: Program, arrays: Sequence[Array], order: Order) -> None:
        self.program, self.divided = program, order.divided
        self.state = State(program, arrays, order.threads)
        self.rng = np.random.default_rng(order.seed)
        self.share: Share | None = None  # in a row-parallel statement

    def run(self) -> list[Array]:
        self._statements(self.program.statements)
        found = []
        for k, slot in enumerate(self.program.results):
            memory = self.state.memories[slot.memory]
            if not memory.defined.all():
                raise VerifyError(f"program: no statement writes all of result {k}")
            found.append(memory.array())
        return found

    # ---- statements ----------------------------------------------------------------------------
    def _statements(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Kernel):
                self._kernel(statement)
            elif isinstance(statement, Routine):
                self._routine(statement)
            elif isinstance(statement, Replicated):
                self._replicated(statement)
            elif isinstance(statement, Peeled):
                is_special = self.state.is_first if statement.first else self.state.is_last
                self._statements(statement.statements if is_special else statement.otherwise)
            elif isinstance(statement, Barrier):
                self.state.meet()
                self.state.phase += 1
            else:
                self._enter(statement)

    def _enter(self, statement: Loop | RowTile | ParallelRegion | While | If | RowVersions) -> None:
        """Run what encloses other statements; barriers inside count, whether reached or not."""
        after = self.state.phase + sum(map(_barriers, bodies(statement)))
        if isinstance(statement, Loop):
            self._loop(statement)
        elif isinstance(statement, RowTile):
            self._tiled(statement)
        elif isinstance(statement, ParallelRegion):
            self._region(statement)
        elif isinstance(statement, While):
            self._while(statement)
        elif isinstance(statement, RowVersions):
            self._either(self.divided, statement)
        else:
            self._either(bool(self.state.read(statement.condition)), statement)
        self.state.phase = after

    def _either(self, holds: bool, statement: If | RowVersions) -> None:
        if holds:
            self._statements(statement.statements)
        else:
            self.state.phase += _barriers(statement.statements)
            self._statements(statement.otherwise)

    def _loop(self, statement: Loop) -> None:
        if statement.rows is not None and self._divides():
            self._row_partitioned([statement], statement.rows)
            return
        state, counter, phase = self.state, statement.counter, self.state.phase
        count, outer_flags = state.dim(statement.count), (state.is_first, state.is_last)
        for number in range(count):
            state.phase = phase
            state.iterations[counter] = count - 1 - number if counter.reverse else number
            state.is_first, state.is_last = number == 0, number == count - 1
            self._statements(statement.statements)
        state.is_first, state.is_last = outer_flags

    def _while(self, statement: While) -> None:
        phase = self.state.phase
        while True:
            self.state.phase = phase
            self._statements(statement.test)
            if not self.state.read(statement.condition):
                return
            self._statements(statement.statements)

    def _routine(self, statement: Routine) -> None:
        """A primitive without a nest, by the reference."""
        with named(statement.node.op):
            arrays = [self.state.read(slot) for slot in statement.inputs]
            params = resolve(statement.node.params, self.state.sizes)
            found = apply(statement.node.op, arrays, params)
            results = found if isinstance(found, tuple) else (found,)
            for slot, array in zip(statement.outputs, results, strict=True):
                self.state.write(slot, array)

    # ---- rows ----------------------------------------------------------------------------------
    def _divides(self) -> bool:
        """Return whether threads divide the rows of a statement; divided ones do not nest."""
        return self.divided and self.share is None

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
                for share in self._shares(statement.rows):
                    most = min(statement.step, max((share.end - share.first) // 2, 1))
                    self._in_tiles(statement, share, int(self.rng.integers(1, most + 1)))
            for slot in statement.contracted:
                self.state.memories[slot].forget()

    def _row_partitioned(self, statements: Sequence[Statement], rows: Dim) -> None:
        """Each thread runs all statements on its own rows; the threads come in any order."""
        with self._rows_divided():
            for share in self._shares(rows):
                self.share = share
                self._statements(statements)

    def _in_tiles(self, statement: RowTile, share: Share, step: int) -> None:
        """A thread's rows, `step` at a time. Contracted buffers hold the rows of one tile."""
        for row in range(share.first, share.end, step):
            displaced = {}
            for slot, bytes_ in statement.contracted.items():
                memory = self.state.memories[slot]
                memory.forget(memory.of_thread(self.state.thread))
                displaced[memory] = -(row - share.first) * (bytes_ // slot.dtype.itemsize)
            self.share = Share(share.rows, row, min(row + step, share.end), displaced)
            self._statements(statement.statements)

    @contextmanager
    def _rows_divided(self) -> Iterator[None]:
        self.state.divides_rows = True
        yield
        self.share, self.state.divides_rows, self.state.thread = None, False, 0
        if not self.program.is_synchronized:
            self.state.meet()

    def _shares(self, rows: Dim) -> Iterator[Share]:
        """The rows of each thread, which it becomes, in any order."""
        count, threads = self.state.dim(rows), self.state.threads
        cuts = [count * k // threads for k in range(threads + 1)]
        for thread in self.rng.permutation(threads):
            self.state.thread = int(thread)
            if cuts[thread] < cuts[thread + 1]:
                yield Share(rows, cuts[thread], cuts[thread + 1])

    # ---- kernels -------------------------------------------------------------------------------
    def _kernel(self, kernel: Kernel) -> None:
        self.state.poison_dead()
        if self.share is not None:
            self._on_rows(kernel, self.share)
        else:
            self._on_all(kernel)

    def _on_rows(self, kernel: Kernel, share: Share) -> None:
        row_loop = kernel.row_loop
        assert row_loop is not None
        finer = exact_division(row_loop.rows, share.rows)
        assert isinstance(finer, int)
        size = finer * self.state.dim(row_loop.size)
        points = np.arange(share.first * size, share.end * size, dtype=np.int64)
        KernelRun(self.state, kernel, share.displaced).run({row_loop.loop: points})

    def _on_all(self, kernel: Kernel) -> None:
        """A kernel on all of its points: each thread takes some, in any order."""
        one = KernelRun(self.state, kernel)
        for points in self._parts(kernel):
            one.run(points)
        self.state.thread = 0

    def _replicated(self, statement: Replicated) -> None:
        """Each thread runs the kernels on all of their points."""
        for thread in range(self.state.threads):
            self.state.thread = thread
            for kernel in statement.statements:
                assert isinstance(kernel, Kernel)
                self.state.poison_dead()
                KernelRun(self.state, kernel).run({})
        self.state.thread = 0

    def _parts(self, kernel: Kernel) -> Iterator[dict[Var, Array]]:
        """The points of each thread, which it becomes: some of those of one loop, shuffled."""
        nest, state = kernel.nest, self.state
        several = [
            v for v in nest.loops if v is not nest.sequential_outer and state.dim(v.extent) > 1
        ]
        is_serial = kernel.schedule is not None and kernel.schedule.serial
        if is_serial or not several:
            state.thread = 0 if is_serial else int(self.rng.integers(state.threads))
            yield {}
            return
        var = several[int(self.rng.integers(len(several)))]
        parts = np.array_split(self.rng.permutation(state.dim(var.extent)), state.threads)
        for thread in self.rng.permutation(state.threads):
            state.thread = int(thread)
            yield {var: parts[thread].astype(np.int64)}


def _barriers(statements: Sequence[Statement]) -> int:
    return sum(isinstance(s, Barrier) for s in walk(statements))
