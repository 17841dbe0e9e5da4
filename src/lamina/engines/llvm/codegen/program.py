"""Code of a program: its statements, one after another, as one function.

    void program(ptr table, i64 thread, i64 threads, ptr sync)

`table` holds the symbolic sizes, then the address of every slot that owns memory. Every thread runs
all of it (SPMD); serial kernels run on thread 0. All threads share the work of other kernels, or
each takes the rows that are its own (parallel regions, row tiles).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.extents import emit_extent
from lamina.engines.llvm.codegen.library import ROUTINES, Site
from lamina.engines.llvm.codegen.stops import Stops
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Barrier,
    EnoughRows,
    EvenRows,
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
)
from lamina.engines.llvm.schedule.cost import operations
from lamina.ir.types import Dim, Extent, exact_division
from lamina.ir.typical import guess

DRIVER = "program"  # the symbol of a program's function
UNMOVED: Mapping[Slot, Value] = {}


@dataclass
class Driven:
    """The module of a program's function, and the sizes that begin its table."""

    module: Module
    symbols: list[str]


def drive(
    program: Program, kernels: dict[Kernel, tuple[str, list[str]]], symbols: list[str]
) -> Driven:
    """Emit the driver; `kernels` gives each kernel's symbol and the sizes that it takes."""
    return Driver(program, kernels, symbols).run()


class Driver:
    """Writes the driver's function, statement by statement."""

    def __init__(
        self, program: Program, kernels: dict[Kernel, tuple[str, list[str]]], symbols: list[str]
    ) -> None:
        self.program, self.kernels, self.symbols = program, kernels, symbols
        self.module = Module()
        args = [("table", "ptr"), ("thread", "i64"), ("threads", "i64"), ("sync", "ptr")]
        function = self.module.function(DRIVER, args)
        self.b: Builder = function.builder
        self.table, self.thread, self.threads, sync = function.args
        self.stops = Stops(self.b, self.thread, self.threads, sync)
        self.place = {s: len(symbols) + k for k, s in enumerate(program.owners())}
        self.iterations: dict[Counter, Value] = {}
        self.is_first = self.is_not_last = constant("i1", 1)  # flags of the surrounding loop

    def run(self) -> Driven:
        self._emit(self.program.statements)
        self.stops.end()
        return Driven(self.module, self.symbols)

    # ---- statements ------------------------------------------------------------------------------
    def _emit(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Barrier):
                self.stops.meet()
            elif isinstance(statement, Loop):
                self._loop(statement)
            elif isinstance(statement, RowVersions):
                self._row_versions(statement)
            elif isinstance(statement, RowTile):
                self._row_tile(statement)
            elif isinstance(statement, ParallelRegion):
                self._region(statement)
            elif isinstance(statement, While):
                self._while(statement)
            elif isinstance(statement, If):
                self._if(statement)
            elif isinstance(statement, Kernel):
                self._kernel(statement)
            elif isinstance(statement, Peeled):
                self._peeled(statement, self._emit)
            elif isinstance(statement, Replicated):
                self._replicated(statement)
            else:
                self._routine(statement)

    def _kernel(self, kernel: Kernel) -> None:
        all_rows: list[Value] = []
        if kernel.row_loop is not None:
            all_rows = [constant("i64", 0), self.dim(kernel.row_loop.rows)]
        zero, one = constant("i64", 0), constant("i64", 1)
        if not kernel.chosen.serial:
            call = partial(self._call, kernel, *all_rows)
            self._in_portions(kernel, self.thread, self.threads, call)
            return
        with self.b.when(self.b.icmp("eq", self.thread, zero)):
            self._call(kernel, *all_rows, zero, one)

    def _in_portions(
        self, kernel: Kernel, thread: Value, threads: Value, call: Callable[[Value, Value], None]
    ) -> None:
        work = operations(kernel.nest)
        self.stops.in_portions(self.dim(work), guess(work), thread, threads, call)

    def _call(
        self, kernel: Kernel, *more: Value, displaced: Mapping[Slot, Value] = UNMOVED
    ) -> None:
        """Call the kernel; `displaced` maps memory to a displacement in bytes."""
        name, sizes = self.kernels[kernel]
        addresses = [
            self.b.element(self._address(s), displaced[s.memory], "i8")
            if s.memory in displaced
            else self._address(s)
            for s in kernel.parameters
        ]
        self.b.call(name, "void", [*addresses, *(self.dim(Extent.symbol(s)) for s in sizes), *more])

    def _replicated(self, statement: Replicated) -> None:
        """Call the kernels on all of their points, in every thread."""
        for kernel in statement.statements:
            assert isinstance(kernel, Kernel)
            self._call(kernel, constant("i64", 0), constant("i64", 1))

    def _peeled(self, statement: Peeled, emit: Callable[[Sequence[Statement]], None]) -> None:
        """Emit the statements for this iteration of the surrounding loop."""
        if statement.first:
            then, otherwise = (
                partial(emit, body) for body in (statement.statements, statement.otherwise)
            )
            self._either(self.is_first, then, otherwise)
            return
        assert not statement.statements, "nothing replaces a kernel in the last iteration"
        with self.b.when(self.is_not_last):
            emit(statement.otherwise)

    def _routine(self, statement: Routine) -> None:
        inputs, outputs, scratch = (
            [self._address(s) for s in slots]
            for slots in (statement.inputs, statement.outputs, statement.scratch)
        )
        site = Site(
            self.b, statement.node, inputs, outputs, scratch, self.dim, self.thread, self.threads
        )
        ROUTINES[statement.node.op](site)

    def _loop(self, statement: Loop) -> None:
        with self._iterations(statement):
            self._emit(statement.statements)

    @contextmanager
    def _iterations(self, statement: Loop) -> Iterator[None]:
        """Open a loop over the iterations of a scan."""
        count, counter = self.dim(statement.count), statement.counter
        with self.b.loop(0, count, hint="scan") as loop:
            last = self.b.sub(count, constant("i64", 1))
            iteration = self.b.sub(last, loop.value) if counter.reverse else loop.value
            self.iterations[counter] = iteration
            outer_flags = self.is_first, self.is_not_last
            self.is_first = self.b.icmp("eq", loop.value, constant("i64", 0))
            self.is_not_last = self.b.icmp("slt", loop.value, last)
            yield
            self.is_first, self.is_not_last = outer_flags

    def _while(self, statement: While) -> None:
        b = self.b
        head, body, done = b.label("while"), b.label("whilebody"), b.label("whiledone")
        b.branch(head)
        b.place(head)
        self._emit(statement.test)
        b.branch_if(self._holds(statement.condition), body, done)
        b.place(body)
        self._emit(statement.statements)
        b.branch(head)
        b.place(done)

    def _if(self, statement: If) -> None:
        then, otherwise = (
            partial(self._emit, body) for body in (statement.statements, statement.otherwise)
        )
        self._either(self._holds(statement.condition), then, otherwise)

    def _holds(self, condition: Slot) -> Value:
        """Load a condition."""
        holds = self.b.load("i8", self._address(condition))
        return self.b.icmp("ne", holds, constant("i8", 0))

    def _either(self, test: Value, this: Callable[[], None], that: Callable[[], None]) -> None:
        b = self.b
        then, otherwise, done = b.label("then"), b.label("otherwise"), b.label("done")
        b.branch_if(test, then, otherwise)
        for label, write in ((then, this), (otherwise, that)):
            b.place(label)
            write()
            b.branch(done)
        b.place(done)

    # ---- rows ------------------------------------------------------------------------------------
    def _row_versions(self, statement: RowVersions) -> None:
        rows, test = self.dim(statement.test.rows), statement.test
        suffice = (
            self._are_enough(rows, test)
            if isinstance(test, EnoughRows)
            else (self._are_even(rows, test))
        )
        then, otherwise = (
            partial(self._emit, body) for body in (statement.statements, statement.otherwise)
        )
        self._either(suffice, then, otherwise)

    def _are_enough(self, rows: Value, test: EnoughRows) -> Value:
        return self.b.icmp("sge", rows, self.b.mul(self.threads, constant("i64", test.least)))

    def _are_even(self, rows: Value, test: EvenRows) -> Value:
        b = self.b
        up = b.add(rows, b.sub(self.threads, constant("i64", 1)))
        most = b.mul(b.binary("sdiv", up, self.threads), self.threads)
        slack = b.mul(b.sub(most, rows), constant("i64", test.balance))
        return b.icmp("sle", slack, rows)

    def _region(self, region: ParallelRegion) -> None:
        """Run all statements on this thread's rows."""
        rows = self.dim(region.rows)
        bytes_ = dict.fromkeys(region.displaced.values())
        each = {n: self.b.mul(self.thread, constant("i64", n)) for n in bytes_}
        displaced = {s: each[n] for s, n in region.displaced.items()}

        alignment, one = constant("i64", region.alignment), constant("i64", 1)
        are_many = self.b.icmp("sge", rows, self.b.mul(self.threads, alignment))
        unit = self.b.select(are_many, alignment, one)

        def cut(number: Value) -> Value:
            even = self.b.mul(self.b.binary("sdiv", self._share(rows, number), unit), unit)
            return self.b.select(self.b.icmp("eq", number, self.threads), rows, even)

        first, end = cut(self.thread), cut(self.b.add(self.thread, constant("i64", 1)))
        leave = self.b.label("left")
        for statement in region.statements:
            if isinstance(statement, Loop):
                with self._iterations(statement):
                    call = partial(self._call_rows, first=first, end=end, displaced=displaced)
                    self._each_kernel(statement.statements, call)
                    self.stops.poll(leave)
            else:
                assert isinstance(statement, Kernel)
                self._call_rows(statement, first, end, displaced, leave)
        self.b.branch(leave)
        self.b.place(leave)

    def _each_kernel(self, statements: Sequence[Statement], call: Callable[[Kernel], None]) -> None:
        """Call kernels, each with its version for this iteration of the surrounding loop."""
        for statement in statements:
            if isinstance(statement, Peeled):
                self._peeled(statement, partial(self._each_kernel, call=call))
            else:
                assert isinstance(statement, Kernel)
                call(statement)

    def _share(self, rows: Value, number: Value) -> Value:
        return self.b.binary("sdiv", self.b.mul(rows, number), self.threads)

    def _call_rows(
        self,
        kernel: Kernel,
        first: Value,
        end: Value,
        displaced: Mapping[Slot, Value] = UNMOVED,
        leave: str | None = None,
    ) -> None:
        """Call the kernel on this thread's rows; with `leave`, in portions, with a jump to `leave`
        when the program is stopped."""
        zero, one = constant("i64", 0), constant("i64", 1)
        if leave is None:
            self._call(kernel, first, end, zero, one, displaced=displaced)
            return
        call = partial(self._call, kernel, first, end, displaced=displaced)
        self._in_portions(kernel, zero, one, call)
        self.stops.poll(leave)

    def _row_tile(self, statement: RowTile) -> None:
        """Run all kernels over a few of this thread's rows, then over the next. Contracted buffers
        hold only the rows of one tile."""
        b, step, rows = self.b, constant("i64", statement.step), self.dim(statement.rows)
        first = self._share(rows, self.thread)
        end = self._share(rows, b.add(self.thread, constant("i64", 1)))
        up = b.add(b.sub(end, first), constant("i64", statement.step - 1))
        leave = b.label("left")
        with b.loop(0, b.binary("sdiv", up, step), hint="tile") as loop:
            done = b.mul(loop.value, step)
            row = b.add(first, done)
            until = b.intrinsic("llvm.smin", b.add(row, step), end)
            back = b.sub(constant("i64", 0), done)
            displaced = {
                s: b.mul(back, constant("i64", each)) for s, each in statement.contracted.items()
            }

            def call(kernel: Kernel) -> None:
                assert kernel.row_loop is not None
                finer = exact_division(kernel.row_loop.rows, statement.rows)
                assert isinstance(finer, int)
                first_of, end_of = (b.mul(n, constant("i64", finer)) for n in (row, until))
                self._call_rows(kernel, first_of, end_of, displaced)

            self._each_kernel(statement.statements, call)
            self.stops.poll(leave)
        b.branch(leave)
        b.place(leave)

    # ---- values --------------------------------------------------------------------------------
    def _address(self, slot: Slot) -> Value:
        slot = slot.actual
        if slot.slice_of is None:
            at = self.b.element(self.table, self.place[slot], "i64")
            address = self.b.load("ptr", at, align=8)
            if slot not in self.program.private:
                return address
            return self.b.element(
                address, self.b.mul(self.thread, constant("i64", slot.bytes_per_thread)), "i8"
            )
        assert slot.counter is not None
        iteration = self.iterations[slot.counter]
        if slot.iteration:
            later = -slot.iteration if slot.counter.reverse else slot.iteration
            iteration = self.b.add(iteration, constant("i64", later))
        step = slot.slice_of.layout[0] * slot.dtype.itemsize  # includes padding
        offset = self.b.mul(iteration, self.dim(step))
        return self.b.element(self._address(slot.slice_of), offset, "i8")

    def _size(self, symbol: str) -> Value | None:
        if symbol not in self.symbols:
            return None
        at = self.symbols.index(symbol)
        return self.b.load("i64", self.b.element(self.table, at, "i64"))

    def dim(self, extent: Dim) -> Value:
        """An extent as an i64."""
        return emit_extent(self.b, extent, self._size, self.dim)
