"""Placement of the arguments of programs: on one device, or divided over a mesh of devices.

    within(placement)         within the block programs run on this device, or on this mesh with the
                              batch divided along one of its axes
    assign(placement)         the same from here on, where no block says otherwise
    lay_out(array, layout)    divide this memory of a Variable along these axes of the mesh

The xla engine reads all of this; the others run on the host whatever it says.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

Layout = tuple[str | None, ...]  # for each axis of an array, the axis of the mesh that divides it


@dataclass(frozen=True)
class Mesh:
    """Devices in a grid whose axes have names."""

    shape: tuple[int, ...]
    axis_names: tuple[str, ...]
    devices: tuple[str, ...]  # in C order

    def size(self, axis: str) -> int:
        """The number of devices along an axis."""
        return self.shape[self.axis_names.index(axis)]


@dataclass(frozen=True)
class Placement:
    """One device, or a mesh with the axis along which batches are divided. Neither: the engine's
    first device."""

    device: str | None = None
    mesh: Mesh | None = None
    batch: str | None = None


_within: ContextVar[Placement | None] = ContextVar("lamina_placement", default=None)
_assigned = Placement()
_LAYOUTS: dict[int, tuple[Layout, object]] = {}  # by the id of the array


def current() -> Placement:
    """The placement in force: that of the innermost block, else the one assigned."""
    return _within.get() or _assigned


def assign(placement: Placement) -> None:
    """Place programs so from here on, where no block says otherwise."""
    global _assigned
    _assigned = placement


@contextmanager
def within(placement: Placement) -> Iterator[None]:
    """Within: programs are placed so."""
    token = _within.set(placement)
    try:
        yield
    finally:
        _within.reset(token)


def lay_out(array: np.ndarray, layout: Sequence[str | None]) -> None:
    """Divide this memory along axes of the mesh; all None, or no layout, is a copy on each."""
    key = id(array)
    if any(layout):
        owner = weakref.ref(array, lambda _: _LAYOUTS.pop(key, None))
        _LAYOUTS[key] = tuple(layout), owner
    else:
        _LAYOUTS.pop(key, None)


def layout_of(array: np.ndarray) -> Layout:
    """The layout of an array; () if each device has a copy."""
    return _LAYOUTS[id(array)][0] if id(array) in _LAYOUTS else ()
