"""Shapes and types of tensors as values: `TensorShape`, a tuple that knows unknown extents, and
`TensorSpec`, a shape with a dtype."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import Extent
from lamina.string_tensor import string


class TensorShape(tuple[Any, ...]):
    """A tuple of extents, each an integer or None, with the methods of `tf.TensorShape`.

    Args:
        dims: extents; a symbol, as in shapes of traced tensors, counts as None.

    Example:
        >>> from lamina.specs import TensorShape
        >>> shape = TensorShape([None, 28, 28])
        >>> shape.as_list(), shape.rank, shape[1:].num_elements()
        ([None, 28, 28], 3, 784)
    """

    __slots__ = ()

    def __new__(cls, dims: Iterable[Any] = ()) -> TensorShape:
        return super().__new__(cls, (_extent(each) for each in dims))

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)

    @property
    def ndims(self) -> int:
        """Number of axes, by its older name."""
        return len(self)

    @property
    def dims(self) -> list[Any]:
        """The extents as a list."""
        return list(self)

    def as_list(self) -> list[Any]:
        """Return the extents as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """Return the number of elements; None if an extent is unknown."""
        return math.prod(self) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        """Return True if no extent is unknown."""
        return None not in self

    def is_compatible_with(self, other: Iterable[Any]) -> bool:
        """Return True if both shapes can be those of one tensor.

        Args:
            other: extents of the other shape.
        """
        rest = TensorShape(other)
        return len(self) == len(rest) and all(
            a is None or b is None or a == b for a, b in zip(self, rest, strict=True)
        )

    def assert_is_compatible_with(self, other: Iterable[Any]) -> None:
        """Raise ShapeError unless both shapes can be those of one tensor.

        Args:
            other: extents of the other shape.
        """
        if not self.is_compatible_with(other):
            raise ShapeError(
                f"TensorShape: incompatible shapes (expected {tuple(self)}, got {tuple(other)})"
            )

    def merge_with(self, other: Iterable[Any]) -> TensorShape:
        """Return the shape with each extent that either shape knows.

        Args:
            other: extents of the other shape.
        """
        rest = TensorShape(other)
        self.assert_is_compatible_with(rest)
        return TensorShape(b if a is None else a for a, b in zip(self, rest, strict=True))

    def concatenate(self, other: Iterable[Any]) -> TensorShape:
        """Return the extents of this shape followed by those of another.

        Args:
            other: extents of the other shape.
        """
        return TensorShape((*self, *TensorShape(other)))

    def with_rank(self, rank: int) -> TensorShape:
        """Return this shape, or raise ShapeError if it has another number of axes.

        Args:
            rank: number of axes.
        """
        if len(self) != rank:
            raise ShapeError(f"TensorShape: wrong rank (expected {rank}, got {len(self)})")
        return self

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return TensorShape(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return f"({', '.join(map(str, self))}{',' if len(self) == 1 else ''})"


class TensorSpec:
    """The shape and dtype of a tensor, as `tf.TensorSpec`.

    Args:
        shape: extents; None stands for any.
        dtype: dtype or its name; "string" for text.
        name: name of an argument; it has no effect.

    Example:
        >>> from lamina.specs import TensorSpec
        >>> TensorSpec((None, 3), "float32")
        TensorSpec(shape=(None, 3), dtype=float32)
    """

    def __init__(self, shape: Any = (), dtype: Any = "float32", name: str | None = None) -> None:
        self.shape = TensorShape(() if shape is None else shape)
        self.dtype = string if dtype == string or dtype in (str, bytes) else types.dtype(dtype)
        self.name = name

    def is_compatible_with(self, value: Any) -> bool:
        """Return True if a tensor, array or spec has this dtype and a shape that agrees.

        Args:
            value: object with `shape` and `dtype`.
        """
        return self.dtype == value.dtype and self.shape.is_compatible_with(value.shape)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self.shape == other.shape
            and self.dtype == other.dtype
        )

    def __hash__(self) -> int:
        return hash((self.shape, str(self.dtype)))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype})"

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Return the spec of a tensor or array.

        Args:
            tensor: object with `shape` and `dtype`.
            name: name of an argument; it has no effect.
        """
        text = getattr(tensor.dtype, "kind", "") in ("U", "S", "O", "T")
        return cls(tensor.shape, string if text else tensor.dtype, name)


def _extent(value: Any) -> Any:
    if value is None or isinstance(value, Extent):
        return None
    return int(np.asarray(value).item()) if hasattr(value, "__array__") else int(value)
