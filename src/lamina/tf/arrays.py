"""`tf`: tensors made of values, filled, counted up, and of one-hot rows; casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.string_tensor import StringTensor, string
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor, extents, number
from lamina.tf.ragged import RaggedTensor
from lamina.tf.shapes import reshape

# ---- made --------------------------------------------------------------------------------------


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
    """Return a tensor of a value, filled up to a shape with a single value."""
    found = convert_to_tensor(value, dtype)
    if shape is None:
        return found
    if found.size == 1:
        return fill(shape, found)
    return reshape(found, shape)


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
    return lm.arange(number(first), number(stop), number(delta), dtype=dtype)


def linspace(start: Any, stop: Any, num: Any, name: Any = None, axis: int = 0) -> Tensor:
    """Return evenly spaced numbers."""
    if getattr(start, "shape", ()) != ():
        steps = lm.linspace(0.0, 1.0, int(num))
        first, last = as_tensor(start), as_tensor(stop)
        steps = lm.reshape(steps, (int(num), *(1 for _ in first.shape)))
        return lm.moveaxis(first + steps * (last - first), 0, axis)
    return lm.linspace(number(start), number(stop), int(num))


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


def bitcast(input: Any, type: Any, name: Any = None) -> Tensor:
    """Return the bits of a tensor as another dtype."""
    return as_tensor(np.asarray(input).view(lm.dtype(type).storage))


def stop_gradient(input: Any, name: Any = None) -> Tensor:
    """Return the tensor, as a constant for gradients."""
    return lm.stop_gradient(input)


def is_tensor(x: Any) -> bool:
    """Return True for tensors, Variables, string and ragged tensors."""
    return isinstance(x, (Tensor, lm.Variable, StringTensor, RaggedTensor))
