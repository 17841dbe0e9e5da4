"""Statements of a program: kernels, routines, and what encloses them.

statement = kernel | routine | row tile ( statement ... ) | parallel region ( statement ... )
          | peeled ( kernel ... ; kernel ... ) | replicated ( statement ... )
          | loop ( statement ... ) | while ( statement ... ; statement ... )
          | if ( statement ... ; statement ... )
          | row versions ( statement ... ; statement ... ) | barrier

All threads run all statements (SPMD). They share the work of a kernel or routine, and divide the
rows of a parallel region or row tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.ir.graph import Node
from lamina.ir.types import Dim


class Block:
    """A statement that encloses others: `lists` names its fields with lists of statements, in order
    of execution."""

    lists: ClassVar[tuple[str, ...]] = ("statements",)


@dataclass(eq=False)
class Loop(Block):
    """`count` iterations of the `statements`. If `rows` is not None, the loop is row-parallel:
    threads may divide the rows and need no barriers (row_parallel.py)."""

    count: Dim
    counter: Counter
    statements: list[Statement] = field(default_factory=list)
    rows: Dim | None = None


@dataclass(eq=False)
class RowTile(Block):
    """Row tiling: each thread runs all `statements` over `step` of its rows, then over the next.

    Only these statements access the buffers in `contracted` (with bytes per row); their rows of
    each tile reuse the memory of the first. Some may be tiles of finer rows (row_tiling.py)."""

    statements: list[Statement]
    rows: Dim
    step: int
    contracted: Mapping[Slot, int]


@dataclass(eq=False)
class ParallelRegion(Block):
    """Each thread runs all `statements` over its own share of the `rows`, without a barrier
    (parallel_regions.py). Shares begin at multiples of `alignment` rows, if each is as large.
    Thread t's rows of a buffer in `displaced` begin that many bytes times t later
    (plan_memory.py)."""

    statements: list[Statement]
    rows: Dim
    alignment: int = 1
    displaced: Mapping[Slot, int] = field(default_factory=dict)


@dataclass(eq=False)
class While(Block):
    """Run `test`; while `condition` holds, run `statements` and then `test` again."""

    lists = ("test", "statements")
    condition: Slot
    test: list[Statement] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)


@dataclass(eq=False)
class If(Block):
    """Run `statements` if `condition` holds, else `otherwise`."""

    lists = ("statements", "otherwise")
    condition: Slot
    statements: list[Statement] = field(default_factory=list)
    otherwise: list[Statement] = field(default_factory=list)


@dataclass(eq=False)
class Peeled(Block):
    """Run `statements` in the `first` iteration of the surrounding loop, or in its last if `first`
    is false, and `otherwise` in all others (peel.py). All of them are kernels; nothing replaces a
    kernel in the last iteration."""

    lists = ("statements", "otherwise")
    first: bool
    statements: list[Statement]
    otherwise: list[Statement]

    @property
    def kernels(self) -> list[Kernel]:
        return [s for s in (*self.statements, *self.otherwise) if isinstance(s, Kernel)]

    @property
    def written(self) -> set[Slot]:
        return {slot for kernel in self.kernels for slot in kernel.written}

    @property
    def touched(self) -> set[Slot]:
        return {slot for kernel in self.kernels for slot in kernel.touched}


@dataclass(eq=False)
class Replicated(Block):
    """Each thread runs all `statements`, which compute private copies of what they write
    (replicate.py)."""

    statements: list[Statement]


@dataclass(frozen=True)
class EnoughRows:
    """True if every thread gets at least `least` of the rows."""

    rows: Dim
    least: int

    def __str__(self) -> str:
        return f"{self.rows} >= {self.least} threads"


@dataclass(frozen=True)
class EvenRows:
    """True if the threads that get fewer rows than others wait for at most 1/`balance` of the time
    (if `balance` is 0: always)."""

    rows: Dim
    balance: int

    def __str__(self) -> str:
        most = f"up to 1/{self.balance}" if self.balance else "in any shares"
        return f"{self.rows} divides among the threads, {most}"


@dataclass(eq=False)
class RowVersions(Block):
    """Run `statements`, which divide rows among the threads, if `test` holds; else `otherwise`.
    Both compute the same (row_versions.py)."""

    lists = ("statements", "otherwise")
    test: EnoughRows | EvenRows
    statements: list[Statement]
    otherwise: list[Statement]


@dataclass(eq=False)
class Barrier:
    """All threads wait for each other (barriers.py)."""


@dataclass(eq=False)
class Routine:
    """A primitive with library code (sort, scatter): its node, operands and results."""

    node: Node
    inputs: list[Slot]
    outputs: list[Slot]
    scratch: list[Slot]

    @property
    def slots(self) -> list[Slot]:
        return [*self.inputs, *self.outputs, *self.scratch]

    @property
    def written(self) -> set[Slot]:
        return {s.memory for s in (*self.outputs, *self.scratch)}

    @property
    def touched(self) -> set[Slot]:
        return {s.memory for s in self.slots}


Statement = (
    Kernel
    | Routine
    | Peeled
    | Replicated
    | RowTile
    | ParallelRegion
    | Loop
    | While
    | If
    | RowVersions
    | Barrier
)


def bodies(statement: Statement) -> list[list[Statement]]:
    """Return the lists of statements inside a statement, in order of execution."""
    if not isinstance(statement, Block):
        return []
    return [getattr(statement, name) for name in statement.lists]


def with_bodies(statement: Any, change: Callable[[list[Statement]], list[Statement]]) -> Any:
    """Return a copy of a statement with `change` applied to each list inside it; kernels, routines
    and barriers are returned as they are."""
    if not isinstance(statement, Block):
        return statement
    made = {name: change(getattr(statement, name)) for name in statement.lists}
    return replace(statement, **made)  # type: ignore[type-var]


def map_bodies(
    statements: list[Statement], change: Callable[[list[Statement]], list[Statement]]
) -> list[Statement]:
    """Apply `change` to each list of statements, inner lists first."""
    for statement in statements:
        if isinstance(statement, Block):
            for name in statement.lists:
                setattr(statement, name, map_bodies(getattr(statement, name), change))
    return change(statements)


def walk(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield every statement, also inside of others; those that enclose others come first."""
    for statement in statements:
        yield statement
        for body in bodies(statement):
            yield from walk(body)


def loops(statements: Sequence[Statement]) -> Iterator[Loop]:
    """Yield every loop, also inside loops and branches."""
    return (s for s in walk(statements) if isinstance(s, Loop))


def leaves(statements: Sequence[Statement]) -> Iterator[Kernel | Routine | While | If]:
    """Yield every statement that accesses memory, in order, also inside loops and branches."""
    for statement in statements:
        if isinstance(statement, While):
            yield from leaves(statement.test)
            yield statement
            yield from leaves(statement.statements)
            continue
        if isinstance(statement, (Kernel, Routine, If)):
            yield statement
        for body in bodies(statement):
            yield from leaves(body)


def kernels_of(statements: Sequence[Statement]) -> list[Kernel]:
    """Return the kernels among the statements, also inside loops and branches, each once."""
    return list(dict.fromkeys(s for s in leaves(statements) if isinstance(s, Kernel)))


def unpeeled(statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements of an iteration that is neither the first nor the last."""
    each = (s.otherwise if isinstance(s, Peeled) else [s] for s in statements)
    return [statement for some in each for statement in some]


def mentioned(statement: Kernel | Routine | While | If) -> list[Slot]:
    if isinstance(statement, (While, If)):
        return [statement.condition]
    return statement.parameters if isinstance(statement, Kernel) else statement.slots


def touched(statement: Statement) -> set[Slot]:
    if isinstance(statement, (Kernel, Routine)):
        return statement.touched
    found: set[Slot] = set()
    for leaf in leaves([statement]):
        found |= {s.memory for s in mentioned(leaf)}
    return found


def read(statement: Statement) -> set[Slot]:
    """Return the memory that a statement reads; for all but kernels, all that it accesses."""
    return statement.read if isinstance(statement, Kernel) else touched(statement)
