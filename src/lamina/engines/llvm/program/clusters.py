"""Clusters of neighboring statements; row_tiling.py and parallel_regions.py define which kinds.

What does not belong to a group, and has nothing to do with it, goes before it; anything else ends
it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Apart
from lamina.engines.llvm.program.row_parallel import over_rows
from lamina.engines.llvm.program.statements import If, Item, Loop, While, leaves


class Group(ABC):
    """Items in the making of one; `kernels` are all kernels of theirs."""

    def __init__(self) -> None:
        self.members: list[Item] = []
        self.kernels: dict[Kernel, Apart] = {}

    @abstractmethod
    def takes(self, item: Item) -> bool:
        """Add an item, if it can be one of them."""

    @abstractmethod
    def items(self, later: Sequence[Item]) -> Sequence[Item]:
        """What becomes of the members; `later` are the items behind them."""

    def keep_apart(self) -> None:
        """Let calls of the members be for some rows only; those of strips and loops are already."""
        for member in self.members:
            if isinstance(member, Kernel):
                member.keep_apart(self.kernels[member])

    def clashes(self, item: Kernel) -> bool:
        """Whether a kernel cannot go before all of these."""
        return any(
            item.written & kernel.touched or item.touched & kernel.written
            for kernel in self.kernels
        )


def over_same_rows(kernels: Mapping[Kernel, Apart], item: Item) -> dict[Kernel, Apart] | None:
    """The kernels and those of an item, if all of them go over as many rows."""
    found = dict(kernels)
    for kernel in leaves([item]):
        assert isinstance(kernel, Kernel)
        apart = over_rows(kernel)
        if apart is None or kernel.chosen.turned is not None:
            return None
        found[kernel] = apart
    return found if len({a.rows for a in found.values()}) == 1 else None


def gathered(
    items: Sequence[Item], new: Callable[[], Group], enters: Callable[[Loop], bool]
) -> list[Item]:
    """The items with groups in them; those inside of branches and of loops that it enters too."""
    done: list[Item] = []
    group = new()
    for place, item in enumerate(items):
        if group.takes(item):
            continue
        if not isinstance(item, Kernel) or group.clashes(item) or new().takes(item):
            done += group.items(items[place:])
            group = new()
            if group.takes(item):
                continue
        _enter(item, new, enters)
        done.append(item)
    return [*done, *group.items([])]


def _enter(item: Item, new: Callable[[], Group], enters: Callable[[Loop], bool]) -> None:
    if isinstance(item, While) or (isinstance(item, Loop) and enters(item)):
        item.items = gathered(item.items, new, enters)
    elif isinstance(item, If):
        item.items = gathered(item.items, new, enters)
        item.otherwise = gathered(item.otherwise, new, enters)
