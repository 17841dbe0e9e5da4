"""The work of a kernel: arithmetic operations, and the least number of bytes that it must move.

Counted from the nest, once for every point that an expression depends on: recomputation by a
schedule, and repeated cache misses, are not useful work and do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Expr, Nest, walk
from lamina.engines.llvm.program.statements import Routine
from lamina.ir.kinds import KINDS, Kind
from lamina.ir.types import evaluate

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Work:
    """Of one call: arithmetic operations (a multiply-add is two), bytes read, bytes written."""

    operations: int
    read: int
    written: int

    @property
    def bytes(self) -> int:
        return self.read + self.written


def work_of(statement: Kernel | Routine, sizes: Sizes) -> Work:
    """Return the work of one call for these sizes of the symbolic extents."""
    if isinstance(statement, Routine):
        return _work_of_routine(statement, sizes)
    return Work(operations(statement.nest, sizes), *_transfers(statement, sizes))


def _work_of_routine(statement: Routine, sizes: Sizes) -> Work:
    read, written = (
        [evaluate(s.bytes, sizes) for s in slots] for slots in (statement.inputs, statement.outputs)
    )
    if statement.node.op == "scatter":  # the result holds a copy of the operand before it begins
        _, indices, updates = read
        return Work(0, indices + 2 * updates, updates)
    return Work(0, sum(read), sum(written))


def operations(nest: Nest, sizes: Sizes) -> int:
    """Arithmetic operations of one call; those on indices do not count."""
    total = 0
    for _ in nest.accumulators:
        total += _points((*nest.loops, *nest.reductions), sizes)  # adding it to the sum
    for expr in walk(nest.roots()):
        each = _each(expr)
        if each:
            total += each * _points(expr.vars, sizes)
    return total


def _each(expr: Expr) -> int:
    """Operations of one element."""
    row = KINDS.get("rng_bit_generator" if expr.kind == "random_bits" else expr.kind)
    if row is None or row.kind not in (Kind.ELEMENTWISE, Kind.GENERATOR):
        return 0
    return row.cost if row.flops is None else row.flops


def _points(variables: Iterable[Var], sizes: Sizes) -> int:
    return math.prod(evaluate(v.extent, sizes) for v in variables)


# ---- bytes -------------------------------------------------------------------------------------
def _transfers(kernel: Kernel, sizes: Sizes) -> tuple[int, int]:
    """Bytes read and written: each element of each buffer once, and not more than are touched."""
    nest, read, written = kernel.nest, dict[Slot, int](), dict[Slot, int]()
    for expr in walk(nest.roots()):
        if expr.kind == "load":
            slot = kernel.slot_of(expr)
            _add(read, slot, expr.params["index"], sizes)
    for store in nest.stores:
        _add(written, kernel.slot_of(store), store.index, sizes)
    return sum(read.values()), sum(written.values())


def _add(book: dict[Slot, int], slot: Slot, index: Index, sizes: Sizes) -> None:
    touched = _points(index.vars, sizes) * slot.dtype.itemsize
    book[slot] = min(book.get(slot, 0) + touched, evaluate(slot.bytes, sizes))
