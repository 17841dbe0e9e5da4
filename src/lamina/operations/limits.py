"""Limits of extents that a program leaves open: stated while it is recorded, checked when it runs.

A table of 512 positions serves sequences of every length up to 512, and no longer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from lamina import context
from lamina.errors import LaminaError
from lamina.ir.types import Dim, Extent, evaluate, same, symbols


@dataclass(frozen=True)
class Limit:
    """`error(n)` is what to raise where the extent is n, above `most`."""

    extent: Extent
    most: int
    error: Callable[[int], LaminaError]

    def check(self, sizes: Mapping[str, int]) -> None:
        """Raise where the extent, at these sizes of its symbols, is too large."""
        if symbols((self.extent,)) <= sizes.keys():
            size = evaluate(self.extent, sizes)
            if size > self.most:
                raise self.error(size)


def at_most(extent: Dim, most: int, error: Callable[[int], LaminaError]) -> None:
    """Raise `error(extent)` if an extent is above `most`; a symbolic one, when it is known."""
    if not isinstance(extent, Extent):
        if extent > most:
            raise error(extent)
        return
    found = context.current().limits
    if found is not None and not any(
        same(limit.extent, extent) and limit.most == most for limit in found
    ):
        found.append(Limit(extent, most, error))


@contextmanager
def collected() -> Iterator[list[Limit]]:
    """Within: the limits of symbolic extents are gathered in the list."""
    found: list[Limit] = []
    with context.entered(limits=found):
        yield found
