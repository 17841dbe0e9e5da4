"""Kernels that follow one another on the same rows, some rows at a time.

    a <- f(x); b <- g(a); y <- h(b)     for a few rows of x: a <- f(x); b <- g(a); y <- h(b)

What one kernel leaves is in the cache when the next reads it, and what lies between them takes as
much of it as a few rows. A network's predictions are of this kind, and Winograd's transforms. As in
apart.py, no row may need another; what all rows read, such as weights, is read again each time, so
it has to be little.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.engines.llvm.apart import accesses, over_rows, own_rows
from lamina.engines.llvm.assemble import Program
from lamina.engines.llvm.items import If, Item, Loop, Strip, While, leaves, mentioned
from lamina.engines.llvm.lower import Kernel
from lamina.engines.llvm.machine import machine
from lamina.engines.llvm.nest import Apart
from lamina.engines.llvm.schedule import choose
from lamina.engines.llvm.slots import Slot
from lamina.ir.types import Dim, is_static
from lamina.ir.typical import guess

LEAST = 1 << 15  # bytes of a row between the kernels: less is not worth the calls
MOST = 3 << 20  # bytes that a row of everything takes


def in_strips(program: Program) -> list[Item]:
    """The program's items, those kernels together that are worth it, in loops and branches too."""
    return _in_strips(program.items, program)


def _in_strips(items: Sequence[Item], program: Program) -> list[Item]:
    done: list[Item] = []
    rows = _Rows()
    for item in items:
        if rows.takes(item):
            continue
        if not isinstance(item, Kernel) or rows.clashes(item) or _Rows().takes(item):
            done += rows.items(program)
            rows = _Rows()
            if rows.takes(item):
                continue
        done.append(_within(item, program))  # it may go before those that it does not clash with
    return [*done, *rows.items(program)]


def _within(item: Item, program: Program) -> Item:
    """The item, with strips inside of it."""
    if isinstance(item, While) or (isinstance(item, Loop) and item.rows is None):
        item.items = _in_strips(item.items, program)
    elif isinstance(item, If):
        item.items = _in_strips(item.items, program)
        item.otherwise = _in_strips(item.otherwise, program)
    return item


class _Rows:
    """Kernels over the same rows, in the making of a strip."""

    def __init__(self) -> None:
        self.kernels: dict[Kernel, Apart] = {}
        self.widths: dict[Slot, int] = {}

    def takes(self, item: Item) -> bool:
        """Add a kernel, if it can be one of them."""
        apart = over_rows(item) if isinstance(item, Kernel) else None
        if apart is None or any(a.rows != apart.rows for a in self.kernels.values()):
            return False
        assert isinstance(item, Kernel)
        kernels = {**self.kernels, item: apart}
        widths = own_rows(kernels)
        if widths is None or _bytes(kernels) > MOST:
            return False
        if choose(item.nest, machine()).turned is not None:
            return False
        self.kernels, self.widths = kernels, widths
        return True

    def clashes(self, item: Kernel) -> bool:
        """Whether a kernel cannot go before all of these."""
        return any(
            item.written & kernel.touched or item.touched & kernel.written
            for kernel in self.kernels
        )

    def items(self, program: Program) -> Sequence[Item]:
        """One strip; or the kernels, if that is better."""
        inner = {
            slot: width * slot.dtype.itemsize
            for slot, width in self.widths.items()
            if slot.kind == "temporary" and self._keeps(slot, program)
        }
        if sum(inner.values()) < LEAST:
            return list(self.kernels)
        for kernel, apart in self.kernels.items():
            kernel.nest.apart = apart
        (rows,) = {a.rows for a in self.kernels.values()}
        step = max(1, machine().l2 // 2 // sum(inner.values()))
        return [Strip(list(self.kernels), rows, step, inner)]

    def _keeps(self, slot: Slot, program: Program) -> bool:
        """Whether nobody else touches the memory, of which each turn of a loop has all."""
        others = (leaf for leaf in leaves(program.items) if leaf not in self.kernels)
        if any(slot in {s.memory for s in mentioned(leaf)} for leaf in others):
            return False
        elements = {s.memory for k in self.kernels for s in k.slots if s.actual.base is not None}
        return slot not in elements and all(slot is not r.memory for r in program.results)


def _bytes(kernels: dict[Kernel, Apart]) -> float:
    """What a row of everything takes, with what all rows read."""
    found: dict[Slot, float] = {}
    for kernel, apart in kernels.items():
        for slot, index in accesses(kernel):
            step: Dim = index.terms.get(apart.loop, 0)
            whole = slot.bytes if slot.base is None else slot.memory.bytes
            if is_static(step) and step:
                size: float = abs(int(step)) * apart.size * slot.dtype.itemsize
            else:
                size = guess(whole)
            found[slot.memory] = max(found.get(slot.memory, 0), size)
    return sum(found.values())
