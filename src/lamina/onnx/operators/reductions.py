"""Reductions along axes, positions of extremes, cumulative sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.ir import types
from lamina.ir.types import DType
from lamina.onnx.operators.shapes import chosen_axes
from lamina.onnx.rows import operator
from lamina.onnx.values import Extents, axes_in, axis_in, integers, whole
from lamina.tensor import Tensor, as_tensor

Reduce = Callable[..., Tensor]


def _sum(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return as_tensor(ops.sum(x, axis=axis, keepdims=keepdims), x.dtype)


def _prod(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return as_tensor(ops.prod(x, axis=axis, keepdims=keepdims), x.dtype)


def _mean(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return as_tensor(ops.mean(x, axis=axis, keepdims=keepdims), x.dtype)


def _least(dtype: DType) -> Any:
    if dtype.is_float:
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype.storage).min


def _most(dtype: DType) -> Any:
    if dtype.is_float:
        return np.inf
    return True if dtype.kind == "b" else np.iinfo(dtype.storage).max


def _extreme(name: str, x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    """The largest or smallest elements; of no elements the end of the dtype's range."""
    if any(x.shape[k] == 0 for k in axis):
        value = _least(x.dtype) if name == "max" else _most(x.dtype)
        shape = [1 if k in axis else n for k, n in enumerate(x.shape)]
        kept = [n for k, n in enumerate(shape) if keepdims or k not in axis]
        return ops.full(tuple(kept), value, dtype=x.dtype)
    if x.dtype.kind == "b":
        return (ops.any if name == "max" else ops.all)(x, axis=axis, keepdims=keepdims)
    return getattr(ops, name)(x, axis=axis, keepdims=keepdims)


def _max(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return _extreme("max", x, axis, keepdims)


def _min(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return _extreme("min", x, axis, keepdims)


def _l1(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return _sum(ops.abs(x), axis, keepdims)


def _l2(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return as_tensor(ops.sqrt(_sum(x * x, axis, keepdims)), x.dtype)


def _log_sum(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return as_tensor(ops.log(_sum(x, axis, keepdims)), x.dtype)


def _log_sum_exp(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    if any(x.shape[k] == 0 for k in axis):
        return _log_sum(x, axis, keepdims)
    return as_tensor(ops.logsumexp(x, axis=axis, keepdims=keepdims), x.dtype)


def _sum_square(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    return _sum(x * x, axis, keepdims)


_REDUCTIONS: dict[str, tuple[Reduce, int]] = {
    "ReduceSum": (_sum, 13),
    "ReduceProd": (_prod, 18),
    "ReduceMean": (_mean, 18),
    "ReduceMax": (_max, 18),
    "ReduceMin": (_min, 18),
    "ReduceL1": (_l1, 18),
    "ReduceL2": (_l2, 18),
    "ReduceLogSum": (_log_sum, 18),
    "ReduceLogSumExp": (_log_sum_exp, 18),
    "ReduceSumSquare": (_sum_square, 18),
}


def _reduced(
    reduce: Reduce, x: Any, axes: list[int] | None, keepdims: int, empty_is_none: bool
) -> Any:
    if isinstance(x, Extents) and reduce is _prod:
        return whole(np.prod(x.array, keepdims=bool(keepdims)))
    x = as_tensor(x)
    if not axes and empty_is_none:
        return reduce(x[None], (0,), False)  # of each element alone
    chosen = axes_in(axes, x.ndim) if axes else tuple(range(x.ndim))
    return reduce(x, chosen, bool(keepdims))


def _enter(name: str, reduce: Reduce, since: int) -> None:
    @operator(name, since=since)
    def by_input(
        x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Any:
        given = chosen_axes(axes, f"the axes of {name}")
        return _reduced(reduce, x, given, keepdims, bool(noop_with_empty_axes))

    @operator(name, since=1)
    def by_attribute(x: Any, *, axes: list[int] | None = None, keepdims: int = 1) -> Any:
        return _reduced(reduce, x, axes, keepdims, False)


for _name, (_function, _since) in _REDUCTIONS.items():
    _enter(_name, _function, _since)


# ---- positions of extremes ---------------------------------------------------------------------
def _position(find: Reduce, x: Any, axis: int, keepdims: int, select_last_index: int) -> Tensor:
    x = as_tensor(x)
    axis = axis_in(axis, x.ndim)
    if not select_last_index:
        return as_tensor(find(x, axis=axis, keepdims=bool(keepdims)), types.int64)
    last = find(ops.flip(x, axis=axis), axis=axis, keepdims=bool(keepdims))
    return as_tensor(x.shape[axis], types.int64) - 1 - as_tensor(last, types.int64)


@operator("ArgMax", since=1)
def argmax(x: Any, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _position(ops.argmax, x, axis, keepdims, select_last_index)


@operator("ArgMin", since=1)
def argmin(x: Any, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _position(ops.argmin, x, axis, keepdims, select_last_index)


# ---- cumulative --------------------------------------------------------------------------------
def _cumulated(
    run: Callable[..., Tensor], start: int, x: Any, axis: Any, exclusive: int, reverse: int
) -> Tensor:
    x = as_tensor(x)
    along = axis_in(int(integers(axis, "the axis of a cumulative sum")[0]), x.ndim)
    if reverse:
        x = ops.flip(x, axis=along)
    result = as_tensor(run(x, axis=along), x.dtype)
    if exclusive:
        before = (slice(None),) * along
        shape = [1 if k == along else n for k, n in enumerate(x.shape)]
        first = ops.full(tuple(shape), start, dtype=x.dtype)
        result = ops.concat([first, result[(*before, slice(0, -1))]], axis=along)
    return ops.flip(result, axis=along) if reverse else result


@operator("CumSum", since=11)
def cumulative_sum(x: Any, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _cumulated(ops.cumsum, 0, x, axis, exclusive, reverse)


@operator("CumProd", since=26)
def cumulative_product(x: Any, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _cumulated(ops.cumprod, 1, x, axis, exclusive, reverse)
