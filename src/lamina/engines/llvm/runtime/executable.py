"""A compiled program, ready to be called: binds sizes, holds the arena, enters the native code."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lamina.engines import residence
from lamina.engines.llvm.runtime import arena, limits, threadpool
from lamina.engines.llvm.runtime.guard import Guard
from lamina.engines.llvm.runtime.image import Image
from lamina.engines.llvm.runtime.manifest import THREADS, bindable
from lamina.engines.llvm.runtime.throttle import CallHistory, ProgramHistory
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.machine import ALIGNMENT
from lamina.engines.llvm.target.target import target
from lamina.errors import DTypeError, ShapeError
from lamina.interrupts import raise_pending
from lamina.ir.graph import Graph
from lamina.ir.types import evaluate
from lamina.locks import renewed
from lamina.settings import settings


class LlvmProgram:
    """Called with arrays, returns arrays; several Python threads may share one."""

    def __init__(
        self,
        image: Image,
        graph: Graph,
        updates: Mapping[int, int],
        flush_denormals: bool,
        held: Collection[int] = (),
    ) -> None:
        self.graph, self.updates, self.flush_denormals = graph, dict(updates), flush_denormals
        plan = self.plan = image.plan
        self.held = frozenset(held)  # arguments whose arrays neither move nor change their types
        self._count = len(plan.arguments)
        self._free = [k for k in range(len(plan.arguments)) if k not in self.held]
        self.tables = [np.ascontiguousarray(t) for t in image.tables]
        self.library = toolchain.link(list(image.objects), ["program"])
        self.address = self.library.address("program")
        self._bound: dict[tuple[int, ...], _Bound] = {}
        self.lock = renewed(self)
        self.program_history = ProgramHistory()
        self._axes = [
            (k, axis, symbol, coefficient)
            for k, argument in enumerate(plan.arguments)
            for axis, symbol, coefficient in bindable(argument.shape)
        ]
        self._first = {s: k for k, (_, _, s, _) in reversed(list(enumerate(self._axes)))}
        self._checked: set[Any] = set()

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        if residence.COPIES:
            residence.settle(arrays)
        free = [arrays[k] for k in self._free] if len(arrays) == self._count else arrays
        types = tuple([(a.shape, a.dtype, a.flags.c_contiguous) for a in free])
        if types not in self._checked:
            self._check(arrays)
            self._checked.add(types)
        with self.lock:
            most = settings.threads
            bound = self._bind(arrays, most)
            results = bound.results(arrays)
            bound.point(arrays, results)
            self._enter(bound, most, bound.guard.of(arrays))
        return results

    def fixed(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        self._check(arrays)
        key = tuple([arrays[k].shape[axis] for k, axis, _, _ in self._axes])
        bound, kept = _Bound(self, self._sizes(key), settings.threads), list(arrays)
        results = bound.results(kept)
        bound.point(kept, results)
        bound.holds = (kept, results)
        bound.guard.fix(kept)
        return results, partial(self._enter_fixed, bound)

    def _enter_fixed(self, bound: _Bound) -> None:
        if residence.COPIES:
            residence.settle(bound.holds[0])
        self._enter(bound, min(settings.threads, bound.threads), bound.guard.of(bound.holds[0]))

    def _enter(self, bound: _Bound, most: int, guard: int | None) -> None:
        """Run once, on as many threads as pay; again from the beginning, if Ctrl-C stopped it and
        no exception came of that."""
        table, flush = bound.table_address, self.flush_denormals
        while True:
            count = 1 if bound.small else bound.history.threads(most)
            began = time.perf_counter()
            if threadpool.run(self.address, table, count, flush, guard):
                break
            raise_pending()
        seconds = bound.guard.seconds = time.perf_counter() - began
        bound.history.took(seconds, count)

    def poison(self) -> None:
        """Fill the temporaries with NaN, so that reads of memory that no kernel has written
        show."""
        with self.lock:
            for bound in self._bound.values():
                bound.arena.fill(0xFF)

    def _bind(self, arrays: Sequence[np.ndarray], threads: int) -> _Bound:
        key = tuple([arrays[k].shape[axis] for k, axis, _, _ in self._axes])
        bound = self._bound.get(key)
        if bound is None or bound.threads < threads:
            while len(self._bound) >= limits.KEPT_SIZES:
                self._bound.pop(next(iter(self._bound)))
            bound = self._bound[key] = _Bound(self, self._sizes(key), threads)
        return bound

    def _sizes(self, key: tuple[int, ...]) -> dict[str, int]:
        return {symbol: key[at] // self._axes[at][3] for symbol, at in self._first.items()}

    def _check(self, arrays: Sequence[np.ndarray]) -> None:
        """The arguments have the types that the program was compiled for."""
        if len(arrays) != len(self.plan.arguments):
            raise ShapeError(f"program: takes {len(self.plan.arguments)} arrays, got {len(arrays)}")
        key = tuple([arrays[k].shape[axis] for k, axis, _, _ in self._axes])
        sizes = self._sizes(key)
        for k, (want, array) in enumerate(zip(self.plan.arguments, arrays, strict=True)):
            shape = tuple(evaluate(d, sizes) for d in want.shape)
            if array.dtype != want.dtype.storage:
                raise DTypeError(f"program: argument {k} is {array.dtype}, expected {want.dtype}")
            if array.shape != shape or not array.flags.c_contiguous:
                raise ShapeError(
                    f"program: argument {k} has shape {array.shape}, expected {shape} "
                    f"({', '.join(map(str, want.shape))}), contiguous"
                )


class _Bound:
    """A program at given sizes: its arena, and the table that the native code reads."""

    def __init__(self, program: LlvmProgram, sizes: dict[str, int], threads: int) -> None:
        plan = program.plan
        self.plan, self.threads = plan, threads
        sizes = {**sizes, THREADS: self.threads}
        temporary = [k for k, b in enumerate(plan.blocks) if b.kind == "temporary"]
        bytes_ = [evaluate(plan.blocks[k].bytes, sizes) for k in temporary]
        offsets, total = arena.plan(bytes_, [plan.blocks[k].life for k in temporary])
        self.arena = np.empty(total + ALIGNMENT, np.uint8)
        base = -(-_pointer(self.arena) // ALIGNMENT) * ALIGNMENT
        head = len(plan.symbols)
        self.table = np.zeros(head + len(plan.blocks), np.int64)
        self.table[:head] = [sizes[s] for s in plan.symbols]
        for k, offset in zip(temporary, offsets, strict=True):
            self.table[head + k] = base + offset
        for k, block in enumerate(plan.blocks):
            if block.kind == "table":
                self.table[head + k] = _pointer(program.tables[block.number])
        self.table_address = _pointer(self.table)
        self.fresh = [
            (k, tuple(evaluate(d, sizes) for d in r.shape), r.dtype.storage)
            for k, r in enumerate(plan.results)
            if r.owner < 0
        ]
        self.owners = [r.owner for r in plan.results]
        state = {o for o in self.owners if o >= 0}
        self.steady: dict[int, Any] = dict.fromkeys(state | program.held, _nothing)
        arguments = {b.number: head + k for k, b in enumerate(plan.blocks) if b.kind == "argument"}
        count = len(plan.arguments)
        self.inputs = [(n, at) for n, at in arguments.items() if n < count]
        self.outputs = [(n - count, at) for n, at in arguments.items() if n >= count]
        work = sum(evaluate(w, sizes) for w in plan.work)
        self.small = work < target().costs.alone
        self.guard = Guard(sorted(state), work)
        self.history = CallHistory(program.program_history)
        self.holds: Any = None  # arrays that must stay where they are

    def results(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """An array for each result: a new one, or the argument that it updates."""
        out = [arrays[o] if o >= 0 else None for o in self.owners]
        for k, shape, storage in self.fresh:
            out[k] = np.empty(shape, storage)
        return out  # type: ignore[return-value]

    def point(self, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
        table, steady = self.table, self.steady
        for n, at in self.inputs:
            array = arrays[n]
            if n in steady:  # mostly the same as at the last call
                if steady[n]() is array:
                    continue
                steady[n] = weakref.ref(array)
            table[at] = _pointer(array)
        for n, at in self.outputs:
            table[at] = _pointer(results[self.fresh[n][0]])


def _nothing() -> None:
    """A reference to no array yet."""


def _pointer(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
