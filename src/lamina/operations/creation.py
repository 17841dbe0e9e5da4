"""Tensors from nothing, from numbers and from other arrays; questions about dtypes.

The default dtype is float32 for floats and int32 for integers.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from lamina import restoring
from lamina.annotations import ArrayLike, DTypeLike, ShapeLike
from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import DType, Extent, Shape, float32, int32, is_static, same
from lamina.operations.promote import common_dtype, is_weak, operand, scalar, shape_of, spread
from lamina.tensor import Tensor, as_tensor, bind, from_foreign_dlpack, from_node
from lamina.variables import current_trace

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "arange", "array", "asarray", "astype", "cast", "constant", "empty", "empty_like",
    "from_dlpack", "full", "full_like", "is_tensor", "linspace", "logspace", "meshgrid", "ones",
    "ones_like", "zeros", "zeros_like",
]
# fmt: on


def _dtype_or(default: DType, dtype: Any) -> DType:
    return default if dtype is None else types.dtype(dtype)


# ---- from other arrays -------------------------------------------------------------------------
def asarray(
    obj: ArrayLike,
    /,
    dtype: DTypeLike = None,
    *,
    copy: bool | None = None,
    device: str | None = None,
) -> Tensor:
    """Return a tensor of numbers, nests of numbers, NumPy arrays, or anything with DLPack.

    Python floats become float32, Python integers int32; arrays keep their dtype.

    Args:
        obj: numbers, nests of numbers, NumPy array, or object with `__array__` or DLPack.
        dtype: dtype of the tensor, as a name or NumPy dtype; None keeps the one above.
        copy: True always copies; None and False share memory if possible, and the array must then
            not be changed afterwards.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.asarray([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    need_cpu("asarray", device)
    return as_tensor(obj, None if dtype is None else types.dtype(dtype), copy=builtins.bool(copy))


def array(obj: ArrayLike, /, dtype: DTypeLike = None, *, copy: bool = True) -> Tensor:
    """Return a tensor with separate memory, as `asarray(obj, copy=True)`.

    Args:
        obj: numbers, nests of numbers, NumPy array, or object with `__array__` or DLPack.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        copy: False shares memory if possible.

    Example:
        >>> import lamina as lm
        >>> lm.array([1.0, 2.0]).tolist()
        [1.0, 2.0]
    """
    return asarray(obj, dtype, copy=copy)


def constant(value: ArrayLike, /, dtype: DTypeLike = None) -> Tensor:
    """Return a tensor, as `asarray`, under TensorFlow's name.

    Args:
        value: numbers, nests of numbers, or array.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.

    Example:
        >>> import lamina as lm
        >>> lm.constant([1.0, 2.0]).tolist()
        [1.0, 2.0]
    """
    return asarray(value, dtype)


def from_dlpack(x: ArrayLike, /, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """Return a tensor that shares the memory of another library's array, through DLPack.

    Args:
        x: object with `__dlpack__`; bfloat16 arrays are supported.
        device: where the result is placed; only "cpu" so far.
        copy: True copies; None and False share the memory.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> lm.from_dlpack(np.ones(2, "float32")).tolist()
        [1.0, 1.0]
    """
    need_cpu("from_dlpack", device)
    if isinstance(x, Tensor):
        return x
    return from_foreign_dlpack(x, copy=builtins.bool(copy))


def need_cpu(function: str, device: str | None) -> None:
    if device not in (None, "cpu"):
        raise ArgumentError(f"{function}: no device {device!r}; tensors live on 'cpu'")


def astype(
    x: ArrayLike, dtype: DTypeLike, /, *, copy: bool = True, device: str | None = None
) -> Tensor:
    """Return x converted to a dtype.

    A float converted to an integer is truncated and limited to the integer's range.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result, as a name or NumPy dtype.
        copy: accepted for the Array API; tensors are immutable, so it has no effect on values.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.astype([1.7, -1.7], "int32").tolist()
        [1, -1]
    """
    need_cpu("astype", device)
    return as_tensor(x, types.dtype(dtype))


cast = astype


# ---- filled ------------------------------------------------------------------------------------
def full(
    shape: ShapeLike,
    fill_value: ArrayLike,
    dtype: DTypeLike = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Return a tensor of one value.

    Args:
        shape: tuple of extents, or an integer; extents may be symbolic.
        fill_value: value of all elements, a scalar.
        dtype: dtype of the result; None is that of `fill_value`.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.full((2,), 7.0).tolist()
        [7.0, 7.0]
    """
    need_cpu("full", device)
    value = operand(fill_value)
    wanted = types.dtype(dtype) if dtype is not None else common_dtype([value])
    tensor = scalar(value, wanted) if is_weak(value) else as_tensor(value, wanted)
    return spread(tensor, shape_of(shape), traced=False)


def zeros(shape: ShapeLike, dtype: DTypeLike = None, *, device: str | None = None) -> Tensor:
    """Return a tensor of zeros.

    Args:
        shape: tuple of extents.
        dtype: dtype of the result; None is float32.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.zeros((2,)).tolist()
        [0.0, 0.0]
    """
    return full(shape, 0, dtype=_dtype_or(float32, dtype), device=device)


def ones(shape: ShapeLike, dtype: DTypeLike = None, *, device: str | None = None) -> Tensor:
    """Return a tensor of ones.

    Args:
        shape: tuple of extents.
        dtype: dtype of the result; None is float32.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.ones((2,)).tolist()
        [1.0, 1.0]
    """
    return full(shape, 1, dtype=_dtype_or(float32, dtype), device=device)


def empty(shape: ShapeLike, dtype: DTypeLike = None, *, device: str | None = None) -> Tensor:
    """Return a tensor of unspecified values, which are zeros.

    Args:
        shape: tuple of extents.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.empty((2, 3)).shape
        (2, 3)
    """
    return zeros(shape, dtype=dtype, device=device)


def full_like(
    x: ArrayLike, /, fill_value: ArrayLike, dtype: DTypeLike = None, *, device: str | None = None
) -> Tensor:
    """Return a tensor of one value in the shape and dtype of x.

    Args:
        x: tensor or array-like.
        fill_value: value of all elements.
        dtype: dtype of the result; None is that of `x`.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.full_like([1.0, 2.0], 7.0).tolist()
        [7.0, 7.0]
    """
    tensor = as_tensor(x)
    return full(tensor.shape, fill_value, dtype=_dtype_or(tensor.dtype, dtype), device=device)


def zeros_like(x: ArrayLike, /, dtype: DTypeLike = None, *, device: str | None = None) -> Tensor:
    """Return zeros in the shape and dtype of x.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result; None is that of `x`.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.zeros_like([5, 6]).tolist()
        [0, 0]
    """
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: ArrayLike, /, dtype: DTypeLike = None, *, device: str | None = None) -> Tensor:
    """Return ones in the shape and dtype of x.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result; None is that of `x`.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.ones_like([5, 6]).tolist()
        [1, 1]
    """
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(x: ArrayLike, /, dtype: DTypeLike = None, *, device: str | None = None) -> Tensor:
    """Return a tensor of unspecified values in the shape of x.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result; None is that of `x`.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.empty_like([[1.0, 2.0]]).shape
        (1, 2)
    """
    return full_like(x, 0, dtype=dtype, device=device)


# ---- positions ---------------------------------------------------------------------------------
def iota(shape: Shape, axis: int, dtype: DType = int32, *, traced: bool = False) -> Tensor:
    """Each element's position along an axis. Extents may be symbolic; a program recomputes it
    instead of holding it as a constant. `traced` leaves the value out."""
    params = {"shape": shape, "dtype": dtype, "iota_dimension": axis}
    if traced:
        return from_node(PRIMITIVES["iota"](**params))
    counted = bind("iota", **params)
    if current_trace() is None or counted._value is None:
        return counted
    return from_node(Node("iota", (), params, counted._type, value=counted._value))


def arange(
    start: ArrayLike,
    /,
    stop: ArrayLike | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
) -> Tensor:
    """Return evenly spaced numbers start, start + step, ... before stop.

    With one argument the numbers are 0, 1, ... before it. A symbolic extent is possible if start is
    0 and step is 1.

    Args:
        start: first number, or `stop` if it is the only argument.
        stop: end of the numbers, excluded.
        step: difference of neighbors, not 0.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.arange(3).tolist(), lm.arange(1.0, 2.0, 0.5).tolist()
        ([0, 1, 2], [1.0, 1.5])
    """
    need_cpu("arange", device)
    if stop is None:
        start, stop = 0, start
    if isinstance(stop, Extent):
        if not same(start, 0) or not same(step, 1):
            raise ArgumentError("arange: up to a symbolic extent, start must be 0 and step 1")
        return as_tensor(iota((stop,), 0), _dtype_or(int32, dtype))
    first, end, by = (_plain(v) for v in (start, stop, step))
    wanted = _dtype_or(common_dtype([first, end, by]), dtype)
    if first == 0 and by == 1 and isinstance(end, int) and wanted.is_integer:
        return iota((max(end, 0),), 0, wanted)
    restoring.count_operation("arange", max((end - first) / (by or 1), 0))
    return asarray(np.arange(first, end, by), wanted)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, (np.generic, Tensor)) else value


def linspace(
    start: float,
    stop: float,
    /,
    num: int = 50,
    endpoint: bool = True,
    *,
    dtype: DTypeLike = None,
    device: str | None = None,
) -> Tensor:
    """Return evenly spaced numbers from start to stop.

    Args:
        start: first number.
        stop: last number.
        num: how many numbers.
        endpoint: include `stop`.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.linspace(0.0, 1.0, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    need_cpu("linspace", device)
    restoring.count_operation("linspace", num)
    line = np.linspace(_plain(start), _plain(stop), num, endpoint=endpoint)
    return asarray(line, _dtype_or(float32, dtype))


def logspace(
    start: float,
    stop: float,
    /,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: DTypeLike = None,
) -> Tensor:
    """Return numbers spaced evenly on a logarithmic scale: base ** linspace(start, stop, num).

    Args:
        start: exponent of the first number.
        stop: exponent of the last number.
        num: how many numbers.
        endpoint: include base ** stop.
        base: base of the powers.
        dtype: dtype of the result, as a name or NumPy dtype; None is float32.

    Example:
        >>> import lamina as lm
        >>> lm.logspace(0.0, 2.0, 3).tolist()
        [1.0, 10.0, 100.0]
    """
    restoring.count_operation("logspace", num)
    line = np.logspace(_plain(start), _plain(stop), num, endpoint=endpoint, base=base)
    return asarray(line, _dtype_or(float32, dtype))


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """Return the coordinates of a grid: each array repeated along the axes of all others.

    Args:
        indexing: "xy" exchanges the first two axes (rows are y); "ij" keeps the order of the
            arrays.
        *arrays: coordinates of each axis, tensors of one axis.

    Example:
        >>> import lamina as lm
        >>> [grid.tolist() for grid in lm.meshgrid([1, 2], [3, 4, 5])]
        [[[1, 2], [1, 2], [1, 2]], [[3, 3], [4, 4], [5, 5]]]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij'; got {indexing!r}")
    lines = [as_tensor(a) for a in arrays]
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = [1, 0]
    shape = [lines[k].size for k in order]
    grids = []
    for k, line in enumerate(lines):
        place = order.index(k)
        flat = line if line.ndim == 1 else bind("reshape", line, shape=(line.size,))
        grids.append(spread(flat, tuple(shape), (place,), traced=not is_static(tuple(shape))))
    return grids


# ---- questions about dtypes --------------------------------------------------------------------


def is_tensor(value: object, /) -> bool:
    """True if value is a Tensor.

    Args:
        value: any object.

    Example:
        >>> import lamina as lm
        >>> lm.is_tensor(lm.ones(2)), lm.is_tensor(1.0)
        (True, False)
    """
    return isinstance(value, Tensor)
