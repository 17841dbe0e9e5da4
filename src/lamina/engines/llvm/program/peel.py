"""Loop peeling: specialized kernels for the first iteration, fewer kernels in the last.

    h <- 0; for t: z <- x[t] + h U; ...       first iteration: z <- x[t]
    for t: ...; g <- z U'                     last iteration: g is not computed

Legality: a sum of products with a buffer that is certainly zero is zero; a kernel may be skipped in
the last iteration if only the next iteration reads what it writes; in a loop inside of a loop, the
statements before it must set that memory, else the next run of the loop reads it. Profitability:
always. Bits do not change for finite weights (infinities and NaN take effect from the second
iteration on).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import of
from lamina.engines.llvm.loops.kernel import Kernel, without_unused_buffers
from lamina.engines.llvm.loops.nest import Expr, ExprBuilder, NestKind
from lamina.engines.llvm.loops.rewrite import rewrite
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Loop,
    Peeled,
    Statement,
    bodies,
    leaves,
    read,
    touched,
)

Readers = Mapping[Slot, Set[object]]


def peel_loops(program: Program) -> Program:
    """Write down for each kernel of a loop how its first or last iteration differs."""
    readers: dict[Slot, set[object]] = {r.memory: {program} for r in program.results}
    for leaf in leaves(program.statements):
        for slot in read(leaf):
            readers.setdefault(slot, set()).add(leaf)
    for statements, place, loop in list(_loops(program.statements)):
        before = statements[:place]
        first = _first_versions(loop, _zeros_before(before))
        set_again = _written(before) if statements is not program.statements else None
        last_places: dict[object, int] = {
            leaf: k for k, s in enumerate(loop.statements) for leaf in leaves([s])
        }
        last = {
            kernel
            for at, kernel in enumerate(loop.statements)
            if isinstance(kernel, Kernel)
            and (set_again is None or kernel.written <= set_again)
            and _is_idle_in_last(kernel, at, last_places, readers)
        }
        loop.statements = [_peeled(statement, first, last) for statement in loop.statements]
    return program


def _peeled(statement: Statement, first: Mapping[Kernel, Kernel], last: Set[Kernel]) -> Statement:
    """Return a statement of a loop, given its version for the `first` iteration, if it has one, and
    the kernels that are idle in the `last`."""
    if not isinstance(statement, Kernel):
        return statement
    if statement in first:
        return Peeled(True, [first[statement]], [statement])
    return Peeled(False, [], [statement]) if statement in last else statement


def _loops(statements: Sequence[Statement]) -> Iterator[tuple[Sequence[Statement], int, Loop]]:
    """Yield every loop, with the statements around it and its position among them."""
    for place, statement in enumerate(statements):
        if isinstance(statement, Loop):
            yield statements, place, statement
        for inner in bodies(statement):
            yield from _loops(inner)


# ---- the first iteration -----------------------------------------------------------------------
def _zeros_before(statements: Sequence[Statement]) -> set[Slot]:
    """Return the memory that is zero after these statements."""
    found: set[Slot] = set()
    for statement in statements:
        found -= statement.written if isinstance(statement, Kernel) else touched(statement)
        found |= _zeroed(statement) if isinstance(statement, Kernel) else set()
    return found


def _zeroed(kernel: Kernel) -> set[Slot]:
    """Return the memory that a kernel fills entirely with zeros."""
    nest, slots = kernel.nest, kernel.slots
    if len(nest.loops) != 1 or nest.accumulators:
        return set()
    (loop,) = nest.loops
    return {
        slots[s.buffer.number]
        for s in nest.stores
        if s.expr.kind == "constant"
        and s.expr.params["value"] == 0
        and s.index == of(loop)
        and _is_whole(slots[s.buffer.number], loop.extent)
    }


def _is_whole(slot: Slot, extent: object) -> bool:
    return slot.memory is slot and slot.strides is None and math.prod(slot.shape) == extent


def _first_versions(loop: Loop, zeros: set[Slot]) -> dict[Kernel, Kernel]:
    """Return the first iteration of kernels that only reduce products with zeros."""
    found: dict[Kernel, Kernel] = {}
    for statement in loop.statements:
        if isinstance(statement, Kernel) and _multiplies(statement, zeros):
            found[statement] = _without_reduction(statement)
        zeros = zeros - (statement.written if isinstance(statement, Kernel) else touched(statement))
    return found


def _multiplies(kernel: Kernel, zeros: Set[Slot]) -> bool:
    """True if every accumulator sums products with one of these buffers."""
    accumulators = kernel.nest.accumulators
    factors = [a.expr.args if a.expr.kind == "multiply" else () for a in accumulators]
    return bool(accumulators) and all(
        a.kind == "sum" and any(_loads(kernel, e, zeros) for e in args)
        for a, args in zip(accumulators, factors, strict=True)
    )


def _loads(kernel: Kernel, expr: Expr, zeros: Set[Slot]) -> bool:
    return expr.kind == "load" and kernel.slot_of(expr).memory in zeros


def _without_reduction(kernel: Kernel) -> Kernel:
    exprs = ExprBuilder()
    nest = rewrite(kernel.nest, exprs, lambda index: index, total=partial(_zero, exprs))
    return without_unused_buffers(
        replace(nest, kind=NestKind.MAP, accumulators=[], reductions=[]), kernel.slots
    )


def _zero(exprs: ExprBuilder, total: Expr) -> Expr:
    return exprs.constant(0, total.dtype)


# ---- the last iteration ------------------------------------------------------------------------
def _written(statements: Sequence[Statement]) -> set[Slot]:
    """Return the memory that kernels among these statements write."""
    return {m for s in statements if isinstance(s, Kernel) for m in s.written}


def _is_idle_in_last(
    kernel: Kernel, place: int, last_places: Mapping[object, int], readers: Readers
) -> bool:
    """True if only the next iteration reads what the kernel writes: statements of the loop at or
    before its own place. `last_places` has the last place of every statement of the loop."""
    return all(
        slot.kind == "temporary"
        and not _is_element(kernel, slot)
        and all(
            reader is not kernel and last_places.get(reader, place + 1) <= place
            for reader in readers.get(slot, ())
        )
        for slot in kernel.written
    )


def _is_element(kernel: Kernel, memory: Slot) -> bool:
    return any(s.memory is memory and s.actual.slice_of is not None for s in kernel.slots)
