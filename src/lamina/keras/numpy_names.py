"""NumPy's functions that `keras.ops` has and Lamina does not: each a line or two of operations.

Arguments and meanings are NumPy's, in the order of Keras.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import RangeError, ShapeError
from lamina.tensor import Tensor, as_tensor

# fmt: off
__all__ = [
    "allclose", "append", "bartlett", "bitwise_not", "blackman", "conj", "conjugate", "copy",
    "deg2rad", "diagflat", "digitize", "dsplit", "dstack", "erfc", "fliplr", "flipud", "fmax",
    "fmin", "geomspace", "hamming", "hanning", "heaviside", "hsplit", "isneginf", "isposinf",
    "isreal", "kaiser", "kron", "ldexp", "left_shift", "logaddexp2", "nan_to_num", "nanargmax",
    "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd",
    "nansum", "nanvar", "percentile", "ptp", "quantile", "rad2deg", "real", "right_shift",
    "rot90", "select", "sinc", "trapezoid", "tri", "unravel_index", "vander", "vdot", "vsplit",
]
# fmt: on
bitwise_not = ops.bitwise_invert
left_shift, right_shift = ops.bitwise_left_shift, ops.bitwise_right_shift


# ---- elementwise -------------------------------------------------------------------------------
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Tensor:
    """Whether all elements are equal but for atol + rtol |x2|."""
    return ops.all(ops.isclose(x1, x2, rtol=rtol, atol=atol))


def conj(x: Any) -> Tensor:
    """x: Lamina has real numbers only."""
    return as_tensor(x)


def copy(x: Any) -> Tensor:
    """x: tensors do not change, so that nobody can tell a copy."""
    return as_tensor(x)


conjugate = real = conj


def isreal(x: Any) -> Tensor:
    """True everywhere: Lamina has real numbers only."""
    return ops.ones_like(as_tensor(x), dtype="bool")


def deg2rad(x: Any) -> Tensor:
    """Degrees as radians."""
    return as_tensor(x) * (math.pi / 180)


def rad2deg(x: Any) -> Tensor:
    """Radians as degrees."""
    return as_tensor(x) * (180 / math.pi)


def erfc(x: Any) -> Tensor:
    """1 - erf(x); for large x it is 0 where the exact value is below the dtype's epsilon."""
    return 1 - ops.erf(x)


def fmax(x1: Any, x2: Any) -> Tensor:
    """The larger of the two; of a number and NaN the number."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.maximum(x1, x2)))


def fmin(x1: Any, x2: Any) -> Tensor:
    """The smaller of the two; of a number and NaN the number."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.minimum(x1, x2)))


def heaviside(x1: Any, x2: Any) -> Tensor:
    """0 below 0, 1 above, and x2 at 0."""
    x1 = as_tensor(x1)
    return ops.where(x1 == 0, x2, ops.where(ops.isnan(x1), x1, ops.cast(x1 > 0, x1.dtype)))


def isposinf(x: Any) -> Tensor:
    """Where x is +infinity, as bool."""
    return ops.logical_and(ops.isinf(x), as_tensor(x) > 0)


def isneginf(x: Any) -> Tensor:
    """Where x is -infinity, as bool."""
    return ops.logical_and(ops.isinf(x), as_tensor(x) < 0)


def ldexp(x1: Any, x2: Any) -> Tensor:
    """x1 2^x2."""
    x1 = as_tensor(x1)
    return x1 * ops.exp2(ops.cast(x2, x1.dtype))


def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """log2(2^x1 + 2^x2), without overflow."""
    high, low = ops.maximum(x1, x2), ops.minimum(x1, x2)
    apart = ops.where(high == low, 0.0, low - high)  # inf - inf would be NaN
    return high + ops.log1p(ops.exp2(apart)) * (1 / math.log(2))


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
    """x with NaN and the infinities replaced; these by the dtype's extremes unless said."""
    x = as_tensor(x)
    if not x.dtype.is_float:
        return x
    most = float(ops.finfo(x.dtype).max)
    x = ops.where(ops.isnan(x), nan, x)
    x = ops.where(isposinf(x), most if posinf is None else posinf, x)
    return ops.where(isneginf(x), -most if neginf is None else neginf, x)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """Of each place the first choice whose condition is true there, else the default."""
    result = as_tensor(default)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = ops.where(condition, choice, result)
    return result


def sinc(x: Any) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0."""
    angle = as_tensor(x) * math.pi
    safe = ops.where(angle == 0, 1.0, angle)
    return ops.where(angle == 0, 1.0, ops.sin(safe) / safe)


# ---- sums and extremes that pass over NaN ------------------------------------------------------
def _but_nan(x: Any, instead: float) -> Tensor:
    x = as_tensor(x)
    return ops.where(ops.isnan(x), instead, x) if x.dtype.is_float else x


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum of the numbers; NaN counts as 0."""
    return ops.sum(_but_nan(x, 0.0), axis=axis, keepdims=keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The product of the numbers; NaN counts as 1."""
    return ops.prod(_but_nan(x, 1.0), axis=axis, keepdims=keepdims)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sums, NaN counting as 0."""
    return ops.cumsum(_but_nan(x, 0.0), axis=axis, dtype=dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running products, NaN counting as 1."""
    return ops.cumprod(_but_nan(x, 1.0), axis=axis, dtype=dtype)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean of the numbers; NaN where there are none."""
    total = nansum(x, axis, keepdims)
    return total / _numbers(x, axis, keepdims)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean squared distance of the numbers from their mean."""
    distance = as_tensor(x) - nanmean(x, axis, True)
    return nanmean(distance * distance, axis, keepdims)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The root of `nanvar`."""
    return ops.sqrt(nanvar(x, axis, keepdims))


def _numbers(x: Any, axis: Any, keepdims: bool) -> Tensor:
    """How many are not NaN."""
    x = as_tensor(x)
    return ops.sum(ops.cast(ops.logical_not(ops.isnan(x)), x.dtype), axis=axis, keepdims=keepdims)


def _or_nan(values: Tensor, x: Any, axis: Any, keepdims: bool) -> Tensor:
    return ops.where(_numbers(x, axis, keepdims) == 0, math.nan, values)


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest of the numbers; NaN where there are none."""
    values = ops.max(_but_nan(x, -math.inf), axis=axis, keepdims=keepdims)
    return _or_nan(values, x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest of the numbers; NaN where there are none."""
    values = ops.min(_but_nan(x, math.inf), axis=axis, keepdims=keepdims)
    return _or_nan(values, x, axis, keepdims)


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the largest of the numbers."""
    return ops.argmax(_but_nan(x, -math.inf), axis=axis, keepdims=keepdims)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the smallest of the numbers."""
    return ops.argmin(_but_nan(x, math.inf), axis=axis, keepdims=keepdims)


# ---- order -------------------------------------------------------------------------------------
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Peak to peak: the largest less the smallest."""
    high = ops.max(x, axis=axis, keepdims=keepdims)
    return high - ops.min(x, axis=axis, keepdims=keepdims)


def quantile(
    x: Any, q: Any, axis: int | None = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """The values that a share q (0 to 1, a number or array) of x lies below.

    `method` says what holds between two elements: "linear", "lower", "higher", "midpoint",
    "nearest". The shape is that of q, then that of x without the axis. Raises RangeError for
    another method or shares outside of 0 to 1, ShapeError for an axis of open length.
    """
    x, shares = as_tensor(x), np.asarray(q, np.float64)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise RangeError(f"quantile: shares run from 0 to 1; got {shares.tolist()}")
    line = ops.ravel(x) if axis is None else ops.moveaxis(x, axis, -1)
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
        kept = tuple(range(1, x.ndim + 1)) if axis is None else (1 + axis % x.ndim,)
        result = ops.expand_dims(result, axis=kept)
    return ops.reshape(result, (*shares.shape, *result.shape[1:]))


def percentile(
    x: Any, q: Any, axis: int | None = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """The quantiles of q in percent."""
    return quantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


def digitize(x: Any, bins: Any) -> Tensor:
    """The number of the bin of each element: how many of the rising edges are not above it."""
    return ops.cast(ops.searchsorted(as_tensor(bins), as_tensor(x), side="right"), "int32")


# ---- shapes ------------------------------------------------------------------------------------
def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """x2 behind x1 along an axis; both flat without one."""
    if axis is None:
        return ops.concatenate([ops.ravel(x1), ops.ravel(x2)])
    return ops.concatenate([x1, x2], axis=axis)


def diagflat(x: Any, k: int = 0) -> Tensor:
    """A matrix with the elements of x on the k-th diagonal."""
    return ops.diag(ops.ravel(x), k)


def dstack(xs: Sequence[Any]) -> Tensor:
    """Tensors joined along the third axis."""
    return ops.concatenate([_with_depth(as_tensor(x)) for x in xs], axis=2)


def _with_depth(x: Tensor) -> Tensor:
    return x if x.ndim > 2 else ops.expand_dims(ops.atleast_2d(x), axis=2)


def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """Cut along the second axis; of a vector along its only one."""
    return ops.split(x, indices_or_sections, axis=min(1, as_tensor(x).ndim - 1))


def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """Cut along the first axis."""
    return ops.split(x, indices_or_sections, axis=0)


def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """Cut along the third axis."""
    return ops.split(x, indices_or_sections, axis=2)


def flipud(x: Any) -> Tensor:
    """Upside down: the first axis turned round."""
    return ops.flip(x, axis=0)


def fliplr(x: Any) -> Tensor:
    """Left to right: the second axis turned round."""
    return ops.flip(x, axis=1)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turned by k right angles, from the first of the axes towards the second."""
    first, second = axes
    x, turns = as_tensor(x), k % 4
    if turns == 2:
        return ops.flip(x, axis=(first, second))
    if turns == 1:
        return ops.swapaxes(ops.flip(x, axis=second), first, second)
    return ops.flip(ops.swapaxes(x, first, second), axis=second) if turns == 3 else x


def unravel_index(indices: Any, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """The places of flat indices in this shape, an axis each."""
    rest, places = as_tensor(indices), []
    for extent in reversed(tuple(shape)):
        places.append(ops.remainder(rest, extent))
        rest = ops.floor_divide(rest, extent)
    return tuple(reversed(places))


# ---- making ------------------------------------------------------------------------------------
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones at and below the k-th diagonal, N rows and M columns."""
    return ops.tril(ops.ones((N, N if M is None else M), dtype=dtype or "float32"), k=k)


def geomspace(
    start: float, stop: float, num: int = 50, endpoint: bool = True, dtype: Any = None
) -> Tensor:
    """num numbers, each the same multiple of the one before, from start to stop."""
    return ops.asarray(np.geomspace(start, stop, num, endpoint), dtype=dtype or "float32")


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """A row of powers of each element, from N - 1 down to 0."""
    x = as_tensor(x)
    count = x.shape[0] if N is None else N
    powers = ops.stack([x**n for n in range(count)], axis=-1)
    return powers if increasing else ops.flip(powers, axis=-1)


def bartlett(x: int) -> Tensor:
    """NumPy's window of this name and size."""
    return ops.asarray(np.bartlett(x), dtype="float32")


def blackman(x: int) -> Tensor:
    """NumPy's window of this name and size."""
    return ops.asarray(np.blackman(x), dtype="float32")


def hamming(x: int) -> Tensor:
    """NumPy's window of this name and size."""
    return ops.asarray(np.hamming(x), dtype="float32")


def hanning(x: int) -> Tensor:
    """NumPy's window of this name and size."""
    return ops.asarray(np.hanning(x), dtype="float32")


def kaiser(x: int, beta: float) -> Tensor:
    """NumPy's window of this name and size."""
    return ops.asarray(np.kaiser(x, beta), dtype="float32")


# ---- products ----------------------------------------------------------------------------------
def vdot(x1: Any, x2: Any) -> Tensor:
    """The inner product of all elements."""
    return ops.dot(ops.ravel(x1), ops.ravel(x2))


def kron(x1: Any, x2: Any) -> Tensor:
    """The Kronecker product: each element of x1 times the whole of x2, as blocks."""
    x1, x2 = as_tensor(x1), as_tensor(x2)
    axes = max(x1.ndim, x2.ndim)
    left = (1,) * (axes - x1.ndim) + x1.shape
    right = (1,) * (axes - x2.ndim) + x2.shape
    x1 = ops.reshape(x1, tuple(n for extent in left for n in (extent, 1)))
    x2 = ops.reshape(x2, tuple(n for extent in right for n in (1, extent)))
    return ops.reshape(x1 * x2, tuple(a * b for a, b in zip(left, right, strict=True)))


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The area under points joined by lines, at x or dx apart."""
    y = ops.moveaxis(as_tensor(y), axis, -1)
    width: Any = dx
    if x is not None:
        width = as_tensor(x)
        width = ops.diff(ops.moveaxis(width, axis, -1) if width.ndim > 1 else width)
    return ops.sum((y[..., 1:] + y[..., :-1]) * width, axis=-1) / 2
