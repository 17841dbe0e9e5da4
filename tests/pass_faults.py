"""Faults planted in the passes on programs, each found by the interpreter without compiling.

    PassFault(name, where, attribute, made, program, target)

`program` is the small program (small_programs.py) in which it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lamina.engines.llvm.loopopt import (
    block_reduction,
    coalesce,
    fuse,
    split_at_guards,
    split_reduction,
)
from lamina.engines.llvm.loops.index import Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import ExprBuilder
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.program import (
    bufferize,
    dead_stores,
    halo,
    nest_passes,
    parallel_regions,
    peel,
    replicate,
    row_parallel,
    row_tiling,
)
from lamina.engines.llvm.program.clusters import Cluster
from lamina.engines.llvm.program.parallel_regions import _Region
from lamina.engines.llvm.program.row_tiling import _RowCluster
from lamina.engines.llvm.target.target import Target
from small_programs import EAGER, WHOLE


@dataclass(frozen=True)
class PassFault:
    name: str
    where: Any
    attribute: str
    made: Callable[[Any], Any]
    program: str
    target: Target = WHOLE

    def plant(self, monkeypatch: Any) -> None:
        faulty = self.made(getattr(self.where, self.attribute))
        monkeypatch.setattr(self.where, self.attribute, faulty)

    def __str__(self) -> str:
        return self.name


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda original: lambda *args, **kwargs: value


# ---- bufferize ---------------------------------------------------------------------------------
def _swapped(original: Any) -> Any:
    """The strides of the first two axes change places."""

    def padded_strides(*args: Any) -> Any:
        strides = original(*args)
        return strides and [strides[1], strides[0], *strides[2:]]

    return padded_strides


def _shifted(original: Any) -> Any:
    """The interior begins one element late."""

    def interior_slot(padded: Any, node: Any) -> Any:
        slot = original(padded, node)
        slot.offset = slot.offset + 1
        return slot

    return interior_slot


def _one_side(original: Any) -> Any:
    """Only one side of each axis belongs to the halo."""

    def sides(pad: Any, axis: int) -> Any:
        for extent, start, step in original(pad, axis):
            yield (1 if extent == 2 else extent), start, step

    return sides


def _late_guard(original: Any) -> Any:
    """Pieces begin one element late."""

    def cut(nest: Any, var: Any, size: int) -> Any:
        made = original(nest, var, size)
        first, *others = made.stores
        made.stores = [first, *(replace(s, index=s.index + 1) for s in others)]
        return made

    return cut


def _few_pieces(original: Any) -> Any:
    """The last piece is left out."""

    def cut(nest: Any, var: Any, size: int) -> Any:
        made = original(nest, var, size)
        made.stores = made.stores[:-1]
        return made

    return cut


# ---- loop passes -------------------------------------------------------------------------------
def _short(original: Any) -> Any:
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


def _twice(original: Any) -> Any:
    """Both halves are the first one."""

    def split(kernel: Any, *args: Any) -> Any:
        kept = split_reduction.of
        split_reduction.of = lambda v: of(v) * (0 if v.name == "half" else 1)  # type: ignore
        try:
            return original(kernel, *args)
        finally:
            split_reduction.of = kept

    return split


def _few(original: Any) -> Any:
    """The last block is left out."""

    def summed(nest: Any, exprs: Any, slots: Any, block: Any, *rest: Any) -> Any:
        made = original(nest, exprs, slots, block, *rest)
        short = Var(block.name, block.extent - 1)
        return _with_loop(made, block, short)

    return summed


def _with_loop(kernel: Any, old: Var, new: Var) -> Any:
    nest = rewrite(kernel.nest, ExprBuilder(), lambda index: substituted(index, {old: of(new)}))
    nest.loops = [new if v is old else v for v in nest.loops]
    nest.sequential_outer = new
    kernel.nest = nest
    return kernel


def _never(original: Any) -> Any:
    """The first block adds to what is in memory."""

    def summed(nest: Any, exprs: Any, slots: Any, block: Any, *rest: Any) -> Any:
        kept = block_reduction.is_static
        block_reduction.is_static = lambda shape: False  # type: ignore[assignment]
        try:
            return original(nest, exprs, slots, block, *rest)
        finally:
            block_reduction.is_static = kept

    return summed


# ---- rows --------------------------------------------------------------------------------------
def _wide(original: Any) -> Any:
    """Rows are taken for twice as wide as they are."""

    def row_footprints(kernels: Any) -> Any:
        widths = original(kernels)
        return widths and {slot: 2 * width for slot, width in widths.items()}

    return row_footprints


def _any_rows(original: Any) -> Any:
    """Whatever is written, rows need nothing of each other."""

    def row_footprints(kernels: Any) -> Any:
        found = original(kernels)
        return found if found is not None else {s: 1 for k in kernels for s in k.written}

    return row_footprints


def _all_inner(original: Any) -> Any:
    """What others read is contracted as well."""

    def inner(self: Any) -> Any:
        return {s: n * s.dtype.itemsize for s, n in self.widths.items() if s.kind == "temporary"}

    return inner


def _half_rows(original: Any) -> Any:
    """A row is half as many iterations of a kernel's row loop as it should be."""
    return lambda self, row_loop: original(self, replace(row_loop, size=max(row_loop.size // 2, 1)))


def _short_lives(original: Any) -> Any:
    """Memory is free again after the statement that first uses it."""
    return lambda self: {slot: (first, first) for slot, (first, _) in original(self).items()}


def _temporary(original: Any) -> Any:
    return lambda slot, used: slot.memory.kind == "temporary"


def _reduces(original: Any) -> Any:
    return lambda kernel, zeros: bool(kernel.nest.accumulators)


PASS_FAULTS = [
    PassFault(
        "bufferize: padded strides swapped", bufferize, "padded_strides", _swapped, "lstm_gradient"
    ),
    PassFault("bufferize: interior shifted", bufferize, "interior_slot", _shifted, "convolutions"),
    PassFault("bufferize: one side of the halo", halo, "_sides", _one_side, "convolutions"),
    PassFault("bufferize: pieces shifted", split_at_guards, "_split", _late_guard, "lstm_gradient"),
    PassFault(
        "bufferize: a piece too few", split_at_guards, "_split", _few_pieces, "lstm_gradient"
    ),
    PassFault("fuse_loops: at other points", fuse, "_in_step", _always(True), "mixed_rows"),
    PassFault("eliminate_dead_stores: live", dead_stores, "_is_dead", _temporary, "lstm_gradient"),
    PassFault(
        "split_reductions: a row less", nest_passes, "split_reduction", _short, "stacked_product"
    ),
    PassFault(
        "split_reductions: one twice", nest_passes, "split_reduction", _twice, "stacked_product"
    ),
    PassFault(
        "block_reductions: a block less", block_reduction, "_accumulation", _few, "dense", EAGER
    ),
    PassFault(
        "block_reductions: not begun", block_reduction, "_accumulation", _never, "dense", EAGER
    ),
    PassFault("coalesce_loops: any strides", coalesce, "_merges", _always(True), "attention"),
    PassFault("peel_loops: first has no sums", peel, "_multiplies", _reduces, "lstm_gradient"),
    PassFault("peel_loops: last idle", peel, "_is_idle_in_last", _always(True), "lstm_gradient"),
    PassFault(
        "find_row_parallel: any rows", row_parallel, "row_footprints", _any_rows, "mixed_rows"
    ),
    PassFault("find_row_parallel: half rows", Kernel, "set_row_loop", _half_rows, "mixed_rows"),
    PassFault(
        "form_parallel_regions: any", parallel_regions, "row_footprints", _any_rows, "mixed_rows"
    ),
    PassFault("form_parallel_regions: memory", _Region, "_lives", _short_lives, "lstm_gradient"),
    PassFault(
        "tile_rows: contracts too much", _RowCluster, "_contracted", _all_inner, "lstm_gradient"
    ),
    PassFault("tile_rows: rows twice as wide", row_tiling, "row_footprints", _wide, "convolutions"),
    PassFault("tile_rows: any order", Cluster, "clashes", _always(False), "attention"),
    PassFault("replicate: results", replicate, "_is_read_by_rows", _always(True), "winograd"),
]
