"""Values that stay on devices between the calls of programs.

The memory of a Variable is a NumPy array. A program of the xla engine keeps a copy of it on the
devices; once it has changed the copy, the array is out of date, and whoever reads it settles it
first. All of this costs one look at an empty dict while no program of that engine runs.

    settled(array)       the array, up to date: to be read
    writable(array)      the same, and the copy is dropped: to be written
    unchanging(arrays)   within the block no code writes these arrays (the data of a fit), and their
                         copies are used again
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.locks import renewed


@dataclass(slots=True)
class Copy:
    """An array's value on devices; `newer` if the array itself is out of date, and then `fetch`
    gives the value as an array."""

    value: Any
    newer: bool
    fetch: Callable[[Any], np.ndarray]
    owner: Any  # a weak reference to the array, which removes the copy with it
    place: str = "cpu"  # the device, if it was asked for by name


COPIES: dict[int, Copy] = {}  # by the id of the array
_UNCHANGING: dict[int, int] = {}  # how many blocks promise it, by the id of the array


class _Devices:
    """The lock of all copies: while one program replaces a copy, which it has donated, no other
    program and no reader takes it."""

    def __init__(self) -> None:
        self.lock = renewed(self)


DEVICES = _Devices()


def settled(array: np.ndarray) -> np.ndarray:
    """Return the array after its newest value has been written into it."""
    if COPIES:
        with DEVICES.lock:
            _settle(array)
    return array


def writable(array: np.ndarray) -> np.ndarray:
    """Return the settled array without its copy, which is out of date once the array is written."""
    if COPIES:
        with DEVICES.lock:
            _settle(array)
            COPIES.pop(id(array), None)
    return array


def _settle(array: np.ndarray) -> None:
    copy = COPIES.get(id(array))
    if copy is not None and copy.newer:
        np.copyto(array, copy.fetch(copy.value))
        copy.newer = False


def settle(arrays: Iterable[np.ndarray]) -> None:
    """Make arrays ready for an engine that reads and writes their memory."""
    if COPIES:
        for array in arrays:
            writable(array)


def copy_of(array: np.ndarray) -> Any:
    """The value of an array on devices; None if there is none."""
    copy = COPIES.get(id(array))
    return None if copy is None else copy.value


def is_newer(array: np.ndarray) -> bool:
    """True if the array is out of date."""
    copy = COPIES.get(id(array))
    return copy is not None and copy.newer


def place_of(array: np.ndarray) -> str:
    """The device that an array was copied to by name; "cpu" if to none."""
    copy = COPIES.get(id(array))
    return "cpu" if copy is None else copy.place


def keep(
    array: np.ndarray,
    value: Any,
    newer: bool,
    fetch: Callable[[Any], np.ndarray],
    place: str = "cpu",
) -> None:
    """Note the value of an array on devices."""
    key = id(array)
    known = COPIES.get(key)
    if known is not None:
        known.value, known.newer = value, newer
        return
    owner = weakref.ref(array, lambda _: COPIES.pop(key, None))
    COPIES[key] = Copy(value, newer, fetch, owner, place)


# ---- data that stay as they are ----------------------------------------------------------------
def is_unchanging(array: np.ndarray) -> bool:
    """True within a block that promises not to write the array."""
    return id(array) in _UNCHANGING


@contextmanager
def unchanging(arrays: Iterable[np.ndarray]) -> Iterator[None]:
    """Within: the arrays are not written. Their copies are dropped at the end."""
    held = list(arrays)
    for array in held:
        _UNCHANGING[id(array)] = _UNCHANGING.get(id(array), 0) + 1
    try:
        yield
    finally:
        for array in held:
            _UNCHANGING[id(array)] -= 1
            if not _UNCHANGING[id(array)]:
                del _UNCHANGING[id(array)]
                COPIES.pop(id(array), None)
