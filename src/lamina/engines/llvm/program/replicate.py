"""Replication (privatization): each thread computes a private copy of a small shared value.

    u <- f(w), shared; y[mine] <- g(x[mine], u)   ->   u' <- f(w); y[mine] <- g(x[mine], u')

An example is Winograd's transform of a kernel. Shared, a part of it comes from another core's
cache, and writing it again invalidates the copies there; without a shared cache this costs more
than computing all of it in each thread. It also saves a barrier.

Legality: a map of arguments and tables, whose rows the threads do not divide; all readers are
kernels over rows. Profitability: at most `Costs.replicated` bytes. Bits do not change.
"""

from __future__ import annotations

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import MemoryUsers, Program, users_of_memory
from lamina.engines.llvm.program.statements import (
    Peeled,
    Replicated,
    Statement,
    map_bodies,
    walk,
)
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static


def replicate(program: Program, target: Target) -> Program:
    """Make small values of arguments thread-private."""
    touching = users_of_memory(program)
    peeled = {k for s in walk(program.statements) if isinstance(s, Peeled) for k in s.kernels}

    def replicated(statement: Statement) -> Statement:
        if not isinstance(statement, Kernel) or statement in peeled:
            return statement
        if not _is_small_map(statement, target.costs.replicated):
            return statement
        (slot,) = statement.written
        if not _is_read_by_rows(slot, statement, touching):
            return statement
        program.private.add(slot)
        return Replicated([statement])

    program.statements = map_bodies(
        program.statements, lambda statements: [replicated(s) for s in statements]
    )
    return program


def _is_small_map(kernel: Kernel, most: int) -> bool:
    """True if the kernel computes one small value from arguments."""
    nest = kernel.nest
    known = all(is_static(v.extent) for v in nest.loops) and not nest.reductions
    if not known or kernel.halo or kernel.row_loop is not None or len(kernel.written) != 1:
        return False
    (slot,) = kernel.written
    others = {s.memory for s in kernel.slots} - {slot}
    return is_static(slot.bytes) and slot.bytes <= most and _are_given(others)


def _are_given(slots: set[Slot]) -> bool:
    return bool(slots) and all(s.kind in ("argument", "table") for s in slots)


def _is_read_by_rows(slot: Slot, exprs: Kernel, touching: MemoryUsers) -> bool:
    """True for a temporary that only kernels with a row loop read."""
    if slot.kind != "temporary" or slot.memory is not slot:
        return False
    readers = touching[slot] - {exprs}
    return bool(readers) and all(
        isinstance(k, Kernel) and slot not in k.written and k.row_loop is not None for k in readers
    )
