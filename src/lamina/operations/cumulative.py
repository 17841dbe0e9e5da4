"""Running sums, products and extremes: what the first 1, 2, 3... elements along an axis come to.

Along an axis of known length in about log2(length) passes over all elements, otherwise one element
after the other. Integers and bools are summed in int64 (uint64 of unsigned), 16-bit floats in
float32, as by the reductions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ShapeError
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32, float64
from lamina.operations.elementwise import add, logaddexp, maximum, minimum, multiply
from lamina.operations.promote import axis_of, floating, need_kind, scalar, spread, widened
from lamina.operations.reductions import summable
from lamina.operations.shaping import flip
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node

Combine = Callable[[Any, Any], Tensor]
ROUNDING = (add, multiply, logaddexp)

# fmt: off
__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "logcumsumexp",
]
# fmt: on


# ---- sums and products -------------------------------------------------------------------------
def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the running sum along an axis.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None is allowed for one axis only.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        include_initial: put a 0 in front, which makes the axis longer by one.

    Example:
        >>> import lamina as lm
        >>> lm.cumulative_sum([1.0, 2.0, 3.0], include_initial=True).tolist()
        [0.0, 1.0, 3.0, 6.0]
    """
    return _summed("cumulative_sum", add, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike = None,
    include_initial: bool = False,
) -> Tensor:
    """Return the running product along an axis.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None is allowed for one axis only.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.
        include_initial: put a 1 in front, which makes the axis longer by one.

    Example:
        >>> import lamina as lm
        >>> lm.cumulative_prod([1.0, 2.0, 3.0], include_initial=True).tolist()
        [1.0, 1.0, 2.0, 6.0]
    """
    return _summed("cumulative_prod", multiply, 1, x, axis, dtype, include_initial)


def cumsum(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Return the running sum along an axis.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None scans the flattened elements.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.

    Example:
        >>> import lamina as lm
        >>> lm.cumsum([1.0, 2.0, 3.0]).tolist()
        [1.0, 3.0, 6.0]
    """
    return cumulative_sum(_flat(x, axis), axis=axis or 0, dtype=dtype)


def cumprod(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """Return the running product along an axis.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None scans the flattened elements.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.

    Example:
        >>> import lamina as lm
        >>> lm.cumprod([1.0, 2.0, 3.0]).tolist()
        [1.0, 2.0, 6.0]
    """
    return cumulative_prod(_flat(x, axis), axis=axis or 0, dtype=dtype)


def logcumsumexp(x: ArrayLike, /, axis: int | None = None, *, reverse: bool = False) -> Tensor:
    """Return log(cumsum(exp(x))), without overflow.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None scans the flattened elements.
        reverse: go from the last element to the first.

    Example:
        >>> import lamina as lm
        >>> lm.logcumsumexp([-1000.0, 1000.0]).tolist()
        [-1000.0, 1000.0]
    """
    tensor = floating(x)
    return _running("logcumsumexp", logaddexp, -np.inf, _flat(tensor, axis), axis or 0, reverse)


# ---- extremes ----------------------------------------------------------------------------------
def cummax(x: ArrayLike, /, axis: int | None = None, *, reverse: bool = False) -> Tensor:
    """Return the running maximum along an axis.

    From the first NaN on, the result is NaN.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None scans the flattened elements.
        reverse: go from the last element to the first.

    Example:
        >>> import lamina as lm
        >>> lm.cummax([1.0, 3.0, 2.0]).tolist()
        [1.0, 3.0, 3.0]
    """
    return _extreme("cummax", maximum, "min", x, axis, reverse)


def cummin(x: ArrayLike, /, axis: int | None = None, *, reverse: bool = False) -> Tensor:
    """Return the running minimum along an axis.

    From the first NaN on, the result is NaN.

    Args:
        x: tensor or array-like.
        axis: axis to scan; None scans the flattened elements.
        reverse: go from the last element to the first.

    Example:
        >>> import lamina as lm
        >>> lm.cummin([3.0, 1.0, 2.0]).tolist()
        [3.0, 1.0, 1.0]
    """
    return _extreme("cummin", minimum, "max", x, axis, reverse)


def _extreme(
    function: str, combine: Combine, worst: str, x: Any, axis: int | None, reverse: bool
) -> Tensor:
    tensor = as_tensor(x)
    need_kind(function, tensor, "iuf", "numbers")
    if tensor.dtype.is_float:
        start = -np.inf if worst == "min" else np.inf
    else:
        start = getattr(np.iinfo(tensor.dtype.storage), worst)
    return _running(function, combine, start, _flat(tensor, axis), axis or 0, reverse)


# ---- algorithms --------------------------------------------------------------------------------
def _flat(x: Any, axis: int | None) -> Tensor:
    tensor = as_tensor(x)
    return bind("reshape", tensor, shape=(tensor.size,)) if axis is None else tensor


def _summed(
    function: str,
    combine: Combine,
    start: int,
    x: Any,
    axis: int | None,
    dtype: Any,
    include_initial: bool,
) -> Tensor:
    tensor = summable(x, dtype)
    if axis is None:
        if tensor.ndim != 1:
            raise ShapeError(f"{function}: needs an axis for shape {tensor.shape}")
        axis = 0
    result = _running(function, combine, start, tensor, axis, False)
    if include_initial:
        result = _padded(result, axis_of(function, axis, tensor.ndim), 1, 0, start)
    return result


def _running(
    function: str, combine: Combine, start: Any, x: Tensor, axis: int, reverse: bool
) -> Tensor:
    axis = axis_of(function, axis, x.ndim)
    wide = flip(widened(x), axis=axis) if reverse else widened(x)
    way = _by_scan if isinstance(x.shape[axis], Extent) else _by_doubling
    result = way(combine, start, wide, axis)
    return as_tensor(flip(result, axis=axis) if reverse else result, x.dtype)


def _by_doubling(combine: Combine, start: Any, x: Tensor, axis: int) -> Tensor:
    """log2(n) steps, each adding the element 1, 2, 4... before (Hillis and Steele, 1986)."""
    distance = 1
    while distance < x.shape[axis]:  # type: ignore[operator]
        x = combine(x, _padded(x, axis, distance, -distance, start))
        distance *= 2
    return x


def _padded(x: Tensor, axis: int, low: int, high: int, value: Any) -> Tensor:
    """x with `value` put in front of an axis, or cut off from its end."""

    def at(amount: int) -> tuple[int, ...]:
        return tuple(amount if d == axis else 0 for d in range(x.ndim))

    return bind(
        "pad",
        x,
        scalar(value, x.dtype),
        edge_padding_low=at(low),
        edge_padding_high=at(high),
        interior_padding=at(0),
    )


def _by_scan(combine: Combine, start: Any, x: Tensor, axis: int) -> Tensor:
    """One step after the other, for an axis whose length is known when the program runs. What
    rounds is carried in float64, so that the error does not grow with the length."""
    dtype = float64 if x.dtype == float32 and combine in ROUNDING else x.dtype
    front = (axis, *(d for d in range(x.ndim) if d != axis))
    rows = bind("transpose", x, permutation=front)
    shape = rows._type.shape[1:]
    carry = parameter(TensorType(shape, dtype), "carry0")
    row = parameter(TensorType(shape, x.dtype), "x0")
    step = combine(from_node(carry), as_tensor(from_node(row), dtype))
    body = Graph([carry, row], [as_node(step), as_node(as_tensor(step, x.dtype))], "scan_body")
    first = spread(scalar(start, dtype), shape, (), traced=True)
    _, sums = bind("scan", first, rows, body=body, num_consts=0, num_carry=1, length=rows.shape[0])
    back = tuple(front.index(d) for d in range(x.ndim))
    return bind("transpose", sums, permutation=back)
