"""Loops in which each thread may keep to rows of its own, and never wait for another.

    for turn: z <- f(h)  |  h <- g(z)                    all threads meet after every kernel
        ->  for turn: z[mine] <- f(h[mine]); h[mine] <- g(z[mine])      they meet after the loop

A recurrent network is of this kind: no sequence of a batch needs another. What the loop writes must
be read and written at the row that its kernels stand at, and nowhere else. Which rows are whose is
settled when the program runs; with too few of them, the kernels are shared as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lamina.engines.llvm.index import Atom, Index, Var
from lamina.engines.llvm.lower import Kernel
from lamina.engines.llvm.machine import machine
from lamina.engines.llvm.nest import Apart, Nest, walk
from lamina.engines.llvm.schedule import choose
from lamina.engines.llvm.slots import Slot
from lamina.ir.types import Dim, exact_division, is_static
from lamina.ir.typical import guess


def rows_of(items: Sequence[Any]) -> Dim | None:
    """How many rows the threads may divide among them in a loop of these items; None: they may
    not. The kernels are told which of their loops goes over the rows."""
    found: dict[Kernel, Var] = {}
    for item in items:
        loop = _open_loop(item.nest) if isinstance(item, Kernel) else None
        if loop is None:
            return None
        found[item] = loop
    rows = min((loop.extent for loop in found.values()), key=guess, default=1)
    if is_static(rows):
        return None
    sizes = {k: exact_division(loop.extent, rows) for k, loop in found.items()}
    apart = {k: Apart(found[k], rows, size) for k, size in sizes.items() if isinstance(size, int)}
    if len(apart) < len(found) or not _are_apart(apart):
        return None
    if any(choose(kernel.nest, machine()).turned is not None for kernel in found):
        return None  # squares reach over rows of others
    for kernel in found:
        kernel.nest.apart = apart[kernel]
    return rows


def _open_loop(nest: Nest) -> Var | None:
    """The one loop whose extent is known only when the program runs."""
    open_ = [v for v in nest.loops if not is_static(v.extent)]
    known = all(is_static(v.extent) for v in nest.reductions)
    return open_[0] if len(open_) == 1 and known and nest.outermost is None else None


def _are_apart(kernels: dict[Kernel, Apart]) -> bool:
    """Whether whatever is written is read and written within the row alone."""
    written = {slot for kernel in kernels for slot in kernel.written}
    layouts: dict[Slot, tuple[Slot, int]] = {}
    for kernel, apart in kernels.items():
        for slot, index in _accesses(kernel):
            if slot.memory not in written:
                continue
            step = index.terms.get(apart.loop, 0)
            if not is_static(step) or not step:
                return False
            width = step * apart.size
            layout = (slot.actual, width)
            if (
                not _within(index, apart, width)
                or layouts.setdefault(slot.memory, layout) != layout
            ):
                return False
    return True


def _accesses(kernel: Kernel) -> Iterator[tuple[Slot, Index]]:
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
