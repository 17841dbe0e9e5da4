"""Barrier insertion: threads wait for each other between statements that depend on each other.

    a <- f(x); b <- g(a); y <- h(x)   ->   a <- f(x); barrier; b <- g(a); y <- h(x)

All threads share the work of a kernel, each in its own way; so what one statement writes is
complete for all threads only after a barrier.

Legality: a barrier is on each path between two statements of which one writes what the other
accesses (`check_barriers`). Three exceptions: serial kernels, all of which run on thread 0; the
halo of a buffer and its interior; memory that is private to each thread. Profitability: a barrier
is as late as possible, and so serves as many statements as possible. Loops, branches and versions
begin with a barrier, as do their bodies end, if memory was accessed since the last one: what is
pending is then known without an analysis of all paths. Bits do not change.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Barrier,
    If,
    Loop,
    ParallelRegion,
    Peeled,
    Replicated,
    Routine,
    RowTile,
    RowVersions,
    Statement,
    While,
    kernels_of,
    walk,
)
from lamina.errors import VerifyError


def insert_barriers(program: Program) -> Program:
    """Insert the barriers; from here on, threads wait for each other nowhere else."""
    program.statements = _Inserter(program.private).inserted(program.statements)
    program.is_synchronized = True
    return program


# ---- accesses ------------------------------------------------------------------------------------
@dataclass
class Access:
    """The memory that a statement writes, and all that it touches; `serial`: on thread 0 alone."""

    written: Set[Slot]
    touched: Set[Slot]
    serial: bool = False
    halo: bool = False


def access_of(statement: Whole, private: Set[Slot]) -> Access:
    """Return what a statement does to memory that threads share."""
    if isinstance(statement, Routine):
        return Access(statement.written - private, statement.touched - private)
    if isinstance(statement, Kernel):
        written, touched = statement.written - private, statement.touched - private
        return Access(written, touched, statement.chosen.serial, statement.halo)
    each = [access_of(kernel, private) for kernel in kernels_of([statement])]
    written = {slot for access in each for slot in access.written}
    touched = {slot for access in each for slot in access.touched}
    serial = isinstance(statement, Peeled) and all(access.serial for access in each)
    return Access(written, touched, serial)


Whole = Kernel | Routine | Peeled | Replicated | ParallelRegion | RowTile  # no barriers inside


def condition_of(statement: While | If) -> Access:
    return Access(set(), {statement.condition.memory})


@dataclass
class Pending:
    """The accesses since the last barrier: memory -> by thread 0 alone."""

    written: dict[Slot, bool] = field(default_factory=dict)
    read: dict[Slot, bool] = field(default_factory=dict)

    def conflict(self, access: Access) -> Slot | None:
        """Return memory for which a barrier is needed before this access, if there is any."""
        seen = access.touched - access.written if access.halo else access.touched
        for slots, book in ((seen, self.written), (access.written, self.read)):
            for slot in slots:
                if slot in book and not (access.serial and book[slot]):
                    return slot
        return None

    def add(self, access: Access) -> None:
        for slot in access.touched:
            book = self.written if slot in access.written else self.read
            book[slot] = access.serial and book.get(slot, True)

    def joined(self, other: Pending) -> Pending:
        """Return the accesses on either of two paths."""
        made = Pending(dict(self.written), dict(self.read))
        for book, more in ((made.written, other.written), (made.read, other.read)):
            for slot, alone in more.items():
                book[slot] = alone and book.get(slot, True)
        return made


# ---- insertion -----------------------------------------------------------------------------------
class _Inserter:
    def __init__(self, private: Set[Slot]) -> None:
        self.pending, self.private = Pending(), private

    def inserted(self, statements: Sequence[Statement]) -> list[Statement]:
        """Return the statements with barriers among them and inside of them."""
        made: list[Statement] = []
        for statement in statements:
            if isinstance(statement, (Kernel, Routine, Peeled, Replicated)):
                access = access_of(statement, self.private)
                if self.pending.conflict(access) is not None:
                    made += self._meet()
                self.pending.add(access)
            else:
                made += self._meet()
                self._enter(statement)
            made.append(statement)
            if isinstance(statement, (ParallelRegion, RowTile)):
                made.append(Barrier())
        return made

    def _enter(self, statement: Statement) -> None:
        """Insert the barriers inside of a statement."""
        if isinstance(statement, While):
            statement.test = self._body(statement.test)
            self.pending.add(condition_of(statement))
            statement.statements = self._body(statement.statements)
            self.pending.add(condition_of(statement))
        elif isinstance(statement, If):
            self.pending.add(condition_of(statement))
            statement.statements = self._body(statement.statements)
            self.pending.add(condition_of(statement))
            statement.otherwise = self._body(statement.otherwise)
        elif isinstance(statement, RowVersions):
            statement.statements = self._body(statement.statements)
            statement.otherwise = self._body(statement.otherwise)
        elif isinstance(statement, Loop):
            statement.statements = self._body(statement.statements)

    def _body(self, statements: Sequence[Statement]) -> list[Statement]:
        return [*self.inserted(statements), *self._meet()]

    def _meet(self) -> list[Statement]:
        """Return a barrier, if memory has been accessed since the last one."""
        if not self.pending.written and not self.pending.read:
            return []
        self.pending = Pending()
        return [Barrier()]


# ---- verification --------------------------------------------------------------------------------
def check_barriers(program: Program) -> None:
    """Check that a barrier separates all statements that depend on each other.

    Raises:
        VerifyError: a barrier is missing, or threads could not all reach one.
    """
    _checked(program.statements, Pending(), program.private)


def _checked(statements: Sequence[Statement], pending: Pending, private: Set[Slot]) -> Pending:
    """Return the accesses that are pending after the statements."""
    for statement in statements:
        if isinstance(statement, Barrier):
            pending = Pending()
        elif isinstance(statement, Whole):
            if any(isinstance(inner, Barrier) for inner in walk([statement])):
                raise VerifyError("barrier inside of statements over a thread's own rows")
            pending = _added(pending, access_of(statement, private), statement)
        else:
            pending = _entered(statement, pending, private)
    return pending


def _entered(
    statement: Loop | While | If | RowVersions, pending: Pending, private: Set[Slot]
) -> Pending:
    if isinstance(statement, Loop):
        again = pending.joined(_checked(statement.statements, pending, private))
        return again.joined(_checked(statement.statements, again, private))
    if isinstance(statement, While):
        for _ in range(2):
            tested = _checked(statement.test, pending, private)
            tested = _added(tested, condition_of(statement), statement)
            pending = pending.joined(_checked(statement.statements, tested, private))
        return tested
    if isinstance(statement, If):
        pending = _added(pending, condition_of(statement), statement)
    then = _checked(statement.statements, pending, private)
    return then.joined(_checked(statement.otherwise, pending, private))


def _added(pending: Pending, access: Access, statement: Statement) -> Pending:
    slot = pending.conflict(access)
    if slot is not None:
        what = f"kernel {statement.nest.name}" if isinstance(statement, Kernel) else "statement"
        shape = ", ".join(map(str, slot.shape))
        raise VerifyError(
            f"{what}: no barrier after the last access to {slot.kind} {slot.dtype}[{shape}]",
            hint="threads may still be reading or writing it",
        )
    made = pending.joined(Pending())
    made.add(access)
    return made
