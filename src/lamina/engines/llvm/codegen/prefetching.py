"""A product that fetches what others will read, a few lines at a time (prefetch.py).

for k: acc += x[k] y[k]
    ->  for stretch: fetch the next lines; for k in stretch: acc += x[k] y[k]
"""

from __future__ import annotations

from lamina.engines.llvm.codegen.builder import Value, constant
from lamina.engines.llvm.codegen.kernel import Coordinates, NestEmitter
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.target.costs import LINE


class Fetching(NestEmitter):
    """Emits a nest with one loop of sums, a whole number of stretches (`Nest.ahead`)."""

    def _begin(self) -> None:
        """What lies ahead begins at the first of this call's rows."""
        b, args = self.b, self.function.args
        self.fetched = b.reserve("i64", 8)
        b.store(constant("i64", 0), self.fetched)
        self.bases = [
            b.element(args[a.buffer], b.mul(args[-4], constant("i64", a.row)), "i8")
            for a in self.nest.ahead
        ]

    @property
    def _stretch(self) -> int:
        return self.nest.ahead[0].stretch

    def _turns(
        self, loops: list[Var], carry: list[Value], points: list[Coordinates], widths: list[int]
    ) -> list[Value]:
        b, space, (var,) = self.b, self.space, loops
        space.hoist(sums_only=True)
        with b.loop(0, self.dim(var.extent), self._stretch, carry, hint="stretch") as outer:
            self._fetch_next()
            end = b.add(outer.value, constant("i64", self._stretch))
            with b.loop(outer.value, end, 1, outer.carried) as loop, space.scope():
                space.open(var, loop.value, None)
                loop.next = self._update(loop.carried, points, widths)
            outer.next = loop.result
        return outer.result

    def _fetch_next(self) -> None:
        b = self.b
        number = b.load("i64", self.fetched)
        for ahead, base in zip(self.nest.ahead, self.bases, strict=True):
            for line in range(ahead.lines):
                at = b.add(b.mul(number, constant("i64", ahead.lines)), constant("i64", line))
                each = constant("i64", ahead.each)
                row = b.mul(b.binary("udiv", at, each), constant("i64", ahead.row))
                along = b.mul(b.binary("urem", at, each), constant("i64", LINE))
                b.fetch(b.element(base, b.add(row, along), "i8"), write=False)
        b.store(b.add(number, constant("i64", 1)), self.fetched)
