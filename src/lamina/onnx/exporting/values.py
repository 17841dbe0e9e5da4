"""Values of a graph that is being written: their names are made when a node reads them.

A value may be known (a constant), broadcast (extents of 1 where its type has others), or transposed
(another value, whose axes are in another order). None of these costs a node until an operator needs
more: elementwise operators broadcast by themselves, and transposes move through them and cancel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lamina.ir.types import Dim, DType, Shape, is_static

if TYPE_CHECKING:
    from lamina.onnx.exporting.builder import Builder


@dataclass(eq=False)
class Value:
    """A value of the graph.

    Args:
        builder: the graph that it belongs to.
        shape: extents, of which those of 1 may stand for others.
        dtype: dtype.
        name: name in the file; "" until it is needed.
        array: the values of a constant.
        hint: name that a constant gets, if it is free.
        source: value of which this one is a transpose.
        permutation: axis k of this value is axis permutation[k] of `source`.
    """

    builder: Builder
    shape: Shape
    dtype: DType
    name: str = ""
    array: np.ndarray | None = None
    hint: str = ""
    source: Value | None = None
    permutation: tuple[int, ...] = ()
    expanded: dict[tuple[Dim, ...], Value] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def is_constant(self) -> bool:
        """True if the values are known."""
        return self.array is not None

    def transposed(self, permutation: tuple[int, ...]) -> Value:
        """The value with its axes in another order."""
        if list(permutation) == sorted(permutation):
            return self
        if self.source is not None:
            inner = tuple(self.permutation[k] for k in permutation)
            return self.source.transposed(inner)
        shape = tuple(self.shape[k] for k in permutation)
        if self.array is not None:
            array = self.array.transpose(permutation)
            return Value(self.builder, shape, self.dtype, array=array, hint=self.hint)
        return Value(self.builder, shape, self.dtype, source=self, permutation=permutation)

    def is_small(self) -> bool:
        """True for constants of few elements, of which copies cost nothing."""
        return self.array is not None and self.array.size <= 4096


def inverse(permutation: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes another one."""
    found = [0] * len(permutation)
    for k, p in enumerate(permutation):
        found[p] = k
    return tuple(found)


def unknown(shape: Shape) -> list[int]:
    """The axes of unknown extent."""
    return [k for k, n in enumerate(shape) if not is_static(n)]
