"""`keras.ops`: sums, extremes and statistics that pass over NaN; quantiles."""

from __future__ import annotations

import math

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, AxisLike, DTypeLike
from lamina.errors import RangeError, ShapeError
from lamina.keras.ops import reductions
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations.promote import axis_of
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod",
    "nanstd", "nansum", "nanvar", "percentile", "quantile",
]
# fmt: on


def _but_nan(x: ArrayLike, instead: float) -> Tensor:
    x = tensor(x)
    return ops.where(ops.isnan(x), instead, x) if x.dtype.is_float else x


@operation
def nansum(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The sum of the numbers; NaN counts as 0."""
    return reductions.sum(_but_nan(x, 0.0), axis, keepdims)


@operation
def nanprod(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The product of the numbers; NaN counts as 1."""
    return reductions.prod(_but_nan(x, 1.0), axis, keepdims)


@operation
def nancumsum(x: ArrayLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Running sums, NaN counting as 0."""
    return reductions.cumsum(_but_nan(x, 0.0), axis, dtype)


@operation
def nancumprod(x: ArrayLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Running products, NaN counting as 1."""
    return reductions.cumprod(_but_nan(x, 1.0), axis, dtype)


@operation
def nanmean(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The mean of the numbers; NaN where there are none."""
    total = nansum(x, axis, keepdims)
    return total / _numbers(x, axis, keepdims)


@operation
def nanvar(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The mean squared distance of the numbers from their mean."""
    distance = tensor(x) - nanmean(x, axis, True)
    return nanmean(distance * distance, axis, keepdims)


@operation
def nanstd(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The root of `nanvar`."""
    return ops.sqrt(nanvar(x, axis, keepdims))


def _numbers(x: ArrayLike, axis: AxisLike, keepdims: bool) -> Tensor:
    """Return the number of elements that are not NaN."""
    x = floating(x)
    return ops.sum(ops.cast(ops.logical_not(ops.isnan(x)), x.dtype), axis=axis, keepdims=keepdims)


def _or_nan(values: Tensor, x: ArrayLike, axis: AxisLike, keepdims: bool) -> Tensor:
    return ops.where(_numbers(x, axis, keepdims) == 0, math.nan, values)


@operation
def nanmax(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The largest of the numbers; NaN where there are none."""
    values = ops.max(_but_nan(x, -math.inf), axis=axis, keepdims=keepdims)
    return _or_nan(values, x, axis, keepdims) if tensor(x).dtype.is_float else values


@operation
def nanmin(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The smallest of the numbers; NaN where there are none."""
    values = ops.min(_but_nan(x, math.inf), axis=axis, keepdims=keepdims)
    return _or_nan(values, x, axis, keepdims) if tensor(x).dtype.is_float else values


@operation
def nanargmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest of the numbers; -1 where there are none."""
    found = ops.argmax(_but_nan(x, -math.inf), axis=axis, keepdims=keepdims)
    return ops.where(_numbers(x, axis, keepdims) == 0, -1, found)


@operation
def nanargmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest of the numbers; -1 where there are none."""
    found = ops.argmin(_but_nan(x, math.inf), axis=axis, keepdims=keepdims)
    return ops.where(_numbers(x, axis, keepdims) == 0, -1, found)


# ---- shares --------------------------------------------------------------------------------------
def lines(x: Tensor, axis: AxisLike) -> tuple[Tensor, tuple[int, ...]]:
    """x with the axes (None: all) as one, which is the last; and the axes, from the first on."""
    chosen = tuple(range(x.ndim)) if axis is None else axis
    given = chosen if isinstance(chosen, (tuple, list)) else (chosen,)
    axes = tuple(sorted(axis_of("quantile", each, x.ndim) for each in given))
    kept = [d for d in range(x.ndim) if d not in axes]
    moved = ops.permute_dims(x, (*kept, *axes))
    return ops.reshape(moved, (*moved._type.shape[: len(kept)], -1)), axes


@operation
def quantile(
    x: ArrayLike,
    q: ArrayLike,
    axis: AxisLike = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """The quantiles q (0 to 1, a number or array) of x.

    `axis` is one or several, whose elements count together. `method` says what holds between two
    elements: "linear", "lower", "higher", "midpoint", "nearest". The shape is that of q, then that
    of x without the axes. Raises RangeError for another method or shares outside of 0 to 1,
    ShapeError for an axis of open length.
    """
    x, shares = tensor(x), np.asarray(q, np.float64)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise RangeError(f"quantile: shares run from 0 to 1; got {shares.tolist()}")
    line, axes = lines(x, axis)
    line = ops.sort(line if line.dtype.is_float else ops.cast(line, "float32"), axis=-1)
    count = line.shape[-1]
    if not isinstance(count, int):
        raise ShapeError(f"quantile: the length of the axis must be known; it is {count} here")
    place = shares.reshape(-1) * (count - 1)
    low, high, share = np.floor(place), np.ceil(place), place - np.floor(place)
    rounding = {
        "linear": share,
        "lower": np.zeros_like(share),
        "higher": np.ones_like(share),
        "midpoint": np.where(share > 0, 0.5, 0.0),
        "nearest": np.round(place) - low,
    }
    if method not in rounding:
        raise RangeError(f"quantile: method is {method!r}, expected one of {sorted(rounding)}")
    below = ops.take(line, low.astype(np.int32), axis=-1)
    above = ops.take(line, high.astype(np.int32), axis=-1)
    between = ops.cast(rounding[method], line.dtype)
    result = ops.moveaxis(below + (above - below) * between, -1, 0)
    if keepdims:
        result = ops.expand_dims(result, axis=tuple(a + 1 for a in axes))
    return ops.reshape(result, (*shares.shape, *result.shape[1:]))


@operation
def percentile(
    x: ArrayLike,
    q: ArrayLike,
    axis: AxisLike = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """The quantiles of q in percent."""
    return quantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)
