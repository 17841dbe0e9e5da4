"""Limits on the cost of objects restored from a file, whose numbers are not trusted.

While `restoring(limits)` is in force, whoever is about to make as many things as an argument says
(elements of a weight, thresholds of a metric, tokens) calls `claim` before, and FileFormatError
ends the reading when the sum passes what the file holds by more than `SLACK`. `count_operation`
limits the operations of building and calling layers, in number and in the memory of their results.
First values that would be drawn at random, only to be overwritten by the
file's, are put off: `Restoration.later`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina import context
from lamina.errors import FileFormatError

SLACK = 1 << 22  # elements in addition to those of the file's arrays, such as the state of metrics
HELD = 1 << 26  # bytes of values that layers compute, over 16 for each element of the file
OPERATION = 20_000  # elements that take as long as recording one operation
WORK = 8_000 * OPERATION  # elements to compute, in addition to 200 operations for each object
SMALL = 1 << 16  # bytes of arrays that are not worth counting
CALLS = 500  # of layers, in addition to four for each object or call that the file describes


@dataclass
class Restoration:
    """The reading of one file: what is left of its limits, and what was put off.

    elements: how many elements the file's arrays have.
    objects: how many objects and calls of layers the file describes.
    """

    elements: int
    objects: int
    postponed: list[tuple[Any, Callable[[], Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left = 2 * self.elements + SLACK
        self.calls = CALLS + 4 * self.objects
        self.held, self.most_held = 0, HELD + 16 * self.elements
        self.work: float = WORK + 64 * self.elements + 200 * OPERATION * self.objects

    def hold(self, value: Any) -> None:
        """Count the bytes of an array as long as it exists."""
        if isinstance(value, np.ndarray) and value.base is None and value.nbytes > SMALL:
            self.held += value.nbytes
            weakref.finalize(value, self._release, value.nbytes).atexit = False

    def _release(self, nbytes: int) -> None:
        self.held -= nbytes

    def later(self, variable: Any, value: Callable[[], Any]) -> None:
        """Give the variable its first value in `finish`, unless the file has one for it."""
        self.postponed.append((variable, value))

    def finish(self, restored: Sequence[Any]) -> None:
        """Draw the first values of the variables that are not among those restored."""
        known = {id(variable) for variable in restored}
        for variable, value in self.postponed:
            if id(variable) not in known:
                variable.assign(value())


@contextmanager
def restoring(restoration: Restoration) -> Iterator[Restoration]:
    """Within: objects are made again from a file, with its limits."""
    with context.entered(restoration=restoration):
        yield restoration


def current() -> Restoration | None:
    """The reading that is in progress, if one is."""
    found: Restoration | None = context.current().restoration
    return found


def claim(owner: str, what: str, *extents: Any) -> None:
    """Count the product of the extents towards the limit of the file that is being read, if one is.
    Raises FileFormatError when there is nothing left."""
    restoration = current()
    if restoration is None:
        return
    restoration.left -= math.prod(extents)
    if restoration.left < 0:
        raise _too_large(owner, what, restoration)


def count_operation(owner: str, elements: float = 0, nbytes: float | None = None) -> None:
    """Count one operation on this many elements, whose result takes `nbytes` (by default eight for
    each element). Raises FileFormatError if the results in memory become larger than the file
    accounts for, and for more operations than its layers need."""
    restoration = current()
    if restoration is None:
        return
    nbytes = 8 * elements if nbytes is None else nbytes
    if restoration.held + nbytes > restoration.most_held:
        raise FileFormatError(
            f"{owner}: values of {restoration.held + nbytes:,.0f} bytes are larger than the file "
            f"accounts for (expected at most {restoration.most_held:,} bytes)",
            hint=_HINT,
        )
    restoration.work -= max(elements, OPERATION)
    if restoration.work < 0:
        raise FileFormatError(
            f"{owner}: the model of {restoration.objects:,} objects takes more operations than "
            f"expected (at most {WORK // OPERATION + 200 * restoration.objects:,})",
            hint=_HINT,
        )


def _too_large(owner: str, what: str, restoration: Restoration) -> FileFormatError:
    return FileFormatError(
        f"{owner}: {what} asks for more memory than the file accounts for (expected at most "
        f"{2 * restoration.elements + SLACK:,} elements, for {restoration.elements:,} stored)",
        hint=_HINT,
    )


_HINT = (
    "was the file changed by hand? If it is yours, make the model in code, and call load_weights"
)


def count_call(owner: str) -> None:
    """Count one call of a layer: models inside of models may be described in few bytes and call
    their layers more often than ever ends."""
    restoration = current()
    if restoration is None:
        return
    restoration.calls -= 1
    if restoration.calls < 0:
        raise FileFormatError(
            f"{owner}: the model of {restoration.objects:,} objects calls layers more than "
            f"{CALLS + 4 * restoration.objects:,} times",
            hint=_HINT,
        )
