"""`keras.ops`: slices, scattered updates and segments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.keras.ops.arguments import operation, tensor
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "get_item", "scatter", "scatter_update", "segment_max", "segment_min", "segment_prod",
    "segment_sum", "slice", "slice_update",
]
# fmt: on


# ---- updates -------------------------------------------------------------------------------------
@operation
def scatter(indices: ArrayLike, values: ArrayLike, shape: Sequence[int]) -> Tensor:
    """Zeros of this shape with the values added at the indices, a place in each row of them."""
    values = tensor(values)
    return _at(ops.zeros(tuple(shape), dtype=values.dtype), indices).add(values)


_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


@operation
def scatter_update(
    inputs: ArrayLike, indices: ArrayLike, updates: ArrayLike, reduction: str | None = None
) -> Tensor:
    """inputs with the updates at the indices (a place in each row), or combined with what is there:
    `reduction` "add", "max", "min" or "mul". Raises ArgumentError for another."""
    if reduction not in _REDUCTIONS:
        raise ArgumentError(
            f"scatter_update: reduction is {reduction!r}, expected None, 'add', 'max', 'min', 'mul'"
        )
    return getattr(_at(tensor(inputs), indices), _REDUCTIONS[reduction])(updates)


def _at(x: Tensor, indices: Any) -> Any:
    indices = tensor(indices)
    return x.at[tuple(indices[..., k] for k in range(indices.shape[-1]))]


@operation
def slice_update(inputs: ArrayLike, start_indices: Sequence[Any], updates: ArrayLike) -> Tensor:
    """inputs with the block that begins at these indices replaced."""
    x = tensor(inputs)
    return ops.dynamic_update_slice(x, ops.cast(updates, x.dtype), list(start_indices))


@operation
def slice(
    inputs: ArrayLike,
    start_indices: Sequence[ArrayLike] | np.ndarray | Tensor,
    shape: Sequence[int],
) -> Tensor:
    """The block of this shape that begins at these indices; -1 means all that follows them.

    As in Keras, a start from which the block would reach beyond the end is moved back.
    """
    x = tensor(inputs)
    starts: list[Any] = [start_indices[d] for d in range(x.ndim)]
    extents = [
        n if n != -1 else x.shape[d] - start
        for d, (n, start) in enumerate(zip(shape, starts, strict=True))
    ]
    return ops.dynamic_slice(x, starts, extents)


@operation
def get_item(x: ArrayLike, key: Any) -> Tensor:
    """x[key]."""
    return tensor(x)[key]


# ---- segments ------------------------------------------------------------------------------------
@operation
def segment_sum(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The sums of the rows of each segment; rows whose id is negative or too large are left out.

    In compiled code `num_segments` has to be given. `sorted` changes nothing.
    """
    return _segments("add", lambda _: 0, data, segment_ids, num_segments)


@operation
def segment_prod(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The products of the rows of each segment, as `segment_sum` otherwise."""
    return _segments("multiply", lambda _: 1, data, segment_ids, num_segments)


@operation
def segment_max(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The largest of the rows of each segment, minus infinity of an empty one; as `segment_sum`
    otherwise."""
    return _segments("max", _lowest, data, segment_ids, num_segments)


@operation
def segment_min(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The smallest of the rows of each segment, infinity of an empty one; as `segment_sum`
    otherwise."""
    return _segments("min", _highest, data, segment_ids, num_segments)


def _segments(kind: str, identity: Any, data: Any, ids: Any, count: int | None) -> Tensor:
    data, ids = tensor(data), tensor(ids)
    if count is None:
        count = int(ops.max(ids)._known("segments without num_segments")) + 1
    is_known = ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, count))
    start = ops.full((count + 1, *data.shape[1:]), identity(data.dtype), dtype=data.dtype)
    rows = start.at[ops.where(is_known, ids, count)]  # the last row takes what is left out
    return getattr(rows, kind)(data)[:count]


def _lowest(dtype: Any) -> Any:
    return -math.inf if dtype.is_float else ops.iinfo(dtype).min


def _highest(dtype: Any) -> Any:
    return math.inf if dtype.is_float else ops.iinfo(dtype).max
