"""Dead store elimination: stores into temporaries that no statement reads are dropped.

    for i: a[i] <- f(x[i]); b[i] <- g(x[i])     a is read nowhere
        ->  for i: b[i] <- g(x[i])

Legality: the buffer is a temporary that owns its memory, and neither a statement nor the caller
reads it. Profitability: always. Loop fusion is what leaves such stores: a value that only the fused
kernel read stays in a register. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel, without_unused_buffers
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import Statement, leaves, map_bodies, mentioned, read


def eliminate_dead_stores(program: Program) -> Program:
    """Drop the stores that nothing reads, and kernels without any other."""
    used = {slot.memory for slot in program.results}
    for leaf in leaves(program.statements):
        used |= read(leaf) if isinstance(leaf, Kernel) else {s.memory for s in mentioned(leaf)}

    def kept(statements: list[Statement]) -> list[Statement]:
        found = (_without_stores(i, used) if isinstance(i, Kernel) else i for i in statements)
        return [statement for statement in found if statement is not None]

    program.statements = map_bodies(program.statements, kept)
    return program


def _without_stores(kernel: Kernel, used: Set[Slot]) -> Kernel | None:
    """The kernel with the stores that are needed; None if there are none."""
    nest, slots = kernel.nest, kernel.slots
    stores = [s for s in nest.stores if not _is_dead(slots[s.buffer.number], used)]
    if len(stores) == len(nest.stores):
        return kernel
    return without_unused_buffers(replace(nest, stores=stores), slots) if stores else None


def _is_dead(slot: Slot, used: Set[Slot]) -> bool:
    return slot.memory.kind == "temporary" and slot.memory not in used
