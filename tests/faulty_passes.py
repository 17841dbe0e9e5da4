"""Faulty replacements of what the passes of the compiler consist of, for pass_faults.py.

Each takes the original and returns what is in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from lamina.engines.llvm.codegen.builder import constant
from lamina.engines.llvm.loopopt import (
    block_reduction,
    split_reduction,
)
from lamina.engines.llvm.loops.index import Var, of, strides_of
from lamina.engines.llvm.loops.nest import ExprBuilder
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.program.statements import kernels_of
from lamina.fuzz.grower import Grower
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import float32


# ---- programs ----------------------------------------------------------------------------------
def pooling(g: Grower) -> list[Node]:
    """Maxima of padded windows."""
    x = g.parameter((3, 5, 5, 2), float32)
    sizes: dict[str, Any] = {
        "window_dimensions": (1, 2, 2, 1),
        "window_strides": (1, 2, 2, 1),
        "window_dilations": (1,) * 4,
        "padding": ((0, 0), (1, 0), (0, 1), (0, 0)),
    }
    return [g.put(ops.reduce_window(x, kind="max", **sizes))]


def positions(g: Grower) -> list[Node]:
    """The position of the largest element of each row."""
    x = g.parameter((9, 65), float32)
    return [g.put(ops.reduce(x, kind="argmax", dimensions=(1,)))]


# ---- graphs ------------------------------------------------------------------------------------
def without_params(original: Any) -> Any:
    """Nodes are equal whatever their parameters."""
    return lambda node: original(node) if not node.args else (node.op, tuple(map(id, node.args)))


def last_only(original: Any) -> Any:
    """Only the results that are read stay, whatever their carries need."""
    return lambda node, read: sorted(read)


def forgets_start(original: Any) -> Any:
    """The first value of the carry is left out."""
    return lambda self, total, sequences: original(self, total, sequences).args[1]


def of_first_steps(original: Any) -> Any:
    """The first factor is that of the step before."""

    def total(self: Any, each: Any, sequences: Any) -> Any:
        x = each.kept[0]
        moved = {**sequences, x: ops.reverse(sequences[x], dimensions=(0,))}
        return original(self, each, moved)

    return total


def with_zero(original: Any) -> Any:
    """Windows are padded with zeros, whatever their kind."""
    return lambda kind, dtype: 0


def one_sign(original: Any) -> Any:
    """A sign of the transform of the outputs is lost."""
    return ((1, 1, 1, 0), (0, 1, 1, -1))


def other_end(original: Any) -> Any:
    """The iteration at the wrong end is left out."""
    return lambda x, axis, last: original(x, axis, not last)


def late_taps(original: Any) -> Any:
    """The phases of a dilated input begin one element late."""

    def axis(*args: Any) -> Any:
        found = original(*args)
        phases = [replace(f, begin=f.begin + 1, end=f.end + 1) for f in found.phases]
        return replace(found, phases=phases)

    return axis


def first_slice(original: Any) -> Any:
    """All parts take the first slice of the other operands."""
    return lambda x, axis, begin, end: original(x, axis, 0, end - begin)


def in_reverse(original: Any) -> Any:
    """The parts of the mapped value come in reverse."""

    def mapped(*args: Any) -> Any:
        made = original(*args)
        if made.op != "concatenate" or len({a.type for a in made.args}) > 1:
            return made
        return ops.concatenate(*reversed(made.args), dimension=made.params["dimension"])

    return mapped


def carries_too(original: Any) -> Any:
    """A value that depends on all parameters of the body is taken for invariant."""
    return lambda body, consts: original(body, set(body.parameters))


def forwards(original: Any) -> Any:
    """Loops from which something is hoisted run forwards."""

    def scan(*args: Any, **params: Any) -> Any:
        return ops.scan(*args, **{**params, "reverse": False})

    return SimpleNamespace(scan=scan)


def always(value: Any) -> Callable[[Any], Any]:
    return lambda original: lambda *args, **kwargs: value


# ---- bufferize ---------------------------------------------------------------------------------
def swapped(original: Any) -> Any:
    """The strides of the first two axes change places."""

    def padded_strides(*args: Any) -> Any:
        strides = original(*args)
        return strides and [strides[1], strides[0], *strides[2:]]

    return padded_strides


def shifted(original: Any) -> Any:
    """The interior begins one element late."""

    def interior_slot(padded: Any, node: Any) -> Any:
        slot = original(padded, node)
        slot.offset = slot.offset + 1
        return slot

    return interior_slot


def one_side(original: Any) -> Any:
    """Only one side of each axis belongs to the halo."""

    def sides(pad: Any, axis: int) -> Any:
        for extent, start, step in original(pad, axis):
            yield (1 if extent == 2 else extent), start, step

    return sides


def no_gap(original: Any) -> Any:
    """Outer strides do not span the gaps of inner ones."""

    def padded_strides(node: Any, *args: Any) -> Any:
        strides = original(node, *args)
        return strides and [*strides_of(node.shape)[:-2], *strides[-2:]]

    return padded_strides


def short_rows(original: Any) -> Any:
    """Rows of a batch-major sequence overlap."""

    def batch_major(node: Any, costs: Any) -> Any:
        each, row, *rest = original(node, costs)
        return [each, row - each, *rest]

    return batch_major


def late_guard(original: Any) -> Any:
    """Pieces begin one element late."""

    def cut(nest: Any, var: Any, size: int) -> Any:
        made = original(nest, var, size)
        first, *others = made.stores
        made.stores = [first, *(replace(s, index=s.index + 1) for s in others)]
        return made

    return cut


def few_pieces(original: Any) -> Any:
    """The last piece is left out."""

    def cut(nest: Any, var: Any, size: int) -> Any:
        made = original(nest, var, size)
        made.stores = made.stores[:-1]
        return made

    return cut


# ---- loop passes -------------------------------------------------------------------------------
def short(original: Any) -> Any:
    """The second half ends one row early."""

    def split(kernel: Any, *args: Any) -> Any:
        made = original(kernel, *args)
        for each in made:
            if each.nest.split_reduction is not None:
                each.nest.split_reduction = replace(
                    each.nest.split_reduction, limit=each.nest.split_reduction.limit - 1
                )
        return made

    return split


def twice(original: Any) -> Any:
    """Both halves are the first one."""

    def split(kernel: Any, *args: Any) -> Any:
        kept = split_reduction.of
        split_reduction.of = lambda v: of(v) * (0 if v.name == "half" else 1)  # type: ignore
        try:
            return original(kernel, *args)
        finally:
            split_reduction.of = kept

    return split


def few(original: Any) -> Any:
    """The last block is left out."""

    def summed(nest: Any, exprs: Any, slots: Any, block: Any, *rest: Any) -> Any:
        made = original(nest, exprs, slots, block, *rest)
        short = Var(block.name, block.extent - 1)
        return with_loop(made, block, short)

    return summed


def with_loop(kernel: Any, old: Var, new: Var) -> Any:
    nest = rewrite(kernel.nest, ExprBuilder(), lambda index: substituted(index, {old: of(new)}))
    nest.loops = [new if v is old else v for v in nest.loops]
    nest.sequential_outer = new
    kernel.nest = nest
    return kernel


def never(original: Any) -> Any:
    """The first block adds to what is in memory."""

    def summed(nest: Any, exprs: Any, slots: Any, block: Any, *rest: Any) -> Any:
        kept = block_reduction.is_static
        block_reduction.is_static = lambda shape: False  # type: ignore[assignment]
        try:
            return original(nest, exprs, slots, block, *rest)
        finally:
            block_reduction.is_static = kept

    return summed


def reversed_names(original: Any) -> Any:
    """The loops of the second kernel are those of the first in reverse."""

    def names(nest: Any, other: Any) -> Any:
        found = original(nest, other)
        return dict(zip(found, reversed(found.values()), strict=True))

    return names


def loads_again(original: Any) -> Any:
    """The second kernel loads what the first has computed, before it is stored."""
    return lambda kernel, names, exprs, slots, known, first: original(
        kernel, names, exprs, slots, {}, first
    )


def outside_loops(original: Any) -> Any:
    """Only statements outside of loops read."""
    return lambda statements: [s for s in original(statements) if s in statements]


def outer_step(original: Any) -> Any:
    """The coalesced loop takes the steps of the outer one."""
    return lambda index, outer, inner, both: original(index, inner, outer, both)


# ---- rows --------------------------------------------------------------------------------------
def wide(original: Any) -> Any:
    """Rows are taken for twice as wide as they are."""

    def row_footprints(kernels: Any) -> Any:
        widths = original(kernels)
        return widths and {slot: 2 * width for slot, width in widths.items()}

    return row_footprints


def any_rows(original: Any) -> Any:
    """Whatever is accessed, rows need nothing of each other."""

    class Footprints(original):  # type: ignore[misc]
        def widths(self, kernel: Any, row_loop: Any) -> Any:
            return dict.fromkeys(super().widths(kernel, row_loop), 1)

    return Footprints


def all_inner(original: Any) -> Any:
    """A value that others read is contracted as well."""

    def inner(self: Any) -> Any:
        return {s: n * s.dtype.itemsize for s, n in self.widths.items() if s.kind == "temporary"}

    return inner


def half_rows(original: Any) -> Any:
    """A row is half as many iterations of a kernel's row loop as it should be."""
    return lambda self, row_loop: original(self, replace(row_loop, size=max(row_loop.size // 2, 1)))


def short_lives(original: Any) -> Any:
    """Memory is free again after the statement that first uses it."""
    return lambda self: {slot: (first, first) for slot, (first, _) in original(self).items()}


def temporary(original: Any) -> Any:
    return lambda slot, used: slot.memory.kind == "temporary"


def reduces(original: Any) -> Any:
    return lambda kernel, zeros: bool(kernel.nest.accumulators)


# ---- schedules and their code ------------------------------------------------------------------
def as_maxima(original: Any) -> Any:
    """Positions of extremes are vectorized like extremes, along the reduction."""

    def vector(nest: Any, lanes: int, costs: Any) -> Any:
        kinds = [replace(a, kind=a.kind.removeprefix("arg")) for a in nest.accumulators]
        return original(replace(nest, accumulators=kinds), lanes, costs)

    return vector


def any_order(original: Any) -> Any:
    """The sequential outer loop is vectorized, if it is the longest."""
    return lambda nest, lanes, costs: nest.sequential_outer or original(nest, lanes, costs)


def no_end(original: Any) -> Any:
    """The epilogue of the last tile does not run."""
    return lambda self: None


def first_place(original: Any) -> Any:
    """All epilogues of a tile are those of its first accumulator."""
    return lambda self, number, tile: original(self, constant("i64", 0), tile)


def parts_of_copies(original: Any) -> Any:
    """Each thread computes only a part of its private copy."""

    def call(self: Any, kernel: Any, *more: Any, **displaced: Any) -> None:
        if kernel.written & self.program.private:
            more = (*more[:-2], self.thread, self.threads)
        original(self, kernel, *more, **displaced)

    return call


def uneven_intervals(original: Any) -> Any:
    """The reduction is not a whole number of intervals."""
    return lambda buffer, row, each, lines, interval: original(buffer, row, each, lines, 3)


def slots_first(original: Any) -> Any:
    """The buffers to prefetch come before those that the product reads."""

    def attach(loop: Any, target: Any) -> None:
        original(loop, target)
        for kernel in kernels_of([loop]):
            kernel.slots = [*kernel.prefetched, *kernel.slots]
            kernel.prefetched = []

    return attach


# ---- barriers ----------------------------------------------------------------------------------
def no_writes_after_reads(original: Any) -> Any:
    """Only reads of what has been written wait."""
    return lambda self, access: original(self, replace(access, written=set()))


def as_it_is(original: Any) -> Any:
    return lambda self, statements: list(statements)


def without_last(original: Any) -> Any:
    return lambda statements: original(statements)[:-1]


# ---- memory ------------------------------------------------------------------------------------
def one_phase(original: Any) -> Any:
    """Memory is given up after the phase in which it is first accessed."""
    return lambda self, everywhere: {
        slot: (first, first) for slot, (first, _) in original(self, set()).items()
    }


def no_spans(original: Any) -> Any:
    """Values that the next iteration reads live only where they are accessed."""
    return lambda self: {loop: (first, first) for loop, (first, _) in original(self).items()}
