"""The passes on loop nests, applied to every kernel of a program."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from lamina.engines.llvm.loopopt.block_reduction import block_reduction
from lamina.engines.llvm.loopopt.coalesce import coalesce
from lamina.engines.llvm.loopopt.fuse import fuse
from lamina.engines.llvm.loopopt.split_reduction import split_reduction
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import ExprBuilder, Nest
from lamina.engines.llvm.loops.packed import scratch_size
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.loops.structure import structure
from lamina.engines.llvm.program.footprints import Footprints, row_footprints
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.row_parallel import independent_rows
from lamina.engines.llvm.program.statements import Statement, kernels_of, loops, map_bodies
from lamina.engines.llvm.schedule.choose import choose
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import Dim


def fuse_loops(program: Program, target: Target) -> Program:
    """Fuse neighboring kernels over equal domains (loopopt/fuse.py)."""
    program.statements = map_bodies(
        program.statements, lambda statements: fuse(statements, target.costs)
    )
    return program


def split_reductions(program: Program, target: Target) -> Program:
    """Split reductions of stacked values into two fixed parts (loopopt/split_reduction.py)."""
    row_axes = _row_axes(program)
    return _replaced(program, lambda kernel: split_reduction(kernel, row_axes, target.costs))


def _row_axes(program: Program) -> dict[Slot, int]:
    """Return the axis of the rows of each value that a row-parallel loop makes."""
    strides: dict[Slot, tuple[Dim, Dim]] = {}  # memory: rows, and elements between them
    footprints = Footprints()
    for loop in loops(program.statements):
        row_loops = independent_rows(loop.statements, footprints)
        for slot, width in (row_footprints(row_loops) or {}).items():
            strides[slot] = next(iter(row_loops.values())).rows, width
    found: dict[Slot, int] = {}
    for slot in program.stacks:
        axes = zip(slot.shape, slot.layout, strict=True)
        for axis, row in enumerate(axes):
            if row == strides.get(slot.memory):
                found[slot] = axis
    return found


def block_reductions(program: Program, target: Target) -> Program:
    """Block long contractions for a cache (loopopt/block_reduction.py)."""
    return _replaced(program, lambda kernel: block_reduction(kernel, target))


def coalesce_loops(program: Program, target: Target) -> Program:
    """Interchange and coalesce the loops of each kernel (loopopt/coalesce.py).

    Kernels of one structure get one nest, so that later passes and code generation meet each
    structure once."""
    made: dict[Hashable, Nest] = {}
    different: dict[Hashable, Nest] = {}

    def coalesced(kernel: Kernel) -> list[Kernel]:
        key = structure(kernel.nest)
        if key not in made:
            nest = coalesce(kernel.nest, ExprBuilder(), target.costs)
            made[key] = different.setdefault(structure(nest), nest)
        return [replace(kernel, nest=made[key])]

    return _replaced(program, coalesced)


def schedule_kernels(program: Program, target: Target) -> Program:
    """Choose each kernel's schedule, once for each nest (schedule/choose.py), and give kernels of
    packed products scratch memory."""
    chosen: dict[tuple[int, int], Schedule] = {}
    for kernel in kernels_of(program.statements):
        nest, slots = kernel.nest, len(kernel.slots)
        if (id(nest), slots) not in chosen:
            chosen[id(nest), slots] = choose(nest, target, slots).reachable()
        kernel.schedule = chosen[id(nest), slots]
        packings = kernel.schedule.packings
        if packings:
            size = max(map(scratch_size, packings))
            kernel.scratch = Slot((size,), nest.accumulators[0].dtype)
            program.private.add(kernel.scratch)
    return program


def _replaced(program: Program, change: Callable[[Kernel], Sequence[Kernel]]) -> Program:
    """Return the program with each kernel replaced by `change(kernel)`."""

    def each(statements: list[Statement]) -> list[Statement]:
        new = (change(i) if isinstance(i, Kernel) else [i] for i in statements)
        return [statement for made in new for statement in made]

    program.statements = map_bodies(program.statements, each)
    return program
