"""Tensors from nothing, from numbers and from other arrays; questions about dtypes.

The default dtype is float32 for floats and int32 for integers.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import Dim, DType, Extent, Shape, float32, int32, is_static
from lamina.operations.elementwise import add, equal, greater_equal, subtract, where
from lamina.operations.promote import common_dtype, is_weak, operand, scalar, shape_of, spread
from lamina.operations.shaping import expand_dims, moveaxis
from lamina.tensor import (
    Tensor,
    Variable,
    as_node,
    as_tensor,
    bind,
    current_trace,
    from_foreign_dlpack,
    from_node,
)

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "arange", "array", "asarray", "astype", "can_cast", "cast", "constant", "empty",
    "empty_like", "eye", "finfo", "from_dlpack", "full", "full_like", "identity", "iinfo",
    "is_tensor", "isdtype", "linspace", "logspace", "meshgrid", "one_hot", "ones", "ones_like",
    "result_type", "tril", "triu", "zeros", "zeros_like",
]
# fmt: on


def _dtype_or(default: DType, dtype: Any) -> DType:
    return default if dtype is None else types.dtype(dtype)


# ---- from other arrays -------------------------------------------------------------------------
def asarray(
    obj: Any, /, dtype: Any = None, *, copy: bool | None = None, device: str | None = None
) -> Tensor:
    """A tensor of numbers, nests of numbers, NumPy arrays, or anything with `__array__` or DLPack.

    Without `copy=True` memory is shared where that is possible: then the array given must not be
    changed afterwards. Python floats become float32, Python integers int32, arrays keep their
    dtype.

    Args:
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        copy: True always copies, False never does (ValueError if it must), None only if needed.
        device: where the result is placed; only "cpu" so far.
    """
    need_cpu("asarray", device)
    return as_tensor(obj, None if dtype is None else types.dtype(dtype), copy=builtins.bool(copy))


def array(obj: Any, /, dtype: Any = None, *, copy: bool = True) -> Tensor:
    """As `asarray`, with memory of its own.

    Args:
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        copy: True always copies, False never does (ValueError if it must), None only if needed.
    """
    return asarray(obj, dtype, copy=copy)


def constant(value: Any, /, dtype: Any = None) -> Tensor:
    """As `asarray`; TensorFlow's name for it.

    Args:
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
    """
    return asarray(value, dtype)


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of an array of another library, through DLPack; bfloat16 as
    well. With `copy` it has memory of its own.

    Args:
        x: tensor or array-like.
        device: where the result is placed; only "cpu" so far.
        copy: True always copies, False never does (ValueError if it must), None only if needed.
    """
    need_cpu("from_dlpack", device)
    if isinstance(x, Tensor):
        return x
    return from_foreign_dlpack(x, copy=builtins.bool(copy))


def need_cpu(function: str, device: str | None) -> None:
    if device not in (None, "cpu"):
        raise ArgumentError(f"{function}: no device {device!r}; tensors live on 'cpu'")


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Tensor:
    """x converted to a dtype. Floats to integers truncate, and stop at the integers' limits.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        copy: True always copies, False never does (ValueError if it must), None only if needed.
        device: where the result is placed; only "cpu" so far.
    """
    need_cpu("astype", device)
    return as_tensor(x, types.dtype(dtype))


cast = astype


# ---- filled ------------------------------------------------------------------------------------
def full(shape: Any, fill_value: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """A tensor that has one value everywhere. Extents may be symbolic.

    Args:
        shape: tuple of extents.
        fill_value: value of all elements.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    need_cpu("full", device)
    value = operand(fill_value)
    wanted = types.dtype(dtype) if dtype is not None else common_dtype([value])
    tensor = scalar(value, wanted) if is_weak(value) else as_tensor(value, wanted)
    return spread(tensor, shape_of(shape), traced=False)


def zeros(shape: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros, float32 by default.

    Args:
        shape: tuple of extents.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    return full(shape, 0, dtype=_dtype_or(float32, dtype), device=device)


def ones(shape: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """Ones, float32 by default.

    Args:
        shape: tuple of extents.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    return full(shape, 1, dtype=_dtype_or(float32, dtype), device=device)


def empty(shape: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """A tensor whose values nobody should rely on: zeros.

    Args:
        shape: tuple of extents.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    return zeros(shape, dtype=dtype, device=device)


def full_like(
    x: Any, /, fill_value: Any, *, dtype: Any = None, device: str | None = None
) -> Tensor:
    """One value everywhere, in x's shape and dtype.

    Args:
        x: tensor or array-like.
        fill_value: value of all elements.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    tensor = as_tensor(x)
    return full(tensor.shape, fill_value, dtype=_dtype_or(tensor.dtype, dtype), device=device)


def zeros_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros in x's shape and dtype.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """Ones in x's shape and dtype.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """As `zeros_like`.

    Args:
        x: tensor or array-like.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    return full_like(x, 0, dtype=dtype, device=device)


# ---- positions ---------------------------------------------------------------------------------
def iota(shape: Shape, axis: int, dtype: DType = int32, *, traced: bool = False) -> Tensor:
    """Each element's position along an axis. Extents may be symbolic; a program computes it anew
    instead of holding it as a constant. `traced` leaves the value out."""
    params = {"shape": shape, "dtype": dtype, "iota_dimension": axis}
    if traced:
        return from_node(PRIMITIVES["iota"](**params))
    counted = bind("iota", **params)
    if current_trace() is None or counted._value is None:
        return counted
    return from_node(Node("iota", (), params, counted._type, value=counted._value))


def arange(
    start: Any,
    /,
    stop: Any = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: str | None = None,
) -> Tensor:
    """start, start + step, ... before stop; with one argument, 0, 1, ... before it.

    A symbolic extent is possible where start is 0 and step 1.

    Args:
        start: first value.
        stop: end of the interval.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    need_cpu("arange", device)
    if stop is None:
        start, stop = 0, start
    if isinstance(stop, Extent):
        if start != 0 or step != 1:
            raise ArgumentError("arange: up to a symbolic extent, start must be 0 and step 1")
        return as_tensor(iota((stop,), 0), _dtype_or(int32, dtype))
    start, stop, step = (_plain(v) for v in (start, stop, step))
    wanted = _dtype_or(common_dtype([start, stop, step]), dtype)
    if start == 0 and step == 1 and isinstance(stop, int) and wanted.is_integer:
        return iota((max(stop, 0),), 0, wanted)
    return asarray(np.arange(start, stop, step), wanted)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, (np.generic, Tensor)) else value


def linspace(
    start: float,
    stop: float,
    /,
    num: int = 50,
    *,
    dtype: Any = None,
    endpoint: bool = True,
    device: str | None = None,
) -> Tensor:
    """num numbers from start to stop, evenly spaced; without `endpoint`, stop is left out.

    Args:
        start: first value.
        stop: end of the interval.
        num: number of samples.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    need_cpu("linspace", device)
    line = np.linspace(_plain(start), _plain(stop), num, endpoint=endpoint)
    return asarray(line, _dtype_or(float32, dtype))


def logspace(start: float, stop: float, /, num: int = 50, *, base: float = 10.0) -> Tensor:
    """base to the powers that `linspace` gives.

    Args:
        start: first value.
        stop: end of the interval.
        num: number of samples.
    """
    return asarray(np.logspace(start, stop, num, base=base), float32)


def eye(
    n_rows: Dim,
    n_cols: Dim | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: str | None = None,
) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere.

    Args:
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        device: where the result is placed; only "cpu" so far.
    """
    need_cpu("eye", device)
    shape = (*shape_of(n_rows), *shape_of(n_rows if n_cols is None else n_cols))
    wanted = _dtype_or(float32, dtype)
    known = _diagonal(shape, k, wanted, traced=False)
    if current_trace() is None or known._value is None:
        return known
    node = as_node(_diagonal(shape, k, wanted, traced=True))
    node.value = known._value  # the program computes it anew, as it does an iota
    return from_node(node)


def _diagonal(shape: Shape, k: int, dtype: DType, *, traced: bool) -> Tensor:
    rows, columns = (iota(shape, axis, traced=traced) for axis in (0, 1))
    return as_tensor(equal(add(rows, k), columns), dtype)


def identity(n: Dim, /, dtype: Any = None) -> Tensor:
    """The identity matrix.

    Args:
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
    """
    return eye(n, dtype=dtype)


def _band(function: str, x: Any, k: int, upper: bool) -> Tensor:
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError(f"{function}: needs two axes; got shape {tensor.shape}")
    rows, columns = (iota(tensor.shape[-2:], axis, traced=tensor.is_traced) for axis in (0, 1))
    apart = subtract(columns, rows)
    keep = greater_equal(apart, k) if upper else greater_equal(k, apart)
    return where(keep, tensor, zeros_like(tensor))


def tril(x: Any, /, *, k: int = 0) -> Tensor:
    """x with zeros above the k-th diagonal of its last two axes.

    Args:
        x: tensor or array-like.
    """
    return _band("tril", x, k, False)


def triu(x: Any, /, *, k: int = 0) -> Tensor:
    """x with zeros below the k-th diagonal of its last two axes.

    Args:
        x: tensor or array-like.
    """
    return _band("triu", x, k, True)


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: each array repeated along the axes of all others."""
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


def one_hot(indices: Any, num_classes: int, /, *, axis: int = -1, dtype: Any = None) -> Tensor:
    """1 at each index along a new axis of `num_classes`, 0 elsewhere; all 0 for indices outside.

    Args:
        num_classes: number of classes.
        axis: axis to work along; negative numbers count from the end.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
    """
    tensor = as_tensor(indices)
    if not tensor.dtype.is_integer:
        raise DTypeError(
            f"one_hot: indices must be integers; got {tensor.dtype}",
            hint="convert them with lm.astype(indices, 'int32')",
        )
    column = expand_dims(tensor, -1)
    shape = (*tensor.shape, num_classes)
    classes = iota(shape, len(shape) - 1, tensor.dtype)
    hot = as_tensor(equal(column, classes), _dtype_or(float32, dtype))
    return hot if axis in (-1, tensor.ndim) else moveaxis(hot, -1, axis)


# ---- questions about dtypes --------------------------------------------------------------------
@dataclass(frozen=True)
class FloatLimits:
    """What `finfo` says of a floating dtype."""

    dtype: DType
    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float


@dataclass(frozen=True)
class IntegerLimits:
    """What `iinfo` says of an integer dtype."""

    dtype: DType
    bits: int
    max: int
    min: int


def finfo(type: Any, /) -> FloatLimits:
    """Precision and range of a floating dtype."""
    dtype = _dtype_of(type)
    if not dtype.is_float:
        raise DTypeError(f"finfo: needs a floating dtype; got {dtype}", hint="use lm.iinfo")
    if dtype.name == "bfloat16":
        largest = float(2**127 * (2 - 2.0**-7))
        return FloatLimits(dtype, 16, 2.0**-7, largest, -largest, 2.0**-126)
    f = np.finfo(dtype.storage)
    return FloatLimits(
        dtype, dtype.bits, float(f.eps), float(f.max), float(f.min), float(f.smallest_normal)
    )


def iinfo(type: Any, /) -> IntegerLimits:
    """Range of an integer dtype."""
    dtype = _dtype_of(type)
    if not dtype.is_integer:
        raise DTypeError(f"iinfo: needs an integer dtype; got {dtype}", hint="use lm.finfo")
    limits = np.iinfo(dtype.storage)
    return IntegerLimits(dtype, dtype.bits, int(limits.max), int(limits.min))


def _dtype_of(value: Any) -> DType:
    if isinstance(value, (Tensor, Variable)):
        return value.dtype
    return types.dtype(value)


_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "",
    "numeric": "iuf",
}


def isdtype(dtype: Any, kind: Any, /) -> bool:
    """True where a dtype is of a kind: a dtype, a name of the standard's ("integral", "real
    floating", ...), or a tuple of those.

    Args:
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
    """
    found = types.dtype(dtype)
    if isinstance(kind, tuple):
        return builtins.any(isdtype(found, k) for k in kind)
    if isinstance(kind, str) and kind in _KINDS and kind != "bool":
        return found.kind in _KINDS[kind]
    return found == types.dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype of an operation on all of these; Python numbers are weak."""
    if not arrays_and_dtypes:
        raise ArgumentError("result_type: needs at least one array or dtype")
    return common_dtype(_array_or_dtype(v) for v in arrays_and_dtypes)


def _array_or_dtype(value: Any) -> Any:
    if isinstance(value, (DType, str, type, np.dtype)):
        return types.dtype(value)
    return operand(value)


def can_cast(from_: Any, to: Any, /) -> bool:
    """True if a conversion keeps every value, by the rule that NumPy calls "safe"."""
    return types.is_safe_cast(_dtype_of(from_), types.dtype(to))


def is_tensor(value: object, /) -> bool:
    """True for a tensor."""
    return isinstance(value, Tensor)
