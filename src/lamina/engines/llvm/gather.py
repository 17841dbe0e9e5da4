"""Items that follow one another, gathered into groups: strips.py and regions.py say of which kind.

What does not belong to a group, and has nothing to do with it, goes before it; anything else ends
it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from lamina.engines.llvm.items import If, Item, Loop, While
from lamina.engines.llvm.lower import Kernel
from lamina.engines.llvm.nest import Apart


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

    def clashes(self, item: Kernel) -> bool:
        """Whether a kernel cannot go before all of these."""
        return any(
            item.written & kernel.touched or item.touched & kernel.written
            for kernel in self.kernels
        )


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
