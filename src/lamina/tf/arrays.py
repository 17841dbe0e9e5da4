"""Arrays by TensorFlow's names: making, shaping, joining, gathering and scattering them."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.ir.graph import Node
from lamina.operations.indexing import getitem
from lamina.specs import TensorShape
from lamina.string_tensor import StringTensor, is_text_array, string
from lamina.tensor import Tensor, as_node, as_tensor
from lamina.tf import own as lm
from lamina.tf.ragged import RaggedTensor

# ---- made --------------------------------------------------------------------------------------


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
    """Return a tensor of a value, filled up to a shape with a single value."""
    found = convert_to_tensor(value, dtype)
    if shape is None:
        return found
    if found.size == 1:
        return fill(shape, found)
    return reshape(found, shape)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: Any = None
) -> Any:
    """Return a tensor of a value; strings become a string tensor."""
    if isinstance(value, (StringTensor, RaggedTensor)):
        return value
    if isinstance(value, (str, bytes)) or dtype == string:
        return StringTensor(value)
    if not isinstance(value, (Tensor, lm.Variable, int, float)):
        if isinstance(value, (list, tuple)) and value and _holds_text(value):
            return StringTensor([_plain_text(each) for each in value])
        if is_text_array(value):
            return StringTensor(value)
    return lm.asarray(value, dtype=None if dtype is None else lm.dtype(dtype))


def _holds_text(value: Any) -> bool:
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    if isinstance(first, (list, tuple)):
        return _holds_text(first)
    return isinstance(first, (str, bytes, StringTensor, np.str_, np.bytes_))


def _plain_text(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, StringTensor) else value


def cast(x: Any, dtype: Any, name: Any = None) -> Any:
    """Return a tensor of another dtype."""
    if dtype == string:
        return StringTensor(x)
    return x.map_values(cast, dtype) if isinstance(x, RaggedTensor) else lm.cast(x, dtype)


def identity(input: Any, name: Any = None) -> Any:
    """Return the tensor."""
    return convert_to_tensor(input)


def fill(dims: Any, value: Any, name: Any = None) -> Any:
    """Return a tensor of one value."""
    if isinstance(value, (str, bytes, StringTensor)):
        return StringTensor(np.full(extents(dims), np.asarray(value, object).item(), object))
    return lm.full(extents(dims), value)


def zeros(shape: Any, dtype: Any = "float32", name: Any = None, **_: Any) -> Any:
    """Return zeros; empty strings for the dtype string."""
    return fill(shape, "") if dtype == string else lm.zeros(extents(shape), dtype=dtype)


def ones(shape: Any, dtype: Any = "float32", name: Any = None, **_: Any) -> Tensor:
    """Return ones."""
    return lm.ones(extents(shape), dtype=dtype)


def zeros_like(input: Any, dtype: Any = None, name: Any = None, **_: Any) -> Tensor:
    """Return zeros of the shape of a tensor."""
    return lm.zeros_like(input, dtype=dtype)


def ones_like(input: Any, dtype: Any = None, name: Any = None, **_: Any) -> Tensor:
    """Return ones of the shape of a tensor."""
    return lm.ones_like(input, dtype=dtype)


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = None
) -> Any:
    """Return the numbers of a range."""
    first, stop = (0, start) if limit is None else (start, limit)
    return lm.arange(_number(first), _number(stop), _number(delta), dtype=dtype)


def linspace(start: Any, stop: Any, num: Any, name: Any = None, axis: int = 0) -> Tensor:
    """Return evenly spaced numbers."""
    if getattr(start, "shape", ()) != ():
        steps = lm.linspace(0.0, 1.0, int(num))
        first, last = as_tensor(start), as_tensor(stop)
        steps = lm.reshape(steps, (int(num), *(1 for _ in first.shape)))
        return lm.moveaxis(first + steps * (last - first), 0, axis)
    return lm.linspace(_number(start), _number(stop), int(num))


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = "float32",
    name: Any = None,
) -> Tensor:
    """Return identity matrices."""
    columns = num_rows if num_columns is None else num_columns
    found = lm.eye(int(num_rows), int(columns), dtype=dtype)
    return (
        found
        if batch_shape is None
        else lm.broadcast_to(found, (*extents(batch_shape), *found.shape))
    )


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: Any = None,
) -> Tensor:
    """Return rows with one value that differs."""
    axis = -1 if axis is None else axis
    rows = lm.moveaxis(lm.one_hot(indices, int(depth)), -1, axis)
    if on_value is None and off_value is None:
        return lm.cast(rows, dtype or "float32")
    on, off = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    found = lm.where(rows > 0, as_tensor(on), as_tensor(off))
    return found if dtype is None else lm.cast(found, dtype)


def meshgrid(*args: Any, indexing: str = "xy", name: Any = None) -> list[Tensor]:
    """Return coordinate matrices."""
    return lm.meshgrid(*args, indexing=indexing)


# ---- shapes ------------------------------------------------------------------------------------


def shape(input: Any, out_type: Any = "int32", name: Any = None) -> Any:
    """Return the shape as an int32 tensor; the extents themselves while some are not known."""
    found = convert_to_tensor(input).shape
    if not all(isinstance(each, int) for each in found):
        return found
    return lm.asarray(np.asarray(found, np.int64), dtype=lm.dtype(out_type))


def shape_n(input: Any, out_type: Any = "int32", name: Any = None) -> list[Any]:
    """Return the shapes of several tensors."""
    return [shape(each, out_type) for each in input]


def size(input: Any, out_type: Any = "int32", name: Any = None) -> Any:
    """Return the number of elements."""
    found = convert_to_tensor(input).size
    return lm.asarray(found, dtype=lm.dtype(out_type)) if isinstance(found, int) else found


def rank(input: Any, name: Any = None) -> Tensor:
    """Return the number of axes."""
    return lm.asarray(convert_to_tensor(input).ndim)


def reshape(tensor: Any, shape: Any, name: Any = None) -> Any:
    """Return the elements in another shape."""
    if isinstance(tensor, StringTensor):
        return StringTensor(np.asarray(tensor).reshape(extents(shape)))
    return lm.reshape(tensor, extents(shape))


def expand_dims(input: Any, axis: int, name: Any = None) -> Any:
    """Return the tensor with another axis of extent 1."""
    input = convert_to_tensor(input)
    if isinstance(input, StringTensor):
        return StringTensor(np.expand_dims(np.asarray(input), axis))
    return lm.expand_dims(input, axis=axis)


def squeeze(input: Any, axis: Any = None, name: Any = None) -> Any:
    """Return the tensor without axes of extent 1."""
    chosen = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    if isinstance(input, StringTensor):
        return StringTensor(np.squeeze(np.asarray(input), chosen))
    x = as_tensor(input)
    if chosen is None or chosen == ():
        chosen = tuple(k for k, n in enumerate(x.shape) if n == 1)
    return lm.squeeze(x, chosen)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: Any = None) -> Any:
    """Return the tensor with its axes in another order."""
    axes = None if perm is None else tuple(map(int, perm))
    if isinstance(a, StringTensor):
        return StringTensor(np.transpose(np.asarray(a), axes))
    return lm.transpose(as_tensor(a), axes)


def broadcast_to(input: Any, shape: Any, name: Any = None) -> Tensor:
    """Return the tensor repeated to a shape."""
    return lm.broadcast_to(input, extents(shape))


def ensure_shape(x: Any, shape: Any, name: Any = None) -> Any:
    """Return the tensor, or raise ShapeError if it has another shape."""
    found = convert_to_tensor(x)
    if shape is not None and not TensorShape(shape).is_compatible_with(found.shape):
        raise ShapeError(f"tf.ensure_shape: expected {tuple(shape)}, got {found.shape}")
    return found


def extents(shape: Any) -> tuple[Any, ...]:
    """The extents of a shape given as a list, a tensor or one number."""
    if isinstance(shape, Tensor) and shape.is_traced:
        return tuple(_open_extents(as_node(shape)))
    if isinstance(shape, (Tensor, np.ndarray)):
        return tuple(np.asarray(shape).ravel().tolist())
    if not isinstance(shape, (list, tuple)):
        return (_number(shape),)
    return tuple(_number(each) for each in shape)


def _open_extents(node: Node) -> list[Any]:
    """The extents of which a traced shape was joined: symbols, and numbers that are known."""
    if node.op == "size_of":
        return [node.params["extent"]]
    if node.op == "constant":
        return list(np.asarray(node.params["value"]).ravel().tolist())
    if node.op in ("reshape", "broadcast_in_dim", "convert"):
        return _open_extents(node.args[0])
    if node.op == "concatenate":
        return [each for part in node.args for each in _open_extents(part)]
    raise ArgumentError(
        "a shape is computed from values (expected extents of tensors and numbers)",
        hint="tf.shape(x)[0] is an extent, also in tf.concat and tf.stack",
    )


def _number(value: Any) -> Any:
    known = isinstance(value, Tensor) and not value.is_traced
    return value.item() if known or isinstance(value, np.generic) else value


# ---- joined and divided ------------------------------------------------------------------------


def concat(values: Any, axis: Any, name: Any = None) -> Any:
    """Return tensors joined along an axis."""
    if isinstance(values, (Tensor, StringTensor)) and values.ndim == 0:
        return values
    parts = [convert_to_tensor(each) for each in values]
    if any(isinstance(each, RaggedTensor) for each in parts):
        return RaggedTensor.concatenated(parts, int(axis))
    if any(isinstance(each, StringTensor) for each in parts):
        return StringTensor(np.concatenate([np.asarray(each) for each in parts], int(axis)))
    return lm.concat(parts, axis=int(axis))


def stack(values: Any, axis: int = 0, name: str = "stack") -> Any:
    """Return tensors joined along a new axis."""
    parts = [convert_to_tensor(each) for each in values]
    if any(isinstance(each, StringTensor) for each in parts):
        return StringTensor(np.stack([np.asarray(each) for each in parts], axis))
    return lm.stack(parts, axis=axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: Any = None) -> list[Any]:
    """Return the parts of a tensor along an axis."""
    return list(lm.unstack(value, axis=axis))


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: Any = None
) -> list[Any]:
    """Return a number of equal parts, or parts of given sizes; a size of -1 is the rest."""
    x = as_tensor(value)
    sizes = num_or_size_splits
    if isinstance(sizes, (int, np.integer)) or getattr(sizes, "shape", None) == ():
        return list(lm.split(x, int(sizes), axis=axis))
    found = [int(each) for each in sizes]
    if -1 in found:
        found[found.index(-1)] = int(x.shape[axis]) - sum(n for n in found if n >= 0)
    return list(lm.split(x, np.cumsum(found)[:-1].tolist(), axis=axis))


def tile(input: Any, multiples: Any, name: Any = None) -> Any:
    """Return the tensor repeated along its axes."""
    if isinstance(input, StringTensor):
        return StringTensor(np.tile(np.asarray(input), extents(multiples)))
    return lm.tile(input, extents(multiples))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: Any = None) -> Tensor:
    """Return the elements, or rows along an axis, repeated."""
    return lm.repeat(input, _number(repeats), axis=axis)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None
) -> Tensor:
    """Return the tensor with values around it."""
    widths = [tuple(map(_number, each)) for each in paddings]
    kind = mode.lower()
    if kind == "constant":
        return lm.pad(tensor, widths, constant_values=constant_values)
    return lm.keras.ops.pad(tensor, widths, mode=kind)


def reverse(tensor: Any, axis: Any, name: Any = None) -> Tensor:
    """Return the tensor with the order along axes reversed."""
    axes = tuple(map(int, axis)) if isinstance(axis, (list, tuple, Tensor)) else int(axis)
    return lm.flip(tensor, axis=axes)


def roll(input: Any, shift: Any, axis: Any, name: Any = None) -> Tensor:
    """Return the tensor with elements moved along axes, around the end."""
    return lm.roll(input, shift, axis=axis)


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


def bitcast(input: Any, type: Any, name: Any = None) -> Tensor:
    """Return the bits of a tensor as another dtype."""
    return as_tensor(np.asarray(input).view(lm.dtype(type).storage))


def stop_gradient(input: Any, name: Any = None) -> Tensor:
    """Return the tensor, as a constant for gradients."""
    return lm.stop_gradient(input)


def is_tensor(x: Any) -> bool:
    """Return True for tensors, Variables, string and ragged tensors."""
    return isinstance(x, (Tensor, lm.Variable, StringTensor, RaggedTensor))
