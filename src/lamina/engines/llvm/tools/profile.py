"""The time of each kernel of a program, measured inside the program while it runs.

A second program has the same kernels, and a driver that reads the clock before and after each of
them on thread 0 and accumulates the difference. A barrier before each reading makes the time of a
kernel that all threads share that of the slowest; it costs about 0.2 us a kernel, so kernels
shorter than a few microseconds look slower than they are. In row-parallel code, which has no
barriers, the time is that of thread 0.

    counters = threads | ticks of kernel 0, calls of kernel 0 | ticks of kernel 1, ...
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lamina.engines.llvm import pipeline
from lamina.engines.llvm.codegen import barrier
from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.program import UNMOVED, Driver
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.statements import Routine
from lamina.engines.llvm.runtime.executable import LlvmProgram
from lamina.engines.llvm.runtime.manifest import Plan, bindable
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.tools.describe import running
from lamina.engines.llvm.tools.work import Work, work_of
from lamina.errors import EngineError
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import TensorType, int64

FEWEST, MOST = 5, 500  # runs that are measured


@dataclass
class Timing:
    """One kernel: calls in one run, seconds of one run in all its calls (the quickest of the runs),
    and its work in one call. `serial`: only thread 0 runs it."""

    statement: Kernel | Routine
    calls: int
    seconds: float
    work: Work
    serial: bool


@dataclass
class Times:
    """Of a whole program: its kernels (each at its quickest), seconds of a run without clocks
    (`quickest` and `median`), threads, the number of runs that were measured, and parameters."""

    kernels: list[Timing]
    quickest: float
    median: float
    threads: int
    runs: int
    parameters: int


def measure(
    graph: Graph, updates: Mapping[int, int], arrays: Sequence[np.ndarray], seconds: float = 0.5
) -> Times:
    """The times of a simplified graph's kernels on these arrays, which stay as they are.

    Runs follow each other on one set of copies, so state that a program updates moves on, as it
    does in training.
    """
    arrays = [np.array(a, order="C", copy=True) for a in arrays]
    whole = _undisturbed(pipeline.compile_graph(graph, updates), arrays, seconds / 2)
    timed = _Timed(graph, updates)
    counters, ticks = timed.run(arrays, len(whole))
    sizes = _sizes(timed.stages.plan, arrays)
    quickest = counters[:, 1::2].min(axis=0) * ticks
    calls = counters[0, 2::2]
    kernels = [
        Timing(statement, int(count), float(took), work_of(statement, sizes), _is_serial(statement))
        for statement, count, took in zip(timed.statements, calls, quickest, strict=True)
    ]
    threads, parameters = int(counters[0, 0]), len(graph.parameters)
    return Times(kernels, min(whole), float(np.median(whole)), threads, len(whole), parameters)


def _undisturbed(program: Any, arrays: Sequence[np.ndarray], seconds: float) -> list[float]:
    """Seconds of each of as many runs as fit."""
    program(arrays)
    times: list[float] = []
    while len(times) < FEWEST or (sum(times) < seconds and len(times) < MOST):
        begun = time.perf_counter()
        program(arrays)
        times.append(time.perf_counter() - begun)
    return times


def _sizes(plan: Plan, arrays: Sequence[np.ndarray]) -> dict[str, int]:
    return {
        symbol: array.shape[axis] // coefficient
        for argument, array in zip(plan.arguments, arrays, strict=False)
        for axis, symbol, coefficient in bindable(argument.shape)
    }


def _is_serial(statement: Kernel | Routine) -> bool:
    return isinstance(statement, Kernel) and statement.chosen.serial


# ---- the program with clocks -------------------------------------------------------------------
class _Timed:
    """The graph with one more parameter, the counters, under a driver that fills them."""

    def __init__(self, graph: Graph, updates: Mapping[int, int]) -> None:
        program = pipeline.program_of(graph, updates)
        count = len(running(program.statements))
        self.shape = (1 + 2 * count,)
        counters = parameter(TensorType(self.shape, int64), "counters")
        extended = Graph([*graph.parameters, counters], graph.results, graph.name)
        self.statements: list[Kernel | Routine] = []

        def drive(program: Any, kernels: Any, symbols: list[str]) -> Any:
            driver = TimedDriver(program, kernels, symbols)
            self.statements = driver.timed
            driven = driver.run()
            if len(self.statements) > count:  # the counters would overflow
                raise EngineError(
                    f"profile: {len(self.statements)} kernels (expected at most {count})"
                )
            return driven

        self.stages = pipeline.stages_of(extended, updates, drive=drive)
        with pipeline.Objects() as objects:
            image = pipeline.image_of(self.stages, objects)
        self.program = LlvmProgram(image, extended, updates, flush_denormals=False)

    def run(self, arrays: Sequence[np.ndarray], runs: int) -> tuple[np.ndarray, float]:
        """Counters of each run (runs, ...), and seconds a tick."""
        found = np.zeros((runs, 1 + 2 * len(self.statements)), np.int64)
        counters = np.zeros(self.shape, np.int64)
        self.program([*arrays, counters])
        begun, first = time.perf_counter(), ticks()
        for row in found:
            counters[:] = 0
            self.program([*arrays, counters])
            row[:] = counters[: row.size]
        while time.perf_counter() - begun < 0.02:  # long enough to measure the rate of the clock
            pass
        elapsed, last = time.perf_counter() - begun, ticks()
        if last <= first:
            raise EngineError(
                f"profile: the clock of this processor does not advance (got {first} and then "
                f"{last} after {elapsed:.3f} s)",
                hint="measure whole programs with time.perf_counter() instead",
            )
        return found, elapsed / (last - first)


class TimedDriver(Driver):
    """A driver that takes the time of every kernel and routine."""

    def __init__(self, program: Any, kernels: Any, symbols: list[str]) -> None:
        super().__init__(program, kernels, symbols)
        self.timed: list[Kernel | Routine] = []
        self.counters: Slot = program.arguments[-1]

    def run(self) -> Any:
        with self._on_first():
            self.b.store(self.threads, self._address(self.counters), align=8)
        return super().run()

    def _kernel(self, kernel: Kernel) -> None:
        with self._between_barriers(kernel, kernel.chosen.serial):
            super()._kernel(kernel)

    def _routine(self, statement: Routine) -> None:
        with self._between_barriers(statement, False):
            super()._routine(statement)

    def _call_rows(
        self,
        kernel: Kernel,
        first: Value,
        end: Value,
        displaced: Mapping[Slot, Value] = UNMOVED,
        leave: str | None = None,
    ) -> None:
        """Of the rows of thread 0, without barriers; all of its rows are one call."""
        is_new = self.b.cast("zext", self.b.icmp("eq", first, constant("i64", 0)), "i64")
        begun = read_clock(self.b)
        super()._call_rows(kernel, first, end, displaced, leave)
        self._took(kernel, begun, is_new)

    @contextmanager
    def _between_barriers(self, statement: Kernel | Routine, serial: bool) -> Iterator[None]:
        self.stops.meet()
        begun = read_clock(self.b)
        yield
        if not serial:
            self.stops.meet()
        self._took(statement, begun, constant("i64", 1))

    def _took(self, statement: Kernel | Routine, begun: Value, calls: Value) -> None:
        ended = read_clock(self.b)
        if statement not in self.timed:
            self.timed.append(statement)
        place = 1 + 2 * self.timed.index(statement)
        with self._on_first():
            self._count(place, self.b.sub(ended, begun))
            self._count(place + 1, calls)

    def _on_first(self) -> AbstractContextManager[None]:
        return self.b.when(self.b.icmp("eq", self.thread, constant("i64", 0)))

    def _count(self, place: int, amount: Value) -> None:
        at = self.b.element(self._address(self.counters), place, "i64")
        self.b.store(self.b.add(self.b.load("i64", at, align=8), amount), at, align=8)


# ---- the clock ---------------------------------------------------------------------------------
def read_clock(b: Builder) -> Value:
    """The processor's clock, between fences that keep work on its side of the reading."""
    fenced = barrier.architecture() in ("x86_64", "amd64")
    if fenced:
        b.call("llvm.x86.sse2.lfence", "void", [])
    barrier.synchronize_instructions(b)
    now = barrier.clock(b)
    if fenced:
        b.call("llvm.x86.sse2.lfence", "void", [])
    return now


def ticks() -> int:
    """Return the clock's value now."""
    return int(_ticks()[1]())


@cache
def _ticks() -> tuple[toolchain.Library, Any]:
    module = Module()
    b = module.function("ticks", [], returns="i64").builder
    b.ret(read_clock(b))
    library = toolchain.link([toolchain.compile_object(str(module))], ["ticks"])
    return library, ctypes.CFUNCTYPE(ctypes.c_int64)(library.address("ticks"))
