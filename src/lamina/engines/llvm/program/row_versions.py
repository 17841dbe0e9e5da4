"""Row versions: alternatives, chosen at run time, to dividing rows among the threads.

    parallel region ( ... )    ->  if rows >= 4 threads: parallel region ( ... )  else ...
    row-parallel loop ( ... )  ->  if rows >= 4 threads: parallel region ( loop ( ... ) )
                                   else loop ( ... )
    row tile ( ... )           ->  if the rows divide evenly: row tile ( kernel ... )  else ...

Otherwise, all threads share the work of each kernel.

Legality: both versions run the same kernels in the same order. Profitability: a thread needs
`Costs.region_rows` rows to fill register tiles; tiles need shares of nearly equal size
(`Costs.balance`). Bits do not change: no order of a sum depends on who computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    EnoughRows,
    EvenRows,
    Loop,
    ParallelRegion,
    RowTile,
    RowVersions,
    Statement,
    with_bodies,
)
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import Dim


def version_rows(program: Program, target: Target) -> Program:
    """Make both versions of everything that divides rows statements of the program."""
    program.statements = _versioned(program.statements, target.costs)
    return program


def _versioned(statements: Sequence[Statement], costs: Costs) -> list[Statement]:
    return [_version(statement, costs) for statement in statements]


def _version(statement: Statement, costs: Costs) -> Statement:
    if isinstance(statement, ParallelRegion):
        return _region(statement.statements, statement.rows, costs)
    if isinstance(statement, Loop) and statement.rows is not None:
        return _region([statement], statement.rows, costs)
    if isinstance(statement, RowTile):
        tile = replace(statement, statements=_opened(statement.statements))
        test = EvenRows(statement.rows, costs.balance)
        return RowVersions(test, [tile], _versioned(statement.statements, costs))
    made: Statement = with_bodies(statement, partial(_versioned, costs=costs))
    return made


def _opened(statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements with those of inner tiles in their place."""
    each = (_opened(s.statements) if isinstance(s, RowTile) else [s] for s in statements)
    return [statement for some in each for statement in some]


def _region(statements: Sequence[Statement], rows: Dim, costs: Costs) -> RowVersions:
    region = ParallelRegion(_undivided(statements), rows, costs.row_alignment)
    return RowVersions(EnoughRows(rows, costs.region_rows), [region], _undivided(statements))


def _undivided(statements: Sequence[Statement]) -> list[Statement]:
    """Return copies of the statements in which no loop is divided once more."""
    return [
        replace(s, statements=list(s.statements), rows=None) if isinstance(s, Loop) else s
        for s in statements
    ]
