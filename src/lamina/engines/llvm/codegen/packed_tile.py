"""One tile of a packed product (packed_product.py), as the body of a function.

acc = sum over k in block of left[i, k] right[k, j]
partial += acc, or in the last block: c[i, j] <- f(partial + acc)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.kernel import NestEmitter
from lamina.engines.llvm.codegen.pipelined_epilogue import PipelinedEpilogue
from lamina.engines.llvm.codegen.values import Value, bits, constant
from lamina.engines.llvm.loops.index import Var


class Tile(NestEmitter):
    """Emits one tile of the product of two copied blocks."""

    def _iteration_count(self, var: Var) -> Value:
        return self.terms

    def emit(
        self, terms: Value, ends: tuple[Value, Value], partial: Value, is_blocked: bool
    ) -> None:
        """Emit the sums of `terms` terms. If the terms are blocked, partial sums are at `partial`,
        and `ends` say whether blocks were before this one, and whether it is the last."""
        b, self.terms = self.b, terms
        row = self.schedule.order[0]
        with b.when(ends[1]), self.space.scope():
            self._prefetch_results()
            if self.schedule.prefetch_epilogue:
                self._prefetch_epilogue()
        with self.space.scope(), self.space.full_tile(row):
            found = self._reduce()
        if not is_blocked:
            self._finish(found)
            return
        keys, sums = list(found), [values[-1] for values in found.values()]

        def finish(sums: list[Value]) -> None:
            self._finish({key: [value] for key, value in zip(keys, sums, strict=True)})

        _in_blocks(b, sums, ends, partial, finish)

    def _finish(self, accumulators: dict[tuple[int, tuple[int, ...]], list[Value]]) -> None:
        """Run the epilogue, with masked lanes in the last panel."""
        b, column = self.b, self.schedule.vector
        assert column is not None

        def full() -> None:
            with self.space.scope():
                self._store_all(accumulators)

        def masked() -> None:
            with self.space.scope(), self.space.masked():
                self._store_all(accumulators)

        step = constant("i64", self.schedule.step(column))
        is_full = b.icmp("sge", self.space.remaining[column], step)
        b.branch_on(is_full, full, masked, ("full", "part", "stored"))


class PipelinedTile(PipelinedEpilogue):
    """Emits one tile of the product of two copied blocks; its epilogue runs during the next."""

    def _reserve(self) -> None:
        """The memory is the caller's, so that it outlives this tile."""
        b = self.b
        (state,) = (a for a in self.function.args if a.text == "%state")
        words = len(self.points) * self.schedule.lanes * bits(self.width) // 64
        self.accumulators = state
        self.pending = b.element(state, words, "i64")
        loops = enumerate(self.nest.loops, words + 1)
        self.places = {v: b.element(state, place, "i64") for place, v in loops}

    def emit(
        self, terms: Value, ends: tuple[Value, Value], partial: Value, is_blocked: bool
    ) -> None:
        """Emit the sums of `terms` terms, as `Tile` does."""
        b = self.b
        row = self.schedule.order[0]
        with self.space.scope(), self.space.full_tile(row):
            sums = self._overlapped(terms)
        if not is_blocked:
            self._keep(sums)
            return
        b.store(constant("i64", 0), self.pending)
        _in_blocks(b, sums, ends, partial, self._keep)


def _in_blocks(
    b: Builder,
    sums: Sequence[Value],
    ends: tuple[Value, Value],
    partial: Value,
    finish: Callable[[list[Value]], None],
) -> None:
    """Add partial sums from memory, if blocks were before this one; finish the last block, and keep
    the partial sums of another one."""
    is_later, is_last = ends
    type_ = sums[0].type
    places = [b.element(partial, k, type_) for k in range(len(sums))]

    def added() -> list[Value]:
        return [b.fadd(b.load(type_, p), s) for p, s in zip(places, sums, strict=True)]

    total = b.changed(is_later, sums, added)

    def keep() -> None:
        for place, value in zip(places, total, strict=True):
            b.store(value, place)

    b.branch_on(is_last, lambda: finish(total), keep, ("epilogue", "partial", "tiledone"))
