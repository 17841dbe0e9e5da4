"""Elements at computed positions: take, slices with a computed start, positions of non-zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import DTypeError, ShapeError, TracedValueError, describe
from lamina.ir.types import Dim, int32, same
from lamina.operations.indexing import Plan, _gathered, _index_vectors, _within
from lamina.operations.promote import (
    axis_of,
    broadcast_shape,
    spread,
)
from lamina.operations.shaping import ravel
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["dynamic_slice", "dynamic_update_slice", "nonzero", "take", "take_along_axis"]


def take(x: ArrayLike, indices: ArrayLike, /, axis: int | None = None) -> Tensor:
    """Return the elements of x at integer positions along an axis.

    Args:
        x: tensor or array-like.
        indices: integers; negative ones count from the end. Their axes replace `axis` in the
            result.
        axis: axis to index; None indexes the flattened x.

    Raises:
        OutOfBoundsError: if a known position is outside; traced positions are moved to the nearest
            element.

    Example:
        >>> import lamina as lm
        >>> lm.take([10, 20, 30], [2, 0]).tolist()
        [30, 10]
    """
    tensor = as_tensor(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    axis = axis_of("take", axis, tensor.ndim)
    array = as_tensor(indices)
    if not array.dtype.is_integer:
        if not same(array.size, 0):
            raise DTypeError(f"take: indices must be integers; got {array.dtype}")
        array = as_tensor(array, int32)
    places = {axis: _within(array, tensor.shape[axis], axis)}
    return _gathered(tensor, Plan([], [], places, True))


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, axis: int = -1) -> Tensor:
    """Return elements at positions that differ from line to line along an axis, as from `argsort`.

    Args:
        x: tensor or array-like.
        indices: integer positions along `axis`; the other axes are those of `x` or broadcast.
        axis: axis to index.

    Example:
        >>> import lamina as lm
        >>> lm.take_along_axis([[3, 1], [2, 4]], lm.argsort([[3, 1], [2, 4]])).tolist()
        [[1, 3], [2, 4]]
    """
    tensor, array = as_tensor(x), as_tensor(indices)
    axis = axis_of("take_along_axis", axis, tensor.ndim)
    if array.ndim != tensor.ndim or not array.dtype.is_integer:
        raise ShapeError(
            f"take_along_axis: indices must be integers with {tensor.ndim} axes; "
            f"got {describe(array)}"
        )
    rest = [s[:axis] + s[axis + 1 :] for s in (tensor.shape, array.shape)]
    outer = broadcast_shape(rest, "take_along_axis")
    tensor, array = (
        spread(t, (*outer[:axis], t.shape[axis], *outer[axis:]), traced=t.is_traced)
        for t in (tensor, array)
    )
    places = _within(array, tensor.shape[axis], axis)
    others = tuple(d for d in range(tensor.ndim) if d != axis)
    return bind(
        "gather",
        tensor,
        _index_vectors([places]),
        offset_dims=(),
        collapsed_slice_dims=(axis,),
        start_index_map=(axis,),
        slice_sizes=(1,) * tensor.ndim,
        operand_batching_dims=others,
        start_indices_batching_dims=others,
    )


def dynamic_slice(x: ArrayLike, starts: Sequence[Any], sizes: Sequence[Dim], /) -> Tensor:
    """Return a slice of fixed sizes whose start may be traced.

    A slice that would leave x is moved inside, as in JAX.

    Args:
        x: tensor or array-like.
        starts: first index of each axis, integers or scalar tensors.
        sizes: extent of the slice in each axis.

    Example:
        >>> import lamina as lm
        >>> lm.dynamic_slice(lm.arange(5), [3], [3]).tolist()
        [2, 3, 4]
    """
    tensor = as_tensor(x)
    places = _starts("dynamic_slice", tensor, starts)
    return bind("dynamic_slice", tensor, *places, slice_sizes=tuple(sizes))


def dynamic_update_slice(x: ArrayLike, update: ArrayLike, starts: Sequence[Any], /) -> Tensor:
    """Return x with a slice replaced whose start may be traced.

    A slice that would leave x is moved inside, as in JAX.

    Args:
        x: tensor or array-like.
        update: values of the slice, with as many axes as `x`.
        starts: first index of each axis, integers or scalar tensors.

    Example:
        >>> import lamina as lm
        >>> lm.dynamic_update_slice(lm.arange(5), [8, 9], [1]).tolist()
        [0, 8, 9, 3, 4]
    """
    tensor = as_tensor(x)
    places = _starts("dynamic_update_slice", tensor, starts)
    return bind("dynamic_update_slice", tensor, as_tensor(update, tensor.dtype), *places)


def _starts(function: str, x: Tensor, starts: Sequence[Any]) -> list[Tensor]:
    if len(starts) != x.ndim:
        raise ShapeError(f"{function}: {len(starts)} starts for shape {x.shape}")
    return [as_tensor(s) for s in starts]


def nonzero(x: ArrayLike, /) -> tuple[Tensor, ...]:
    """Return the positions of elements that are not zero, one tensor for each axis.

    Args:
        x: tensor or array-like.

    Raises:
        TracedValueError: inside a compiled program, since the result's shape depends on values.

    Example:
        >>> import lamina as lm
        >>> [axis.tolist() for axis in lm.nonzero([[0, 1], [2, 0]])]
        [[0, 1], [1, 0]]
    """
    tensor = as_tensor(x)
    if tensor.is_traced:
        raise TracedValueError(
            "nonzero of a traced tensor: how many positions there are is known only when the "
            "program runs.",
            hint="use lm.where(condition, a, b)",
        )
    return tuple(as_tensor(p.astype(np.int32)) for p in np.nonzero(tensor.numpy()))
