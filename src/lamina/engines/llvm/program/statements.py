"""Statements of a program: kernels, routines, and what encloses them.

statement = kernel | routine | row tile ( statement ... ) | parallel region ( statement ... )
          | loop ( statement ... ) | while ( statement ... ; statement ... )
          | if ( statement ... ; statement ... )
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.ir.graph import Node
from lamina.ir.types import Dim


@dataclass(eq=False)
class Loop:
    """`count` iterations of the `statements`; `reverse` counts down. If `rows` is not None, the
    loop is row-parallel: threads may divide the rows and need no barriers (row_parallel.py)."""

    count: Dim
    reverse: bool
    statements: list[Statement] = field(default_factory=list)
    rows: Dim | None = None


@dataclass(eq=False)
class RowTile:
    """Row tiling: each thread runs all `statements` over `step` of its rows, then over the next.

    Only these statements access the buffers in `contracted` (with bytes per row); their rows of
    each tile reuse the memory of the first. If the rows do not divide evenly among the threads,
    the statements run one after another: some may be tiles of finer rows (row_tiling.py)."""

    statements: list[Statement]
    rows: Dim
    step: int
    contracted: Mapping[Slot, int]


@dataclass(eq=False)
class ParallelRegion:
    """Each thread runs all `statements` over its own share of the `rows`, without a barrier
    (parallel_regions.py). With too few rows, all threads share each statement."""

    statements: list[Statement]
    rows: Dim


@dataclass(eq=False)
class While:
    """Run `test`; while `condition` holds, run `statements` and then `test` again."""

    condition: Slot
    test: list[Statement] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)


@dataclass(eq=False)
class If:
    """Run `statements` if `condition` holds, else `otherwise`."""

    condition: Slot
    statements: list[Statement] = field(default_factory=list)
    otherwise: list[Statement] = field(default_factory=list)


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


Statement = Kernel | Routine | RowTile | ParallelRegion | Loop | While | If


def bodies(statement: Statement) -> list[list[Statement]]:
    """Return the lists of statements inside a statement, in order of execution."""
    if isinstance(statement, (Loop, RowTile, ParallelRegion)):
        return [statement.statements]
    if isinstance(statement, While):
        return [statement.test, statement.statements]
    return [statement.statements, statement.otherwise] if isinstance(statement, If) else []


def map_bodies(
    statements: list[Statement], change: Callable[[list[Statement]], list[Statement]]
) -> list[Statement]:
    """Apply `change` to each list of statements, inner lists first."""
    for statement in statements:
        if isinstance(statement, While):
            statement.test = map_bodies(statement.test, change)
        if isinstance(statement, If):
            statement.otherwise = map_bodies(statement.otherwise, change)
        if isinstance(statement, (Loop, RowTile, ParallelRegion, While, If)):
            statement.statements = map_bodies(statement.statements, change)
    return change(statements)


def loops(statements: Sequence[Statement]) -> Iterator[Loop]:
    """Yield every loop, also inside loops and branches."""
    for statement in statements:
        if isinstance(statement, Loop):
            yield statement
        for body in bodies(statement):
            yield from loops(body)


def leaves(statements: Sequence[Statement]) -> Iterator[Kernel | Routine | While | If]:
    """Yield every kernel and routine, also inside loops and branches."""
    for statement in statements:
        if isinstance(statement, While):
            yield from leaves(statement.test)
            yield statement
            yield from leaves(statement.statements)
            continue
        if not isinstance(statement, (Loop, RowTile, ParallelRegion)):
            yield statement
        for body in bodies(statement):
            yield from leaves(body)


def kernels_of(statements: Sequence[Statement]) -> list[Kernel]:
    """Return every kernel, also inside loops and branches."""
    return [leaf for leaf in leaves(statements) if isinstance(leaf, Kernel)]


def mentioned(statement: Kernel | Routine | While | If) -> list[Slot]:
    return [statement.condition] if isinstance(statement, (While, If)) else statement.slots


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
