"""Greedy clustering of neighboring statements, for row_tiling.py and parallel_regions.py.

A kernel that the cluster does not accept, but that is independent of it, moves in front of it; any
other statement closes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import RowLoop
from lamina.engines.llvm.program.row_parallel import row_loop_of
from lamina.engines.llvm.program.statements import If, Loop, Statement, While, leaves


class Cluster(ABC):
    """A cluster under construction; `kernels` are all kernels of its members."""

    def __init__(self) -> None:
        self.members: list[Statement] = []
        self.kernels: dict[Kernel, RowLoop] = {}

    @abstractmethod
    def try_add(self, statement: Statement) -> bool:
        """Add a statement if it is legal; return whether it was added."""

    @abstractmethod
    def finish(self, later: Sequence[Statement]) -> Sequence[Statement]:
        """Return what replaces the members; `later` are the statements after them."""

    def set_row_loop(self) -> None:
        """Let callers restrict member kernels to some rows; tiles and loops have done so for
        theirs."""
        for member in self.members:
            if isinstance(member, Kernel):
                member.set_row_loop(self.kernels[member])

    def clashes(self, statement: Kernel) -> bool:
        """True if a kernel depends on the cluster, and so cannot move in front of it."""
        return any(
            statement.written & kernel.touched or statement.touched & kernel.written
            for kernel in self.kernels
        )


def row_loops_of(
    kernels: Mapping[Kernel, RowLoop], statement: Statement
) -> dict[Kernel, RowLoop] | None:
    """Return the row loops of the kernels and of a statement's, if all have the same rows."""
    found = dict(kernels)
    for kernel in leaves([statement]):
        assert isinstance(kernel, Kernel)
        row_loop = row_loop_of(kernel)
        if row_loop is None or kernel.chosen.transposed is not None:
            return None
        found[kernel] = row_loop
    return found if len({a.rows for a in found.values()}) == 1 else None


def clustered(
    statements: Sequence[Statement], new: Callable[[], Cluster], enters: Callable[[Loop], bool]
) -> list[Statement]:
    """Cluster statements, also inside of branches and of the loops that it may enter."""
    done: list[Statement] = []
    cluster = new()
    for place, statement in enumerate(statements):
        if cluster.try_add(statement):
            continue
        if (
            not isinstance(statement, Kernel)
            or cluster.clashes(statement)
            or new().try_add(statement)
        ):
            done += cluster.finish(statements[place:])
            cluster = new()
            if cluster.try_add(statement):
                continue
        _cluster_inside(statement, new, enters)
        done.append(statement)
    return [*done, *cluster.finish([])]


def _cluster_inside(
    statement: Statement, new: Callable[[], Cluster], enters: Callable[[Loop], bool]
) -> None:
    if isinstance(statement, While) or (isinstance(statement, Loop) and enters(statement)):
        statement.statements = clustered(statement.statements, new, enters)
    elif isinstance(statement, If):
        statement.statements = clustered(statement.statements, new, enters)
        statement.otherwise = clustered(statement.otherwise, new, enters)
