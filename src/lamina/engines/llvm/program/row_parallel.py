"""Dependence analysis: loops whose kernels access only their own row of the batch.

    for t: z <- f(h)  |  h <- g(z)                                barriers in each iteration
        ->  for t: z[mine] <- f(h[mine]); h[mine] <- g(z[mine])   a barrier after the loop

A recurrent network is an example: the sequences of a batch are independent. Each thread then runs
all iterations over its own rows. The rows are divided at run time; with too few, the threads share
each kernel as elsewhere.

Legality: every buffer that the loop writes is accessed only at the row of the kernel's own row
loop. Profitability: always; barriers disappear. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Atom, Index, Indirect, Mod, Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Expr, RowLoop, index_exprs
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import loops
from lamina.ir.types import Dim, Extent, exact_division, is_static

Limits = dict[Atom, tuple[int, int]]  # low <= atom < high


def find_row_parallel(program: Program) -> Program:
    """Mark the row-parallel loops with the number of their rows."""
    for loop in loops(program.statements):
        loop.rows = independent_rows(loop.statements)
    return program


def independent_rows(statements: Sequence[Any]) -> Dim | None:
    """Return the number of rows that threads may divide in a loop of these statements, else None;
    set the row loop of each kernel."""
    row_loop: dict[Kernel, RowLoop] = {}
    for statement in statements:
        found = row_loop_of(statement) if isinstance(statement, Kernel) else None
        if found is None:
            return None
        row_loop[statement] = found
    rows = {a.rows for a in row_loop.values()}
    if len(rows) != 1 or row_footprints(row_loop) is None:
        return None
    if any(kernel.chosen.transposed is not None for kernel in row_loop):
        return None  # transposed squares reach into other rows
    for kernel, each in row_loop.items():
        kernel.set_row_loop(each)
    return rows.pop()


def row_loop_of(kernel: Kernel) -> RowLoop | None:
    """Return the kernel's only loop of unknown extent, if there is one."""
    nest = kernel.nest
    open_ = [v for v in nest.loops if not is_static(v.extent)]
    known = all(is_static(v.extent) for v in nest.reductions)
    if len(open_) != 1 or not known or nest.sequential_outer is not None:
        return None
    (loop,) = open_
    rows, size = row_count(loop.extent)
    return RowLoop(loop, rows, size) if size else None


def row_footprints(kernels: Mapping[Kernel, RowLoop]) -> dict[Slot, int] | None:
    """Return the row length (elements) of each written buffer, if all accesses stay within their
    row."""
    written = {slot for kernel in kernels for slot in kernel.written}
    widths: dict[Slot, int] = {}
    for kernel, row_loop in kernels.items():
        for slot, index, limits in accesses(kernel):
            if slot.memory not in written:
                continue
            row = footprint_at(index, row_loop, limits)
            if row is None or not 0 <= row.first <= row.last < row.width:
                return None
            if slot.actual.slice_of is not None and not _is_of_rows(
                slot.actual, row.width, row_loop
            ):
                return None
            if widths.setdefault(slot.memory, row.width) != row.width:
                return None
    return widths


def _is_of_rows(element: Slot, width: int, row_loop: RowLoop) -> bool:
    """True if a loop slice consists of whole rows."""
    return element.bytes == row_loop.rows * width * element.dtype.itemsize


def row_count(extent: Dim) -> tuple[Dim, int]:
    """Return an extent as rows times a constant; the constant is 0 if the extent is a sum."""
    assert isinstance(extent, Extent)
    if len(extent.terms) != 1:
        return extent, 0
    ((monomial, coefficient),) = extent.terms.items()
    return Extent({monomial: 1}), coefficient


def accesses(kernel: Kernel) -> Iterator[tuple[Slot, Index, Limits]]:
    """Yield each access of a kernel: slot, index, and the bounds that guards set."""
    nest, slots = kernel.nest, kernel.slots
    for store in nest.stores:
        yield slots[store.buffer.number], store.index, {}
    seen: set[tuple[int, frozenset[Any]]] = set()
    stack: list[tuple[Expr, frozenset[Any]]] = [(root, frozenset()) for root in nest.roots()]
    while stack:
        expr, tests = stack.pop()
        if (id(expr), tests) in seen:
            continue
        seen.add((id(expr), tests))
        if expr.kind == "load":
            index = expr.params["index"]
            yield slots[expr.params["buffer"].number], index, dict(tests)
        inside = tests
        if expr.kind == "guard":
            inside = frozenset({**dict(tests), **_limits(expr.params["tests"])}.items())
        stack += [(e, inside if k == 0 else tests) for k, e in enumerate(expr.args)]
        stack += [(e, tests) for e in index_exprs(expr)]


def _limits(tests: Iterable[tuple[Index, Dim, Dim]]) -> Limits:
    """Return the bounds of atoms that a test restricts alone."""
    found: Limits = {}
    for index, low, high in tests:
        if is_static((index.offset, low, high)) and list(index.terms.values()) == [1]:
            (atom,) = index.terms
            found[atom] = (int(low - index.offset), int(high - index.offset))
    return found


class RowFootprint(NamedTuple):
    """The elements that an index reaches: `width` from row to row, in row 0 from `first` to `last`;
    steps over all rows, which lead to another iteration's slice, are left out."""

    width: int
    first: int
    last: int


def footprint_at(index: Index, row_loop: RowLoop, limits: Limits) -> RowFootprint | None:
    """Return the footprint of an index; None if it is unknown or differs between rows."""
    if not is_static(index.offset):
        return None
    width, first, last = 0, index.offset, index.offset
    over: list[Dim] = []
    for atom, step in index.terms.items():
        found = _values_per_row(atom, row_loop)
        if found is None:
            return None
        each_row, values = found
        if not is_static(step):
            over.append(step)
            continue
        width += step * each_row
        low, high = limits.get(atom, (0, values)) if values > 1 and not each_row else (0, values)
        ends = step * max(low, 0), step * (min(high, values) - 1)
        first, last = first + min(ends), last + max(ends)
    if over and not (width and all(_is_whole(step, row_loop.rows * width) for step in over)):
        return None
    return RowFootprint(width, first, last)


def _is_whole(step: Dim, rows: Dim) -> bool:
    return isinstance(exact_division(step, rows), int)


def _values_per_row(atom: Atom, row_loop: RowLoop) -> tuple[int, int] | None:
    """Return an atom's stride from row to row, and the number of its values in a row."""
    if atom is row_loop.loop:
        return row_loop.size, row_loop.size
    if isinstance(atom, Var):
        return (0, int(atom.extent)) if is_static(atom.extent) else None
    if isinstance(atom, Indirect) or not is_static(atom.by) or atom.index != of(row_loop.loop):
        return None
    by = int(atom.by)
    if row_loop.size % by:
        return None
    return (0, by) if isinstance(atom, Mod) else (row_loop.size // by, row_loop.size // by)
