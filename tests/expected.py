"""Expected results of primitives, independent of the reference: StableHLO's text as loops.

EXPECTED[op](*arrays, **params) -> array or tuple of arrays
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import array_type

Array = np.ndarray


def positions(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, shape)))


def of_floats(f: Callable[..., float]) -> Callable[..., Array]:
    """f of Python floats, element by element, in the operands' dtype."""

    def elementwise(*xs: Array) -> Array:
        flat = [f(*map(float, each)) for each in zip(*(x.ravel() for x in xs), strict=True)]
        return np.array(flat, xs[0].dtype).reshape(xs[0].shape)

    return elementwise


def of_integers(f: Callable[..., int]) -> Callable[..., Array]:
    """f of Python integers, modulo the dtype's range."""

    def elementwise(*xs: Array) -> Array:
        flat = [f(*map(int, each)) for each in zip(*(x.ravel() for x in xs), strict=True)]
        return wrapped(flat, xs[0].dtype).reshape(xs[0].shape)

    return elementwise


def wrapped(numbers: list[int], dtype: np.dtype) -> Array:
    if dtype.kind == "b":
        return np.array(numbers, bool)
    bits = dtype.itemsize * 8
    unsigned = np.array([n % (1 << bits) for n in numbers], f"uint{bits}")
    return unsigned.view(dtype)


def by_kind(floats: Callable[..., float], integers: Callable[..., int]) -> Callable[..., Array]:
    return lambda *xs: (of_floats(floats) if xs[0].dtype.kind == "f" else of_integers(integers))(
        *xs
    )


def bits_of(f: Callable[..., int]) -> Callable[..., Array]:
    """f(width, x, ...) of the bits as unsigned Python integers."""

    def elementwise(*xs: Array) -> Array:
        width = xs[0].dtype.itemsize * 8
        return of_integers(lambda *v: f(width, *(n % (1 << width) for n in v)))(*xs)

    return elementwise


def toward_zero(x: int, y: int) -> int:
    if y == 0:
        return -1
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def integer_power(x: int, y: int) -> int:
    if y >= 0:
        return pow(x, y, 1 << 64)
    return {1: 1, -1: 1 - 2 * (y & 1)}.get(x, 0)


def signed(width: int, x: int) -> int:
    return x - (1 << width) if x >> (width - 1) else x


def sign(x: float) -> float:
    return x if x == 0 else math.copysign(1, x)


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# ---- shape -------------------------------------------------------------------------------------
def transpose(x: Array, *, permutation: Any) -> Array:
    return np.moveaxis(x, permutation, range(x.ndim))


def broadcast_in_dim(x: Array, *, shape: Any, broadcast_dimensions: Any) -> Array:
    result = np.empty(shape, x.dtype)
    for at in positions(shape):
        result[at] = x[tuple(at[d] if n != 1 else 0 for n, d in zip(x.shape, broadcast_dimensions))]
    return result


def pad(
    x: Array, value: Array, *, edge_padding_low: Any, edge_padding_high: Any, interior_padding: Any
) -> Array:
    sizes = zip(x.shape, edge_padding_low, edge_padding_high, interior_padding)
    result = np.full([n + lo + hi + max(n - 1, 0) * i for n, lo, hi, i in sizes], value, x.dtype)
    for at in positions(x.shape):
        to = tuple(lo + k * (i + 1) for k, lo, i in zip(at, edge_padding_low, interior_padding))
        if all(0 <= k < n for k, n in zip(to, result.shape)):
            result[to] = x[at]
    return result


def slice_(x: Array, *, start_indices: Any, limit_indices: Any, strides: Any) -> Array:
    axes = [list(range(*each)) for each in zip(start_indices, limit_indices, strides)]
    return x[np.ix_(*axes)] if axes else x


def iota(*, shape: Any, dtype: Any, iota_dimension: int) -> Array:
    return np.indices(shape)[iota_dimension].astype(dtype.storage)


# ---- indexing: the index arithmetic of StableHLO's gather and scatter ---------------------------
def gather(x: Array, indices: Array, **p: Any) -> Array:
    batching = dict(
        zip(p.get("operand_batching_dims", ()), p.get("start_indices_batching_dims", ()))
    )
    offset_dims, sizes = p["offset_dims"], p["slice_sizes"]
    kept = [d for d in range(x.ndim) if d not in (*p["collapsed_slice_dims"], *batching)]
    extents, batches = iter(sizes[d] for d in kept), iter(indices.shape[:-1])
    ndim = indices.ndim - 1 + len(kept)
    shape = tuple(next(extents) if d in offset_dims else next(batches) for d in range(ndim))
    result = np.empty(shape, x.dtype)
    for at in positions(shape):
        batch = tuple(at[d] for d in range(ndim) if d not in offset_dims)
        offset = dict(zip(kept, (at[d] for d in offset_dims)))
        start = dict(zip(p["start_index_map"], map(int, indices[batch])))
        where = []
        for d in range(x.ndim):
            first = min(max(start.get(d, 0), 0), x.shape[d] - sizes[d])
            where.append(first + offset.get(d, 0) + (batch[batching[d]] if d in batching else 0))
        result[at] = x[tuple(where)]
    return result


COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda old, new: new, "add": np.add, "multiply": np.multiply,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def scatter(x: Array, indices: Array, updates: Array, *, kind: str, **p: Any) -> Array:
    batching = dict(
        zip(p.get("input_batching_dims", ()), p.get("scatter_indices_batching_dims", ()))
    )
    windows, result = p["update_window_dims"], x.copy()
    kept = [d for d in range(x.ndim) if d not in (*p["inserted_window_dims"], *batching)]
    for at in positions(updates.shape):
        batch = tuple(at[d] for d in range(updates.ndim) if d not in windows)
        offset = dict(zip(kept, (at[d] for d in windows)))
        start = dict(zip(p["scatter_dims_to_operand_dims"], map(int, indices[batch])))
        to = tuple(
            start.get(d, 0) + offset.get(d, 0) + (batch[batching[d]] if d in batching else 0)
            for d in range(x.ndim)
        )
        if all(0 <= k < n for k, n in zip(to, x.shape)):
            result[to] = COMBINE[kind](result[to], updates[at])
    return result


def _starts(x: Array, sizes: Any, starts: Any) -> tuple[slice, ...]:
    first = [max(0, min(int(s), n - k)) for s, n, k in zip(starts, x.shape, sizes)]
    return tuple(slice(s, s + k) for s, k in zip(first, sizes))


def dynamic_update_slice(x: Array, update: Array, *starts: Array) -> Array:
    result = x.copy()
    result[_starts(x, update.shape, starts)] = update
    return result


# ---- reductions and products -------------------------------------------------------------------
def limits(dtype: np.dtype) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return -math.inf, math.inf
    return (False, True) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def highest(numbers: list[Any]) -> Any:
    """The largest; NaN if any is."""
    return next((n for n in numbers if n != n), max(int(n) if n is True else n for n in numbers))


def reduce(x: Array, *, kind: str, dimensions: Any) -> Array:
    least, most = limits(x.dtype)
    functions: dict[str, Any] = {
        "sum": sum, "product": math.prod,
        "max": lambda v: highest([least, *v]), "min": lambda v: -highest([-n for n in (most, *v)]),
        "and": lambda v: functools.reduce(operator.and_, v, True if x.dtype == bool else -1),
        "or": lambda v: functools.reduce(operator.or_, v, 0),
        "argmax": lambda v: v.index(max(v)), "argmin": lambda v: v.index(min(v)),
    }  # fmt: skip
    kept = [d for d in range(x.ndim) if d not in dimensions]
    lines = x.transpose(*kept, *dimensions).reshape(*(x.shape[d] for d in kept), -1)
    values = [functions[kind](lines[at].tolist()) for at in positions(lines.shape[:-1])]
    dtype = np.dtype(np.int32) if kind.startswith("arg") else x.dtype
    flat = np.array(values, dtype) if dtype.kind == "f" else wrapped(values, dtype)
    return flat.reshape(lines.shape[:-1])


def dot_general(x: Array, y: Array, **p: Any) -> Array:
    lhs, rhs = [f"l{d}" for d in range(x.ndim)], [f"r{d}" for d in range(y.ndim)]
    for which in ("batching", "contracting"):
        names = p.get(f"lhs_{which}_dimensions", ()), p.get(f"rhs_{which}_dimensions", ())
        for i, j in zip(*names):
            rhs[j] = lhs[i]
    batch = [lhs[d] for d in p.get("lhs_batching_dimensions", ())]
    gone = {*batch, *(lhs[d] for d in p["lhs_contracting_dimensions"])}
    out = [*batch, *(n for n in lhs if n not in gone), *(n for n in rhs if n not in gone)]
    number = {name: k for k, name in enumerate(dict.fromkeys([*lhs, *rhs]))}
    indices = [[number[n] for n in names] for names in (lhs, rhs, out)]
    wide = np.float64 if x.dtype.kind == "f" else x.dtype
    return np.einsum(x.astype(wide), indices[0], y.astype(wide), indices[1], indices[2])


def sort(
    *xs: Array, dimension: int, descending: bool = False, num_keys: int = 1
) -> tuple[Array, ...]:
    """Python's stable sort of the positions on each line."""
    moved = [np.moveaxis(x, dimension, -1) for x in xs]
    results = [np.empty_like(m) for m in moved]
    for at in positions(moved[0].shape[:-1]):
        order = list(range(moved[0].shape[-1]))
        for m in reversed(moved[:num_keys]):
            line = m[at]
            numbers = [k for k in order if line[k] == line[k]]
            numbers.sort(key=lambda k, line=line: line[k], reverse=descending)  # type: ignore[misc]
            order = numbers + [k for k in order if line[k] != line[k]]
        for m, r in zip(moved, results):
            r[at] = m[at][order]
    return tuple(np.moveaxis(r, -1, dimension) for r in results)


# ---- windows -----------------------------------------------------------------------------------
def convolution(lhs: Array, rhs: Array, **p: Any) -> Array:
    """A loop over every element of the result and every place of its window."""
    out_shape = ops_type("convolution", lhs, rhs, **p).shape
    groups, parts = p.get("feature_group_count", 1), p.get("batch_group_count", 1)
    x, kernel = np.transpose(lhs, p["lhs_spec"]), np.transpose(rhs, p["rhs_spec"])
    result = np.zeros(out_shape, lhs.dtype)
    view = np.transpose(result, p["out_spec"])
    block = kernel.shape[0] // (groups * parts)
    for n, o, *place in positions(view.shape):
        group = o // block
        row = n + (group * view.shape[0] if parts > 1 else 0)
        first = group * kernel.shape[1] if groups > 1 else 0
        for within in positions(kernel.shape[2:]):
            at = _source(place, within, p["window_strides"], p["rhs_dilation"], p["padding"])
            at = [divmod(k, d) for k, d in zip(at, p["lhs_dilation"])]
            if all(rest == 0 and 0 <= k < m for (k, rest), m in zip(at, x.shape[2:])):
                here = tuple(k for k, _ in at)
                for i in range(kernel.shape[1]):
                    view[(n, o, *place)] += x[(row, first + i, *here)] * kernel[(o, i, *within)]
    return result


def ops_type(name: str, *arrays: Array, **params: Any) -> Any:
    """The type that a primitive's own rule infers."""
    return PRIMITIVES[name].infer(*map(array_type, arrays), **params)


def _source(place: Any, within: Any, strides: Any, dilations: Any, padding: Any) -> list[int]:
    """Return the position of a place of a window in the array of the window."""
    each = zip(place, within, strides, dilations, padding)
    return [n * s + k * d - low for n, k, s, d, (low, _) in each]


def _members(x: Array, place: Any, p: Any) -> list[tuple[int, ...]]:
    """Positions of x in one window, in C order."""
    dilations = p.get("window_dilations", [1] * x.ndim)
    found = []
    for within in positions(p["window_dimensions"]):
        at = _source(place, within, p["window_strides"], dilations, p["padding"])
        if all(0 <= k < m for k, m in zip(at, x.shape)):
            found.append(tuple(at))
    return found


def reduce_window(x: Array, *, kind: str, **p: Any) -> Array:
    result = np.zeros(ops_type("reduce_window", x, kind=kind, **p).shape, x.dtype)
    combine = {"sum": np.sum, "max": np.max, "min": np.min}[kind]
    for place in positions(result.shape):
        values = [x[at] for at in _members(x, place, p)]
        result[place] = combine(np.array(values, x.dtype))
    return result


def select_and_scatter(x: Array, source: Array, *, kind: str, **p: Any) -> Array:
    result = np.zeros_like(x)
    for place in positions(source.shape):
        members = _members(x, place, p)
        find = np.argmax if kind == "max" else np.argmin
        result[members[int(find([x[at] for at in members]))]] += source[place]
    return result


EXPECTED: dict[str, Callable[..., Any]] = {
    **{
        name: of_floats(getattr(math, function))
        for name, function in {
            "exponential": "exp", "exponential_minus_one": "expm1", "log": "log", "erf": "erf",
            "log_plus_one": "log1p", "tanh": "tanh", "sqrt": "sqrt", "cbrt": "cbrt", "sine": "sin",
            "cosine": "cos", "floor": "floor", "ceil": "ceil", "atan2": "atan2",
        }.items()
    },
    "logistic": of_floats(logistic),
    "rsqrt": of_floats(lambda x: 1 / math.sqrt(x)),
    "round_nearest_even": of_floats(round),
    "negate": by_kind(lambda x: -x, lambda x: -x),
    "abs": by_kind(abs, abs),
    "sign": by_kind(sign, lambda x: (x > 0) - (x < 0)),
    "population_count": bits_of(lambda n, x: x.bit_count()),
    "count_leading_zeros": bits_of(lambda n, x: n - x.bit_length()),
    "not": lambda x: x ^ np.array(-1).astype(x.dtype),
    "is_finite": lambda x: np.abs(x) < np.inf,
    "add": by_kind(lambda x, y: x + y, lambda x, y: x + y),
    "subtract": by_kind(lambda x, y: x - y, lambda x, y: x - y),
    "multiply": by_kind(lambda x, y: x * y, lambda x, y: x * y),
    "divide": by_kind(lambda x, y: x / y, toward_zero),
    "remainder": by_kind(math.fmod, lambda x, y: x - y * toward_zero(x, y) if y else x),
    "power": by_kind(math.pow, integer_power),
    "maximum": by_kind(max, max),
    "minimum": by_kind(min, min),
    "and": of_integers(lambda x, y: x & y),
    "or": of_integers(lambda x, y: x | y),
    "xor": of_integers(lambda x, y: x ^ y),
    "shift_left": bits_of(lambda n, x, s: x << s if s < n else 0),
    "shift_right_logical": bits_of(lambda n, x, s: x >> s),
    "shift_right_arithmetic": bits_of(lambda n, x, s: signed(n, x) >> s),
    "compare": lambda x, y, *, direction: {
        "EQ": x == y, "NE": x != y, "LT": x < y, "LE": x <= y, "GT": x > y, "GE": x >= y,
    }[direction],
    "select": lambda p, x, y: np.choose(p, [y, x]),
    "clamp": lambda low, x, high: np.clip(x, low, high),
    "bitcast_convert": lambda x, *, dtype: np.frombuffer(
        x.tobytes(), dtype.storage
    ).reshape(x.shape),
    "identity": lambda x: x,
    "optimization_barrier": lambda x, *after: x,
    "stop_gradient": lambda x: x,
    "custom_gradient": lambda y, *inputs, rule: y,
    "parameter": lambda x: x,
    "constant": lambda *, value, dtype: value,
    "iota": iota,
    "size_of": lambda x, *, extent: np.array(x.shape[0] * 2 + 1, np.int32),
    "reshape": lambda x, *, shape: np.array(x.ravel().tolist(), x.dtype).reshape(shape),
    "transpose": transpose,
    "broadcast_in_dim": broadcast_in_dim,
    "slice": slice_,
    "pad": pad,
    "concatenate": lambda *xs, dimension: np.moveaxis(
        np.array([line for x in xs for line in np.moveaxis(x, dimension, 0)]), 0, dimension
    ),
    "reverse": lambda x, *, dimensions: x[
        tuple(slice(None, None, -1 if d in dimensions else 1) for d in range(x.ndim))
    ],
    "dynamic_slice": lambda x, *starts, slice_sizes: x[_starts(x, slice_sizes, starts)],
    "dynamic_update_slice": dynamic_update_slice,
    "gather": gather,
    "scatter": scatter,
    "reduce": reduce,
    "dot_general": dot_general,
    "convolution": convolution,
    "reduce_window": reduce_window,
    "select_and_scatter": select_and_scatter,
    "sort": sort,
    "get_tuple_element": lambda x, **params: np.sort(x, axis=0),
}  # fmt: skip
