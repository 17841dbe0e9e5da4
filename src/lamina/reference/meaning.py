"""Reference semantics of each primitive: one line of NumPy, or one small function, per row.

    MEANING[name](*arrays, **params) -> array, or a tuple of arrays for several results

Params are concrete here: the interpreter has replaced symbolic extents by integers. Where NumPy
and StableHLO leave a choice, the table at the top of `engines/llvm/codegen/elementwise.py` says
what is chosen.
float32 stays float32. NumPy's warnings are off while these run; a row may return a NumPy scalar, or
a view of an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from lamina.ir.types import DType
from lamina.reference import special, sums
from lamina.reference.indexing import (
    dynamic_slice,
    dynamic_update_slice,
    gather,
    pad,
    scatter,
    slice_,
)
from lamina.reference.threefry import random_bits
from lamina.reference.windows import convolution, reduce_window, select_and_scatter

Array = np.ndarray


# ---- elementwise -------------------------------------------------------------------------------
def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), with an exp that cannot overflow: of -|x|."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, np.ones_like(e), e) / (1 + e)


def _number(floats: Callable[..., Array], integers: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, y: floats(x, y) if x.dtype.kind == "f" else integers(x, y)


COMPARE = {
    "EQ": np.equal, "NE": np.not_equal, "LT": np.less,
    "LE": np.less_equal, "GT": np.greater, "GE": np.greater_equal,
}  # fmt: skip


# ---- shape -------------------------------------------------------------------------------------
def iota(*, shape: Sequence[int], dtype: DType, iota_dimension: int) -> Array:
    """Positions along one axis, repeated over the others."""
    line = np.arange(shape[iota_dimension]).astype(dtype.storage)
    ones = [1] * len(shape)
    ones[iota_dimension] = -1
    return np.broadcast_to(line.reshape(ones), shape)


def broadcast_in_dim(
    x: Array, *, shape: Sequence[int], broadcast_dimensions: Sequence[int]
) -> Array:
    """x with axes of 1 put in, then repeated; a small result is copied, which is quicker."""
    ones = [1] * len(shape)
    for axis, extent in zip(broadcast_dimensions, x.shape):
        ones[axis] = extent
    if prod(shape) > 4096:
        return np.broadcast_to(x.reshape(ones), shape)
    result = np.empty(shape, x.dtype)
    result[...] = x.reshape(ones)
    return result


# ---- reductions and products -------------------------------------------------------------------
def _extreme(combine: np.ufunc, integer_start: str, float_start: float) -> Callable[..., Array]:
    """Largest or smallest; of no elements, the start that any element replaces."""

    def over(x: Array, axes: tuple[int, ...]) -> Array:
        if x.size:
            return combine.reduce(x, axis=axes)
        if x.dtype.kind == "f":
            return combine.reduce(x, axis=axes, initial=float_start)
        if x.dtype.kind == "b":
            return combine.reduce(x, axis=axes, initial=integer_start == "max")
        return combine.reduce(x, axis=axes, initial=getattr(np.iinfo(x.dtype), integer_start))

    return over


def _position(find: Callable[..., Array]) -> Callable[..., Array]:
    """The first position of the extreme, or of the first NaN; 0 if the axis is empty."""

    def over(x: Array, axes: tuple[int, ...]) -> Array:
        if x.shape[axes[0]] == 0:
            return np.zeros(np.delete(x.shape, axes[0]), np.int32)
        return np.asarray(find(x, axis=axes[0])).astype(np.int32)

    return over


REDUCE: dict[str, Callable[..., Array]] = {
    "sum": sums.total,
    "product": lambda x, axes: np.multiply.reduce(x, axis=axes, dtype=x.dtype),
    "max": _extreme(np.maximum, "min", -np.inf),
    "min": _extreme(np.minimum, "max", np.inf),
    "and": lambda x, axes: np.bitwise_and.reduce(x, axis=axes),
    "or": lambda x, axes: np.bitwise_or.reduce(x, axis=axes),
    "argmax": _position(np.argmax),
    "argmin": _position(np.argmin),
}


def dot_general(
    x: Array,
    y: Array,
    *,
    lhs_batching_dimensions: Sequence[int] = (),
    rhs_batching_dimensions: Sequence[int] = (),
    lhs_contracting_dimensions: Sequence[int],
    rhs_contracting_dimensions: Sequence[int],
) -> Array:
    """Both as stacks of matrices: (batch, free, contracted) and (batch, contracted, free)."""
    lb, rb = tuple(lhs_batching_dimensions), tuple(rhs_batching_dimensions)
    lc, rc = tuple(lhs_contracting_dimensions), tuple(rhs_contracting_dimensions)
    if x.ndim == y.ndim == 2 and len(lc) == 1 and not lb:
        return sums.product(x if lc == (1,) else x.T, y if rc == (0,) else y.T)
    lf = tuple(d for d in range(x.ndim) if d not in lb and d not in lc)
    rf = tuple(d for d in range(y.ndim) if d not in rb and d not in rc)
    batch = tuple(x.shape[d] for d in lb)
    rows, columns = tuple(x.shape[d] for d in lf), tuple(y.shape[d] for d in rf)
    inner = prod(x.shape[d] for d in lc)
    left = x.transpose(lb + lf + lc).reshape(*batch, prod(rows), inner)
    right = y.transpose(rb + rc + rf).reshape(*batch, inner, prod(columns))
    return sums.product(left, right).reshape(batch + rows + columns)


def sort(
    *xs: Array, dimension: int, descending: bool = False, num_keys: int = 1
) -> tuple[Array, ...]:
    """Stable sorts by one key after the other, the first key last; NaN sorts last by itself."""
    order = iota(shape=xs[0].shape, dtype=_INT64, iota_dimension=dimension)
    for key in reversed(xs[:num_keys]):
        if descending:
            key = -key if key.dtype.kind == "f" else ~key  # ~ cannot overflow where - can
        by_key = np.argsort(np.take_along_axis(key, order, dimension), dimension, kind="stable")
        order = np.take_along_axis(order, by_key, dimension)
    return tuple(np.take_along_axis(x, order, dimension) for x in xs)


_INT64 = DType("int64", "i", 64, np.dtype(np.int64))

MEANING: dict[str, Callable[..., Any]] = {
    # elementwise, of one
    "exponential": np.exp,
    "exponential_minus_one": np.expm1,
    "log": np.log,
    "log_plus_one": np.log1p,
    "tanh": np.tanh,
    "logistic": logistic,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "cbrt": np.cbrt,
    "sine": np.sin,
    "cosine": np.cos,
    "erf": special.erf,
    "floor": np.floor,
    "ceil": np.ceil,
    "round_nearest_even": np.rint,
    "negate": np.negative,
    "abs": np.abs,
    "sign": lambda x: np.where(x == 0, x, np.sign(x)),  # keeps -0.0
    "population_count": lambda x: np.bitwise_count(special.unsigned(x)).astype(x.dtype),
    "count_leading_zeros": special.count_leading_zeros,
    "not": np.invert,
    "is_finite": np.isfinite,
    # elementwise, of two
    "atan2": np.arctan2,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": _number(np.true_divide, special.divide_integers),
    "remainder": _number(np.fmod, special.remainder_integers),
    "power": _number(np.power, special.power_integers),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shift_left": special.shift_left,
    "shift_right_arithmetic": special.shift_right_arithmetic,
    "shift_right_logical": special.shift_right_logical,
    "compare": lambda x, y, *, direction: COMPARE[direction](x, y),
    # choices and conversions
    "select": np.where,
    "clamp": lambda low, x, high: np.minimum(np.maximum(x, low), high),
    "convert": special.convert,
    "bitcast_convert": lambda x, *, dtype: x.view(dtype.storage),
    "identity": lambda x: x,
    "optimization_barrier": lambda x, *after: x,
    "stop_gradient": lambda x: x,
    "custom_gradient": lambda y, *inputs, rule=None: y,
    # sources
    "constant": lambda *, value, dtype: value,
    "iota": iota,
    "size_of": lambda *, extent: np.int32(extent),
    "rng_bit_generator": lambda key, *, shape: random_bits(key, shape),
    # shape
    "reshape": lambda x, *, shape: x.reshape(shape),
    "transpose": lambda x, *, permutation: x.transpose(permutation),
    "broadcast_in_dim": broadcast_in_dim,
    "slice": slice_,
    "pad": pad,
    "concatenate": lambda *xs, dimension: np.concatenate(xs, dimension),
    "reverse": lambda x, *, dimensions: np.flip(x, tuple(dimensions)),
    # indexing
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "gather": gather,
    "scatter": scatter,
    # reductions, products, several results
    "reduce": lambda x, *, kind, dimensions: REDUCE[kind](x, tuple(dimensions)),
    "dot_general": dot_general,
    # windows
    "convolution": convolution,
    "reduce_window": reduce_window,
    "select_and_scatter": select_and_scatter,
    "get_tuple_element": lambda x, *, index: x[index],
    "sort": sort,
}
