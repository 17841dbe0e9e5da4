"""The program's own function: kernels called in order, barriers between them, loops around them.

    void program(ptr table, i64 thread, i64 threads, ptr sync)

`table` holds the symbolic sizes, then the address of every slot that owns memory. Every thread runs
all of it. Two kernels need a barrier between them only if one touches what the other writes; small
kernels are one thread's work, and need none among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from lamina.engines.llvm.codegen.builder import Builder, Module, Value, constant
from lamina.engines.llvm.codegen.library import ROUTINES, Site
from lamina.engines.llvm.codegen.stops import Stops
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import Program, touching_of
from lamina.engines.llvm.program.row_parallel import own_rows
from lamina.engines.llvm.program.statements import (
    If,
    Item,
    Loop,
    Routine,
    Strip,
    While,
    leaves,
    mentioned,
)
from lamina.engines.llvm.schedule.choose import operations
from lamina.ir.types import FLOORS, Dim, Extent, exact_division, is_static

APART = 8  # rows of a thread's own begin at multiples of this in a loop
AS_IT_LIES: Mapping[Slot, Value] = {}
BETWEEN = 12288  # bytes between the rows of two threads: as far as a processor fetches ahead
EVEN = 8  # the threads may have to wait for one an eighth of the time


@dataclass
class Driven:
    """The driver's module, and what memory planning needs of it."""

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
    """Writes the driver's function, item by item."""

    def __init__(
        self, program: Program, kernels: dict[Kernel, tuple[str, list[str]]], symbols: list[str]
    ) -> None:
        owners = [s for s in program.slots() if s.same is None and s.base is None]
        self.program, self.kernels, self.symbols, self.owners = program, kernels, symbols, owners
        self.module = Module()
        args = [("table", "ptr"), ("thread", "i64"), ("threads", "i64"), ("sync", "ptr")]
        function = self.module.function("program", args)
        self.b: Builder = function.builder
        self.table, self.thread, self.threads, sync = function.args
        self.stops = Stops(self.b, self.thread, self.threads, sync)
        self.place = {s: len(symbols) + k for k, s in enumerate(owners)}
        self.turns: dict[Loop, Value] = {}
        self.in_turn = False  # there are too few rows for threads to have some of their own
        self.is_first = self.is_not_last = constant("i1", 1)  # the turn of the loop around
        self.phase = 0
        self.written: dict[Slot, bool] = {}  # since the last barrier: slot -> by one thread alone
        self.read: dict[Slot, bool] = {}
        self.touches: dict[Slot, list[tuple[int, tuple[int, ...]]]] = {}
        self.touching = touching_of(program)
        self.own: set[Slot] = set()  # of which each thread writes what no other does
        self.loop_path: tuple[int, ...] = ()
        self.loop_span: list[list[int]] = []

    def run(self) -> Driven:
        self._items(self.program.items)
        self.stops.end()
        return Driven(self.module, self.symbols, self.owners, self._lives())

    # ---- items ---------------------------------------------------------------------------------
    def _items(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Loop):
                self._loop(item)
            elif isinstance(item, Strip):
                self._strip(item)
            elif isinstance(item, While):
                self._while(item)
            elif isinstance(item, If):
                self._if(item)
            elif isinstance(item, Kernel):
                self._kernel(item)
            else:
                self._routine(item)

    def _kernel(self, kernel: Kernel) -> None:
        if self.kernels[kernel][0] == "":  # a copy of memory onto itself
            return
        for_each = any(slot.each for slot in kernel.written)
        serial = kernel.chosen.serial and not for_each
        self._separate(kernel.written, kernel.touched, serial, kernel.nest.border)
        if kernel.nest.halves is not None:
            self.own |= kernel.written
        all_rows: list[Value] = []
        if kernel.nest.apart is not None:
            all_rows = [constant("i64", 0), self.dim(kernel.nest.apart.rows)]
        zero, one = constant("i64", 0), constant("i64", 1)
        if for_each:
            self._call(kernel, zero, one)
            return
        if not serial:
            work = self.dim(operations(kernel.nest))
            call = partial(self._call, kernel, *all_rows)
            self.stops.in_pieces(work, self.thread, self.threads, call)
            return
        with self.b.when(self.b.icmp("eq", self.thread, zero)):
            self._call(kernel, *all_rows, zero, one)

    def _call(self, kernel: Kernel, *more: Value, moved: Mapping[Slot, Value] = AS_IT_LIES) -> None:
        """The kernel, or what is there in its stead at this turn of a loop; `moved` says by how
        many bytes memory is."""
        if kernel.at_first is not None:
            each = [partial(self._call_plain, k, moved, *more) for k in (kernel.at_first, kernel)]
            self._either(self.is_first, *each)
        elif kernel.not_at_last:
            with self.b.when(self.is_not_last):
                self._call_plain(kernel, moved, *more)
        else:
            self._call_plain(kernel, moved, *more)

    def _call_plain(self, kernel: Kernel, moved: Mapping[Slot, Value], *more: Value) -> None:
        name, sizes = self.kernels[kernel]
        addresses = [
            self.b.element(self._address(s), moved[s.memory], "i8")
            if s.memory in moved
            else self._address(s)
            for s in kernel.slots
        ]
        self.b.call(name, "void", [*addresses, *(self._size(s) for s in sizes), *more])

    def _routine(self, item: Routine) -> None:
        self._separate(item.written, item.touched, False)
        inputs, outputs, scratch = (
            [self._address(s) for s in slots] for slots in (item.inputs, item.outputs, item.scratch)
        )
        site = Site(
            self.b, item.node, inputs, outputs, scratch, self.dim, self.thread, self.threads
        )
        ROUTINES[item.node.op](site)

    def _loop(self, item: Loop) -> None:
        self._barrier()
        if item.rows is None or self.in_turn:
            self._together(item)
            return
        rows = self.dim(item.rows)
        self._either(
            self._are_enough(rows),
            partial(self._alone, [item], rows),
            partial(self._together, item),
        )

    def _are_enough(self, rows: Value) -> Value:
        """Whether each thread can have rows of its own in a loop."""
        return self.b.icmp("sge", rows, self.b.mul(self.threads, constant("i64", APART)))

    def _either(self, test: Value, this: Callable[[], None], that: Callable[[], None]) -> None:
        b = self.b
        alone, shared, done = b.label("alone"), b.label("shared"), b.label("done")
        b.branch_if(test, alone, shared)
        for label, write in ((alone, this), (shared, that)):
            b.place(label)
            write()
            b.branch(done)
        b.place(done)

    def _alone(self, items: Sequence[Item], rows: Value) -> None:
        """Each thread takes all items over rows of its own. What nobody else touches lies apart for
        each: else one would fetch ahead what its neighbour is about to write."""
        moved = self._move_apart(items)

        def cut(number: Value) -> Value:
            even = self.b.and_(self._share(rows, number), constant("i64", -APART))
            return self.b.select(self.b.icmp("eq", number, self.threads), rows, even)

        first, end = cut(self.thread), cut(self.b.add(self.thread, constant("i64", 1)))
        begun, leave = self.phase, self.b.label("left")
        for item in items:
            if isinstance(item, Loop):
                with self._turns(item):
                    for kernel in item.items:
                        assert isinstance(kernel, Kernel)
                        self._over(kernel, first, end, moved)
                    self.stops.poll(leave)
            else:
                assert isinstance(item, Kernel)
                self._over(item, first, end, moved, leave)
        self.b.branch(leave)
        self.b.place(leave)
        self.stops.meet()
        for leaf in leaves(items):  # threads may be anywhere in it: all of its memory is in use
            for slot in mentioned(leaf):
                self.touches[slot.memory] += [(begun, self.loop_path), (self.phase, self.loop_path)]
        self.phase += 1

    def _move_apart(self, items: Sequence[Item]) -> Mapping[Slot, Value]:
        """By how much each thread moves the memory of its own that these items alone touch, where
        its rows are one stretch."""
        kernels = {k: k.nest.apart for k in leaves(items) if isinstance(k, Kernel) and k.nest.apart}
        written = {s for kernel in kernels for s in kernel.written}
        widths, rows = own_rows(kernels) or {}, next(iter(kernels.values())).rows
        inner = {
            s
            for s in written
            if s.kind == "temporary"
            and self.touching[s] <= kernels.keys()
            and s.bytes == rows * widths.get(s, 0) * s.dtype.itemsize  # else turns lie between rows
        }
        self.own |= written
        for slot in inner:
            slot.between = BETWEEN
        bytes_ = self.b.mul(self.thread, constant("i64", BETWEEN))
        return dict.fromkeys(inner, bytes_)

    def _share(self, rows: Value, number: Value) -> Value:
        return self.b.binary("sdiv", self.b.mul(rows, number), self.threads)

    def _over(
        self,
        kernel: Kernel,
        first: Value,
        end: Value,
        moved: Mapping[Slot, Value] = AS_IT_LIES,
        leave: str | None = None,
    ) -> None:
        """The kernel on rows of this thread's own; with `leave` in pieces, and that is where to go
        when the program is stopped."""
        for slot in kernel.touched:
            self._touch(slot)
        zero, one = constant("i64", 0), constant("i64", 1)
        if not self.kernels[kernel][0]:
            return
        if leave is None:
            self._call(kernel, first, end, zero, one, moved=moved)
            return
        call = partial(self._call, kernel, first, end, moved=moved)
        self.stops.in_pieces(self.dim(operations(kernel.nest)), zero, one, call)
        self.stops.poll(leave)

    def _strip(self, item: Strip) -> None:
        self._barrier()
        b, rows = self.b, self.dim(item.rows)
        if item.step is None:
            alone = partial(self._alone, item.items, rows)
            self._either(self._are_enough(rows), alone, partial(self._in_turn, item))
            return
        up = b.add(rows, b.sub(self.threads, constant("i64", 1)))
        most = b.mul(b.binary("sdiv", up, self.threads), self.threads)
        slack = b.mul(b.sub(most, rows), constant("i64", EVEN))
        even = b.icmp("sle", slack, rows)
        self._either(even, partial(self._in_steps, item, rows), partial(self._in_turn, item))

    def _in_steps(self, item: Strip, rows: Value) -> None:
        """Each thread takes all kernels over a few of its rows, then the next. What lies between
        the kernels is written where the first of its rows lie, again and again."""
        assert item.step is not None
        b, step = self.b, constant("i64", item.step)
        first = self._share(rows, self.thread)
        end = self._share(rows, b.add(self.thread, constant("i64", 1)))
        up = b.add(b.sub(end, first), constant("i64", item.step - 1))
        leave = b.label("left")
        with b.loop(0, b.binary("sdiv", up, step), hint="strip") as loop:
            done = b.mul(loop.value, step)
            row = b.add(first, done)
            until = b.intrinsic("llvm.smin", b.add(row, step), end)
            back = b.sub(constant("i64", 0), done)
            moved = {s: b.mul(back, constant("i64", each)) for s, each in item.inner.items()}
            for kernel in leaves(item.items):
                assert isinstance(kernel, Kernel)
                assert kernel.nest.apart is not None
                finer = exact_division(kernel.nest.apart.rows, item.rows)
                assert isinstance(finer, int)
                first_of, end_of = (b.mul(n, constant("i64", finer)) for n in (row, until))
                self._over(kernel, first_of, end_of, moved)
            self.stops.poll(leave)
        b.branch(leave)
        b.place(leave)
        self.stops.meet()
        self.phase += 1

    def _in_turn(self, item: Strip) -> None:
        around, self.in_turn = self.in_turn, item.step is None
        self._items(item.items)
        self._barrier()
        self.in_turn = around

    def _together(self, item: Loop) -> None:
        with self._turns(item):
            self._items(item.items)
            self._barrier()

    @contextmanager
    def _turns(self, item: Loop) -> Iterator[None]:
        """The turns of a loop, counted as it says."""
        count = self.dim(item.count)
        with self._inside(), self.b.loop(0, count, hint="scan") as loop:
            last = self.b.sub(count, constant("i64", 1))
            self.turns[item] = self.b.sub(last, loop.value) if item.reverse else loop.value
            around = self.is_first, self.is_not_last
            self.is_first = self.b.icmp("eq", loop.value, constant("i64", 0))
            self.is_not_last = self.b.icmp("slt", loop.value, last)
            yield
            self.is_first, self.is_not_last = around

    def _while(self, item: While) -> None:
        b = self.b
        self._barrier()
        head, body, done = b.label("while"), b.label("whilebody"), b.label("whiledone")
        b.branch(head)
        with self._inside():
            b.place(head)
            self._items(item.test)
            self._touch(item.condition.memory)
            self._barrier()
            holds = b.load("i8", self._address(item.condition))
            # every thread has read the condition before anyone goes on to overwrite it
            self.stops.meet()
            b.branch_if(b.icmp("ne", holds, constant("i8", 0)), body, done)
            b.place(body)
            self._touch(item.condition.memory)
            self._items(item.items)
            self._barrier()
            b.branch(head)
        b.place(done)

    def _if(self, item: If) -> None:
        b = self.b
        self._barrier()
        memory = item.condition.memory
        holds = b.load("i8", self._address(item.condition))
        branches, done = (b.label("iftrue"), b.label("iffalse")), b.label("ifdone")
        b.branch_if(b.icmp("ne", holds, constant("i8", 0)), *branches)
        for label, items in zip(branches, (item.items, item.otherwise), strict=True):
            b.place(label)
            # a thread may still be reading the condition, until the first barrier of a branch
            self._touch(memory)
            self.read[memory] = False
            self._items(items)
            self._barrier()
            b.branch(done)
        b.place(done)

    def _inside(self) -> _Inside:
        return _Inside(self)

    # ---- barriers ------------------------------------------------------------------------------
    def _separate(
        self, written: set[Slot], touched: set[Slot], serial: bool, border: bool = False
    ) -> None:
        """A barrier, if what follows touches what was written, or writes what was touched. A border
        may be written beside what it surrounds."""
        written = {s for s in written if not s.each}
        read = {s for s in touched if not s.each and not (border and s in written)}
        clash = any(s in self.written and not (serial and self.written[s]) for s in read)
        clash = clash or any(s in self.read and not (serial and self.read[s]) for s in written)
        if clash:
            self._barrier()
        for slot in touched:
            self._touch(slot)
            if not slot.each:
                book = self.written if slot in written else self.read
                book[slot] = serial and book.get(slot, True)

    def _barrier(self) -> None:
        if self.written or self.read:
            self.stops.meet()
            self.written, self.read = {}, {}
        self.phase += 1

    def _touch(self, slot: Slot) -> None:
        self.touches.setdefault(slot, []).append((self.phase, self.loop_path))

    def _lives(self) -> dict[Slot, tuple[int, int]]:
        lives: dict[Slot, tuple[int, int]] = {}
        for slot, touches in self.touches.items():
            first, last = min(p for p, _ in touches), max(p for p, _ in touches)
            paths = [set(path) for _, path in touches]
            for loop in set().union(*paths):
                if any(loop not in path for path in paths):  # it lives from turn to turn
                    first = min(first, self.loop_span[loop][0])
                    last = max(last, self.loop_span[loop][1])
            # what is a thread's own shares memory with nothing that others write
            lives[slot] = (0, self.phase) if slot in self.own else (first, last)
        return lives

    # ---- values --------------------------------------------------------------------------------
    def _address(self, slot: Slot) -> Value:
        slot = slot.actual
        if slot.base is None:
            at = self.b.element(self.table, self.place[slot], "i64")
            address = self.b.load("ptr", at, align=8)
            if not slot.each:
                return address
            return self.b.element(
                address, self.b.mul(self.thread, constant("i64", slot.bytes_each)), "i8"
            )
        turn = self.turns[slot.loop]
        if slot.turn:
            later = -slot.turn if slot.loop.reverse else slot.turn
            turn = self.b.add(turn, constant("i64", later))
        step = slot.base.layout[0] * slot.dtype.itemsize  # with the gap behind it
        offset = self.b.mul(turn, self.dim(step))
        return self.b.element(self._address(slot.base), offset, "i8")

    def _size(self, symbol: str) -> Value:
        at = self.symbols.index(symbol)
        return self.b.load("i64", self.b.element(self.table, at, "i64"))

    def dim(self, extent: Dim) -> Value:
        """An extent as an i64."""
        if is_static(extent):
            return constant("i64", int(extent))
        assert isinstance(extent, Extent)
        total = constant("i64", 0)
        for monomial, coefficient in extent.terms.items():
            term = constant("i64", coefficient)
            for symbol in monomial:
                term = self.b.mul(term, self._symbol(symbol))
            total = self.b.add(total, term)
        return total

    def _symbol(self, symbol: str) -> Value:
        if symbol in self.symbols:
            return self._size(symbol)
        value, by = FLOORS[symbol]
        return self.b.binary("sdiv", self.dim(value), self.dim(by))


class _Inside:
    """The body of a loop: notes which phases belong to it."""

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
