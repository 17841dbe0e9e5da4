"""Code of a product that prefetches for other kernels, a few lines at a time (program/prefetch.py).

for k: acc += x[k] y[k]
    ->  for interval: prefetch the next lines; for k in interval: acc += x[k] y[k]
"""

from __future__ import annotations

from lamina.engines.llvm.codegen.kernel import Coordinates, NestEmitter
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.target.target import target


class PrefetchingEmitter(NestEmitter):
    """Emits a nest whose reduction loop is a whole number of intervals (`Schedule.prefetches`)."""

    def _begin(self) -> None:
        """Start at the first of this call's rows."""
        b, args = self.b, self.function.args
        self.issued = b.reserve("i64", 8)
        b.store(constant("i64", 0), self.issued)
        self.bases = [
            b.element(args[a.buffer], b.mul(args[-4], self.dim(a.row)), "i8")
            for a in self.schedule.prefetches
        ]

    @property
    def _interval(self) -> int:
        return self.schedule.prefetches[0].interval

    def _iterations(
        self, loops: list[Var], carry: list[Value], points: list[Coordinates], widths: list[int]
    ) -> list[Value]:
        b, space, (var,) = self.b, self.space, loops
        self.hoisting.hoist(reductions_only=True)
        with b.loop(0, self.dim(var.extent), self._interval, carry, hint="stretch") as outer:
            self._prefetch_next()
            end = b.add(outer.value, constant("i64", self._interval))
            with b.loop(outer.value, end, 1, outer.carried) as loop, space.scope():
                space.open(var, loop.value, None)
                loop.next = self._update(loop.carried, points, widths)
            outer.next = loop.result
        return outer.result

    def _prefetch_next(self) -> None:
        b = self.b
        number, size = b.load("i64", self.issued), constant("i64", target().machine.line)
        for prefetches, base in zip(self.schedule.prefetches, self.bases, strict=True):
            for line in range(prefetches.lines):
                at = b.add(b.mul(number, constant("i64", prefetches.lines)), constant("i64", line))
                lines_per_row = constant("i64", prefetches.lines_per_row)
                row = b.mul(b.binary("udiv", at, lines_per_row), self.dim(prefetches.row))
                along = b.mul(b.binary("urem", at, lines_per_row), size)
                b.fetch(b.element(base, b.add(row, along), "i8"), write=False)
        b.store(b.add(number, constant("i64", 1)), self.issued)
