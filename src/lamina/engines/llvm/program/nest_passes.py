"""The passes on loop nests, applied to every kernel of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.engines.llvm.loopopt.block_reduction import in_blocks
from lamina.engines.llvm.loopopt.coalesce import collapse
from lamina.engines.llvm.loopopt.fuse import fused
from lamina.engines.llvm.loopopt.split_reduction import in_halves
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Maker
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import Item, leaves, map_bodies
from lamina.engines.llvm.schedule.choose import choose
from lamina.engines.llvm.target.target import Target


def fuse_loops(program: Program, target: Target) -> Program:
    """Join neighboring kernels over equal domains (loopopt/fuse.py)."""
    program.items = map_bodies(program.items, lambda items: fused(items, target.costs))
    return program


def split_reductions(program: Program, target: Target) -> Program:
    """Reduce what loops have stacked in two fixed halves (loopopt/split_reduction.py)."""
    return _replaced(program, lambda kernel: in_halves(kernel, program.stacks, target.costs))


def block_reductions(program: Program, target: Target) -> Program:
    """Cut long reductions of products into blocks for a cache (loopopt/block_reduction.py)."""
    return _replaced(program, lambda kernel: in_blocks(kernel, target))


def coalesce_loops(program: Program, target: Target) -> Program:
    """Interchange and coalesce the loops of each kernel (loopopt/coalesce.py)."""

    def coalesced(kernel: Kernel) -> list[Kernel]:
        return [Kernel(collapse(kernel.nest, Maker(), target.costs), kernel.slots)]

    return _replaced(program, coalesced)


def schedule_kernels(program: Program, target: Target) -> Program:
    """Choose each kernel's schedule, once (schedule/choose.py)."""
    for kernel in [k for k in leaves(program.items) if isinstance(k, Kernel)]:
        for each in (kernel, kernel.at_first):
            if each is not None:
                each.schedule = choose(each.nest, target)
    return program


def _replaced(program: Program, change: Callable[[Kernel], Sequence[Kernel]]) -> Program:
    """The program with what `change` makes of each kernel in its place."""

    def each(items: list[Item]) -> list[Item]:
        new = (change(i) if isinstance(i, Kernel) else [i] for i in items)
        return [item for made in new for item in made]

    program.items = map_bodies(program.items, each)
    return program
