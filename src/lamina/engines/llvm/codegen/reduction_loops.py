"""Code of the reduction loops of one tile, around its accumulators.

An accumulator is a list of registers (reducers.py) for each coordinate of the unrolled loops. Lanes
and unrolled registers along a reduction are combined after its loops, in a fixed order; reductions
of many terms are added up in blocks (totals.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from lamina.engines.llvm.codegen.builder import Builder, Function
from lamina.engines.llvm.codegen.expressions import Expressions
from lamina.engines.llvm.codegen.hoisting import Hoisting
from lamina.engines.llvm.codegen.reducers import combine, finished, horizontal, neutral
from lamina.engines.llvm.codegen.scope import Scope
from lamina.engines.llvm.codegen.totals import Totals
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import Schedule, Tail
from lamina.ir.types import Dim

Coordinates = dict[Var, int]


class Reductions:
    """Emits the accumulators of one nest under one schedule into a function. Where this code runs,
    the extents of the loops in `below` are known to be smaller than these numbers. Buffers are
    the function's arguments, unless `buffers` are given."""

    def __init__(
        self,
        function: Function,
        nest: Nest,
        schedule: Schedule,
        sizes: dict[str, Value],
        below: Mapping[Var, int],
        buffers: Sequence[Value] | None = None,
    ) -> None:
        self.function, self.nest, self.schedule, self.below = function, nest, schedule, below
        self.b: Builder = function.builder
        self.space = Scope(self.b, nest, schedule, sizes)
        self.buffers = function.args if buffers is None else buffers
        self.values = Expressions(self.space, self.buffers)
        self.hoisting = Hoisting(self.values)
        self.totals = Totals(self.b, nest, schedule, self.space.dim, below)
        self._prepare()

    def _prepare(self) -> None:
        """Reserve the memory of a derived emitter."""

    def dim(self, extent: Dim) -> Value:
        return self.space.dim(extent)

    def _coordinates(self, variables: Sequence[Var]) -> list[Coordinates]:
        counts = [range(self.schedule.unroll.get(v, 1)) for v in variables]
        return [dict(zip(variables, c, strict=True)) for c in itertools.product(*counts)]

    def _spatial(self) -> list[Var]:
        return [v for v in self.nest.loops if self.schedule.unroll.get(v, 1) > 1]

    def _reduce(self) -> dict[tuple[int, tuple[int, ...]], list[Value]]:
        """Return the reduced values, by accumulator and spatial coordinate."""
        spatial = self._spatial()
        inner = [v for v in self.nest.reductions if self.schedule.unroll.get(v, 1) > 1]
        points = self._coordinates([*spatial, *inner])
        keys = [(k, tuple(p.values())) for k in range(len(self.nest.accumulators)) for p in points]
        start = [self._start(k) for k, _ in keys]
        widths = [len(s) for s in start]
        flat = [v for group in start for v in group]
        self._clear_totals([(k, s) for (k, _), s in zip(keys, start, strict=True)])
        reduced = self._iterations(list(self.nest.reductions), flat, points, widths)
        results: dict[tuple[int, tuple[int, ...]], list[Value]] = {}
        rest = iter(self.totals.finished(reduced))
        for (k, coordinate), width in zip(keys, widths, strict=True):
            values = [next(rest) for _ in range(width)]
            key = (k, coordinate[: len(spatial)])
            if key in results:  # unrolled registers along a reduction: a fixed tree
                kind, dtype = self.nest.accumulators[k].kind, self.nest.accumulators[k].dtype
                results[key] = combine(self.b, kind, dtype, results[key], values)
            else:
                results[key] = values
        return {key: self._across_lanes(key[0], values) for key, values in results.items()}

    def _start(self, k: int) -> list[Value]:
        acc = self.nest.accumulators[k]
        vector = self.schedule.vector
        wide = vector is not None and (vector in self.nest.reductions or vector in acc.expr.vars)
        return neutral(acc.kind, acc.expr.dtype, self.schedule.lanes if wide else 0)

    def _clear_totals(self, start: Sequence[tuple[int, list[Value]]]) -> None:
        """Clear the totals of accumulators with these numbers and initial values."""
        kinds = [self.nest.accumulators[k].kind for k, values in start for _ in values]
        self.totals.clear(kinds, [v for _, values in start for v in values])

    def _across_lanes(self, k: int, values: list[Value]) -> list[Value]:
        acc = self.nest.accumulators[k]
        if self.schedule.vector in self.nest.reductions:
            return horizontal(self.b, acc.kind, acc.dtype, values)
        return finished(self.b, acc.kind, values)

    def _iterations(
        self, loops: list[Var], carry: list[Value], points: list[Coordinates], widths: list[int]
    ) -> list[Value]:
        """Emit the reduction loops from the outermost on, around the update of the accumulators."""
        b, space = self.b, self.space
        if not loops:
            return self._update(carry, points, widths)
        var, *rest = loops
        step = self.schedule.step(var)
        extent = self._iteration_count(var)
        whole = self.schedule.tail(var) is Tail.EXACT
        self.hoisting.hoist(reductions_only=True)
        stop = extent
        if not whole:
            remainder = b.binary("srem", extent, constant("i64", step))
            stop = b.sub(extent, remainder)

        def iteration(at: Value, accumulators: list[Value]) -> list[Value]:
            space.open(var, at, None)
            return self._iterations(rest, accumulators, points, widths)

        accumulators = self._loop(var, constant("i64", 0), stop, carry, iteration)
        if whole:
            return accumulators
        with (
            b.loop(stop, extent, step, accumulators, hint=var.name + "rest") as tail,
            space.scope(),
        ):
            space.open(var, tail.value, b.sub(extent, tail.value))
            with space.masked():
                tail.next = self._iterations(rest, tail.carried, points, widths)
        return tail.result

    def _loop(
        self,
        var: Var,
        start: Value,
        stop: Value,
        carry: list[Value],
        iteration: Callable[[Value, list[Value]], list[Value]],
    ) -> list[Value]:
        """Emit `iteration` at each tile of a reduction from start to stop, in blocks if the
        reduction is long. Block boundaries do not depend on where the loop starts, which must
        be in the first block."""
        b, step, block_size = self.b, self.schedule.step(var), self.totals.cuts.get(var)

        def tiles(first: Value, end: Value, accumulators: list[Value]) -> list[Value]:
            with b.loop(first, end, step, accumulators, hint=var.name) as loop, self.space.scope():
                loop.next = iteration(loop.value, loop.carried)
            return loop.result

        def block(first: Value, end: Value, accumulators: list[Value]) -> list[Value]:
            if start.text != "0":
                first = b.intrinsic("llvm.smax", first, start)
            return tiles(first, end, accumulators)

        if block_size is None:
            return tiles(start, stop, carry)
        return self.totals.blocks(block_size, stop, carry, block)

    def _iteration_count(self, var: Var) -> Value:
        """Return the number of iterations of a reduction; parts of a split one differ."""
        split_reduction, extent = self.nest.split_reduction, self.dim(var.extent)
        if split_reduction is None or var is not split_reduction.row:
            return extent
        b = self.b
        part, _ = self.space.iteration(split_reduction.part, 0)
        remaining = b.sub(self.dim(split_reduction.limit), b.mul(part, extent))
        return b.intrinsic("llvm.smin", extent, remaining)

    def _update(
        self, carry: list[Value], points: list[Coordinates], widths: list[int]
    ) -> list[Value]:
        following: list[Value] = []
        rest = iter(carry)
        size = iter(widths)
        for acc in self.nest.accumulators:
            for point in points:
                old = [next(rest) for _ in range(next(size))]
                following += self.values.accumulate(acc, old, point)
        return following
