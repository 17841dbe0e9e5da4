"""Clusters of neighboring statements; row_tiling.py and parallel_regions.py define which kinds.

What does not belong to a cluster, and has nothing to do with it, goes before it; anything else ends
it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import RowLoop
from lamina.engines.llvm.program.row_parallel import row_loop_of
from lamina.engines.llvm.program.statements import If, Loop, Statement, While, leaves


class Cluster(ABC):
    """Items in the making of one; `kernels` are all kernels of theirs."""

    def __init__(self) -> None:
        self.members: list[Statement] = []
        self.kernels: dict[Kernel, RowLoop] = {}

    @abstractmethod
    def try_add(self, statement: Statement) -> bool:
        """Add an item, if it can be one of them."""

    @abstractmethod
    def finish(self, later: Sequence[Statement]) -> Sequence[Statement]:
        """What becomes of the members; `later` are the items behind them."""

    def set_row_loop(self) -> None:
        """Let calls of the members be for some rows only; those of strips and loops are already."""
        for member in self.members:
            if isinstance(member, Kernel):
                member.set_row_loop(self.kernels[member])

    def clashes(self, statement: Kernel) -> bool:
        """Whether a kernel cannot go before all of these."""
        return any(
            statement.written & kernel.touched or statement.touched & kernel.written
            for kernel in self.kernels
        )


def row_loops_of(
    kernels: Mapping[Kernel, RowLoop], statement: Statement
) -> dict[Kernel, RowLoop] | None:
    """The kernels and those of an item, if all of them go over as many rows."""
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
    """The items with groups in them; those inside of branches and of loops that it enters too."""
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
