"""`keras.ops`: correlation, histograms, quantiles that pass over NaN, number theory, I0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, AxisLike
from lamina.errors import ArgumentError, DTypeError, RangeError, ShapeError
from lamina.ir import types
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.keras.ops.skipping_nan import lines
from lamina.operations.decompositions.loops import repeated
from lamina.operations.frames import extract_sequences
from lamina.operations.promote import promoted
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "argpartition", "corrcoef", "correlate", "gcd", "histogram", "i0", "lcm", "nanmedian",
    "nanpercentile", "nanquantile",
]
# fmt: on


# ---- correlation ---------------------------------------------------------------------------------
@operation
def corrcoef(x: ArrayLike) -> Tensor:
    """The correlation of each row of x with each other, from -1 to 1; 1 of a vector."""
    value = floating(x)
    if value.ndim > 2:
        raise ShapeError(f"corrcoef: expected at most two axes, got shape {value.shape}")
    rows = value if value.ndim == 2 else ops.reshape(value, (1, -1))
    centered = rows - ops.mean(rows, axis=1, keepdims=True)
    products = ops.matmul(centered, ops.matrix_transpose(centered))
    scale = ops.sqrt(ops.diagonal(products))
    result = ops.clip(products / scale / ops.expand_dims(scale, axis=1), -1.0, 1.0)
    return result if value.ndim == 2 else ops.reshape(result, ())


@operation
def correlate(x1: ArrayLike, x2: ArrayLike, mode: str = "valid") -> Tensor:
    """The sums of products of two vectors at all distances, as floats: c[k] = sum of x1[n + k]
    x2[n].

    `mode` keeps those at which one vector is within the other ("valid"), as many as the longer
    vector has elements ("same"), or all ("full").
    """
    x, y = (floating(x) for x in promoted((tensor(x1), tensor(x2))))
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"correlate: expected vectors, got shapes {x.shape} and {y.shape}")
    first, second = x.shape[0].__index__(), y.shape[0].__index__()
    least, most = min(first, second), max(first, second)
    bounds = {
        "full": (0, first + second - 1),
        "same": ((least - 1) // 2 if first >= second else least // 2, most),
        "valid": (least - 1, most - least + 1),
    }
    if mode not in bounds:
        raise ArgumentError(f"correlate: mode must be 'full', 'same' or 'valid', got {mode!r}")
    around = ops.pad(x, [(second - 1, second - 1)])
    start, count = bounds[mode]
    return ops.matmul(extract_sequences(around, second, 1), y)[start : start + count]


# ---- histograms and orders -----------------------------------------------------------------------
@operation
def histogram(
    x: ArrayLike, bins: ArrayLike = 10, range: Sequence[float] | None = None
) -> tuple[Tensor, Tensor]:
    """The number of elements within each bin, and the edges of the bins; the last bin includes its
    upper edge.

    `bins` is a number of bins of one width, within `range` (by default all of x), or their edges.
    """
    value = ops.ravel(floating(x))
    if isinstance(bins, (int, np.integer)):
        edges = _edges(value, int(bins), range)
    else:
        edges = ops.cast(tensor(bins), value.dtype)
    count = edges.shape[0].__index__() - 1
    place = ops.searchsorted(edges, value, side="right") - 1
    place = ops.where(ops.equal(value, edges[-1]), count - 1, place)
    hot = ops.equal(ops.expand_dims(place, axis=1), ops.arange(count, dtype="int32"))
    return ops.sum(ops.cast(hot, value.dtype), axis=0), edges


def _edges(x: Tensor, bins: int, within: Any) -> Tensor:
    if bins < 1:
        raise RangeError(f"histogram: expected at least one bin, got {bins}")
    if within is None:
        low, high = ops.min(x), ops.max(x)
    else:
        low, high = (ops.asarray(float(v), dtype=x.dtype) for v in within)
    is_point = ops.equal(low, high)
    low, high = ops.where(is_point, low - 0.5, low), ops.where(is_point, high + 0.5, high)
    share = ops.asarray(np.arange(bins + 1) / bins, dtype=x.dtype)
    return low * (1.0 - share) + high * share


@operation
def argpartition(x: ArrayLike, kth: int, axis: int | None = -1) -> Tensor:
    """Positions that put the k-th smallest in its place, smaller ones before it; here all are
    sorted."""
    value = tensor(x)
    if axis is None:
        value, axis = ops.ravel(value), 0
    extent = value.shape[axis]
    if isinstance(extent, int) and not -extent <= kth < extent:
        raise RangeError(f"argpartition: kth is {kth}, expected one of {extent} positions")
    return ops.argsort(value, axis=axis)


# ---- quantiles without NaN -----------------------------------------------------------------------
_SHARES: dict[str, Any] = {
    "linear": lambda share: share,
    "lower": ops.zeros_like,
    "higher": lambda share: ops.cast(share > 0, share.dtype),
    "midpoint": lambda share: ops.where(share > 0, 0.5, 0.0),
    "nearest": ops.round,
}


@operation
def nanquantile(
    x: ArrayLike,
    q: ArrayLike,
    axis: AxisLike = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """The quantiles q (0 to 1) of the numbers, as `quantile`; NaN where there are none."""
    if method not in _SHARES:
        raise RangeError(f"nanquantile: method is {method!r}, expected one of {sorted(_SHARES)}")
    value, shares = floating(x), np.asarray(q, np.float64)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise RangeError(f"nanquantile: shares run from 0 to 1; got {shares.tolist()}")
    line, axes = lines(value, axis)
    line = ops.sort(line, axis=-1)
    wide = ops.cast(line, "float32") if line.dtype.bits < 32 else line
    count = ops.sum(ops.cast(ops.logical_not(ops.isnan(wide)), wide.dtype), axis=-1, keepdims=True)
    results = []
    for share in shares.reshape(-1):
        place = ops.maximum(count - 1, 0) * float(share)
        low = ops.floor(place)
        below, above = (
            ops.take_along_axis(wide, ops.cast(p, "int32"), axis=-1) for p in (low, ops.ceil(place))
        )
        found = below + (above - below) * _SHARES[method](place - low)
        results.append(ops.squeeze(found, axis=-1))
    result = ops.cast(ops.stack(results, axis=0), value.dtype)
    if keepdims:
        result = ops.expand_dims(result, axis=tuple(a + 1 for a in axes))
    return ops.reshape(result, (*shares.shape, *result._type.shape[1:]))


@operation
def nanpercentile(
    x: ArrayLike,
    q: ArrayLike,
    axis: AxisLike = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """The quantiles of q in percent, of the numbers."""
    return nanquantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


@operation
def nanmedian(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The median of the numbers; NaN where there are none."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)


# ---- integers ------------------------------------------------------------------------------------
def _integers(function: str, x1: ArrayLike, x2: ArrayLike) -> tuple[Tensor, Tensor]:
    x, y = ops.broadcast_arrays(*promoted((x1, x2)))
    if not x.dtype.is_integer:
        raise DTypeError(f"{function}: expected integers, got {x.dtype}")
    return (x, y) if x.dtype.kind == "u" else (ops.abs(x), ops.abs(y))


@operation
def gcd(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The greatest common divisor (Euclid)."""

    def step(pair: list[Tensor]) -> list[Tensor]:
        x, y = pair
        rest = ops.remainder(x, ops.where(ops.equal(y, 0), 1, y))
        return [ops.where(ops.equal(y, 0), x, y), ops.where(ops.equal(y, 0), 0, rest)]

    def goes_on(pair: list[Tensor]) -> Tensor:
        return ops.any(ops.not_equal(pair[1], 0))

    return repeated(goes_on, step, _integers("gcd", x1, x2))[0]


@operation
def lcm(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The least common multiple; 0 if either is 0."""
    x, y = _integers("lcm", x1, x2)
    divisor = gcd(x, y)
    return ops.multiply(ops.floor_divide(x, ops.where(ops.equal(divisor, 0), 1, divisor)), y)


# ---- a Bessel function ---------------------------------------------------------------------------
_TURN = 20.0  # between the series of powers and that for large arguments


@operation
def i0(x: ArrayLike) -> Tensor:
    """The modified Bessel function of order 0: the sum of (x^2 / 4)^k / (k!)^2 over k.

    From 20 on it is exp(x) / sqrt(2 pi x) times a series in 1 / x (Abramowitz and Stegun, 9.7.1).
    """
    value = floating(x)
    wide = ops.abs(ops.cast(value, types.float32) if value.dtype.bits < 32 else value)
    quarter = ops.square(ops.minimum(wide, _TURN)) * 0.25
    near = ops.ones_like(wide)
    for k in range(60, 0, -1):
        near = 1.0 + near * quarter * (1.0 / k**2)
    far_x = ops.maximum(wide, _TURN)
    far = ops.ones_like(wide)
    for k in range(20, 0, -1):
        far = 1.0 + far * ((2 * k - 1) ** 2 / (8 * k)) / far_x
    half = ops.exp(far_x * 0.5)
    far = half * (far / ops.sqrt(2 * math.pi * far_x)) * half
    return ops.cast(ops.where(wide < _TURN, near, far), value.dtype)
