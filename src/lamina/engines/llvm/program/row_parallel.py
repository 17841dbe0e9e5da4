"""Loops in which each thread may keep to rows of its own, and never wait for another.

    for turn: z <- f(h)  |  h <- g(z)                    all threads meet after every kernel
        ->  for turn: z[mine] <- f(h[mine]); h[mine] <- g(z[mine])      they meet after the loop

A recurrent network is of this kind: no sequence of a batch needs another. What the loop writes must
be read and written at the row that its kernels stand at, and nowhere else. Which rows are whose is
settled when the program runs; with too few of them, the kernels are shared as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Atom, Data, Index, Mod, Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Apart, Expr, index_exprs
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import loops
from lamina.ir.types import Dim, Extent, exact_division, is_static

Limits = dict[Atom, tuple[int, int]]  # low <= atom < high


def find_row_parallel(program: Program) -> Program:
    """Mark the loops whose rows the threads may divide."""
    for loop in loops(program.items):
        loop.rows = rows_of(loop.items)
    return program


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
    if any(kernel.chosen.turned is not None for kernel in apart):
        return None  # squares reach over rows of others
    for kernel, each in apart.items():
        kernel.keep_apart(each)
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
    widths: dict[Slot, int] = {}
    for kernel, apart in kernels.items():
        for slot, index, limits in accesses(kernel):
            if slot.memory not in written:
                continue
            row = row_at(index, apart, limits)
            if row is None or not 0 <= row.first <= row.last < row.width:
                return None
            if slot.actual.base is not None and not _is_of_rows(slot.actual, row.width, apart):
                return None
            if widths.setdefault(slot.memory, row.width) != row.width:
                return None
    return widths


def _is_of_rows(element: Slot, width: int, apart: Apart) -> bool:
    """Whether what a turn of a loop has of a stack is all rows of it."""
    return element.bytes == apart.rows * width * element.dtype.itemsize


def counted(extent: Dim) -> tuple[Dim, int]:
    """An extent as so many times what only a run can tell, or 0 times where it is a sum."""
    assert isinstance(extent, Extent)
    if len(extent.terms) != 1:
        return extent, 0
    ((monomial, coefficient),) = extent.terms.items()
    return Extent({monomial: 1}), coefficient


def accesses(kernel: Kernel) -> Iterator[tuple[Slot, Index, Limits]]:
    """Every memory that a kernel reads or writes, and where; with what guards ask for there."""
    nest, slots = kernel.nest, kernel.slots
    for store in nest.stores:
        yield slots[store.buffer.number], store.index, {}
    seen: set[tuple[int, frozenset[Any]]] = set()
    stack: list[tuple[Expr, frozenset[Any]]] = [(root, frozenset()) for root in nest.roots()]
    while stack:
        expr, asked = stack.pop()
        if (id(expr), asked) in seen:
            continue
        seen.add((id(expr), asked))
        if expr.kind == "load":
            index = expr.params["index"]
            yield slots[expr.params["buffer"].number], index, dict(asked)
        inside = asked
        if expr.kind == "guard":
            inside = frozenset({**dict(asked), **_limits(expr.params["tests"])}.items())
        stack += [(e, inside if k == 0 else asked) for k, e in enumerate(expr.args)]
        stack += [(e, asked) for e in index_exprs(expr)]


def _limits(tests: Iterable[tuple[Index, Dim, Dim]]) -> Limits:
    """Between which values an atom lies, where a test asks of it alone."""
    found: Limits = {}
    for index, low, high in tests:
        if is_static((index.offset, low, high)) and list(index.terms.values()) == [1]:
            (atom,) = index.terms
            found[atom] = (int(low - index.offset), int(high - index.offset))
    return found


class Row(NamedTuple):
    """Where an index leads: from one row to the next by `width`, in row 0 from first to last; but
    for steps over all rows, to those of another turn."""

    width: int
    first: int
    last: int


def row_at(index: Index, apart: Apart, limits: Limits) -> Row | None:
    """What an index reaches of each row; None where that is not known or not alike."""
    if not is_static(index.offset):
        return None
    width, first, last = 0, index.offset, index.offset
    over: list[Dim] = []
    for atom, step in index.terms.items():
        found = _turns(atom, apart)
        if found is None:
            return None
        each_row, turns = found
        if not is_static(step):
            over.append(step)
            continue
        width += step * each_row
        low, high = limits.get(atom, (0, turns)) if turns > 1 and not each_row else (0, turns)
        ends = step * max(low, 0), step * (min(high, turns) - 1)
        first, last = first + min(ends), last + max(ends)
    if over and not (width and all(_is_whole(step, apart.rows * width) for step in over)):
        return None
    return Row(width, first, last)


def _is_whole(step: Dim, rows: Dim) -> bool:
    return isinstance(exact_division(step, rows), int)


def _turns(atom: Atom, apart: Apart) -> tuple[int, int] | None:
    """How far an atom goes from row to row, and how many values it has in one."""
    if atom is apart.loop:
        return apart.size, apart.size
    if isinstance(atom, Var):
        return (0, int(atom.extent)) if is_static(atom.extent) else None
    if isinstance(atom, Data) or not is_static(atom.by) or atom.index != of(apart.loop):
        return None
    by = int(atom.by)
    if apart.size % by:
        return None
    return (0, by) if isinstance(atom, Mod) else (apart.size // by, apart.size // by)
