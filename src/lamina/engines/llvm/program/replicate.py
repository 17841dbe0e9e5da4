"""What is small and all threads read whole, each of them makes for itself.

    u <- f(w), shared; y[mine] <- g(x[mine], u)
        ->  u of this thread's own <- f(w); y[mine] <- g(x[mine], u of this thread's own)

Winograd's transform of a kernel is of this kind. Made together, half of it comes from another
processor, and is written over while that still has it in its cache: with caches apart, this takes
longer than to make all of it.
"""

from __future__ import annotations

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.statements import leaves
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static


def replicate(program: Program, target: Target) -> Program:
    """Give each thread a private copy of the small values that it is to compute itself."""
    touching = users_of_memory(program)
    for kernel in leaves(program.statements):
        if isinstance(kernel, Kernel) and _is_small_map(kernel, target.costs.replicated):
            (slot,) = kernel.written
            if _is_read_by_rows(slot, kernel, touching):
                slot.thread_private = True
    return program


def _is_small_map(kernel: Kernel, most: int) -> bool:
    """Whether it makes one small value from arguments."""
    nest = kernel.nest
    known = all(is_static(v.extent) for v in nest.loops) and not nest.reductions
    if not known or nest.halo or len(kernel.written) != 1:
        return False
    (slot,) = kernel.written
    others = {s.memory for s in kernel.slots} - {slot}
    return is_static(slot.bytes) and slot.bytes <= most and _are_given(others)


def _are_given(slots: set[Slot]) -> bool:
    return bool(slots) and all(s.kind in ("argument", "table") for s in slots)


def _is_read_by_rows(slot: Slot, exprs: Kernel, touching: MemoryUsers) -> bool:
    """Whether it is temporary, and read only by kernels over rows of threads' own."""
    if slot.kind != "temporary" or slot.memory is not slot:
        return False
    readers = touching[slot] - {exprs}
    return bool(readers) and all(
        isinstance(k, Kernel) and slot not in k.written and k.nest.row_loop is not None
        for k in readers
    )
