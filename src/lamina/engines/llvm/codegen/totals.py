"""Blocked summation: a register adds up few terms before it is added to a wider total.

    for k in n: acc += x[k]
        ->  total = 0
            for block: acc = 0; for k in block: acc += x[k]
                       total += acc
            acc = total

float32 accumulators have float64 totals, so that the error of a sum does not grow with the number
of its terms: in float32, a lane of a register adds up at most `Costs.plain_sum` terms, and of
longer sums `Costs.total_block` terms at a time.

Legality: any sum of floats. The order of its terms follows from the nest and the schedule alone.
Profitability: a sum of at most `Costs.plain_sum` terms has no total. If extents are known only at
run time, the kernel decides once per call; short sums then cost two predicted branches per tile.
Changes bits: of longer sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value, constant, is_float, like, zero
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.target.machine import ALIGNMENT
from lamina.engines.llvm.target.target import target
from lamina.ir.types import Dim, is_static

TOTAL = "double"


class Totals:
    """The totals of a tile's accumulators, and the reduction loops whose blocks are added to them.

    A call cuts the innermost loop around too many terms; which loop this is may depend on sizes.
    """

    def __init__(
        self,
        b: Builder,
        nest: Nest,
        schedule: Schedule,
        dim: Callable[[Dim], Value],
        below: Mapping[Var, int],
    ) -> None:
        self.b, self.nest, self.schedule, self.dim, self.below = b, nest, schedule, dim, below
        self.longest, self.block = target().costs.plain_sum, target().costs.total_block  # terms
        self.cuts: dict[Var, Value] = {}  # the iterations of a block
        self.when: Value | None = None  # whether this call has totals (None: always, if cuts)
        self.rows: list[_Row] = []
        self.memory: dict[tuple[str, int], tuple[Value, Value]] = {}

    # ---- which loop ----------------------------------------------------------------------------
    def plan(self) -> None:
        """Decide where to cut. The values that this emits must dominate all tiles."""
        if not any(a.kind == "sum" and a.expr.dtype.is_float for a in self.nest.accumulators):
            return
        inside: int | Value = 1
        for var in reversed(self.nest.reductions):
            most = self._most(var)
            if not isinstance(inside, int) or most is None:
                inside = self._cut_at_run_time(var, inside)
                continue
            step = self.schedule.step(var)
            terms = inside * -(-most // step)
            if terms > self.longest:
                self.cuts[var] = constant("i64", max(self.block // inside, 1) * step)
                return
            inside = terms

    def _most(self, var: Var) -> int | None:
        """The most iterations of a loop, if that is known."""
        if is_static(var.extent):
            return int(var.extent)
        return self.below.get(var)

    def _cut_at_run_time(self, var: Var, inside: int | Value) -> Value:
        """Cut a loop if it is the one at run time; return the number of its terms."""
        b, step, extent = self.b, self.schedule.step(var), self.dim(var.extent)
        last = b.add(extent, constant("i64", step - 1))
        tiles = b.binary("sdiv", last, constant("i64", step)) if step > 1 else extent
        within = constant("i64", inside) if isinstance(inside, int) else inside
        terms = b.mul(within, tiles)
        long = b.icmp("sgt", terms, constant("i64", self.longest))
        if isinstance(inside, int):
            block = constant("i64", max(self.block // inside, 1) * step)
        else:
            long = b.and_(long, b.icmp("sle", within, constant("i64", self.longest)))
            fitting = b.binary("sdiv", constant("i64", self.block), self._at_least_one(within))
            block = b.mul(self._at_least_one(fitting), constant("i64", step))
        self.cuts[var] = b.select(long, block, self._at_least_one(extent))
        self.when = long if self.when is None else b.or_(self.when, long)
        return terms

    def _at_least_one(self, value: Value) -> Value:
        return self.b.intrinsic("llvm.smax", value, constant("i64", 1))

    # ---- in a tile -----------------------------------------------------------------------------
    def clear(self, kinds: Sequence[str], values: Sequence[Value]) -> None:
        """Begin a tile, of which these are the accumulators and how each combines."""
        if not self.cuts:
            return
        self.rows = []
        summed = [n for n, k in enumerate(kinds) if k == "sum" and is_float(values[n].type)]
        for type_ in dict.fromkeys(values[n].type for n in summed):
            members = [n for n in summed if values[n].type == type_]
            self.rows.append(_Row(type_, members, *self._reserved(type_, len(members))))
        with self.b.when(self.when) if self.when is not None else nullcontext():
            for row in self.rows:
                self._each(row, self._clear)

    def _reserved(self, type_: str, count: int) -> tuple[Value, Value]:
        """Memory for accumulators and their totals, the same in all forms of a tile."""
        key = (type_, count)
        if key not in self.memory:
            parts = self.b.reserve(f"[{count} x {type_}]", ALIGNMENT)
            self.memory[key] = parts, self.b.reserve(f"[{count} x {like(type_, TOTAL)}]", ALIGNMENT)
        return self.memory[key]

    def first_block(self, var: Var, extent: Value) -> Value:
        """Return the iterations of a loop before any accumulator is added to its total."""
        stretch = self.cuts.get(var)
        return extent if stretch is None else self.b.intrinsic("llvm.smin", extent, stretch)

    def blocks(
        self,
        stretch: Value,
        stop: Value,
        carry: Sequence[Value],
        block: Callable[[Value, Value, list[Value]], list[Value]],
    ) -> list[Value]:
        """`block(first, end, accumulators)` for stretches of 0..stop. All but the last are added to
        the totals."""
        b = self.b
        head, more, done = b.label("block"), b.label("flush"), b.label("blocksdone")
        entry = b.block
        b.branch(head)
        b.place(head)
        at = len(b.lines)
        first = Value(b.name("first"), "i64")
        begun = [Value(b.name("c"), v.type) for v in carry]
        following = b.add(first, stretch)
        sums = block(first, b.intrinsic("llvm.smin", following, stop), begun)
        b.branch_if(b.icmp("slt", following, stop), more, done)
        b.place(more)
        anew = self._flushed(sums)
        starts, nexts = [constant("i64", 0), *carry], [following, *anew]
        b.insert_phis(at, entry, zip([first, *begun], starts, nexts, strict=True))
        b.branch(head)
        b.place(done)
        return sums

    def _flushed(self, sums: Sequence[Value]) -> list[Value]:
        """Add the accumulators to their totals; what they begin the next block with."""
        anew = list(sums)
        for row in self.rows:
            self._keep(row, sums)
            self._each(row, self._add)
            for n in row.members:
                anew[n] = zero(row.type)
        return anew

    def finished(self, sums: Sequence[Value]) -> list[Value]:
        """The sums: totals, and what was added up after the last block."""

        def totals() -> list[Value]:
            found = list(sums)
            for row in self.rows:
                self._keep(row, sums)
                self._each(row, self._round)
                for k, n in enumerate(row.members):
                    found[n] = self.b.load(row.type, self.b.element(row.parts, k, row.type))
            return found

        if not self.cuts:
            return list(sums)
        return totals() if self.when is None else self.b.changed(self.when, sums, totals)

    # ---- in memory -----------------------------------------------------------------------------
    def _each(self, row: _Row, act: Callable[[_Row, Value], None]) -> None:
        """A loop, since code for each of many accumulators would take long to compile."""
        with self.b.loop(0, len(row.members), hint="total") as loop:
            act(row, loop.value)

    def _keep(self, row: _Row, sums: Sequence[Value]) -> None:
        for k, n in enumerate(row.members):
            self.b.store(sums[n], self.b.element(row.parts, k, row.type))

    def _total(self, row: _Row, k: Value) -> Value:
        b = self.b
        part = b.load(row.type, b.element(row.parts, k, row.type))
        more = part if row.type == row.wide else b.cast("fpext", part, row.wide)
        return b.fadd(b.load(row.wide, b.element(row.totals, k, row.wide)), more)

    def _clear(self, row: _Row, k: Value) -> None:
        self.b.store(zero(row.wide), self.b.element(row.totals, k, row.wide))

    def _add(self, row: _Row, k: Value) -> None:
        self.b.store(self._total(row, k), self.b.element(row.totals, k, row.wide))

    def _round(self, row: _Row, k: Value) -> None:
        b, total = self.b, self._total(row, k)
        rounded = total if row.type == row.wide else b.cast("fptrunc", total, row.type)
        b.store(rounded, b.element(row.parts, k, row.type))


@dataclass(frozen=True)
class _Row:
    """The accumulators of one LLVM type: their numbers, and where they and their totals are kept
    while they are added."""

    type: str
    members: list[int]
    parts: Value
    totals: Value

    @property
    def wide(self) -> str:
        return like(self.type, TOTAL)
