"""Reductions along axes: sums, extremes, statistics; differences.

`axis` is None (every axis), an integer or a tuple; `keepdims` leaves reduced axes with extent 1.
Sums of integers and bools are int64 (uint64 of unsigned), floats keep their dtype; 16-bit
floats are summed in float32.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import Dim, Extent, Shape, bool_, int64, same, uint64
from lamina.operations.elementwise import (
    add,
    divide,
    exp,
    isfinite,
    log,
    not_equal,
    sqrt,
    square,
    subtract,
    where,
)
from lamina.operations.joining import concat
from lamina.operations.promote import axes_of, axis_of, floating, like, widened
from lamina.operations.shaping import sliced
from lamina.tensor import Tensor, as_tensor, bind

Axis = int | Sequence[int] | None

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "all", "any", "argmax", "argmin", "count_nonzero", "diff", "logsumexp", "max", "mean", "median",
    "min", "prod", "std", "sum", "var",
]
# fmt: on


def _reduce(x: Tensor, kind: str, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """One primitive reduction; 16-bit floats are computed in float32."""
    result = x
    if axes:
        result = bind("reduce", widened(x), kind=kind, dimensions=axes)
        if x.dtype.is_storage_only and not kind.startswith("arg"):
            result = as_tensor(result, x.dtype)
    return _kept(result, x.shape, axes) if keepdims else result


def _kept(result: Tensor, shape: Shape, axes: tuple[int, ...]) -> Tensor:
    wanted = tuple(1 if d in axes else n for d, n in enumerate(shape))
    return result if same(wanted, result.shape) else bind("reshape", result, shape=wanted)


def summable(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """x in the dtype that it is summed in."""
    tensor = as_tensor(x)
    if dtype is not None:
        return as_tensor(tensor, types.dtype(dtype))
    if tensor.dtype.kind == "u":
        return as_tensor(tensor, uint64)
    return tensor if tensor.dtype.is_float else as_tensor(tensor, int64)


# ---- sums and products -------------------------------------------------------------------------
def sum(
    x: ArrayLike, /, axis: Axis = None, dtype: DTypeLike = None, *, keepdims: bool = False
) -> Tensor:
    """Return the sum of elements along axes.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
        [4.0, 6.0]
    """
    tensor = summable(x, dtype)
    return _reduce(tensor, "sum", axes_of("sum", axis, tensor.ndim), keepdims)


def prod(
    x: ArrayLike, /, axis: Axis = None, dtype: DTypeLike = None, *, keepdims: bool = False
) -> Tensor:
    """Return the product of elements along axes.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.prod([1.0, 2.0, 3.0]).item()
        6.0
    """
    tensor = summable(x, dtype)
    return _reduce(tensor, "product", axes_of("prod", axis, tensor.ndim), keepdims)


def count_nonzero(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Return the number of elements that are not zero.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.count_nonzero([0, 3, 4]).item()
        2
    """
    return sum(as_tensor(x, bool_), axis, keepdims=keepdims)


def size_along(shape: Shape, axes: tuple[int, ...]) -> Dim:
    """Return the number of elements that a reduction over the axes combines."""
    total: Dim = 1
    for axis in axes:
        total = total * shape[axis]
    return total


def as_number(extent: Dim) -> Any:
    """An extent as a number to compute with: a symbolic one is known when the program runs."""
    return as_tensor(extent) if isinstance(extent, Extent) else extent


# ---- extremes ----------------------------------------------------------------------------------
def _extreme(function: str, kind: str, x: Any, axis: Axis, keepdims: bool) -> Tensor:
    tensor = as_tensor(x)
    axes = axes_of(function, axis, tensor.ndim)
    if builtins.any(same(tensor.shape[a], 0) for a in axes):
        raise ShapeError(f"{function}: no elements along axis {axis} of shape {tensor.shape}")
    if tensor.dtype.kind == "b":
        kind = {"max": "or", "min": "and"}[kind]
    return _reduce(tensor, kind, axes, keepdims)


def max(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Return the largest element along axes; NaN if an element is NaN.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Raises:
        ShapeError: if the axes are empty.

    Example:
        >>> import lamina as lm
        >>> lm.max([1.0, 3.0, 2.0]).item()
        3.0
    """
    return _extreme("max", "max", x, axis, keepdims)


def min(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Return the smallest element along axes; NaN if an element is NaN.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Raises:
        ShapeError: if the axes are empty.

    Example:
        >>> import lamina as lm
        >>> lm.min([3.0, 1.0, 2.0]).item()
        1.0
    """
    return _extreme("min", "min", x, axis, keepdims)


def _position(function: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    tensor = as_tensor(x)
    shape = tensor.shape
    if axis is None:
        flat = bind("reshape", tensor, shape=(tensor.size,))
        found = _position(function, flat, 0, False)
        return _kept(found, shape, tuple(range(len(shape)))) if keepdims else found
    axis = axis_of(function, axis, tensor.ndim)
    if same(shape[axis], 0):
        raise ShapeError(f"{function}: no elements along axis {axis} of shape {shape}")
    if tensor.dtype.kind == "b":
        tensor = as_tensor(tensor, types.int32)
    return _reduce(tensor, function, (axis,), keepdims)


def argmax(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Return the first position of the largest element, as int32.

    Args:
        x: tensor or array-like.
        axis: axis to search; None searches the flattened elements.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.argmax([1.0, 3.0, 2.0]).item()
        1
    """
    return _position("argmax", x, axis, keepdims)


def argmin(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Return the first position of the smallest element, as int32.

    Args:
        x: tensor or array-like.
        axis: axis to search; None searches the flattened elements.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.argmin([3.0, 1.0, 2.0]).item()
        1
    """
    return _position("argmin", x, axis, keepdims)


def any(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """True where an element along the axes is not zero.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.any([[0, 0], [0, 1]], axis=1).tolist()
        [False, True]
    """
    tensor = as_tensor(x, bool_)
    return _reduce(tensor, "or", axes_of("any", axis, tensor.ndim), keepdims)


def all(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """True where no element along the axes is zero.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.all([[1, 0], [1, 1]], axis=1).tolist()
        [False, True]
    """
    tensor = as_tensor(x, bool_)
    return _reduce(tensor, "and", axes_of("all", axis, tensor.ndim), keepdims)


# ---- statistics --------------------------------------------------------------------------------
def mean(
    x: ArrayLike, /, axis: Axis = None, dtype: DTypeLike = None, *, keepdims: bool = False
) -> Tensor:
    """Return the arithmetic mean along axes; integers become float32.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        dtype: dtype of the result; None is that of `x`, float32 for integers.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.mean([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
        [2.0, 3.0]
    """
    tensor = floating(as_tensor(x) if dtype is None else as_tensor(x, types.dtype(dtype)))
    axes = axes_of("mean", axis, tensor.ndim)
    total = _reduce(widened(tensor), "sum", axes, keepdims)
    return as_tensor(_over(total, size_along(tensor.shape, axes)), tensor.dtype)


def _over(total: Tensor, count: Any) -> Tensor:
    """total / count, where the count may be a symbolic extent."""
    number = as_number(count)
    return divide(total, as_tensor(number, total.dtype) if isinstance(number, Tensor) else number)


def var(
    x: ArrayLike, /, axis: Axis = None, *, correction: float = 0, keepdims: bool = False
) -> Tensor:
    """Return the variance along axes: sum((x - mean)^2) / (n - correction).

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        correction: subtracted from the number of elements n: 0 for the population's variance, 1 for
            a sample's.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.var([1.0, 3.0]).item()
        1.0
    """
    tensor = floating(x)
    axes = axes_of("var", axis, tensor.ndim)
    wide = widened(tensor)
    centered = subtract(wide, mean(wide, axes, keepdims=True))
    total = _reduce(square(centered), "sum", axes, keepdims)
    count = size_along(tensor.shape, axes)
    if correction:
        if isinstance(count, Extent):
            divisor = subtract(as_tensor(as_number(count), total.dtype), correction)
            return as_tensor(divide(total, divisor), tensor.dtype)
        return as_tensor(divide(total, float(count - correction)), tensor.dtype)
    return as_tensor(_over(total, count), tensor.dtype)


def std(
    x: ArrayLike, /, axis: Axis = None, *, correction: float = 0, keepdims: bool = False
) -> Tensor:
    """Return the standard deviation along axes, the square root of `var`.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        correction: subtracted from the count in the denominator: 0 population, 1 sample variance.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.std([1.0, 3.0]).item()
        1.0
    """
    tensor = floating(x)
    variance = var(widened(tensor), axis, correction=correction, keepdims=keepdims)
    return as_tensor(sqrt(variance), tensor.dtype)


def logsumexp(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Return log(sum(exp(x))) along axes, without overflow.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.logsumexp([1000.0, -1000.0]).item()
        1000.0
    """
    tensor = floating(x)
    axes = axes_of("logsumexp", axis, tensor.ndim)
    if not axes:
        return tensor
    wide = widened(tensor)
    largest = bind("stop_gradient", _reduce(wide, "max", axes, True))
    shift = where(isfinite(largest), largest, like(0, largest))  # inf - inf would be NaN
    total = log(_reduce(exp(subtract(wide, shift)), "sum", axes, True))
    result = as_tensor(add(total, shift), tensor.dtype)
    return result if keepdims else squeezed(result, axes)


def squeezed(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    shape = tuple(n for d, n in enumerate(x.shape) if d not in axes)
    return bind("reshape", x, shape=shape)


def median(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Return the median along an axis: the middle element, or the mean of the two in the middle.

    Args:
        x: tensor or array-like.
        axis: axis to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.median([3.0, 1.0, 2.0, 10.0]).item()
        2.5
    """
    tensor = floating(x)
    axes = axes_of("median", axis, tensor.ndim)
    flat = tensor if axis is not None else bind("reshape", tensor, shape=(tensor.size,))
    place = axes[0] if axis is not None else 0
    n = flat.shape[place]
    if isinstance(n, Extent) or n == 0:
        raise ShapeError(f"median: axis {place} of shape {flat.shape} must have a known extent > 0")
    wide = widened(flat)
    (ordered,) = bind("sort", wide, dimension=place)
    starts, limits = [0] * flat.ndim, list(flat.shape)
    starts[place], limits[place] = (n - 1) // 2, n // 2 + 1
    middle = bind(
        "slice",
        ordered,
        start_indices=tuple(starts),
        limit_indices=tuple(limits),
        strides=(1,) * flat.ndim,
    )
    # a NaN is sorted to the end, where the middle does not see it
    spoiled = any(not_equal(wide, wide), place)
    result = where(spoiled, float("nan"), mean(middle, place))
    result = as_tensor(result, tensor.dtype)
    return _kept(result, tensor.shape, axes) if keepdims else result


# ---- differences -------------------------------------------------------------------------------
def diff(
    x: ArrayLike,
    /,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Tensor:
    """Return differences of neighbors along an axis.

    Args:
        x: tensor or array-like.
        n: how many times differences are taken; each makes the axis shorter by one.
        axis: axis along which neighbors are subtracted.
        prepend: values put before x along the axis first; None puts none.
        append: values put after x along the axis first; None puts none.

    Example:
        >>> import lamina as lm
        >>> lm.diff([1.0, 4.0, 9.0]).tolist()
        [3.0, 5.0]
    """
    tensor = as_tensor(x)
    axis = axis_of("diff", axis, tensor.ndim)
    ends = [as_tensor(e) for e in (prepend, tensor, append) if e is not None]
    tensor = concat(ends, axis=axis)
    for _ in range(n):
        length = tensor.shape[axis]
        later, earlier = sliced(tensor, axis, 1, length), sliced(tensor, axis, 0, length - 1)
        tensor = (not_equal if tensor.dtype.kind == "b" else subtract)(later, earlier)
    return tensor
