"""The passes on loop nests, applied to every kernel of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lamina.engines.llvm.loopopt.block_reduction import block_reduction
from lamina.engines.llvm.loopopt.coalesce import coalesce
from lamina.engines.llvm.loopopt.fuse import fuse
from lamina.engines.llvm.loopopt.split_reduction import split_reduction
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import ExprBuilder
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import Statement, leaves, map_bodies
from lamina.engines.llvm.schedule.choose import choose
from lamina.engines.llvm.target.target import Target


def fuse_loops(program: Program, target: Target) -> Program:
    """Fuse neighboring kernels over equal domains (loopopt/fuse.py)."""
    program.statements = map_bodies(
        program.statements, lambda statements: fuse(statements, target.costs)
    )
    return program


def split_reductions(program: Program, target: Target) -> Program:
    """Split reductions of stacked values into two fixed parts (loopopt/split_reduction.py)."""
    sliced = {slot.slice_of for slot in program.slots()}
    row_axes = {slot: int(slot in sliced) for slot in program.stacks}
    return _replaced(program, lambda kernel: split_reduction(kernel, row_axes, target.costs))


def block_reductions(program: Program, target: Target) -> Program:
    """Block long contractions for a cache (loopopt/block_reduction.py)."""
    return _replaced(program, lambda kernel: block_reduction(kernel, target))


def coalesce_loops(program: Program, target: Target) -> Program:
    """Interchange and coalesce the loops of each kernel (loopopt/coalesce.py)."""

    def coalesced(kernel: Kernel) -> list[Kernel]:
        return [replace(kernel, nest=coalesce(kernel.nest, ExprBuilder(), target.costs))]

    return _replaced(program, coalesced)


def schedule_kernels(program: Program, target: Target) -> Program:
    """Choose each kernel's schedule, once (schedule/choose.py)."""
    for kernel in [k for k in leaves(program.statements) if isinstance(k, Kernel)]:
        for each in (kernel, kernel.first_iteration):
            if each is not None:
                each.schedule = choose(each.nest, target)
    return program


def _replaced(program: Program, change: Callable[[Kernel], Sequence[Kernel]]) -> Program:
    """Return the program with each kernel replaced by `change(kernel)`."""

    def each(statements: list[Statement]) -> list[Statement]:
        new = (change(i) if isinstance(i, Kernel) else [i] for i in statements)
        return [statement for made in new for statement in made]

    program.statements = map_bodies(program.statements, each)
    return program
