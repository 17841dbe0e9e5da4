"""Faults planted in the passes of the compiler, at least two in each.

    PassFault(name, where, attribute, made, program, target, by)

`made(original)` is the faulty replacement of an attribute of a module, class or table. `program` is
the small program (small_programs.py) in which the fault shows, or the skeleton (fuzz/skeletons.py)
of a few random programs. The interpreter finds most of them without compiling, and names the pass;
faults of schedules, prefetches and the code for them show only in a run of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import faulty_passes as faulty
from lamina.engines.llvm.codegen.pipelined_epilogue import PipelinedEpilogue
from lamina.engines.llvm.codegen.program import Driver
from lamina.engines.llvm.graph import convolutions, legalize, partitions, winograd
from lamina.engines.llvm.loopopt import (
    block_reduction,
    coalesce,
    fuse,
    split_at_guards,
)
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program import (
    buffer_layout,
    dead_stores,
    halo,
    nest_passes,
    parallel_regions,
    peel,
    placement,
    prefetch,
    replicate,
    row_parallel,
    row_tiling,
    row_versions,
)
from lamina.engines.llvm.program.barriers import Pending, _Inserter
from lamina.engines.llvm.program.clusters import Cluster
from lamina.engines.llvm.program.parallel_regions import _Region
from lamina.engines.llvm.program.plan_memory import _Ranges
from lamina.engines.llvm.program.row_tiling import _RowCluster
from lamina.engines.llvm.schedule import choose
from lamina.engines.llvm.target.target import Target
from lamina.fuzz.grower import Move
from lamina.fuzz.skeletons import (
    accumulation,
    optimizer_step,
    recurrence,
    trained_recurrence,
    upsampled,
)
from lamina.rewrite import loop_invariants, loops
from lamina.rewrite.defer_accumulation import _Sinking
from small_programs import EAGER, NORMAL, WHOLE

simplify = import_module("lamina.rewrite.simplify")  # the package has a function of this name
INTERPRETER, ENGINE = "interpreter", "engine"


@dataclass(frozen=True)
class PassFault:
    """A fault; its name begins with the pass, and perhaps a part of it in parentheses."""

    name: str
    where: Any
    attribute: str
    made: Callable[[Any], Any]
    program: str | Move
    target: Target = WHOLE
    by: str = INTERPRETER

    def plant(self, monkeypatch: Any) -> None:
        if isinstance(self.where, dict):
            faulty = self.made(self.where[self.attribute])
            monkeypatch.setitem(self.where, self.attribute, faulty)
        else:
            faulty = self.made(getattr(self.where, self.attribute))
            monkeypatch.setattr(self.where, self.attribute, faulty)

    @property
    def stage(self) -> str:
        """The pass."""
        return self.name.split(":")[0].split(" (")[0]

    @property
    def part(self) -> str:
        """The part of the pass, or ""."""
        return self.name.split(":")[0].partition(" (")[2].rstrip(")")

    def __str__(self) -> str:
        return self.name


PASS_FAULTS = [  # in the order of the passes
    PassFault(
        "simplify: parameters make no difference",
        simplify,
        "_key",
        faulty.without_params,
        "lstm_gradient",
    ),
    PassFault("simplify: carries are dropped", loops, "_needed", faulty.last_only, "lstm_gradient"),
    PassFault(
        "defer_accumulation: starts from zero",
        _Sinking,
        "_total",
        faulty.forgets_start,
        accumulation,
    ),
    PassFault(
        "defer_accumulation: other steps", _Sinking, "_total", faulty.of_first_steps, accumulation
    ),
    PassFault(
        "legalize: zeros around windows", legalize, "_neutral", faulty.with_zero, faulty.pooling
    ),
    PassFault("legalize: a sign of Winograd's", winograd, "OUTPUT", faulty.one_sign, "winograd"),
    PassFault(
        "legalize: the other end of a stack",
        legalize,
        "_without_iteration",
        faulty.other_end,
        trained_recurrence,
    ),
    PassFault("legalize: late phases", convolutions, "_axis", faulty.late_taps, upsampled),
    PassFault(
        "distribute_maps: first slice", partitions, "_between", faulty.first_slice, upsampled
    ),
    PassFault("distribute_maps: reversed", partitions, "_mapped", faulty.in_reverse, upsampled),
    PassFault(
        "hoist_invariants: of carries",
        loop_invariants,
        "_invariant",
        faulty.carries_too,
        recurrence,
    ),
    PassFault(
        "hoist_invariants: forwards", loop_invariants, "ops", faulty.forwards, trained_recurrence
    ),
    PassFault(
        "bufferize (padded strides): no gap outside",
        placement,
        "padded_strides",
        faulty.no_gap,
        trained_recurrence,
        EAGER,
    ),
    PassFault(
        "bufferize (padded strides): short rows",
        buffer_layout,
        "_batch_major",
        faulty.short_rows,
        "lstm_gradient",
    ),
    PassFault(
        "bufferize (padded strides): swapped",
        placement,
        "padded_strides",
        faulty.swapped,
        "lstm_gradient",
    ),
    PassFault(
        "bufferize (halo): interior shifted",
        placement,
        "interior_slot",
        faulty.shifted,
        "convolutions",
    ),
    PassFault("bufferize (halo): one side", halo, "_sides", faulty.one_side, "convolutions"),
    PassFault(
        "bufferize (guards): pieces shifted",
        split_at_guards,
        "_split",
        faulty.late_guard,
        "lstm_gradient",
    ),
    PassFault(
        "bufferize (guards): a piece too few",
        split_at_guards,
        "_split",
        faulty.few_pieces,
        "lstm_gradient",
    ),
    PassFault(
        "fuse_loops: loops in reverse", fuse, "_names", faulty.reversed_names, "lstm_gradient"
    ),
    PassFault("fuse_loops: loads again", fuse, "_moved", faulty.loads_again, "mixed_rows"),
    PassFault("fuse_loops: at other points", fuse, "_in_step", faulty.always(True), "mixed_rows"),
    PassFault(
        "eliminate_dead_stores: read in loops",
        dead_stores,
        "leaves",
        faulty.outside_loops,
        recurrence,
    ),
    PassFault(
        "eliminate_dead_stores: live", dead_stores, "_is_dead", faulty.temporary, "lstm_gradient"
    ),
    PassFault(
        "split_reductions: a row less",
        nest_passes,
        "split_reduction",
        faulty.short,
        "stacked_product",
    ),
    PassFault(
        "split_reductions: one twice",
        nest_passes,
        "split_reduction",
        faulty.twice,
        "stacked_product",
    ),
    PassFault(
        "block_reductions: a block less",
        block_reduction,
        "_accumulation",
        faulty.few,
        "dense",
        EAGER,
    ),
    PassFault(
        "block_reductions: not begun",
        block_reduction,
        "_accumulation",
        faulty.never,
        "dense",
        EAGER,
    ),
    PassFault(
        "coalesce_loops: outer steps", coalesce, "_coalesced", faulty.outer_step, "attention"
    ),
    PassFault("coalesce_loops: any strides", coalesce, "_merges", faulty.always(True), "attention"),
    PassFault(
        "peel_loops: first has no sums", peel, "_multiplies", faulty.reduces, "lstm_gradient"
    ),
    PassFault(
        "peel_loops: last idle", peel, "_is_idle_in_last", faulty.always(True), "lstm_gradient"
    ),
    PassFault(
        "schedule: positions", choose, "_vector", faulty.as_maxima, faulty.positions, by=ENGINE
    ),
    PassFault(
        "schedule: blocks in a vector", choose, "_vector", faulty.any_order, "dense", EAGER, ENGINE
    ),
    PassFault(
        "schedule (pipelined epilogue): no last tile",
        PipelinedEpilogue,
        "_end",
        faulty.no_end,
        optimizer_step,
        by=ENGINE,
    ),
    PassFault(
        "schedule (pipelined epilogue): one place",
        PipelinedEpilogue,
        "_at",
        faulty.first_place,
        optimizer_step,
        by=ENGINE,
    ),
    PassFault(
        "find_row_parallel: any rows", row_parallel, "Footprints", faulty.any_rows, "mixed_rows"
    ),
    PassFault(
        "find_row_parallel: half rows", Kernel, "set_row_loop", faulty.half_rows, "mixed_rows"
    ),
    PassFault(
        "prefetch: uneven",
        prefetch,
        "Prefetch",
        faulty.uneven_intervals,
        trained_recurrence,
        by=ENGINE,
    ),
    PassFault(
        "prefetch: slots",
        prefetch,
        "attach_prefetches",
        faulty.slots_first,
        trained_recurrence,
        by=ENGINE,
    ),
    PassFault(
        "form_parallel_regions: any",
        parallel_regions,
        "Footprints",
        faulty.any_rows,
        "mixed_rows",
    ),
    PassFault(
        "form_parallel_regions: memory", _Region, "_lives", faulty.short_lives, "lstm_gradient"
    ),
    PassFault(
        "tile_rows: contracts too much",
        _RowCluster,
        "_contracted",
        faulty.all_inner,
        "lstm_gradient",
    ),
    PassFault(
        "tile_rows: rows twice as wide", row_tiling, "row_footprints", faulty.wide, "convolutions"
    ),
    PassFault("tile_rows: any order", Cluster, "clashes", faulty.always(False), "attention"),
    PassFault(
        "replicate: a part each", Driver, "_call", faulty.parts_of_copies, "winograd", by=ENGINE
    ),
    PassFault("replicate: results", replicate, "_is_read_by_rows", faulty.always(True), "winograd"),
    PassFault(
        "version_rows: one less", row_versions, "_undivided", faulty.without_last, "mixed_rows"
    ),
    PassFault(
        "version_rows: no last kernel", row_versions, "_opened", faulty.without_last, "winograd"
    ),
    PassFault("insert_barriers: none", Pending, "conflict", faulty.always(None), "attention"),
    PassFault(
        "insert_barriers: only for reads",
        Pending,
        "conflict",
        faulty.no_writes_after_reads,
        "lstm_gradient",
        NORMAL,
    ),
    PassFault("insert_barriers: not in bodies", _Inserter, "_body", faulty.as_it_is, "while"),
    PassFault("plan_memory: one phase", _Ranges, "lives", faulty.one_phase, "lstm_gradient"),
    PassFault(
        "plan_memory: not across iterations",
        _Ranges,
        "_spans",
        faulty.no_spans,
        "lstm_gradient",
        EAGER,
    ),
]
