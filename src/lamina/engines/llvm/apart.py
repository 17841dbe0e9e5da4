"""Loops in which each thread may keep to rows of its own, and never wait for another.

    for turn: z <- f(h)  |  h <- g(z)                    all threads meet after every kernel
        ->  for turn: z[mine] <- f(h[mine]); h[mine] <- g(z[mine])      they meet after the loop

A recurrent network is of this kind: no sequence of a batch needs another. What the loop writes must
be read and written at the row that its kernels stand at, and nowhere else. Which rows are whose is
settled when the program runs; with too few of them, the kernels are shared as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lamina.engines.llvm.index import Atom, Index, Var
from lamina.engines.llvm.lower import Kernel
from lamina.engines.llvm.machine import machine
from lamina.engines.llvm.nest import Apart, walk
from lamina.engines.llvm.schedule import choose
from lamina.engines.llvm.slots import Slot
from lamina.ir.types import Dim, Extent, is_static


def rows_of(items: Sequence[Any]) -> Dim | None:
    """How many rows the threads may divide among them in a loop of these items; None: they may
    not. The kernels are told which of their loops goes over the rows."""
    apart: dict[Kernel, Apart] = {}
    for item in items:
        found = over_rows(item) if isinstance(item, Kernel) else None
        if found is None:
            return None
        apart[item] = found
    rows = {a.rows for a in apart.values()}
    if len(rows) != 1 or own_rows(apart) is None:
        return None
    if any(choose(kernel.nest, machine()).turned is not None for kernel in apart):
        return None  # squares reach over rows of others
    for kernel, each in apart.items():
        kernel.nest.apart = each
    return rows.pop()


def over_rows(kernel: Kernel) -> Apart | None:
    """Its loop over as many turns as only a run can tell, if there is one such loop."""
    nest = kernel.nest
    open_ = [v for v in nest.loops if not is_static(v.extent)]
    known = all(is_static(v.extent) for v in nest.reductions)
    if len(open_) != 1 or not known or nest.outermost is not None:
        return None
    (loop,) = open_
    rows, size = counted(loop.extent)
    return Apart(loop, rows, size) if size else None


def own_rows(kernels: Mapping[Kernel, Apart]) -> dict[Slot, int] | None:
    """How many elements a row is of each memory that is written, if whatever is written is read and
    written within the row alone."""
    written = {slot for kernel in kernels for slot in kernel.written}
    layouts: dict[Slot, tuple[Slot, int]] = {}
    for kernel, apart in kernels.items():
        for slot, index in accesses(kernel):
            if slot.memory not in written:
                continue
            step = index.terms.get(apart.loop, 0)
            if not is_static(step) or not step:
                return None
            width = int(step) * apart.size
            layout = (slot.actual, width)
            if (
                not _within(index, apart, width)
                or layouts.setdefault(slot.memory, layout) != layout
            ):
                return None
    return {memory: width for memory, (_, width) in layouts.items()}


def counted(extent: Dim) -> tuple[Dim, int]:
    """An extent as so many times what only a run can tell, or 0 times where it is a sum."""
    assert isinstance(extent, Extent)
    if len(extent.terms) != 1:
        return extent, 0
    ((monomial, coefficient),) = extent.terms.items()
    return Extent({monomial: 1}), coefficient


def accesses(kernel: Kernel) -> Iterator[tuple[Slot, Index]]:
    """Every memory that a kernel reads or writes, and where."""
    nest, slots = kernel.nest, kernel.slots
    for expr in walk(nest.roots()):
        if expr.kind == "load":
            yield slots[expr.params["buffer"].number], expr.params["index"]
    for store in nest.stores:
        yield slots[store.buffer.number], store.index


def _within(index: Index, apart: Apart, width: int) -> bool:
    """Whether the index, but for its row, lies between 0 and the width of a row."""
    if not is_static(index.offset):
        return False
    first = last = index.offset
    for atom, step in index.terms.items():
        turns = apart.size if atom is apart.loop else _turns(atom)
        if turns is None or not is_static(step):
            return False
        first += min(step, 0) * (turns - 1)
        last += max(step, 0) * (turns - 1)
    return 0 <= first and last < width


def _turns(atom: Atom) -> int | None:
    """How many turns a loop has, if that is known."""
    if not isinstance(atom, Var) or not is_static(atom.extent):
        return None
    return int(atom.extent)
