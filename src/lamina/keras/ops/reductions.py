"""`keras.ops`: sums, extremes, statistics and running sums along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, AxisLike, DTypeLike
from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.types import DType, same
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations.promote import promoted
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod",
    "cumsum", "diff", "logsumexp", "max", "mean", "median", "min", "moments", "prod", "ptp", "std",
    "sum", "var",
]
# fmt: on
_SUMMED = {
    "bool": "int32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "uint32",
    "uint16": "uint32",
}


def _narrow(total: Tensor, x: ArrayLike) -> Tensor:
    """A sum of integers in the dtype that Keras gives it: at least 32 bits, int64 of int64 only."""
    dtype = tensor(x).dtype
    return ops.cast(total, _SUMMED.get(dtype.name, dtype))


def _running_dtype(x: Tensor) -> DType:
    return types.int32 if x.dtype.kind == "b" else x.dtype


def _from(
    reduce: Callable[..., Tensor],
    combine: Callable[[Any, Any], Tensor],
    x: ArrayLike,
    axis: AxisLike,
    keepdims: bool,
    initial: Any,
) -> Tensor:
    """A reduction that begins at `initial`, which is the result along an axis without elements."""
    if initial is None:
        return reduce(x, axis, keepdims=keepdims)
    start = ops.cast(initial, tensor(x).dtype)
    total = ops.sum(x, axis, keepdims=keepdims)
    if same(ops.asarray(x).size, 0):
        return ops.full(total.shape, start)
    return combine(reduce(x, axis, keepdims=keepdims), start)


# ---- sums, products, extremes --------------------------------------------------------------------


@operation
def sum(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The sum of elements along axes; of small integers as int32 or uint32."""
    return _narrow(ops.sum(x, axis, keepdims=keepdims), x)


@operation
def prod(
    x: ArrayLike, axis: AxisLike = None, keepdims: bool = False, dtype: DTypeLike = None
) -> Tensor:
    """The product of elements along axes; of small integers as int32 or uint32."""
    product = ops.prod(x, axis, keepdims=keepdims)
    return _narrow(product, x) if dtype is None else ops.cast(product, dtype)


@operation
def max(
    x: ArrayLike, axis: AxisLike = None, keepdims: bool = False, initial: ArrayLike | None = None
) -> Tensor:
    """The largest element along axes, and at least `initial`; NaN where there is one."""
    return _from(ops.max, ops.maximum, x, axis, keepdims, initial)


@operation
def min(
    x: ArrayLike, axis: AxisLike = None, keepdims: bool = False, initial: ArrayLike | None = None
) -> Tensor:
    """The smallest element along axes, and at most `initial`; NaN where there is one."""
    return _from(ops.min, ops.minimum, x, axis, keepdims, initial)


@operation
def amax(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """As `max`."""
    return ops.max(x, axis, keepdims=keepdims)


@operation
def amin(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """As `min`."""
    return ops.min(x, axis, keepdims=keepdims)


@operation
def ptp(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """Peak to peak: the largest less the smallest."""
    return ops.subtract(amax(x, axis, keepdims), amin(x, axis, keepdims))


@operation
def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first position of the largest element along an axis (None: of all, in C order), int32."""
    return ops.argmax(x, axis, keepdims=keepdims)


@operation
def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first position of the smallest element along an axis (None: of all), int32."""
    return ops.argmin(x, axis, keepdims=keepdims)


@operation
def any(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """True where some element along the axes is not zero."""
    return ops.any(x, axis, keepdims=keepdims)


@operation
def all(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """True where no element along the axes is zero."""
    return ops.all(x, axis, keepdims=keepdims)


@operation
def count_nonzero(x: ArrayLike, axis: AxisLike = None) -> Tensor:
    """The number of elements that are not zero, int32."""
    return ops.cast(ops.count_nonzero(x, axis), "int32")


@operation
def logsumexp(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow on the way."""
    return ops.logsumexp(x, axis, keepdims=keepdims)


# ---- statistics ----------------------------------------------------------------------------------


@operation
def mean(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean along axes; of integers as float32."""
    return ops.mean(x, axis, keepdims=keepdims)


@operation
def average(x: ArrayLike, axis: AxisLike = None, weights: ArrayLike | None = None) -> Tensor:
    """The mean, weighted if there are weights: sum(x w) / sum(w)."""
    if weights is None:
        return ops.mean(floating(x), axis)
    x, weights = (floating(each) for each in promoted((tensor(x), tensor(weights))))
    if weights.ndim == 1 and x.ndim > 1 and isinstance(axis, int):
        weights = ops.moveaxis(ops.reshape(weights, (-1,) + (1,) * (x.ndim - 1)), 0, axis)
    weights = ops.broadcast_to(weights, x.shape)
    return ops.divide(ops.sum(ops.multiply(x, weights), axis), ops.sum(weights, axis))


@operation
def var(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The mean of squared distances from the mean."""
    return ops.var(x, axis, keepdims=keepdims)


@operation
def std(x: ArrayLike, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
    """The square root of `var`."""
    return ops.std(x, axis, keepdims=keepdims)


@operation
def median(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The middle of the sorted elements, the mean of both middles of an even number."""
    return ops.median(x, axis, keepdims=keepdims)


@operation
def moments(
    x: ArrayLike, axes: AxisLike, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance along axes."""
    if synchronized:
        raise ArgumentError(
            "moments: synchronized=True needs several devices", hint="leave the argument out"
        )
    x = floating(x)
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    return ops.mean(x, axes, keepdims=keepdims), ops.var(x, axes, keepdims=keepdims)


# ---- running sums --------------------------------------------------------------------------------


@operation
def cumsum(x: ArrayLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Sums of the first 1, 2, 3... elements along an axis; without one, of the flattened."""
    x = tensor(x)
    return ops.cumsum(x, axis, dtype=_running_dtype(x) if dtype is None else dtype)


@operation
def cumprod(x: ArrayLike, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Products of the first 1, 2, 3... elements along an axis; without one, of the flattened."""
    x = tensor(x)
    return ops.cumprod(x, axis, dtype=_running_dtype(x) if dtype is None else dtype)


@operation
def diff(a: ArrayLike, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbors along an axis, n times over."""
    return ops.diff(a, axis=axis, n=n)
