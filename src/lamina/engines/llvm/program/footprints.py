"""Row dependence analysis: which elements of a buffer the iterations of a loop access.

    z[28*i + t] <- f(x[784*i + 28*t + k])      row i of z is 28 elements wide, row i of x is 784

The elements of a buffer are divided into rows: with `rows` rows of width W, element e belongs to
row (e div W) mod rows. A row loop runs over rows too, `size` iterations to a row. An access is
row-local if in every iteration the element belongs to the iteration's own row. If all accesses of
some kernels to what one of them writes are row-local, with one number of rows and one width per
buffer, then no row depends on another: any thread may run any rows, in any order.

Whether extents are known at compile time makes no difference: batches of a known and of an unknown
size have the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Atom, Div, Index, Indirect, Mod, Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Expr, Nest, index_exprs
from lamina.engines.llvm.loops.schedule import RowLoop
from lamina.ir.types import Dim, Extent, evaluate, exact_division, is_nonnegative, is_static
from lamina.ir.typical import TYPICAL_SIZES, guess

Limits = dict[Atom, tuple[int, int]]  # low <= atom < high
Access = tuple[Slot, Index, Limits]
Widths = Mapping[Slot, Dim | None]  # of each buffer's rows; None: an access is not row-local


class Footprints:
    """The footprints of kernels, each computed once."""

    def __init__(self) -> None:
        self._accesses: dict[Kernel, list[Access]] = {}
        self._widths: dict[tuple[Kernel, RowLoop], Widths] = {}
        self._local: dict[Hashable, list[Dim | None]] = {}  # widths of the accesses of a nest
        self._counts: dict[tuple[Kernel, Var], Dim | None] = {}
        self._nests: dict[int, Nest] = {}  # keeps the ids in the keys from being used again

    def accesses(self, kernel: Kernel) -> list[Access]:
        if kernel not in self._accesses:
            self._accesses[kernel] = list(accesses(kernel))
        return self._accesses[kernel]

    def widths(self, kernel: Kernel, row_loop: RowLoop) -> Widths:
        """Return the row width of each buffer that the kernel accesses."""
        key = (kernel, row_loop)
        if key not in self._widths:
            found: dict[Slot, Dim | None] = {}
            each = zip(self.accesses(kernel), self._local_widths(kernel, row_loop), strict=True)
            for (slot, _, _), width in each:
                memory = slot.memory
                found[memory] = width if found.get(memory, width) == width else None
            self._widths[key] = found
        return self._widths[key]

    def _local_widths(self, kernel: Kernel, row_loop: RowLoop) -> list[Dim | None]:
        """Return the row width of each access; kernels that share their nest share it."""
        slices = tuple(tuple(_slices(slot)) for slot in kernel.slots)
        key = (id(kernel.nest), row_loop, slices)
        if key not in self._local:
            self._nests[id(kernel.nest)] = kernel.nest
            self._local[key] = [
                _local_width(slot, index, row_loop, limits)
                for slot, index, limits in self.accesses(kernel)
            ]
        return self._local[key]

    # ---- row loops -------------------------------------------------------------------------------
    def row_counts(self, kernel: Kernel) -> list[Dim]:
        """Return the numbers of rows that a kernel alone suggests: those of its loops of unknown
        extent, which may be long; and of loops over the outermost axis of what it writes, so that
        rows are contiguous."""
        counts = {v: self._count(kernel, v) for v in _row_loop_candidates(kernel)}
        found = [(is_static(n), -_step(kernel, v), n) for v, n in counts.items() if n is not None]
        found.sort(key=lambda each: each[:2])
        return list(dict.fromkeys(count for _, _, count in found if count not in (0, 1)))

    def _count(self, kernel: Kernel, loop: Var) -> Dim | None:
        key = (kernel, loop)
        if key not in self._counts:
            self._counts[key] = self._counted(kernel, loop)
        return self._counts[key]

    def _counted(self, kernel: Kernel, loop: Var) -> Dim | None:
        if not is_static(loop.extent):
            return unknown_rows(loop.extent)
        sizes = [_leading_size(kernel, s.buffer.number, s.index, loop) for s in kernel.nest.stores]
        sizes += [int(by) for _, index, _ in self.accesses(kernel) for by in _divisors(index, loop)]
        if None in sizes or 0 in sizes:
            return None
        count, rest = divmod(int(loop.extent), math.lcm(*sizes))  # type: ignore[arg-type]
        return count if rest == 0 else None

    def row_loops(self, kernels: Iterable[Kernel], rows: Dim) -> dict[Kernel, RowLoop] | None:
        """Return a row loop for each kernel under which the kernels access what they write by rows
        only, if there are some."""
        options: dict[Kernel, list[RowLoop]] = {
            k: [
                RowLoop(v, rows, size)
                for v in _row_loop_candidates(k)
                if (size := exact_division(v.extent, rows)) is not None
            ]
            for k in kernels
        }
        written = {slot for kernel in options for slot in kernel.written}
        agree = self._filter(options, written)
        for kernel in options:
            if agree and len(options[kernel]) > 1:
                del options[kernel][1:]
                agree = self._filter(options, written)
        return {kernel: loops[0] for kernel, loops in options.items()} if agree else None

    def _filter(self, options: dict[Kernel, list[RowLoop]], written: set[Slot]) -> bool:
        """Keep the options that agree on the rows of what is written; false if none are left."""
        while True:
            allowed: dict[Slot, set[Dim | None]] = {}
            for kernel, loops in options.items():
                each = [self.widths(kernel, row_loop) for row_loop in loops]
                for slot in each[0].keys() & written if each else ():
                    here = {w[slot] for w in each} - {None}
                    allowed[slot] = allowed[slot] & here if slot in allowed else here
            count = sum(map(len, options.values()))
            for kernel, loops in options.items():
                options[kernel] = [
                    row_loop
                    for row_loop in loops
                    if all(
                        width in allowed[slot]
                        for slot, width in self.widths(kernel, row_loop).items()
                        if slot in written
                    )
                ]
            if not all(options.values()):
                return False
            if sum(map(len, options.values())) == count:
                return True


def row_footprints(
    kernels: Mapping[Kernel, RowLoop], known: Footprints | None = None
) -> dict[Slot, Dim] | None:
    """Return the row width (elements) of each written buffer, if all accesses are row-local.
    `known` are the footprints of kernels so far."""
    written = {slot for kernel in kernels for slot in kernel.written}
    known, widths = known or Footprints(), dict[Slot, Dim]()
    for kernel, row_loop in kernels.items():
        for slot, width in known.widths(kernel, row_loop).items():
            if slot in written and (width is None or widths.setdefault(slot, width) != width):
                return None
    return widths


# ---- numbers of rows ---------------------------------------------------------------------------
def unknown_rows(extent: Dim) -> Dim | None:
    """Return the rows of a loop of unknown extent: of 28*batch iterations, batch."""
    assert isinstance(extent, Extent)
    if len(extent.terms) != 1:
        return None
    ((monomial, _),) = extent.terms.items()
    return Extent({monomial: 1})


def common_rows(counts: Sequence[Dim]) -> Dim | None:
    """Return the rows of which each count has a whole number per row, if there are several: of
    160 and 16, 16; of batch and batch*time, batch."""
    return reduce(_common, counts)  # type: ignore[arg-type]


def _common(one: Dim | None, other: Dim | None) -> Dim | None:
    if one is None or other is None:
        return None
    if isinstance(one, Extent) and isinstance(other, Extent):
        (a,), (b,) = one.terms, other.terms
        shared = tuple(s for s in dict.fromkeys(a) for _ in range(min(a.count(s), b.count(s))))
        return Extent({shared: 1}) if shared else None
    if isinstance(one, Extent) or isinstance(other, Extent):
        return None
    return min(one, other) if max(one, other) % min(one, other) == 0 else None


def _row_loop_candidates(kernel: Kernel) -> list[Var]:
    """Return the loops that callers may restrict: not those whose iterations run in order, or that
    code generation assumes to be complete. A row loop that is set stays the only one."""
    nest = kernel.nest
    if nest.sequential_outer is not None or nest.split_reduction is not None:
        return []
    schedule = kernel.schedule
    if schedule is not None and schedule.transposed is not None:
        return []  # transposed squares reach into other rows
    full = {schedule.vector} if schedule is not None and schedule.pipelined else set()
    loops = nest.loops if kernel.row_loop is None else [kernel.row_loop.loop]
    return [v for v in loops if v.extent != 1 and v not in full]


def _step(kernel: Kernel, loop: Var) -> int:
    """Return the greatest distance of the elements that two neighboring iterations store."""
    steps = [s.index.coefficient(loop) for s in kernel.nest.stores]
    return max(evaluate(step, TYPICAL_SIZES) if step is not None else 0 for step in steps)


def _leading_size(kernel: Kernel, number: int, index: Index, loop: Var) -> int | None:
    """Return how many iterations of a loop store to one element of a buffer's outermost axis; None
    if the loop does not run along that axis."""
    slot, step = kernel.slots[number], index.coefficient(loop)
    strides = [s for s, n in zip(slot.layout, slot.shape, strict=True) if n != 1]
    if not strides or step is None or step == 0:
        return None
    leading = max(strides, key=guess)
    if exact_division(step, leading) is not None:
        return 1
    size = exact_division(leading, step)
    return size if isinstance(size, int) else None


def _divisors(index: Index, loop: Var) -> Iterator[int]:
    """Yield by what an index divides a loop's counter."""
    for atom in index.terms:
        if isinstance(atom, (Div, Mod)) and atom.index == of(loop) and is_static(atom.by):
            yield int(atom.by)


# ---- accesses ----------------------------------------------------------------------------------
def accesses(kernel: Kernel) -> Iterator[Access]:
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

    width: Dim
    first: Dim
    last: Dim

    @property
    def is_local(self) -> bool:
        """True if no element belongs to another row."""
        return is_nonnegative(self.first) and is_nonnegative(self.width - self.last - 1)


def _local_width(slot: Slot, index: Index, row_loop: RowLoop, limits: Limits) -> Dim | None:
    found = footprint_at(index, row_loop, limits, list(_slices(slot)))
    return found.width if found is not None and found.is_local else None


def _slices(slot: Slot) -> Iterator[tuple[Dim, Dim]]:
    """Yield elements between the slices of a loop, and the number of slices, for a loop slice."""
    slot = slot.actual
    while slot.slice_of is not None:
        yield slot.slice_of.layout[0], slot.slice_of.shape[0]
        slot = slot.slice_of.actual


def footprint_at(
    index: Index, row_loop: RowLoop, limits: Limits, slices: Sequence[tuple[Dim, Dim]] = ()
) -> RowFootprint | None:
    """Return the footprint of an index; None if it is unknown or differs between rows. `slices` are
    steps and counts of the loops around the kernel."""
    width: Dim = 0
    inside: list[tuple[Dim, Dim, Dim]] = []  # step, first and last value of an atom within a row
    others: list[tuple[Dim, Dim, Dim]] = [(step, 0, count - 1) for step, count in slices]
    for atom, step in index.terms.items():
        found = _values_per_row(atom, row_loop)
        if found is None:
            return None
        each_row, values = found
        width = width + step * each_row
        if each_row != 0:
            inside.append((step, 0, values - 1))
        else:
            low, high = limits.get(atom, (0, values)) if values != 1 else (0, values)
            high = min(high, values) if is_static(values) else high
            others.append((step, max(low, 0), high - 1))
    first: Dim = index.offset
    last: Dim = index.offset
    period = row_loop.rows * width
    inside += [each for each in others if width == 0 or exact_division(each[0], period) is None]
    for step, least, most in inside:
        if is_nonnegative(step):
            first, last = first + step * least, last + step * most
        elif is_nonnegative(-1 * step):
            first, last = first + step * most, last + step * least
        else:
            return None
    return RowFootprint(width, first, last)


def _values_per_row(atom: Atom, row_loop: RowLoop) -> tuple[Dim, Dim] | None:
    """Return an atom's stride from row to row, and the number of its values in a row."""
    if atom is row_loop.loop:
        return row_loop.size, row_loop.size
    if isinstance(atom, Var):
        return 0, atom.extent
    if isinstance(atom, Indirect) or atom.index != of(row_loop.loop):
        return None
    each = exact_division(row_loop.size, atom.by)
    if each is None:
        return None
    return (0, atom.by) if isinstance(atom, Mod) else (each, each)
