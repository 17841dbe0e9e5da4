"""Kernels that follow one another on the same rows, some rows at a time.

    a <- f(x); b <- g(a); y <- h(b)     for a few rows of x: a <- f(x); b <- g(a); y <- h(b)

What one kernel leaves is in the cache when the next reads it, and what lies between them takes as
much of it as a few rows. A network's predictions are of this kind, and Winograd's transforms. As in
row_parallel.py, no row may need another; what all rows read, such as weights, is read again each
time, so it has to be little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Apart
from lamina.engines.llvm.program.clusters import Group, gathered, over_same_rows
from lamina.engines.llvm.program.program import Program, Touching, touching_of
from lamina.engines.llvm.program.row_parallel import accesses, counted, own_rows, row_at
from lamina.engines.llvm.program.statements import Item, Loop, Strip
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import Dim
from lamina.ir.typical import guess


def tile_rows(program: Program, target: Target) -> Program:
    """Run neighboring kernels over a few rows at a time, where that pays."""
    touching = touching_of(program)
    finer = gathered(program.items, partial(_Rows, touching, target, True), _has_no_rows)
    program.items = gathered(finer, partial(_Rows, touching, target, False), _has_no_rows)
    return program


def _has_no_rows(loop: Loop) -> bool:
    return loop.rows is None


class _Rows(Group):
    """Kernels over the same rows, in the making of a strip. A row is one turn of the batch; or a
    finer one, the least of which each kernel takes a whole number of turns. Strips of finer rows
    are taken as a whole."""

    def __init__(self, touching: Touching, target: Target, finer: bool) -> None:
        super().__init__()
        self.touching, self.target, self.finer = touching, target, finer
        self.each: dict[Kernel, Apart] = {}  # by turns of the batch; `kernels` by the strip's rows
        self.widths: dict[Slot, int] = {}

    def takes(self, item: Item) -> bool:
        if not isinstance(item, Kernel) and not (isinstance(item, Strip) and item.step):
            return False  # nor is a region, which has loops in it
        each = over_same_rows(self.each, item)
        if each is None:
            return False
        kernels = _with_finer_rows(each) if self.finer else each
        if self.finer and _rows(kernels) == _rows(each):
            return False
        if self.kernels and _rows(kernels) != _rows(self.kernels) and self._is_worth_it():
            return False  # this one has larger rows
        widths = own_rows(kernels)
        if widths is None or _bytes(kernels) > self.target.costs.tile_most:
            return False
        self.members.append(item)
        self.each, self.kernels, self.widths = each, kernels, widths
        return True

    def items(self, later: Sequence[Item]) -> Sequence[Item]:
        """One strip; or the members, if that is better."""
        if len(self.members) < 2 or not self._is_worth_it():
            return self.members
        self.keep_apart()
        inner = self._inner()
        step = max(1, self.target.machine.l2 // 2 // sum(inner.values()))
        return [Strip(list(self.members), _rows(self.kernels), step, inner)]

    def _is_worth_it(self) -> bool:
        inner = sum(self._inner().values())
        return (
            bool(inner) and inner * counted(_rows(self.kernels))[1] >= self.target.costs.tile_least
        )

    def _inner(self) -> dict[Slot, int]:
        """Bytes of a row of the memory that nobody else touches."""
        elements = {s.memory for k in self.kernels for s in k.slots if s.actual.base is not None}
        return {
            slot: width * slot.dtype.itemsize
            for slot, width in self.widths.items()
            if slot.kind == "temporary"
            and slot not in elements  # each turn of a loop has all of it
            and self.touching[slot] <= self.kernels.keys()
        }


def _rows(kernels: Mapping[Kernel, Apart]) -> Dim:
    return next(iter(kernels.values())).rows


def _with_finer_rows(kernels: Mapping[Kernel, Apart]) -> dict[Kernel, Apart]:
    times = math.gcd(*(a.size for a in kernels.values()))
    return {k: Apart(a.loop, a.rows * times, a.size // times) for k, a in kernels.items()}


def _bytes(kernels: dict[Kernel, Apart]) -> float:
    """What a row of everything takes, with what all rows read."""
    found: dict[Slot, float] = {}
    for kernel, apart in kernels.items():
        for slot, index, limits in accesses(kernel):
            row = row_at(index, apart, limits)
            size: float = guess(slot.bytes if slot.base is None else slot.memory.bytes)
            if row is not None and row.width:
                size = abs(row.width) * slot.dtype.itemsize
            elif apart.loop in index.vars:
                size /= guess(apart.rows)
            found[slot.memory] = max(found.get(slot.memory, 0), size)
    return sum(found.values())
