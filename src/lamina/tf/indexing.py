"""`tf`: elements gathered by position, scattered, chosen by masks, and put in order."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.operations.indexing import getitem
from lamina.string_tensor import StringTensor
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor, extents

# ---- gathered and scattered --------------------------------------------------------------------


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: Any = None,
) -> Any:
    """Return the rows at positions along an axis, for each of the batch axes."""
    axis = batch_dims if axis is None else axis
    if isinstance(params, (StringTensor, list)) and isinstance(
        convert_to_tensor(params), StringTensor
    ):
        return StringTensor(
            np.take(np.asarray(convert_to_tensor(params)), np.asarray(indices), axis)
        )
    x, places = as_tensor(params), as_tensor(indices)
    if not batch_dims:
        return lm.take(x, places, axis=axis)
    if batch_dims < 0:
        batch_dims += places.ndim
    axis = axis % x.ndim
    x = lm.moveaxis(x, axis, batch_dims)
    index = _batch_index(places, batch_dims)
    found = getitem(x, (*index, places))
    inner = axis - batch_dims
    moved = places.ndim - batch_dims
    if not inner:
        return found
    order = list(builtins.range(found.ndim))
    block = order[batch_dims : batch_dims + moved]
    rest = order[:batch_dims] + order[batch_dims + moved :]
    return lm.transpose(found, tuple(rest[:axis] + block + rest[axis:]))


def _batch_index(places: Tensor, batch_dims: int) -> list[Tensor]:
    """For each batch axis its numbers, in a shape that broadcasts to that of the positions."""
    return [
        lm.reshape(
            lm.arange(places.shape[k], dtype="int32"),
            tuple(places.shape[k] if a == k else 1 for a in builtins.range(places.ndim)),
        )
        for k in builtins.range(batch_dims)
    ]


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: Any = None) -> Tensor:
    """Return the elements or slices at index vectors."""
    x, places = as_tensor(params), as_tensor(indices)
    parts = [places[..., k] for k in builtins.range(int(places.shape[-1]))]
    if not parts:
        return lm.broadcast_to(x, (*places.shape[:-1], *x.shape))
    return getitem(x, (*_batch_index(parts[0], batch_dims), *parts))


def scatter_nd(indices: Any, updates: Any, shape: Any, name: Any = None) -> Tensor:
    """Return zeros to which values are added at index vectors."""
    values = as_tensor(updates)
    return tensor_scatter_nd_add(lm.zeros(extents(shape), dtype=values.dtype), indices, values)


def _scattered(tensor: Any, indices: Any, updates: Any, how: str) -> Tensor:
    x = as_tensor(tensor)
    places = as_tensor(indices)
    index = tuple(places[..., k] for k in builtins.range(int(places.shape[-1])))
    return getattr(x.at[index], how)(as_tensor(updates, x.dtype))


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """Return the tensor with other values at index vectors."""
    return _scattered(tensor, indices, updates, "set")


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """Return the tensor with values added at index vectors."""
    return _scattered(tensor, indices, updates, "add")


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """Return the tensor with values subtracted at index vectors."""
    return _scattered(tensor, indices, updates, "subtract")


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """Return the tensor with the larger values at index vectors."""
    return _scattered(tensor, indices, updates, "max")


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """Return the tensor with the smaller values at index vectors."""
    return _scattered(tensor, indices, updates, "min")


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: Any = None) -> Any:
    """Return the rows at which a mask is true."""
    if isinstance(tensor, StringTensor):
        return StringTensor(np.compress(np.asarray(mask), np.asarray(tensor), axis or 0))
    return getitem(as_tensor(tensor), (*(slice(None),) * (axis or 0), as_tensor(mask)))


def where(condition: Any, x: Any = None, y: Any = None, name: Any = None) -> Any:
    """Return elements of x or y by a condition; without them the index vectors where it holds."""
    if x is None and y is None:
        return lm.stack([lm.cast(each, "int64") for each in lm.nonzero(condition)], axis=-1)
    if any(isinstance(each, (str, bytes, StringTensor)) for each in (x, y)):
        parts = (np.asarray(StringTensor(each)) for each in (x, y))
        return StringTensor(np.where(np.asarray(condition), *parts))
    return lm.where(condition, x, y)


def slice_(input_: Any, begin: Any, size: Any, name: Any = None) -> Any:
    """Return a block of a tensor; a size of -1 is the rest."""
    if isinstance(input_, StringTensor):
        spans = zip(extents(begin), extents(size), strict=True)
        return input_[tuple(slice(b, None if n == -1 else b + n) for b, n in spans)]
    x = as_tensor(input_)
    lengths = [
        x.shape[k] - b if n == -1 else n
        for k, (b, n) in enumerate(zip(extents(begin), extents(size), strict=True))
    ]
    return lm.dynamic_slice(x, extents(begin), lengths)


def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, name: Any = None) -> Any:
    """Return a block of a tensor with steps."""
    steps = [1] * len(extents(begin)) if strides is None else extents(strides)
    parts = zip(extents(begin), extents(end), steps, strict=True)
    return getitem(as_tensor(input_), tuple(slice(*each) for each in parts))


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: Any = None
) -> Tensor:
    """Return rows that are true in the first places."""
    counts = as_tensor(lengths)
    width = int(lm.max(counts)) if maxlen is None else int(maxlen)
    return lm.cast(lm.arange(width) < lm.expand_dims(counts, axis=-1), dtype)


# ---- ordered -----------------------------------------------------------------------------------


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: Any = None) -> Tensor:
    """Return the elements in order along an axis."""
    return lm.sort(values, axis=axis, descending=_is_descending(direction))


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: Any = None,
) -> Tensor:
    """Return the positions of the elements in order, int32."""
    return lm.cast(lm.argsort(values, axis=axis, descending=_is_descending(direction)), "int32")


def _is_descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ArgumentError(f"direction: expected 'ASCENDING' or 'DESCENDING', got {direction!r}")
    return direction == "DESCENDING"


def unique(x: Any, out_idx: Any = "int32", name: Any = None) -> tuple[Any, Any]:
    """Return the distinct elements in order of their first place, and the number of each."""
    found, numbers, _ = unique_with_counts(x, out_idx)
    return found, numbers


def unique_with_counts(x: Any, out_idx: Any = "int32", name: Any = None) -> tuple[Any, Any, Any]:
    """Return the distinct elements in order of their first place, their numbers, and counts."""
    value = convert_to_tensor(x)
    array = np.asarray(value.tolist()) if isinstance(value, StringTensor) else np.asarray(value)
    kinds, first, numbers, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    numbers, counts = back[numbers.reshape(-1)], counts[order]
    return (
        convert_to_tensor(kinds[order]),
        lm.asarray(numbers, dtype=lm.dtype(out_idx)),
        lm.asarray(counts, dtype=lm.dtype(out_idx)),
    )
