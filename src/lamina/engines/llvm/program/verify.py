"""Invariants of a program between passes; LAMINA_CHECK=1 checks them after each pass.

buffers     a nest's buffer k is its kernel's slot k, of the same dtype
variables   indices use loops of the nest
bounds      an index that no guard restricts is inside its buffer
schedules   order, unrolling and vectorization name loops of the nest
loops       a loop slice belongs to a loop around the kernel
private     only replicated kernels write memory of which each thread has a copy
barriers    once there are any, they separate all statements that depend on each other
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.index import Index, Var, bounds
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Expr, Nest, index_exprs, walk
from lamina.engines.llvm.loops.schedule import Schedule, Tail
from lamina.engines.llvm.program.barriers import check_barriers
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Loop,
    Peeled,
    Replicated,
    Statement,
    bodies,
    leaves,
    mentioned,
)
from lamina.engines.llvm.program.statements import walk as statements_of
from lamina.errors import VerifyError
from lamina.ir.types import is_static


def verify(program: Program) -> None:
    """Check a program.

    Raises:
        VerifyError: something does not hold; the kernel and the rule are named.
    """
    _verify(program.statements, ())
    replicated = [s for s in statements_of(program.statements) if isinstance(s, Replicated)]
    own = {kernel for statement in replicated for kernel in statement.statements}
    for leaf in leaves(program.statements):
        if leaf not in own and isinstance(leaf, Kernel) and leaf.written & program.private:
            raise VerifyError(f"kernel {leaf.nest.name}: writes memory private to each thread")
    if program.is_synchronized:
        check_barriers(program)


def _verify(statements: Sequence[Statement], around: tuple[Counter, ...]) -> None:
    for statement in statements:
        inside = (*around, statement.counter) if isinstance(statement, Loop) else around
        if isinstance(statement, Kernel):
            _verify_kernel(statement, around)
        if isinstance(statement, Peeled):
            _verify_peeled(statement, around)
        for body in bodies(statement):
            _verify(body, inside)


def _verify_peeled(statement: Peeled, around: Sequence[Counter]) -> None:
    """Check that a loop is around, and that only kernels are peeled: code counts on both."""
    if not around:
        raise VerifyError("peeled statements without a loop around them")
    if len(statement.kernels) < len(statement.statements) + len(statement.otherwise):
        raise VerifyError("peeled statements that are not kernels")
    if not statement.first and statement.statements:
        raise VerifyError("a kernel replaces another one in the last iteration")


def _verify_kernel(kernel: Kernel, around: Sequence[Counter]) -> None:
    for fault in (*_faults(kernel), *_wrong_loops(kernel, around)):
        raise VerifyError(f"kernel {kernel.nest.name}: {fault}", hint=str(kernel.nest))


def _faults(kernel: Kernel) -> Iterator[str]:
    nest, slots = kernel.nest, kernel.slots
    variables = {*nest.loops, *nest.reductions}
    outside = {*nest.loops}
    for expr in walk(nest.roots()):
        if expr.kind == "load":
            buffer = expr.params["buffer"]
            if buffer.number >= len(slots) or slots[buffer.number].dtype != buffer.dtype:
                yield f"buffer {buffer} of {buffer.dtype} is not a slot of that dtype"
        if "index" in expr.params and not expr.params["index"].vars <= variables:
            yield f"{expr} uses a loop that the nest does not have"
        if expr.kind == "acc" and expr.params["number"] >= len(nest.accumulators):
            yield f"{expr} is not an accumulator of the nest"
    for store in nest.stores:
        if store.buffer.number >= len(slots):
            yield f"store to {store.buffer}, which is not a slot"
        elif not store.index.vars <= outside:
            yield f"store at {store.index}, which uses a loop that is not spatial"
        elif _is_outside(store.index, slots[store.buffer.number]):
            yield f"store at {store.index}, outside of {slots[store.buffer.number].shape}"
    for expr in _unguarded(nest.roots()):
        if expr.kind != "load" or _is_in_uneven_part(nest, expr):
            continue
        if _is_outside(expr.params["index"], slots[expr.params["buffer"].number]):
            yield f"{expr} reads outside of {slots[expr.params['buffer'].number].shape}"
    if kernel.schedule is not None:
        yield from _wrong_schedule(kernel.nest, kernel.schedule)


def _wrong_schedule(nest: Nest, schedule: Schedule) -> Iterator[str]:
    """Yield what is wrong with a schedule or its versions."""
    run = {*schedule.order, schedule.sequential} - {None}
    if run != {*nest.loops} or not schedule.unroll.keys() <= {*nest.loops, *nest.reductions}:
        yield f"its schedule ({schedule}) names other loops than the nest"
    for var in (*nest.loops, *nest.reductions):
        if schedule.tail(var) is Tail.EXACT and not _divides(nest, schedule, var):
            yield f"its schedule ({schedule}) has tiles that reach past the end of {var.name}"
    for version in schedule.versions:
        yield from _wrong_schedule(nest, version.schedule)


def _divides(nest: Nest, schedule: Schedule, var: Var) -> bool:
    """True if tiles fill a loop; if callers restrict it to some rows, each row."""
    step, row = schedule.step(var), schedule.row_loop
    if row is None or row.loop is not var or step == 1:
        return nest.divides(step, var)
    return nest.divides(step, var) and is_static(row.size) and int(row.size) % step == 0


def _unguarded(roots: Sequence[Expr]) -> Iterator[Expr]:
    """Yield every expression that is evaluated whatever the guards' tests give."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        expr = stack.pop()
        if id(expr) in seen:
            continue
        seen.add(id(expr))
        yield expr
        args = expr.args[1:] if expr.kind == "guard" else expr.args
        stack += [*args, *index_exprs(expr)]


def _is_in_uneven_part(nest: Nest, load: Expr) -> bool:
    """True for a load along a split reduction, whose second part may be shorter."""
    return nest.split_reduction is not None and nest.split_reduction.row in load.vars


def _is_outside(index: Index, slot: Slot) -> bool:
    """True if an index certainly leaves its buffer for some iteration."""
    size = slot.bytes if slot.alias_of is None else slot.memory.bytes
    if any(var.extent == 0 for var in index.vars):  # never evaluated
        return False
    least, most = bounds(index)
    if least is None or most is None or not is_static(size) or size == 0:
        return False  # code over memory without elements never runs
    return least < 0 or most >= int(size) // slot.dtype.itemsize


def _wrong_loops(kernel: Kernel, around: Sequence[Counter]) -> Iterator[str]:
    for slot in mentioned(kernel):
        each = slot.actual
        if each.counter is not None and each.counter not in around:
            yield f"slot {each.shape} belongs to a loop that is not around the kernel"
