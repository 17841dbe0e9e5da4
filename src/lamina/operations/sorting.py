"""Order: sorting, searching in sorted numbers, the largest k, and sets of distinct values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, RangeError, ShapeError, TracedValueError
from lamina.ir.types import Extent, int32
from lamina.operations import reductions
from lamina.operations.creation import iota, ones, zeros
from lamina.operations.elementwise import equal, less, less_equal
from lamina.operations.gathering import take
from lamina.operations.promote import axis_of, promoted, widened
from lamina.operations.shaping import ravel, reshape, sliced
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "argsort", "bincount", "isin", "searchsorted", "sort", "top_k", "unique", "unique_all",
    "unique_counts", "unique_inverse", "unique_values",
]
# fmt: on


def _line(function: str, x: Any, axis: int | None) -> tuple[Tensor, int]:
    tensor = as_tensor(x)
    if axis is None:
        return ravel(tensor), 0
    return tensor, axis_of(function, axis, tensor.ndim)


def sort(
    x: ArrayLike, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True
) -> Tensor:
    """Return x in increasing order along an axis; NaN comes last.

    Args:
        x: tensor or array-like.
        axis: axis to sort; None sorts the flattened elements.
        descending: sort from the largest to the smallest.
        stable: accepted for the Array API; equal elements always keep their order.

    Example:
        >>> import lamina as lm
        >>> lm.sort([3.0, 1.0, 2.0]).tolist()
        [1.0, 2.0, 3.0]
    """
    tensor, axis = _line("sort", x, axis)
    (ordered,) = bind("sort", widened(tensor), dimension=axis, descending=descending)
    return as_tensor(ordered, tensor.dtype)


def argsort(
    x: ArrayLike, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True
) -> Tensor:
    """Return the positions that sort x along an axis, as int32.

    Args:
        x: tensor or array-like.
        axis: axis to sort; None sorts the flattened elements.
        descending: sort from the largest to the smallest.
        stable: accepted for the Array API; equal elements always keep their order.

    Example:
        >>> import lamina as lm
        >>> lm.argsort([3.0, 1.0, 2.0]).tolist()
        [1, 2, 0]
    """
    tensor, axis = _line("argsort", x, axis)
    return _with_positions(tensor, axis, descending)[1]


def _with_positions(x: Tensor, axis: int, descending: bool) -> tuple[Tensor, Tensor]:
    places = iota(x.shape, axis)
    return bind("sort", widened(x), places, dimension=axis, descending=descending, num_keys=1)


class TopK(NamedTuple):
    """Result of `top_k`."""

    values: Tensor
    indices: Tensor


def top_k(x: ArrayLike, k: int, /, *, axis: int = -1) -> TopK:
    """Return the k largest elements along an axis, largest first, and their positions.

    Args:
        x: tensor or array-like.
        k: number of elements.
        axis: axis to search.

    Returns:
        A named pair: values, and indices as int32.

    Example:
        >>> import lamina as lm
        >>> lm.top_k([1.0, 3.0, 2.0], 2).indices.tolist()
        [1, 2]
    """
    tensor, axis = _line("top_k", x, axis)
    n = tensor.shape[axis]
    if not isinstance(n, Extent) and not 0 <= k <= n:
        raise RangeError(f"top_k: k must be within 0 and {n}, the extent of axis {axis}; got {k}")
    values, places = _with_positions(tensor, axis, True)
    values = as_tensor(values, tensor.dtype)
    return TopK(sliced(values, axis, 0, k), sliced(places, axis, 0, k))


def searchsorted(
    x1: ArrayLike, x2: ArrayLike, /, side: str = "left", sorter: ArrayLike | None = None
) -> Tensor:
    """Return the position, as int32, at which inserting each x2 keeps x1 sorted.

    Args:
        x1: tensor of one axis in increasing order, or any order with `sorter`.
        x2: values to insert, of any shape.
        side: "left" inserts before equal elements, "right" after them.
        sorter: positions that sort x1, as from `argsort`; None if x1 is sorted.

    Example:
        >>> import lamina as lm
        >>> lm.searchsorted([1.0, 2.0, 4.0], [2.0, 3.0]).tolist()
        [1, 2]
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right'; got {side!r}")
    line, values = promoted((x1, x2))
    if line.ndim != 1:
        raise ShapeError(f"searchsorted: x1 must have one axis; got shape {line.shape}")
    if sorter is not None:
        line = take(line, sorter, axis=0)
    column = reshape(values, (*values.shape, 1))
    before = less(line, column) if side == "left" else less_equal(line, column)
    return as_tensor(reductions.sum(as_tensor(before, int32), -1, dtype=int32), int32)


# ---- distinct values ---------------------------------------------------------------------------
class UniqueAll(NamedTuple):
    """Result of `unique_all`."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """Result of `unique_counts`."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """Result of `unique_inverse`."""

    values: Tensor
    inverse_indices: Tensor


def _unique(function: str, x: Any) -> UniqueAll:
    tensor = as_tensor(x)
    if tensor.is_traced:
        raise TracedValueError(
            f"{function} of a traced tensor: how many values there are is known only when the "
            "program runs.",
            hint="find them before, outside of the compiled function",
        )
    array = tensor.numpy()
    values, first, inverse, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    places = (a.astype(np.int32) for a in (first, inverse.reshape(array.shape), counts))
    return UniqueAll(as_tensor(values, tensor.dtype), *(as_tensor(p) for p in places))


def unique_all(x: ArrayLike, /) -> UniqueAll:
    """Return distinct values, first positions, inverse positions and counts.

    Args:
        x: tensor or array-like.

    Returns:
        A named tuple: values, indices (first position of each value in the flattened x),
        inverse_indices (position in values of each element) and counts.

    Example:
        >>> import lamina as lm
        >>> lm.unique_all([3, 1, 3]).indices.tolist()
        [1, 0]
    """
    return _unique("unique_all", x)


def unique_counts(x: ArrayLike, /) -> UniqueCounts:
    """Return the distinct values of x in increasing order, and how often each occurs.

    Args:
        x: tensor or array-like.

    Returns:
        A named tuple: values, counts.

    Example:
        >>> import lamina as lm
        >>> lm.unique_counts([3, 1, 3]).counts.tolist()
        [1, 2]
    """
    found = _unique("unique_counts", x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: ArrayLike, /) -> UniqueInverse:
    """Return the distinct values of x, and the position in them of each element.

    Args:
        x: tensor or array-like.

    Returns:
        A named tuple: values, inverse_indices.

    Example:
        >>> import lamina as lm
        >>> lm.unique_inverse([3, 1, 3]).inverse_indices.tolist()
        [1, 0, 1]
    """
    found = _unique("unique_inverse", x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: ArrayLike, /) -> Tensor:
    """Return the distinct values of x in increasing order.

    Args:
        x: tensor or array-like.

    Raises:
        TracedValueError: inside a compiled program, since the result's shape depends on values.

    Example:
        >>> import lamina as lm
        >>> lm.unique_values([3, 1, 3]).tolist()
        [1, 3]
    """
    return _unique("unique_values", x).values


unique = unique_values


def isin(x: ArrayLike, values: ArrayLike, /) -> Tensor:
    """True where an element of x is among the values.

    Args:
        x: tensor or array-like.
        values: tensor or array-like, of any shape.

    Example:
        >>> import lamina as lm
        >>> lm.isin([1, 2, 3], [2, 3]).tolist()
        [False, True, True]
    """
    a, b = promoted((x, values))
    line = ravel(b)
    return reductions.any(equal(reshape(a, (*a.shape, 1)), line), -1)


def bincount(x: ArrayLike, /, *, minlength: int = 0, length: int | None = None) -> Tensor:
    """Return how often each of 0, 1, 2, ... occurs, as int32.

    Args:
        x: integers of at least 0, with one axis.
        minlength: smallest length of the result.
        length: length of the result, needed if x is traced; larger numbers are not counted.

    Example:
        >>> import lamina as lm
        >>> lm.bincount([0, 2, 2]).tolist()
        [1, 0, 2]
    """
    tensor = ravel(x)
    if length is None:
        values = tensor._known("bincount without length")
        length = max(minlength, int(values.max()) + 1 if values.size else 0)
    return bind(
        "scatter",
        zeros((length,), dtype=int32),
        reshape(tensor, (-1, 1)),
        ones(tensor.shape, dtype=int32),
        kind="add",
        update_window_dims=(),
        inserted_window_dims=(0,),
        scatter_dims_to_operand_dims=(0,),
    )
