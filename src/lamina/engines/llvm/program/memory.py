"""The memory of an interpreted program: elements, and what the interpreter knows of each of them.

    defined    a statement (or the caller) has written the element
    inside     the element belongs to the buffer, and not to the padding between its rows
    writers    the thread that has written the element since the last barrier
    readers    the thread that has read it since then, or MANY

What nothing has written holds poison: NaN, or the extreme of an integer dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lamina.engines.llvm.loops.buffers import Slot
from lamina.errors import VerifyError
from lamina.ir.types import Dim, DType

NONE, MANY = -1, -2  # in place of a thread


class Memory:
    """The elements of a slot that owns memory; with `copies`, one copy for each thread."""

    def __init__(self, slot: Slot, dim: Callable[[Dim], int], copies: int = 1) -> None:
        self.dtype = slot.dtype
        self.shape = tuple(map(dim, slot.shape))
        self.strides = tuple(map(dim, slot.layout))
        if slot.strides is not None and np.unique(self.places).size < self.places.size:
            raise VerifyError(f"buffer: strides {self.strides} of {self.shape} overlap")
        self.span = span_of(self.shape, self.strides)  # elements of one copy
        self.values = np.full(self.span * copies, poison(slot.dtype), slot.dtype.storage)
        self.defined = np.zeros(self.values.size, bool)
        self.inside = np.zeros(self.values.size, bool)
        for copy in range(copies):
            self.inside[self.places + copy * self.span] = True
        self.is_constant = False
        self._writers: np.ndarray | None = None
        self._readers: np.ndarray | None = None

    @property
    def places(self) -> np.ndarray:
        """The number of each element, in the buffer's shape."""
        return places_of(self.shape, self.strides)

    def fill(self, array: np.ndarray) -> None:
        self.values[self.places] = array
        self.defined[self.places] = True

    def array(self) -> np.ndarray:
        return self.values[self.places]

    def forget(self, where: np.ndarray | slice = slice(None)) -> None:
        """Poison elements again."""
        self.defined[where] = False
        self.values[where] = poison(self.dtype)

    # ---- accesses ------------------------------------------------------------------------------
    def read(self, elements: np.ndarray, thread: int | None) -> np.ndarray:
        """The values of elements; `thread` is the one that reads, or MANY for all, if there could
        be a race.

        Raises:
            VerifyError: an element is undefined, or another thread writes it.
        """
        self._require(self.defined[elements], elements, "reads {}, which nothing has written")
        if thread is not None:
            writers, readers = self._threads()
            alone = _is_of(writers[elements], thread)
            self._require(alone, elements, "reads {}, which another thread writes")
            readers[elements] = np.where(_is_of(readers[elements], thread), thread, MANY)
        return self.values[elements]

    def write(self, elements: np.ndarray, values: np.ndarray, thread: int | None) -> None:
        """Store values.

        Raises:
            VerifyError: the program may not write an element, or another thread uses it.
        """
        if self.is_constant:
            raise VerifyError("writes an argument that is not state, or a table")
        self._require(self.inside[elements], elements, "writes {}, in the padding between rows")
        if thread is not None:
            writers, readers = self._threads()
            alone = _is_of(writers[elements], thread) & _is_of(readers[elements], thread)
            self._require(alone, elements, "writes {}, which another thread uses")
            writers[elements] = thread
        self.values[elements] = values
        self.defined[elements] = True

    def meet(self) -> None:
        """All threads have arrived: from here on, each may use what the others have written."""
        self._writers = self._readers = None

    def of_thread(self, thread: int) -> np.ndarray:
        """Which elements a thread has written since the threads met."""
        return np.asarray(self._threads()[0] == thread)

    def _threads(self) -> tuple[np.ndarray, np.ndarray]:
        if self._writers is None or self._readers is None:
            self._writers = np.full(self.values.size, NONE, np.int16)
            self._readers = np.full(self.values.size, NONE, np.int16)
        return self._writers, self._readers

    def _require(self, holds: np.ndarray, elements: np.ndarray, fault: str) -> None:
        if not holds.all():
            first = int(elements.reshape(-1)[np.flatnonzero(~holds)[0]])
            raise VerifyError(fault.format(f"element {first} of {self.dtype}{list(self.shape)}"))


def _is_of(threads: np.ndarray, thread: int) -> np.ndarray:
    return np.asarray((threads == NONE) | (threads == thread))


def places_of(shape: Sequence[int], strides: Sequence[int]) -> np.ndarray:
    """The number of each element of an array with these strides."""
    places = np.zeros((), np.int64)
    for extent, stride in zip(shape, strides, strict=True):
        places = places[..., None] + np.arange(extent, dtype=np.int64) * stride
    return places


def span_of(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from the first to the last of an array with these strides."""
    if math.prod(shape) == 0:
        return 0
    return 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))


def poison(dtype: DType) -> float | int | bool:
    """A value that shows in every result that depends on it: NaN, or an extreme integer."""
    if dtype.storage.kind == "f":
        return float("nan")
    if dtype.storage.kind == "b":
        return True
    return int(np.iinfo(dtype.storage).max)  # of bfloat16, which is held as bits: NaN


@contextmanager
def named(owner: str, hint: str = "") -> Iterator[None]:
    """Errors inside name what broke the promise."""
    try:
        yield
    except VerifyError as error:
        raise VerifyError(f"{owner}: {error.message}", hint=hint or error.hint) from error
