"""Blocked summation: a register adds up few terms before it is added to a wider total.

    for k in n: acc += x[k]
        ->  total = 0
            for block: acc = 0; for k in block: acc += x[k]
                       total += acc
            acc = total

float32 accumulators have float64 totals, so that the error of a sum does not grow with the number
of its terms: in float32, a lane of a register adds up at most LONGEST terms, and of longer sums
BLOCK terms at a time.

Legality: any sum of floats. The order of its terms follows from the nest and the schedule alone.
Profitability: a sum of at most LONGEST terms has no total. If extents are known only at run time,
the kernel decides once per call; short sums then cost two predicted branches per tile.
Changes bits: of sums of more than LONGEST terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from lamina.engines.llvm.codegen.builder import Builder, Value, constant, is_float, like, zero
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.schedule.choose import Schedule
from lamina.ir.types import Dim, is_static
from lamina.reference.sums import LONGEST

BLOCK = 512  # terms: an addition to a total costs some 10 instructions
TOTAL = "double"


@dataclass(frozen=True)
class Cut:
    """A reduction loop is cut into blocks of `stretch` iterations, where `when` holds (None:
    always)."""

    stretch: Value
    when: Value | None


class Totals:
    """The totals of a tile's accumulators, and the reduction loops whose blocks are added to them.

    A call cuts the innermost loop around too many terms; which loop this is may depend on sizes.
    """

    def __init__(
        self, b: Builder, nest: Nest, schedule: Schedule, dim: Callable[[Dim], Value]
    ) -> None:
        self.b, self.nest, self.schedule, self.dim = b, nest, schedule, dim
        self.cuts: dict[Var, Cut] = {}
        self.when: Value | None = None  # whether this call has totals (None: always, if cuts)
        self.places: dict[tuple[int, str], Value] = {}
        self.summed: list[int] = []

    # ---- which loop ----------------------------------------------------------------------------
    def plan(self) -> None:
        """Decide where to cut. The values that this emits must dominate all tiles."""
        if not any(a.kind == "sum" and a.expr.dtype.is_float for a in self.nest.accumulators):
            return
        inside: int | Value = 1
        for var in reversed(self.nest.reductions):
            if not isinstance(inside, int) or not is_static(var.extent):
                inside = self._cut_at_run_time(var, inside)
                continue
            step = self.schedule.step(var)
            terms = inside * -(-int(var.extent) // step)
            if terms > LONGEST:
                self.cuts[var] = Cut(constant("i64", max(BLOCK // inside, 1) * step), None)
                return
            inside = terms

    def _cut_at_run_time(self, var: Var, inside: int | Value) -> Value:
        """Cut a loop if it turns out to be the one; return how many terms it goes over."""
        b, step, extent = self.b, self.schedule.step(var), self.dim(var.extent)
        last = b.add(extent, constant("i64", step - 1))
        tiles = b.binary("sdiv", last, constant("i64", step)) if step > 1 else extent
        within = constant("i64", inside) if isinstance(inside, int) else inside
        terms = b.mul(within, tiles)
        long = b.icmp("sgt", terms, constant("i64", LONGEST))
        if isinstance(inside, int):
            block = constant("i64", max(BLOCK // inside, 1) * step)
        else:
            long = b.and_(long, b.icmp("sle", within, constant("i64", LONGEST)))
            fitting = b.binary("sdiv", constant("i64", BLOCK), self._at_least_one(within))
            block = b.mul(self._at_least_one(fitting), constant("i64", step))
        self.cuts[var] = Cut(b.select(long, block, self._at_least_one(extent)), long)
        self.when = long if self.when is None else b.or_(self.when, long)
        return terms

    def _at_least_one(self, value: Value) -> Value:
        return self.b.intrinsic("llvm.smax", value, constant("i64", 1))

    # ---- in a tile -----------------------------------------------------------------------------
    def clear(self, kinds: Sequence[str], values: Sequence[Value]) -> None:
        """Begin a tile, of which these are the accumulators and how each combines."""
        self.summed = [
            n for n, (k, v) in enumerate(zip(kinds, values, strict=True)) if _has_total(k, v)
        ]
        if self.cuts:
            with self.b.when(self.when) if self.when is not None else nullcontext():
                for n in self.summed:
                    self.b.store(zero(_wide(values[n])), self._place(n, values[n]))

    def added(self, cut: Cut, values: Sequence[Value]) -> list[Value]:
        """The accumulators after a block: it is added to the totals, and they begin anew."""

        def flushed() -> list[Value]:
            left = list(values)
            for n in self.summed:
                self.b.store(self._total(n, values[n]), self._place(n, values[n]))
                left[n] = zero(values[n].type)
            return left

        return self._if(cut.when, values, flushed)

    def finished(self, values: Sequence[Value]) -> list[Value]:
        """The sums: totals, and what was added up after the last block."""

        def totals() -> list[Value]:
            found = list(values)
            for n in self.summed:
                total = self._total(n, values[n])
                narrow = total.type != values[n].type
                found[n] = self.b.cast("fptrunc", total, values[n].type) if narrow else total
            return found

        return self._if(self.when, values, totals) if self.cuts else list(values)

    def _total(self, n: int, value: Value) -> Value:
        wide = _wide(value)
        more = value if wide == value.type else self.b.cast("fpext", value, wide)
        return self.b.fadd(self.b.load(wide, self._place(n, value)), more)

    def _if(
        self, when: Value | None, values: Sequence[Value], change: Callable[[], list[Value]]
    ) -> list[Value]:
        return change() if when is None else self.b.changed(when, values, change)

    def _place(self, n: int, value: Value) -> Value:
        """The memory of a total, the same in all forms of a tile."""
        key = (n, value.type)
        if key not in self.places:
            self.places[key] = self.b.reserve(_wide(value), 64)
        return self.places[key]


def _has_total(kind: str, value: Value) -> bool:
    return kind == "sum" and is_float(value.type)


def _wide(value: Value) -> str:
    return like(value.type, TOTAL)
