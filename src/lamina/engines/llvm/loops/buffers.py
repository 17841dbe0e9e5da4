"""Buffers of a program: a slot for every argument, table, materialized value and carried state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lamina.engines.llvm.loops.index import Index, at, linear, strides_of
from lamina.engines.llvm.target.machine import LINE
from lamina.errors import EngineError
from lamina.ir.types import Dim, DType, Shape, is_nonnegative, is_static


@dataclass(eq=False)
class Counter:
    """The counter of a loop around kernels: the number of the iteration that runs, from 0 upward,
    or down to 0 if `reverse`. Copies of a loop share it."""

    reverse: bool = False


@dataclass(eq=False)
class Slot:
    """A buffer, or a view of another one; contiguous unless it has strides. `kind` is its owner:

    argument    the caller: argument number `number` of the program
    table       the program: the constant `array`
    temporary   the arena, while the value is live
    element     a loop: with its counter at t, the slice `slice_of[t + iteration]`
    """

    shape: Shape
    dtype: DType
    kind: str = "temporary"
    number: int = 0
    array: np.ndarray | None = None
    slice_of: Slot | None = None
    counter: Counter | None = None
    iteration: int = 0
    alias_of: Slot | None = field(default=None, repr=False)  # the slot whose memory this one uses
    strides: Sequence[Dim] | None = (
        None  # elements between neighbors along each axis; of a view of `alias_of` also
    )
    offset: Dim = 0  # elements from the start of the aliased slot

    @property
    def memory(self) -> Slot:
        """The slot that owns the memory, after aliases and loop slices are resolved."""
        slot = self
        while slot.alias_of is not None or slot.slice_of is not None:
            slot = slot.alias_of if slot.alias_of is not None else slot.slice_of  # type: ignore[assignment]
        return slot

    @property
    def actual(self) -> Slot:
        """The slot that has this one's address, after aliases are resolved."""
        slot = self
        while slot.alias_of is not None:
            slot = slot.alias_of
        return slot

    @property
    def layout(self) -> Sequence[Dim]:
        """Elements between neighbors along each axis."""
        return self.strides if self.strides is not None else strides_of(self.shape)

    def place(self, position: Sequence[Index]) -> Index:
        """Return the linear index of the element at `position`, relative to the slot's address."""
        if self.strides is None:
            return linear(position, self.shape)
        total = at(self.offset)
        for index, stride in zip(position, self.strides, strict=True):
            total = total + index * stride
        return total

    @property
    def bytes(self) -> Dim:
        if self.strides is not None and self.alias_of is None:
            spans = [n * step for n, step in zip(self.shape, self.strides, strict=True)]
            return _largest(spans) * self.dtype.itemsize
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def bytes_per_thread(self) -> int:
        """Bytes of one thread's copy, rounded up to whole cache lines."""
        assert is_static(self.bytes)
        return -(-int(self.bytes) // LINE) * LINE


def _largest(spans: Sequence[Dim]) -> Dim:
    """Return the span that is the longest for all sizes of the symbols (at least 1)."""
    for span in spans:
        if all(is_nonnegative(span - other) for other in spans):
            return span
    raise EngineError(f"buffer: no axis spans all others (spans {', '.join(map(str, spans))})")
