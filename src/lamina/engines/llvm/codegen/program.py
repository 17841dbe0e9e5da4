"""Code of a program: kernels called in order, with loops and branches, and barrier insertion.

    void program(ptr table, i64 thread, i64 threads, ptr sync)

`table` holds the symbolic sizes, then the address of every slot that owns memory. Every thread runs
all of it (SPMD). A barrier separates two kernels only if one accesses what the other writes. Serial
kernels run on thread 0, without barriers among themselves.
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
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.footprints import row_footprints
from lamina.engines.llvm.program.program import Program, users_of_memory
from lamina.engines.llvm.program.statements import (
    If,
    Loop,
    ParallelRegion,
    Routine,
    RowTile,
    Statement,
    While,
    leaves,
    mentioned,
)
from lamina.engines.llvm.schedule.cost import operations
from lamina.engines.llvm.target.target import target
from lamina.ir.types import Dim, Extent, exact_division
from lamina.ir.typical import guess

UNMOVED: Mapping[Slot, Value] = {}


@dataclass
class Driven:
    """The driver's module, and the inputs of memory planning."""

    module: Module
    symbols: list[str]
    slots: list[Slot]  # the owners of memory, in the table's order
    lives: dict[Slot, tuple[int, int]]


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
        owners = [s for s in program.slots() if s.alias_of is None and s.slice_of is None]
        self.program, self.kernels, self.symbols, self.owners = program, kernels, symbols, owners
        self.costs = target().costs
        self.module = Module()
        args = [("table", "ptr"), ("thread", "i64"), ("threads", "i64"), ("sync", "ptr")]
        function = self.module.function("program", args)
        self.b: Builder = function.builder
        self.table, self.thread, self.threads, sync = function.args
        self.stops = Stops(self.b, self.thread, self.threads, sync)
        self.place = {s: len(symbols) + k for k, s in enumerate(owners)}
        self.iterations: dict[Loop, Value] = {}
        self.one_by_one = False  # there are too few rows for a partition
        self.is_first = self.is_not_last = constant("i1", 1)  # flags of the surrounding loop
        self.phase = 0
        self.written: dict[Slot, bool] = {}  # since the last barrier: slot -> by one thread alone
        self.read: dict[Slot, bool] = {}
        self.touches: dict[Slot, list[tuple[int, tuple[int, ...]]]] = {}
        self.users = users_of_memory(program)
        self.thread_rows: set[Slot] = set()  # each thread writes its own rows of these
        self.loop_path: tuple[int, ...] = ()
        self.loop_span: list[list[int]] = []

    def run(self) -> Driven:
        self._emit(self.program.statements)
        self.stops.end()
        return Driven(self.module, self.symbols, self.owners, self._lives())

    # ---- statements ------------------------------------------------------------------------------
    def _emit(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Loop):
                self._loop(statement)
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
            else:
                self._routine(statement)

    def _kernel(self, kernel: Kernel) -> None:
        for_each = any(slot.thread_private for slot in kernel.written)
        serial = kernel.chosen.serial and not for_each
        self._separate(kernel.written, kernel.touched, serial, kernel.halo)
        if kernel.nest.split_reduction is not None:
            self.thread_rows |= kernel.written
        all_rows: list[Value] = []
        if kernel.nest.row_loop is not None:
            all_rows = [constant("i64", 0), self.dim(kernel.nest.row_loop.rows)]
        zero, one = constant("i64", 0), constant("i64", 1)
        if for_each:
            self._call(kernel, zero, one)
            return
        if not serial:
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
        """Call the kernel, or its version for this iteration of a loop; `displaced` maps memory to
        a displacement in bytes."""
        if kernel.first_iteration is not None:
            each = [
                partial(self._call_plain, k, displaced, *more)
                for k in (kernel.first_iteration, kernel)
            ]
            self._either(self.is_first, *each)
        elif kernel.skip_last:
            with self.b.when(self.is_not_last):
                self._call_plain(kernel, displaced, *more)
        else:
            self._call_plain(kernel, displaced, *more)

    def _call_plain(self, kernel: Kernel, displaced: Mapping[Slot, Value], *more: Value) -> None:
        name, sizes = self.kernels[kernel]
        addresses = [
            self.b.element(self._address(s), displaced[s.memory], "i8")
            if s.memory in displaced
            else self._address(s)
            for s in kernel.slots
        ]
        self.b.call(name, "void", [*addresses, *(self.dim(Extent.symbol(s)) for s in sizes), *more])

    def _routine(self, statement: Routine) -> None:
        self._separate(statement.written, statement.touched, False)
        inputs, outputs, scratch = (
            [self._address(s) for s in slots]
            for slots in (statement.inputs, statement.outputs, statement.scratch)
        )
        site = Site(
            self.b, statement.node, inputs, outputs, scratch, self.dim, self.thread, self.threads
        )
        ROUTINES[statement.node.op](site)

    def _loop(self, statement: Loop) -> None:
        self._barrier()
        if statement.rows is None or self.one_by_one:
            self._cooperative(statement)
            return
        rows = self.dim(statement.rows)
        self._either(
            self._are_enough(rows),
            partial(self._row_partitioned, [statement], rows),
            partial(self._cooperative, statement),
        )

    def _are_enough(self, rows: Value) -> Value:
        """Return whether there are enough rows to partition them among the threads."""
        return self._are_for_each(self.costs.region_rows, rows)

    def _are_for_each(self, count: int, rows: Value) -> Value:
        """Return whether there are at least `count` rows for each thread."""
        return self.b.icmp("sge", rows, self.b.mul(self.threads, constant("i64", count)))

    def _either(self, test: Value, this: Callable[[], None], that: Callable[[], None]) -> None:
        b = self.b
        partitioned, shared, done = b.label("alone"), b.label("shared"), b.label("done")
        b.branch_if(test, partitioned, shared)
        for label, write in ((partitioned, this), (shared, that)):
            b.place(label)
            write()
            b.branch(done)
        b.place(done)

    def _row_partitioned(self, statements: Sequence[Statement], rows: Value) -> None:
        """Run all statements on this thread's rows. Temporaries that no other statement accesses
        are displaced per thread, so that the hardware prefetcher of one core does not pull lines
        that its neighbor is writing."""
        displaced = self._displace(statements)

        alignment, one = constant("i64", self.costs.row_alignment), constant("i64", 1)
        are_many = self._are_for_each(self.costs.row_alignment, rows)
        unit = self.b.select(are_many, alignment, one)

        def cut(number: Value) -> Value:
            even = self.b.mul(self.b.binary("sdiv", self._share(rows, number), unit), unit)
            return self.b.select(self.b.icmp("eq", number, self.threads), rows, even)

        first, end = cut(self.thread), cut(self.b.add(self.thread, constant("i64", 1)))
        begun, leave = self.phase, self.b.label("left")
        for statement in statements:
            if isinstance(statement, Loop):
                with self._iterations(statement):
                    for kernel in statement.statements:
                        assert isinstance(kernel, Kernel)
                        self._call_rows(kernel, first, end, displaced)
                    self.stops.poll(leave)
            else:
                assert isinstance(statement, Kernel)
                self._call_rows(statement, first, end, displaced, leave)
        self.b.branch(leave)
        self.b.place(leave)
        self.stops.meet()
        for leaf in leaves(statements):  # threads may be anywhere in it: all of its memory is live
            for slot in mentioned(leaf):
                self.touches[slot.memory] += [(begun, self.loop_path), (self.phase, self.loop_path)]
        self.phase += 1

    def _displace(self, statements: Sequence[Statement]) -> Mapping[Slot, Value]:
        """Return the displacement of each buffer that only these statements access and whose rows
        are contiguous."""
        kernels = {
            k: k.nest.row_loop
            for k in leaves(statements)
            if isinstance(k, Kernel) and k.nest.row_loop
        }
        written = {s for kernel in kernels for s in kernel.written}
        widths, rows = row_footprints(kernels) or {}, next(iter(kernels.values())).rows
        private = {
            s
            for s in written
            if s.kind == "temporary"
            and self.users[s] <= kernels.keys()
            and s.bytes
            == rows
            * widths.get(s, 0)
            * s.dtype.itemsize  # else other iterations are between the rows
        }
        self.thread_rows |= written
        for slot in private:
            slot.thread_displacement = self.costs.displacement
        bytes_ = self.b.mul(self.thread, constant("i64", self.costs.displacement))
        return dict.fromkeys(private, bytes_)

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
        for slot in kernel.touched:
            self._touch(slot)
        zero, one = constant("i64", 0), constant("i64", 1)
        if leave is None:
            self._call(kernel, first, end, zero, one, displaced=displaced)
            return
        call = partial(self._call, kernel, first, end, displaced=displaced)
        self._in_portions(kernel, zero, one, call)
        self.stops.poll(leave)

    def _region(self, statement: ParallelRegion) -> None:
        self._barrier()
        rows = self.dim(statement.rows)
        partitioned = partial(self._row_partitioned, statement.statements, rows)
        self._either(self._are_enough(rows), partitioned, partial(self._fallback, statement))

    def _row_tile(self, statement: RowTile) -> None:
        self._barrier()
        b, rows = self.b, self.dim(statement.rows)
        up = b.add(rows, b.sub(self.threads, constant("i64", 1)))
        most = b.mul(b.binary("sdiv", up, self.threads), self.threads)
        slack = b.mul(b.sub(most, rows), constant("i64", self.costs.balance))
        even = b.icmp("sle", slack, rows)
        self._either(
            even, partial(self._tiled, statement, rows), partial(self._fallback, statement)
        )

    def _tiled(self, statement: RowTile, rows: Value) -> None:
        """Run all kernels over a few of this thread's rows, then over the next. Contracted buffers
        hold only the rows of one tile."""
        b, step = self.b, constant("i64", statement.step)
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
            for kernel in leaves(statement.statements):
                assert isinstance(kernel, Kernel)
                assert kernel.nest.row_loop is not None
                finer = exact_division(kernel.nest.row_loop.rows, statement.rows)
                assert isinstance(finer, int)
                first_of, end_of = (b.mul(n, constant("i64", finer)) for n in (row, until))
                self._call_rows(kernel, first_of, end_of, displaced)
            self.stops.poll(leave)
        b.branch(leave)
        b.place(leave)
        self.stops.meet()
        self.phase += 1

    def _fallback(self, statement: RowTile | ParallelRegion) -> None:
        outer_flags, self.one_by_one = self.one_by_one, isinstance(statement, ParallelRegion)
        self._emit(statement.statements)
        self._barrier()
        self.one_by_one = outer_flags

    def _cooperative(self, statement: Loop) -> None:
        with self._iterations(statement):
            self._emit(statement.statements)
            self._barrier()

    @contextmanager
    def _iterations(self, statement: Loop) -> Iterator[None]:
        """Open a loop over the iterations of a scan."""
        count = self.dim(statement.count)
        with self._inside(), self.b.loop(0, count, hint="scan") as loop:
            last = self.b.sub(count, constant("i64", 1))
            self.iterations[statement] = (
                self.b.sub(last, loop.value) if statement.reverse else loop.value
            )
            outer_flags = self.is_first, self.is_not_last
            self.is_first = self.b.icmp("eq", loop.value, constant("i64", 0))
            self.is_not_last = self.b.icmp("slt", loop.value, last)
            yield
            self.is_first, self.is_not_last = outer_flags

    def _while(self, statement: While) -> None:
        b = self.b
        self._barrier()
        head, body, done = b.label("while"), b.label("whilebody"), b.label("whiledone")
        b.branch(head)
        with self._inside():
            b.place(head)
            self._emit(statement.test)
            self._touch(statement.condition.memory)
            self._barrier()
            holds = b.load("i8", self._address(statement.condition))
            b.branch_if(b.icmp("ne", holds, constant("i8", 0)), body, done)
            b.place(body)
            self._still_read(statement.condition.memory)
            self._emit(statement.statements)
            self._barrier()
            b.branch(head)
        b.place(done)
        self._still_read(statement.condition.memory)

    def _if(self, statement: If) -> None:
        b = self.b
        self._barrier()
        memory = statement.condition.memory
        holds = b.load("i8", self._address(statement.condition))
        branches, done = (b.label("iftrue"), b.label("iffalse")), b.label("ifdone")
        b.branch_if(b.icmp("ne", holds, constant("i8", 0)), *branches)
        for label, statements in zip(
            branches, (statement.statements, statement.otherwise), strict=True
        ):
            b.place(label)
            self._still_read(memory)
            self._emit(statements)
            self._barrier()
            b.branch(done)
        b.place(done)

    def _inside(self) -> _Inside:
        return _Inside(self)

    # ---- barriers ------------------------------------------------------------------------------
    def _separate(
        self, written: set[Slot], touched: set[Slot], serial: bool, halo: bool = False
    ) -> None:
        """Insert a barrier if the kernel accesses what was written, or writes what was accessed,
        since the last one. A halo may be written at the same time as its interior."""
        written = {s for s in written if not s.thread_private}
        read = {s for s in touched if not s.thread_private and not (halo and s in written)}
        clash = any(s in self.written and not (serial and self.written[s]) for s in read)
        clash = clash or any(s in self.read and not (serial and self.read[s]) for s in written)
        if clash:
            self._barrier()
        for slot in touched:
            self._touch(slot)
            if not slot.thread_private:
                book = self.written if slot in written else self.read
                book[slot] = serial and book.get(slot, True)

    def _barrier(self) -> None:
        if self.written or self.read:
            self.stops.meet()
            self.written, self.read = {}, {}
        self.phase += 1

    def _still_read(self, condition: Slot) -> None:
        """Note that until the next barrier, some thread may still be reading a condition."""
        self._touch(condition)
        self.read[condition] = False

    def _touch(self, slot: Slot) -> None:
        self.touches.setdefault(slot, []).append((self.phase, self.loop_path))

    def _lives(self) -> dict[Slot, tuple[int, int]]:
        lives: dict[Slot, tuple[int, int]] = {}
        for slot, touches in self.touches.items():
            first, last = min(p for p, _ in touches), max(p for p, _ in touches)
            paths = [set(path) for _, path in touches]
            for loop in set().union(*paths):
                if any(loop not in path for path in paths):  # live across iterations
                    first = min(first, self.loop_span[loop][0])
                    last = max(last, self.loop_span[loop][1])
            # a thread's own rows must not share memory with what others write
            lives[slot] = (0, self.phase) if slot in self.thread_rows else (first, last)
        return lives

    # ---- values --------------------------------------------------------------------------------
    def _address(self, slot: Slot) -> Value:
        slot = slot.actual
        if slot.slice_of is None:
            at = self.b.element(self.table, self.place[slot], "i64")
            address = self.b.load("ptr", at, align=8)
            if not slot.thread_private:
                return address
            return self.b.element(
                address, self.b.mul(self.thread, constant("i64", slot.bytes_per_thread)), "i8"
            )
        iteration = self.iterations[slot.loop]
        if slot.iteration:
            later = -slot.iteration if slot.loop.reverse else slot.iteration
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


class _Inside:
    """The body of a loop: records which phases belong to it."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def __enter__(self) -> None:
        d = self.driver
        d.phase += 1
        d.loop_path = (*d.loop_path, len(d.loop_span))
        d.loop_span.append([d.phase, d.phase])

    def __exit__(self, *error: object) -> None:
        d = self.driver
        d.loop_span[d.loop_path[-1]][1] = d.phase
        d.loop_path = d.loop_path[:-1]
        d.phase += 1
