"""Parts of batches: of several processes, each reads only the rows that its devices need.

`Dataset` asks here, where it chooses the rows of a batch, which of them are wanted. What makes
batches in another way makes them whole, and the reader cuts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

Part = Callable[[int], slice | None]  # of a number of rows, those that are wanted; None for all


@dataclass
class Reading:
    """The making of one batch: the part that is wanted, and how many rows the batch has whole, once
    it is cut."""

    part: Part
    whole: int | None = None


_reading: ContextVar[Reading | None] = ContextVar("lamina_reading", default=None)


@contextmanager
def reading(part: Part | None) -> Iterator[Reading | None]:
    """Within: batches may be cut to this part; None makes them whole."""
    found = None if part is None else Reading(part)
    token = _reading.set(found)
    try:
        yield found
    finally:
        _reading.reset(token)


def wanted(rows: Any) -> Any:
    """Return those of the numbers of a batch's rows that are wanted."""
    found = _reading.get()
    rows_here = None if found is None else found.part(len(rows))
    if found is None or rows_here is None:
        return rows
    found.whole = len(rows)
    return rows[rows_here]
