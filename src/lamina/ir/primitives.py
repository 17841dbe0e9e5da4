"""The vocabulary: every primitive's meaning, constraints (C1).. and type rule.

Names and meanings are StableHLO's (https://openxla.org/stablehlo/spec), plus `scan`, and four that
only gradients read: `identity`, `stop_gradient`, `custom_gradient`, `parameter`. Operands must have
the very shapes and dtypes a primitive asks for: broadcasting and promotion are the work of the
operations. Where StableHLO takes a region for a reduction or an update, ours takes its `kind`.

Primitives of indexing, windows and loops are in separate modules, imported here. Each function
infers the type of its result; calling it makes a node:

    add(x, y) : Node      reduce(x, kind="sum", dimensions=(0,)) : Node
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.ir import indexing_primitives, loop_primitives, window_primitives  # noqa: F401
from lamina.ir.graph import Node
from lamina.ir.primitive import PRIMITIVES, Primitive, computes, need, need_dtype, primitive
from lamina.ir.types import Dim, DType, Shape, TensorType, bool_, dtype, int32, is_static, uint32

# ---- elementwise -------------------------------------------------------------------------------
FLOAT_UNARY = [
    *("exponential", "exponential_minus_one", "log", "log_plus_one", "tanh", "logistic", "erf"),
    *("sqrt", "rsqrt", "cbrt", "sine", "cosine", "floor", "ceil", "round_nearest_even"),
]
NUMBER_UNARY = ["negate", "abs", "sign"]
INTEGER_UNARY = ["population_count", "count_leading_zeros"]
FLOAT_BINARY = ["atan2"]
NUMBER_BINARY = [
    *("add", "subtract", "multiply", "divide", "remainder", "power", "maximum", "minimum"),
]
BIT_BINARY = ["and", "or", "xor"]
SHIFTS = ["shift_left", "shift_right_arithmetic", "shift_right_logical"]
COMPARISONS = ("EQ", "NE", "LT", "LE", "GT", "GE")


def _elementwise(name: str, arity: int, allowed: Callable[[DType], bool], what: str) -> None:
    def infer(*types: TensorType) -> TensorType:
        need(len(types) == arity, name, f"(C1) takes {arity} operands", len(types))
        need(all(t == types[0] for t in types), name, "(C2) operands must have one type", *types)
        need_dtype(
            allowed(types[0].dtype) and computes(types[0]), name, f"(C3) {what}", types[0].dtype
        )
        return types[0]

    infer.__name__ = name
    PRIMITIVES[name] = Primitive(name, infer)


for _names, _arity, _allowed, _what in (
    (FLOAT_UNARY, 1, lambda d: d.is_float, "needs float32 or float64"),
    (NUMBER_UNARY, 1, lambda d: d.kind in "iuf", "needs numbers"),
    (INTEGER_UNARY, 1, lambda d: d.is_integer, "needs integers"),
    (["not"], 1, lambda d: d.kind in "biu", "needs bool or integers"),
    (FLOAT_BINARY, 2, lambda d: d.is_float, "needs float32 or float64"),
    (NUMBER_BINARY, 2, lambda d: d.kind in "iuf", "needs numbers of 32 or 64 bits"),
    (BIT_BINARY, 2, lambda d: d.kind in "biu", "needs bool or integers"),
    (SHIFTS, 2, lambda d: d.is_integer, "needs integers"),
):
    for _name in _names:
        _elementwise(_name, _arity, _allowed, _what)


@primitive
def is_finite(x: TensorType) -> TensorType:
    """True where x is neither infinite nor NaN."""
    ok = x.dtype.is_float and computes(x)
    need_dtype(ok, "is_finite", "(C1) needs float32 or float64", x.dtype)
    return TensorType(x.shape, bool_)


@primitive
def compare(x: TensorType, y: TensorType, *, direction: str) -> TensorType:
    """x (direction) y, where direction is one of EQ NE LT LE GT GE."""
    need(x == y, "compare", "(C1) operands must have one type", x, y)
    need(direction in COMPARISONS, "compare", f"(C2) direction must be in {COMPARISONS}", direction)
    need_dtype(computes(x), "compare", "(C3) convert 16-bit floats to float32 first", x.dtype)
    return TensorType(x.shape, bool_)


@primitive
def select(pred: TensorType, on_true: TensorType, on_false: TensorType) -> TensorType:
    """on_true where pred, else on_false."""
    need(on_true == on_false, "select", "(C1) both choices must have one type", on_true, on_false)
    ok = pred == TensorType(on_true.shape, bool_)
    need(ok, "select", "(C2) pred must be bool, of the choices' shape", pred, on_true)
    return on_true


@primitive
def clamp(low: TensorType, x: TensorType, high: TensorType) -> TensorType:
    """minimum(maximum(x, low), high)."""
    need(low == x == high, "clamp", "(C1) operands must have one type", low, x, high)
    need_dtype(computes(x), "clamp", "(C2) convert 16-bit floats to float32 first", x.dtype)
    return x


@primitive
def convert(x: TensorType, *, dtype: DType) -> TensorType:
    """x as another dtype. Float to integer truncates, saturates, NaN gives 0; to bool: x != 0."""
    return TensorType(x.shape, dtype)


@primitive
def bitcast_convert(x: TensorType, *, dtype: DType) -> TensorType:
    """The same bits read as another dtype of the same width."""
    ok = x.dtype.bits == dtype.bits and "b" not in (x.dtype.kind, dtype.kind)
    need_dtype(ok, "bitcast_convert", "(C1) widths must be equal", x.dtype, dtype)
    return TensorType(x.shape, dtype)


@primitive
def identity(x: TensorType) -> TensorType:
    """x; a separate node, so that a gradient can be taken at this use of x alone."""
    return x


@primitive
def optimization_barrier(x: TensorType, *after: TensorType) -> TensorType:
    """x, computed after the values of `after`. What is computed from it is not merged with what is
    computed from x. The llvm engine stores it in its own layout."""
    return x


@primitive
def stop_gradient(x: TensorType) -> TensorType:
    """x, as a constant to every gradient."""
    return x


@primitive
def custom_gradient(y: TensorType, *inputs: TensorType, rule: Callable[..., Any]) -> TensorType:
    """y, whose gradient g flows to `inputs` as rule(g) says, and not into y."""
    return y


# ---- sources -----------------------------------------------------------------------------------
@primitive
def parameter(*, name: str = "") -> TensorType:
    raise TypeError("parameters are made by lamina.ir.graph.parameter")


@primitive
def constant(*, value: np.ndarray, dtype: DType) -> TensorType:
    """A value known now."""
    return TensorType(tuple(value.shape), dtype)


@primitive
def iota(*, shape: Shape, dtype: DType, iota_dimension: int) -> TensorType:
    """Each element's position along one axis."""
    need(0 <= iota_dimension < len(shape), "iota", "(C1) needs an axis", iota_dimension, shape)
    ok = dtype.kind in "iuf" and not dtype.is_storage_only
    need_dtype(ok, "iota", "(C2) needs integers, float32 or float64", dtype)
    return TensorType(tuple(shape), dtype)


@primitive
def size_of(*, extent: Dim) -> TensorType:
    """A symbolic extent as an int32 scalar (StableHLO's get_dimension_size)."""
    return TensorType((), int32)


@primitive
def rng_bit_generator(key: TensorType, *, shape: Shape) -> TensorType:
    """Random bits: Threefry-2x32 (Salmon et al. 2011), 20 rounds, of (key, element's index)."""
    need(key == TensorType((2,), uint32), "rng_bit_generator", "(C1) key must be uint32[2]", key)
    return TensorType(tuple(shape), uint32)


# ---- shape -------------------------------------------------------------------------------------
@primitive
def reshape(x: TensorType, *, shape: Shape) -> TensorType:
    """The elements of x in C order under another shape."""
    ok = math.prod(shape) == x.size
    need(ok, "reshape", "(C1) sizes must be equal", tuple(x.shape), tuple(shape))
    return TensorType(tuple(shape), x.dtype)


@primitive
def transpose(x: TensorType, *, permutation: Sequence[int]) -> TensorType:
    """Axis k of the result is axis permutation[k] of x."""
    ok = sorted(permutation) == list(range(x.ndim))
    need(ok, "transpose", "(C1) needs a permutation of the axes", tuple(permutation), x)
    return TensorType(tuple(x.shape[p] for p in permutation), x.dtype)


@primitive
def broadcast_in_dim(
    x: TensorType, *, shape: Shape, broadcast_dimensions: Sequence[int]
) -> TensorType:
    """Axis k of x becomes axis broadcast_dimensions[k]; all others, and extents of 1, repeat."""
    name, dims = "broadcast_in_dim", tuple(broadcast_dimensions)
    need(len(dims) == x.ndim, name, "(C1) needs one target per axis", dims, x)
    need(list(dims) == sorted(set(dims)), name, "(C2) targets must increase", dims)
    ok = all(x.shape[k] == 1 or x.shape[k] == shape[d] for k, d in enumerate(dims))
    need(ok, name, "(C3) extents must be 1 or equal", x, tuple(shape))
    return TensorType(tuple(shape), x.dtype)


@primitive
def slice_(
    x: TensorType, *, start_indices: Shape, limit_indices: Shape, strides: Sequence[int]
) -> TensorType:
    """x[start:limit:stride] on every axis; starts and limits within the extents, strides >= 1."""
    ok = len(start_indices) == len(limit_indices) == len(strides) == x.ndim
    need(ok, "slice", "(C1) needs start, limit and stride per axis", x)
    shape: list[Dim] = []
    for n, a, z, s in zip(x.shape, start_indices, limit_indices, strides, strict=True):
        need(s >= 1, "slice", "(C2) strides must be positive", strides)
        if is_static((n, a, z)):
            need(0 <= a <= z <= n, "slice", "(C3) needs 0 <= start <= limit <= extent", a, z, n)  # type: ignore[operator]
        shape.append((z - a + s - 1) // s)
    return TensorType(tuple(shape), x.dtype)


@primitive
def pad(
    x: TensorType,
    value: TensorType,
    *,
    edge_padding_low: Sequence[int],
    edge_padding_high: Sequence[int],
    interior_padding: Sequence[int],
) -> TensorType:
    """x with `value` around it and between its elements; negative edges cut."""
    need(value == TensorType((), x.dtype), "pad", "(C1) value must be a scalar of x's dtype", value)
    sizes = zip(x.shape, edge_padding_low, edge_padding_high, interior_padding, strict=True)
    shape: list[Dim] = []
    for n, low, high, inner in sizes:
        spread = n + (n - 1) * inner if inner and n != 0 else n
        extent = spread + low + high
        need(not is_static(extent) or extent >= 0, "pad", "(C2) extents must not be negative", x)
        shape.append(extent)
    return TensorType(tuple(shape), x.dtype)


@primitive
def concatenate(*xs: TensorType, dimension: int) -> TensorType:
    """xs one after the other along an axis."""
    need(bool(xs), "concatenate", "(C1) needs at least one operand")
    first = xs[0]
    need(0 <= dimension < first.ndim, "concatenate", "(C2) needs an axis", dimension, first)

    def rest(t: TensorType) -> tuple[object, ...]:
        return (t.dtype, t.shape[:dimension], t.shape[dimension + 1 :])

    ok = all(rest(t) == rest(first) for t in xs)
    need(ok, "concatenate", f"(C3) operands may differ along axis {dimension} only", *xs)
    total: Dim = 0
    for t in xs:
        total = total + t.shape[dimension]
    shape = (*first.shape[:dimension], total, *first.shape[dimension + 1 :])
    return TensorType(shape, first.dtype)


@primitive
def reverse(x: TensorType, *, dimensions: Sequence[int]) -> TensorType:
    """x backwards along the axes."""
    ok = all(0 <= d < x.ndim for d in dimensions)
    need(ok, "reverse", "(C1) needs axes of x", tuple(dimensions), x)
    return x


# ---- reductions --------------------------------------------------------------------------------
REDUCE_KINDS = ("sum", "product", "max", "min", "and", "or", "argmax", "argmin")


@primitive
def reduce(x: TensorType, *, kind: str, dimensions: Sequence[int]) -> TensorType:
    """x combined along axes. argmax and argmin take one axis and give the first position, int32.

    The order of a sum is the engine's own, but never depends on the number of threads.
    """
    need(kind in REDUCE_KINDS, "reduce", f"(C1) kind must be in {REDUCE_KINDS}", kind)
    ok = len(set(dimensions)) == len(dimensions) and all(0 <= d < x.ndim for d in dimensions)
    need(ok, "reduce", "(C2) needs distinct axes of x", tuple(dimensions), x)
    need_dtype(computes(x), "reduce", "(C3) convert 16-bit floats to float32 first", x.dtype)
    if kind in ("and", "or"):
        need_dtype(x.dtype.kind in "biu", "reduce", "(C4) and/or need bool or integers", x.dtype)
    if kind in ("sum", "product"):
        need_dtype(x.dtype.kind != "b", "reduce", f"(C5) {kind} needs numbers", x.dtype)
    if kind.startswith("arg"):
        need(len(dimensions) == 1, "reduce", f"(C6) {kind} takes one axis", tuple(dimensions))
    shape = tuple(n for d, n in enumerate(x.shape) if d not in dimensions)
    return TensorType(shape, int32 if kind.startswith("arg") else x.dtype)


@primitive
def dot_general(
    x: TensorType,
    y: TensorType,
    *,
    lhs_batching_dimensions: Sequence[int] = (),
    rhs_batching_dimensions: Sequence[int] = (),
    lhs_contracting_dimensions: Sequence[int],
    rhs_contracting_dimensions: Sequence[int],
) -> TensorType:
    """Sum of products over the contracted axes; axes of the result: batch, then x's, then y's."""
    name = "dot_general"
    ok = x.dtype == y.dtype and x.dtype.kind in "iuf" and computes(x)
    need_dtype(ok, name, "(C1) operands must have one numeric dtype", x.dtype, y.dtype)
    for a, b, what in (
        (lhs_batching_dimensions, rhs_batching_dimensions, "batch"),
        (lhs_contracting_dimensions, rhs_contracting_dimensions, "contracted"),
    ):
        ok = len(a) == len(b) and all(x.shape[i] == y.shape[j] for i, j in zip(a, b, strict=True))
        need(ok, name, f"(C2) {what} extents must be equal", x, y, tuple(a), tuple(b))
    lhs_used = (*lhs_batching_dimensions, *lhs_contracting_dimensions)
    rhs_used = (*rhs_batching_dimensions, *rhs_contracting_dimensions)
    shape = [x.shape[d] for d in lhs_batching_dimensions]
    shape += [n for d, n in enumerate(x.shape) if d not in lhs_used]
    shape += [n for d, n in enumerate(y.shape) if d not in rhs_used]
    return TensorType(tuple(shape), x.dtype)


# ---- several results ---------------------------------------------------------------------------
@primitive
def get_tuple_element(x: tuple[TensorType, ...], *, index: int) -> TensorType:
    """Result number `index` of a primitive with several."""
    return x[index]


@primitive
def sort(
    *xs: TensorType, dimension: int, descending: bool = False, num_keys: int = 1
) -> tuple[TensorType, ...]:
    """xs reordered alike along an axis so that the first num_keys, compared in order, do not
    decrease (increase where descending). Stable; NaN comes last either way."""
    need(all(t.shape == xs[0].shape for t in xs), "sort", "(C1) operands must have one shape", *xs)
    need(0 <= dimension < xs[0].ndim, "sort", "(C2) needs an axis", dimension, xs[0])
    need(1 <= num_keys <= len(xs), "sort", "(C3) needs 1 <= num_keys <= operands", num_keys)
    ok = all(computes(t) for t in xs[:num_keys])
    need_dtype(ok, "sort", "(C4) convert keys of 16-bit floats to float32 first", *xs[:num_keys])
    return xs


def constant_of(value: Any, spec: DType | None = None) -> Node:
    """A constant node of a NumPy array or a Python number."""
    array = np.asarray(value, dtype=spec.storage if spec else None)
    return PRIMITIVES["constant"](value=array, dtype=spec or dtype(array.dtype))
