"""Pipelined epilogue: the epilogue of one tile runs during the reduction of the next.

    for tile: for k: acc += x[k] y[k]                    multiply and add
              for sum in acc: a, b, c <- f(sum, a, b, c)     read, divide, take roots, write
        ->
    for tile: for k: acc += x[k] y[k]; for sum k of the last tile: a, b, c <- f(sum, a, b, c)
              pending <- acc

Legality: each epilogue sees the same values as before, in the same order of tiles. Profitability: a
product with a memory-bound epilogue, such as an optimizer's update (`Costs.update_arrays`): the
reduction uses the multipliers, the epilogue the divider and the memory, and the processor's
out-of-order window is too short to overlap them. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from lamina.engines.llvm.codegen.elementwise import register_type
from lamina.engines.llvm.codegen.kernel import NestEmitter
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.codegen.values import vector as vector_of
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.target.machine import ALIGNMENT


class PipelinedEpilogue(NestEmitter):
    """Emits a nest with one reduction loop and one kind of accumulators, whose tiles are full along
    the vector loop (`Schedule.pipelined`)."""

    def _prepare(self) -> None:
        nest, schedule = self.nest, self.schedule
        single = replace(schedule, unroll={}, tails={}, pipelined=False)
        self.epilogue = NestEmitter(
            self.function, nest, single, self.space.sizes, self.below, self.buffers
        )
        vector = schedule.vector
        assert vector is not None
        self.rows = next(v for v, n in schedule.unroll.items() if v is not vector and n > 1)
        self.columns = schedule.unroll.get(vector, 1)
        self.points = self._coordinates([self.rows, vector])
        self.width = vector_of(register_type(nest.accumulators[0].expr.dtype), schedule.lanes)
        self._reserve()

    def _reserve(self) -> None:
        """Reserve memory for the tile whose epilogue is pending."""
        self.accumulators = self.b.reserve(f"[{len(self.points)} x {self.width}]", ALIGNMENT)
        self.pending = self.b.reserve("i64", 8)
        self.places = {v: self.b.reserve("i64", 8) for v in self.nest.loops}

    def _begin(self) -> None:
        self.epilogue.hoisting.hoist()
        self.b.store(constant("i64", 0), self.pending)

    def _end(self) -> None:
        """Run the epilogue of the last tile."""
        with self.b.loop(0, self.b.load("i64", self.pending), hint="last") as loop:
            self._run_epilogue(loop.value, self._last())

    def _last(self) -> dict[Var, Value]:
        """Return the position of the tile whose epilogue is pending."""
        return {v: self.b.load("i64", place) for v, place in self.places.items()}

    # ---- one tile ------------------------------------------------------------------------------
    def _body(self) -> None:
        (over,) = self.nest.reductions
        self._keep(self.totals.finished(self._overlapped(self.dim(over.extent))))

    def _overlapped(self, terms: Value) -> list[Value]:
        """Return the sums of this number of terms, during which the pending epilogue runs."""
        b, space = self.b, self.space
        (over,) = self.nest.reductions
        pending, last = b.load("i64", self.pending), self._last()
        overlapped = b.intrinsic("llvm.smin", self.totals.first_block(over, terms), pending)
        current = {v: space.first[v] for v in self.nest.loops}
        self.hoisting.hoist(reductions_only=True)
        start = [self._start(0) for _ in self.points]
        self._clear_totals([(0, s) for s in start])
        accumulators = [value for s in start for value in s]
        with b.loop(0, overlapped, 1, accumulators, hint="both") as loop, space.scope():
            loop.next = self._added(over, loop.value, loop.carried)
            self._run_epilogue(loop.value, last)
            self._prefetch(loop.value, current)
        with b.loop(overlapped, pending, hint="left") as remaining:
            self._run_epilogue(remaining.value, last)
        return self._loop(over, overlapped, terms, loop.result, partial(self._added, over))

    def _keep(self, sums: Sequence[Value]) -> None:
        """Let the epilogue of this tile be pending."""
        b = self.b
        for number, value in enumerate(sums):
            b.store(value, b.element(self.accumulators, number, self.width))
        for var, place in self.places.items():
            b.store(self.space.first[var], place)
        b.store(self._count(), self.pending)

    def _added(self, over: Var, term: Value, accumulators: list[Value]) -> list[Value]:
        self.space.open(over, term, None)
        return self._update(accumulators, self.points, [1] * len(self.points))

    def _count(self) -> Value:
        """Return the number of this tile's accumulators whose rows exist."""
        remaining = self.space.remaining.get(self.rows)
        if remaining is None:
            return constant("i64", len(self.points))
        rows = constant("i64", len(self.points) // self.columns)
        exist = self.b.intrinsic("llvm.smin", rows, remaining)
        return self.b.mul(exist, constant("i64", self.columns))

    # ---- one accumulator -------------------------------------------------------------------------
    def _run_epilogue(self, number: Value, tile: dict[Var, Value]) -> None:
        """Run the epilogue of one pending accumulator."""
        b = self.b
        with self._at(number, tile):
            self.epilogue.values.accumulators = {
                (0, ()): [b.load(self.width, b.element(self.accumulators, number, self.width))]
            }
            self.epilogue._store_at({})

    def _prefetch(self, number: Value, tile: dict[Var, Value]) -> None:
        """Prefetch the epilogue's operands for one of this tile's accumulators."""
        memory = self.epilogue.values.memory
        with self._at(number, tile):
            for load in self.nest.epilogue_loads():
                place = memory.address(load.params["buffer"], load.params["index"], {})
                self.b.fetch(place, write=True)

    @contextmanager
    def _at(self, number: Value, tile: dict[Var, Value]) -> Iterator[None]:
        """Set the epilogue's loops to one accumulator of a tile."""
        b, space = self.b, self.epilogue.space
        row = b.binary("udiv", number, constant("i64", self.columns))
        column = b.binary("urem", number, constant("i64", self.columns))
        along = b.mul(column, constant("i64", self.schedule.lanes))
        with space.scope():
            for var, first in tile.items():
                more = row if var is self.rows else along if var is self.schedule.vector else None
                space.open(var, first if more is None else b.add(first, more), None)
            yield
