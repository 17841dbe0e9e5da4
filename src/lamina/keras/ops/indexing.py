"""`keras.ops`: elements by position, order, distinct values, counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.keras.ops.arguments import operation, tensor
from lamina.operations.sorting import TopK
from lamina.tensor import Tensor, as_tensor

# fmt: off
__all__ = [
    "argsort", "bincount", "digitize", "isin", "nonzero", "searchsorted", "sort", "take",
    "take_along_axis", "top_k", "unique", "unravel_index",
]
# fmt: on

# ---- elements by position ------------------------------------------------------------------------


@operation
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Tensor:
    """The elements of x at integer positions along an axis; without one, of the flattened x."""
    return ops.take(x, indices, axis=axis)


@operation
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Tensor:
    """For each line along an axis (None: of the flattened), its elements at its own positions."""
    if axis is None:
        return ops.take_along_axis(ops.ravel(x), ops.ravel(indices), axis=0)
    return ops.take_along_axis(x, indices, axis=axis)


@operation
def nonzero(x: ArrayLike) -> tuple[Tensor, ...]:
    """The positions of elements that are not zero, one tensor an axis. Known values only."""
    return ops.nonzero(x)


# ---- order ---------------------------------------------------------------------------------------


@operation
def sort(x: ArrayLike, axis: int | None = -1) -> Tensor:
    """x in increasing order along an axis (None: flattened); NaN comes last."""
    return ops.sort(x, axis=axis)


@operation
def argsort(x: ArrayLike, axis: int | None = -1) -> Tensor:
    """The positions that sort x along an axis, int32; equal elements keep their order."""
    x = tensor(x)
    return ops.argsort(x if x.ndim else ops.ravel(x), axis=axis)


@operation
def searchsorted(sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left") -> Tensor:
    """Return the positions at which the values keep the sorted sequence sorted, int32."""
    return ops.searchsorted(sorted_sequence, values, side=side)


@operation
def top_k(x: ArrayLike, k: int, sorted: bool = True) -> TopK:
    """The k largest elements along the last axis, largest first, and where they are (int32).

    `sorted` changes nothing: the elements always come in order.
    """
    return ops.top_k(x, k)


@operation
def digitize(x: ArrayLike, bins: ArrayLike) -> Tensor:
    """The number of the bin of each element: how many of the rising edges are not above it."""
    return ops.searchsorted(bins, x, side="right")


# ---- distinct values -----------------------------------------------------------------------------


@operation
def isin(x1: ArrayLike, x2: ArrayLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """True where an element of x1 is among those of x2."""
    found = ops.isin(x1, x2)
    return ops.logical_not(found) if invert else found


# ---- positions and counts ------------------------------------------------------------------------
@operation
def unravel_index(indices: ArrayLike, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """The positions of flat indices in this shape, one tensor an axis."""
    rest, places = tensor(indices), []
    for extent in reversed(tuple(shape)):
        places.append(ops.remainder(rest, extent))
        rest = ops.floor_divide(rest, extent)
    return tuple(reversed(places))


@operation
def bincount(
    x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, sparse: bool = False
) -> Tensor:
    """Return the count of each of 0, 1, 2..., int32, or the sum of its weights; of two axes, for
    each row. The values must be known: their largest decides the length."""
    if sparse:
        raise ArgumentError("bincount: sparse tensors are not supported", hint="leave sparse out")
    x = tensor(x)
    values = x._known("bincount")
    length = max(minlength, int(values.max()) + 1 if values.size else 0)
    counts = ops.ones_like(x, dtype="int32") if weights is None else tensor(weights)
    if x.ndim == 1:
        return ops.zeros((length,), dtype=counts.dtype).at[x].add(counts)
    rows = ops.expand_dims(ops.arange(x.shape[0]), axis=-1)
    return ops.zeros((x.shape[0], length), dtype=counts.dtype).at[rows, x].add(counts)


@overload
def unique(
    x: ArrayLike,
    sorted: bool = ...,
    return_index: Literal[False] = ...,
    return_inverse: Literal[False] = ...,
    return_counts: Literal[False] = ...,
    axis: int | None = ...,
    size: int | None = ...,
    fill_value: ArrayLike | None = ...,
) -> Tensor: ...
@overload
def unique(
    x: ArrayLike,
    sorted: bool = ...,
    return_index: bool = ...,
    return_inverse: bool = ...,
    return_counts: bool = ...,
    axis: int | None = ...,
    size: int | None = ...,
    fill_value: ArrayLike | None = ...,
) -> Tensor | tuple[Tensor, ...]: ...
@operation
def unique(
    x: ArrayLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """The distinct elements (or slices along an axis) in order; also, if asked for, where each
    comes first, which one each element is, and how often each occurs (int32).

    `size` cuts the elements off, or fills them up with `fill_value` (by default the smallest).
    Each NaN is distinct. `sorted` changes nothing. Known values only.
    """
    x = tensor(x)
    found, first, inverse, counts = np.unique(
        x._known("unique"),
        True,
        return_inverse=True,
        return_counts=True,
        axis=axis,
        equal_nan=False,
    )
    if size is not None:
        found = _resized(found, size, axis or 0, fill_value)
        first = _resized(first, size, 0, None)
        counts = _resized(counts, size, 0, 0)
    asked = [(return_index, first), (return_inverse, inverse), (return_counts, counts)]
    positions = [ops.cast(each, "int32") for is_asked, each in asked if is_asked]
    values = as_tensor(found, x.dtype)
    return (values, *positions) if positions else values


def _resized(x: np.ndarray, size: int, axis: int, fill_value: Any) -> np.ndarray:
    x = np.moveaxis(x, axis, 0)[:size]
    missing = size - len(x)
    fill = np.broadcast_to(x[:1] if fill_value is None else fill_value, (missing, *x.shape[1:]))
    return np.moveaxis(np.concatenate([x, fill.astype(x.dtype)]), 0, axis)
