"""Greedy clustering of neighboring statements, for row_tiling.py and parallel_regions.py.

A kernel that the cluster does not accept, but that is independent of it, moves in front of it; any
other statement closes it. A cluster that nothing is made of leaves the order of statements alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.schedule import RowLoop
from lamina.engines.llvm.program.statements import (
    If,
    Loop,
    Peeled,
    Statement,
    While,
    kernels_of,
)

NewCluster = Callable[[Sequence[Statement]], "Cluster"]  # given the statements that follow


class Cluster(ABC):
    """A cluster under construction; `kernels` are all kernels of its members."""

    def __init__(self) -> None:
        self.members: list[Statement] = []
        self.kernels: dict[Kernel, RowLoop] = {}

    @abstractmethod
    def try_add(self, statement: Statement) -> bool:
        """Add a statement if it is legal; return whether it was added."""

    @abstractmethod
    def finish(self, later: Sequence[Statement]) -> Statement | None:
        """Return what replaces the members, if that is better; `later` are the statements after
        them."""

    def set_row_loop(self) -> None:
        """Let callers restrict member kernels to some rows; tiles and loops have done so for
        theirs."""
        for member in self.members:
            if isinstance(member, (Kernel, Peeled)):
                for kernel in kernels_of([member]):
                    kernel.set_row_loop(self.kernels[kernel])

    def clashes(self, statement: Kernel | Peeled) -> bool:
        """True if a kernel depends on the cluster, and so cannot move in front of it."""
        return any(
            statement.written & kernel.touched or statement.touched & kernel.written
            for kernel in self.kernels
        )


def clustered(
    statements: Sequence[Statement], new: NewCluster, enters: Callable[[Loop], bool]
) -> list[Statement]:
    """Cluster statements, also inside of branches and of the loops that it may enter."""
    done: list[Statement] = []
    cluster, begun = new(statements), 0  # the cluster's first member is at done[begun]
    for place, statement in enumerate(statements):
        if cluster.try_add(statement):
            done.append(statement)
            continue
        rest = statements[place:]
        if (
            not isinstance(statement, (Kernel, Peeled))
            or cluster.clashes(statement)
            or new(rest).try_add(statement)
        ):
            done[begun:] = _finished(cluster, done[begun:], rest)
            cluster, begun = new(rest), len(done)
            if cluster.try_add(statement):
                done.append(statement)
                continue
        _cluster_inside(statement, new, enters)
        done.append(statement)
        if not cluster.members:
            begun = len(done)
    done[begun:] = _finished(cluster, done[begun:], [])
    return done


def _finished(
    cluster: Cluster, statements: list[Statement], later: Sequence[Statement]
) -> list[Statement]:
    """Return these statements with the cluster in place of its members, after all others."""
    made = cluster.finish(later)
    if made is None:
        return statements
    members = set(map(id, cluster.members))
    return [*(s for s in statements if id(s) not in members), made]


def _cluster_inside(statement: Statement, new: NewCluster, enters: Callable[[Loop], bool]) -> None:
    if isinstance(statement, While) or (isinstance(statement, Loop) and enters(statement)):
        statement.statements = clustered(statement.statements, new, enters)
    elif isinstance(statement, If):
        statement.statements = clustered(statement.statements, new, enters)
        statement.otherwise = clustered(statement.otherwise, new, enters)
