"""Order of fusion groups: each after the groups that it needs, and after readers of what it
overwrites."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lamina.engines.llvm.fusion.groups import FusionGroup, reaches


class GroupOrder:
    """An order of groups under construction."""

    def __init__(self, groups: Sequence[FusionGroup]) -> None:
        self.groups = groups
        self.after: dict[FusionGroup, set[FusionGroup]] = {}

    def put_before(self, readers: Collection[FusionGroup], writer: FusionGroup) -> bool:
        """Order the readers before the writer, if that creates no cycle."""
        if any(reaches(reader, writer, self._needs) for reader in readers):
            return False
        self.after.setdefault(writer, set()).update(readers)
        return True

    def _needs(self, g: FusionGroup) -> set[FusionGroup]:
        return g.needs | self.after.get(g, set())

    def ordered(self) -> list[FusionGroup]:
        """Return the groups in an order that respects every dependence, else in order of
        creation."""
        order: list[FusionGroup] = []
        done: set[FusionGroup] = set()
        for root in self.groups:
            stack = [root]
            while stack:
                g = stack[-1]
                needs = self._needs(g) - done
                if g in done or not needs:
                    stack.pop()
                    if g not in done:
                        done.add(g)
                        order.append(g)
                else:
                    stack += sorted(needs, key=lambda n: -n.number)
        return order
