"""`tf`: shapes; tensors in other shapes, joined, divided and repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ShapeError
from lamina.specs import TensorShape
from lamina.string_tensor import StringTensor
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor, extents, number
from lamina.tf.ragged import RaggedTensor

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
    return lm.repeat(input, number(repeats), axis=axis)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None
) -> Tensor:
    """Return the tensor with values around it."""
    widths = [tuple(map(number, each)) for each in paddings]
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
