"""The program's own function: kernels called in order, barriers between them, loops around them.

    void program(ptr table, i64 thread, i64 threads, ptr sync)

`table` holds the symbolic sizes, then the address of every slot that owns memory. Every thread runs
all of it. Two kernels need a barrier between them only if one touches what the other writes; small
kernels are one thread's work, and need none among themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lamina.engines.llvm.assemble import If, Item, Loop, Program, Routine, While
from lamina.engines.llvm.barrier import emit_barrier
from lamina.engines.llvm.builder import Builder, Module, Value, constant
from lamina.engines.llvm.emit import APART
from lamina.engines.llvm.lower import Kernel
from lamina.engines.llvm.routines_whole import ROUTINES, Site
from lamina.engines.llvm.schedule import is_serial
from lamina.engines.llvm.slots import Slot
from lamina.ir.types import FLOORS, Dim, Extent, is_static


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
        self.table, self.thread, self.threads, self.sync = function.args
        self.place = {s: len(symbols) + k for k, s in enumerate(owners)}
        self.turns: dict[Loop, Value] = {}
        self.phase = 0
        self.written: dict[Slot, bool] = {}  # since the last barrier: slot -> by one thread alone
        self.read: dict[Slot, bool] = {}
        self.touches: dict[Slot, list[tuple[int, tuple[int, ...]]]] = {}
        self.loop_path: tuple[int, ...] = ()
        self.loop_span: list[list[int]] = []

    def run(self) -> Driven:
        self._items(self.program.items)
        self.b.ret()
        return Driven(self.module, self.symbols, self.owners, self._lives())

    # ---- items ---------------------------------------------------------------------------------
    def _items(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Loop):
                self._loop(item)
            elif isinstance(item, While):
                self._while(item)
            elif isinstance(item, If):
                self._if(item)
            elif isinstance(item, Kernel):
                self._kernel(item)
            else:
                self._routine(item)

    def _kernel(self, kernel: Kernel) -> None:
        name, sizes = self.kernels[kernel]
        if name == "":  # a copy of memory onto itself
            return
        serial = is_serial(kernel.nest)
        self._separate(kernel.written, kernel.touched, serial)
        if not serial:
            self._call(name, kernel, sizes, self.thread, self.threads)
            return
        zero, one = constant("i64", 0), constant("i64", 1)
        with self.b.when(self.b.icmp("eq", self.thread, zero)):
            self._call(name, kernel, sizes, zero, one)

    def _call(
        self,
        name: str,
        kernel: Kernel,
        sizes: list[str],
        thread: Value,
        threads: Value,
        alone: bool = False,
    ) -> None:
        args = [self._address(s) for s in kernel.slots] + [self._size(s) for s in sizes]
        if kernel.nest.apart is not None:
            args.append(constant("i64", int(alone)))
        self.b.call(name, "void", [*args, thread, threads])

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
        rows = self._rows(item)
        if rows is None:
            self._together(item)
            return
        b = self.b
        alone, shared, done = b.label("alone"), b.label("shared"), b.label("loopdone")
        needed = b.mul(self.threads, constant("i64", APART))
        b.branch_if(b.icmp("sge", self.dim(rows), needed), alone, shared)
        b.place(alone)
        self._alone(item)
        b.branch(done)
        b.place(shared)
        self._together(item)
        b.branch(done)
        b.place(done)

    def _rows(self, item: Loop) -> Dim | None:
        """The rows of a loop that the threads may divide among them."""
        return item.rows

    def _alone(self, item: Loop) -> None:
        """Each thread takes all turns over rows of its own."""
        with self._turns(item):
            for kernel in item.items:
                assert isinstance(kernel, Kernel)
                name, sizes = self.kernels[kernel]
                for slot in kernel.touched:
                    self._touch(slot)
                if name:
                    self._call(name, kernel, sizes, self.thread, self.threads, alone=True)
        emit_barrier(self.b, self.sync, self.threads)
        self.phase += 1

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
            yield

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
            emit_barrier(b, self.sync, self.threads)
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
    def _separate(self, written: set[Slot], touched: set[Slot], serial: bool) -> None:
        """A barrier, if what follows touches what was written, or writes what was touched."""
        clash = any(s in self.written and not (serial and self.written[s]) for s in touched)
        clash = clash or any(s in self.read and not (serial and self.read[s]) for s in written)
        if clash:
            self._barrier()
        for slot in touched:
            self._touch(slot)
            book = self.written if slot in written else self.read
            book[slot] = serial and book.get(slot, True)

    def _barrier(self) -> None:
        if self.written or self.read:
            emit_barrier(self.b, self.sync, self.threads)
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
            lives[slot] = (first, last)
        return lives

    # ---- values --------------------------------------------------------------------------------
    def _address(self, slot: Slot) -> Value:
        slot = slot.actual
        if slot.base is None:
            return self.b.load("ptr", self.b.element(self.table, self.place[slot], "i64"), align=8)
        offset = self.b.mul(self.turns[slot.loop], self.dim(slot.bytes))
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
