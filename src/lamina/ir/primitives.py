"""The vocabulary: every primitive's meaning, constraints (C1).. and type rule.

Names and meanings are StableHLO's (https://openxla.org/stablehlo/spec), plus `scan`, and four that
only gradients read: `identity`, `stop_gradient`, `custom_gradient`, `parameter`. Operands must have
the very shapes and dtypes a primitive asks for: broadcasting and promotion are the work of the
operations.
Where StableHLO takes a region for a reduction or an update, ours takes its `kind`.

Each function below infers the type of its result; calling it makes a node:

    add(x, y) : Node      reduce(x, kind="sum", dimensions=(0,)) : Node
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lamina.errors import DTypeError, ShapeError
from lamina.ir.graph import Graph, Node
from lamina.ir.types import Dim, DType, Shape, TensorType, bool_, dtype, int32, is_static, uint32
from lamina.ir.windows import spread, window_count


@dataclass(frozen=True)
class Primitive:
    """A word of the language; calling it makes a node whose type its rule infers."""

    name: str
    infer: Callable[..., Any]

    def __call__(self, *args: Node, **params: Any) -> Node:
        type_ = self.infer(*(a.type for a in args), **params)
        return Node(self.name, args, {**self.defaults, **params}, type_)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Parameters that may be left out, with what they then are."""
        rule = inspect.signature(self.infer).parameters.values()
        return {p.name: p.default for p in rule if p.default is not p.empty}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


PRIMITIVES: dict[str, Primitive] = {}


def primitive(infer: Callable[..., Any]) -> Primitive:
    name = infer.__name__.rstrip("_")
    PRIMITIVES[name] = Primitive(name, infer)
    return PRIMITIVES[name]


def _need(condition: bool, name: str, constraint: str, *came: object) -> None:
    """Raise the error of a broken constraint: the primitive in front, then what came."""
    if not condition:
        got = f"; got {', '.join(map(str, came))}" if came else ""
        raise ShapeError(f"{name}: {constraint}{got}")


def _need_dtype(condition: bool, name: str, constraint: str, *came: object) -> None:
    if not condition:
        raise DTypeError(f"{name}: {constraint}; got {', '.join(map(str, came))}")


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


def _computes(t: TensorType) -> bool:
    return not t.dtype.is_storage_only


def _elementwise(name: str, arity: int, allowed: Callable[[DType], bool], what: str) -> None:
    def infer(*types: TensorType) -> TensorType:
        _need(len(types) == arity, name, f"(C1) takes {arity} operands", len(types))
        _need(all(t == types[0] for t in types), name, "(C2) operands must have one type", *types)
        _need_dtype(
            allowed(types[0].dtype) and _computes(types[0]), name, f"(C3) {what}", types[0].dtype
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
        _elementwise(_name, _arity, _allowed, _what)  # type: ignore[arg-type]


@primitive
def is_finite(x: TensorType) -> TensorType:
    """True where x is neither infinite nor NaN."""
    ok = x.dtype.is_float and _computes(x)
    _need_dtype(ok, "is_finite", "(C1) needs float32 or float64", x.dtype)
    return TensorType(x.shape, bool_)


@primitive
def compare(x: TensorType, y: TensorType, *, direction: str) -> TensorType:
    """x (direction) y, where direction is one of EQ NE LT LE GT GE."""
    _need(x == y, "compare", "(C1) operands must have one type", x, y)
    _need(
        direction in COMPARISONS, "compare", f"(C2) direction must be in {COMPARISONS}", direction
    )
    _need_dtype(_computes(x), "compare", "(C3) convert 16-bit floats to float32 first", x.dtype)
    return TensorType(x.shape, bool_)


@primitive
def select(pred: TensorType, on_true: TensorType, on_false: TensorType) -> TensorType:
    """on_true where pred, else on_false."""
    _need(on_true == on_false, "select", "(C1) both choices must have one type", on_true, on_false)
    ok = pred == TensorType(on_true.shape, bool_)
    _need(ok, "select", "(C2) pred must be bool, of the choices' shape", pred, on_true)
    return on_true


@primitive
def clamp(low: TensorType, x: TensorType, high: TensorType) -> TensorType:
    """minimum(maximum(x, low), high)."""
    _need(low == x == high, "clamp", "(C1) operands must have one type", low, x, high)
    _need_dtype(_computes(x), "clamp", "(C2) convert 16-bit floats to float32 first", x.dtype)
    return x


@primitive
def convert(x: TensorType, *, dtype: DType) -> TensorType:
    """x as another dtype. Float to integer truncates, saturates, NaN gives 0; to bool: x != 0."""
    return TensorType(x.shape, dtype)


@primitive
def bitcast_convert(x: TensorType, *, dtype: DType) -> TensorType:
    """The same bits read as another dtype of the same width."""
    ok = x.dtype.bits == dtype.bits and "b" not in (x.dtype.kind, dtype.kind)
    _need_dtype(ok, "bitcast_convert", "(C1) widths must be equal", x.dtype, dtype)
    return TensorType(x.shape, dtype)


@primitive
def identity(x: TensorType) -> TensorType:
    """x; a node of its own, so that a gradient can be taken at this use of x alone."""
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
    _need(0 <= iota_dimension < len(shape), "iota", "(C1) needs an axis", iota_dimension, shape)
    ok = dtype.kind in "iuf" and not dtype.is_storage_only
    _need_dtype(ok, "iota", "(C2) needs integers, float32 or float64", dtype)
    return TensorType(tuple(shape), dtype)


@primitive
def size_of(*, extent: Dim) -> TensorType:
    """A symbolic extent as an int32 scalar (StableHLO's get_dimension_size)."""
    return TensorType((), int32)


@primitive
def rng_bit_generator(key: TensorType, *, shape: Shape) -> TensorType:
    """Random bits: Threefry-2x32 (Salmon et al. 2011), 20 rounds, of (key, element's index)."""
    _need(key == TensorType((2,), uint32), "rng_bit_generator", "(C1) key must be uint32[2]", key)
    return TensorType(tuple(shape), uint32)


# ---- shape -------------------------------------------------------------------------------------
@primitive
def reshape(x: TensorType, *, shape: Shape) -> TensorType:
    """The elements of x in C order under another shape."""
    ok = math.prod(shape) == x.size
    _need(ok, "reshape", "(C1) sizes must be equal", tuple(x.shape), tuple(shape))
    return TensorType(tuple(shape), x.dtype)


@primitive
def transpose(x: TensorType, *, permutation: Sequence[int]) -> TensorType:
    """Axis k of the result is axis permutation[k] of x."""
    ok = sorted(permutation) == list(range(x.ndim))
    _need(ok, "transpose", "(C1) needs a permutation of the axes", tuple(permutation), x)
    return TensorType(tuple(x.shape[p] for p in permutation), x.dtype)


@primitive
def broadcast_in_dim(
    x: TensorType, *, shape: Shape, broadcast_dimensions: Sequence[int]
) -> TensorType:
    """Axis k of x becomes axis broadcast_dimensions[k]; all others, and extents of 1, repeat."""
    name, dims = "broadcast_in_dim", tuple(broadcast_dimensions)
    _need(len(dims) == x.ndim, name, "(C1) needs one target per axis", dims, x)
    _need(list(dims) == sorted(set(dims)), name, "(C2) targets must increase", dims)
    ok = all(x.shape[k] == 1 or x.shape[k] == shape[d] for k, d in enumerate(dims))
    _need(ok, name, "(C3) extents must be 1 or equal", x, tuple(shape))
    return TensorType(tuple(shape), x.dtype)


@primitive
def slice_(
    x: TensorType, *, start_indices: Shape, limit_indices: Shape, strides: Sequence[int]
) -> TensorType:
    """x[start:limit:stride] on every axis; starts and limits within the extents, strides >= 1."""
    ok = len(start_indices) == len(limit_indices) == len(strides) == x.ndim
    _need(ok, "slice", "(C1) needs start, limit and stride per axis", x)
    shape: list[Dim] = []
    for n, a, z, s in zip(x.shape, start_indices, limit_indices, strides, strict=True):
        _need(s >= 1, "slice", "(C2) strides must be positive", strides)
        if is_static((n, a, z)):
            _need(0 <= a <= z <= n, "slice", "(C3) needs 0 <= start <= limit <= extent", a, z, n)  # type: ignore[operator]
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
    _need(
        value == TensorType((), x.dtype), "pad", "(C1) value must be a scalar of x's dtype", value
    )
    sizes = zip(x.shape, edge_padding_low, edge_padding_high, interior_padding, strict=True)
    shape: list[Dim] = []
    for n, low, high, inner in sizes:
        spread = n + (n - 1) * inner if inner and n != 0 else n
        extent = spread + low + high
        _need(not is_static(extent) or extent >= 0, "pad", "(C2) extents must not be negative", x)  # type: ignore[operator]
        shape.append(extent)
    return TensorType(tuple(shape), x.dtype)


@primitive
def concatenate(*xs: TensorType, dimension: int) -> TensorType:
    """xs one after the other along an axis."""
    _need(bool(xs), "concatenate", "(C1) needs at least one operand")
    first = xs[0]
    _need(0 <= dimension < first.ndim, "concatenate", "(C2) needs an axis", dimension, first)

    def rest(t: TensorType) -> tuple[object, ...]:
        return (t.dtype, t.shape[:dimension], t.shape[dimension + 1 :])

    ok = all(rest(t) == rest(first) for t in xs)
    _need(ok, "concatenate", f"(C3) operands may differ along axis {dimension} only", *xs)
    total: Dim = 0
    for t in xs:
        total = total + t.shape[dimension]
    shape = (*first.shape[:dimension], total, *first.shape[dimension + 1 :])
    return TensorType(shape, first.dtype)


@primitive
def reverse(x: TensorType, *, dimensions: Sequence[int]) -> TensorType:
    """x backwards along the axes."""
    ok = all(0 <= d < x.ndim for d in dimensions)
    _need(ok, "reverse", "(C1) needs axes of x", tuple(dimensions), x)
    return x


# ---- indexing ----------------------------------------------------------------------------------
@primitive
def dynamic_slice(x: TensorType, *starts: TensorType, slice_sizes: Shape) -> TensorType:
    """x[start : start + size] on each axis; starts are integer scalars, clamped to fit."""
    _starts("dynamic_slice", x, starts)
    _need(len(slice_sizes) == x.ndim, "dynamic_slice", "(C2) needs a size per axis", slice_sizes, x)
    return TensorType(tuple(slice_sizes), x.dtype)


@primitive
def dynamic_update_slice(x: TensorType, update: TensorType, *starts: TensorType) -> TensorType:
    """x with `update` written at `starts`, clamped to fit."""
    _starts("dynamic_update_slice", x, starts)
    ok = update.dtype == x.dtype and update.ndim == x.ndim
    _need(ok, "dynamic_update_slice", "(C2) update must have x's dtype and rank", update, x)
    return x


def _starts(name: str, x: TensorType, starts: Sequence[TensorType]) -> None:
    ok = len(starts) == x.ndim and all(s.shape == () and s.dtype.is_integer for s in starts)
    _need(ok, name, "(C1) needs an integer scalar per axis", *starts, x)


@primitive
def gather(
    x: TensorType,
    indices: TensorType,
    *,
    offset_dims: Sequence[int],
    collapsed_slice_dims: Sequence[int],
    start_index_map: Sequence[int],
    slice_sizes: Shape,
    operand_batching_dims: Sequence[int] = (),
    start_indices_batching_dims: Sequence[int] = (),
) -> TensorType:
    """Slices of x at the starts that `indices` lists along its last axis, clamped to fit."""
    _need_dtype(indices.dtype.is_integer, "gather", "(C1) indices must be integers", indices.dtype)
    ok = indices.ndim >= 1 and indices.shape[-1] == len(start_index_map)
    _need(ok, "gather", "(C2) the last axis of indices lists one start per mapped axis", indices)
    _need(len(slice_sizes) == x.ndim, "gather", "(C3) needs a slice size per axis", slice_sizes, x)
    gone = (*collapsed_slice_dims, *operand_batching_dims)
    kept = [slice_sizes[d] for d in range(x.ndim) if d not in gone]
    _need(len(kept) == len(offset_dims), "gather", "(C4) needs an offset axis per kept axis", kept)
    batch, window = iter(indices.shape[:-1]), iter(kept)
    ndim = indices.ndim - 1 + len(kept)
    shape = tuple(next(window) if d in offset_dims else next(batch) for d in range(ndim))
    return TensorType(shape, x.dtype)


@primitive
def scatter(
    x: TensorType,
    indices: TensorType,
    updates: TensorType,
    *,
    kind: str,
    update_window_dims: Sequence[int],
    inserted_window_dims: Sequence[int],
    scatter_dims_to_operand_dims: Sequence[int],
    input_batching_dims: Sequence[int] = (),
    scatter_indices_batching_dims: Sequence[int] = (),
) -> TensorType:
    """x with updates combined in, one after the other, where gather with the same numbers would
    read; updates that would fall outside x are dropped. kind: set add multiply min max."""
    _need_dtype(indices.dtype.is_integer, "scatter", "(C1) indices must be integers", indices.dtype)
    _need(updates.dtype == x.dtype, "scatter", "(C2) updates must have x's dtype", updates, x)
    _need(kind in SCATTER_KINDS, "scatter", f"(C3) kind must be in {SCATTER_KINDS}", kind)
    ok = kind == "set" or (_computes(x) and x.dtype.kind != "b")
    _need_dtype(ok, "scatter", "(C3) all kinds but set need numbers that compute", x.dtype)
    ok = indices.ndim >= 1 and indices.shape[-1] == len(scatter_dims_to_operand_dims)
    _need(ok, "scatter", "(C4) the last axis of indices lists one start per mapped axis", indices)
    ok = updates.ndim == indices.ndim - 1 + len(update_window_dims)
    _need(ok, "scatter", "(C5) updates have the axes of indices and of a window", updates, indices)
    return x


SCATTER_KINDS = ("set", "add", "multiply", "min", "max")


# ---- reductions --------------------------------------------------------------------------------
REDUCE_KINDS = ("sum", "product", "max", "min", "and", "or", "argmax", "argmin")


@primitive
def reduce(x: TensorType, *, kind: str, dimensions: Sequence[int]) -> TensorType:
    """x combined along axes. argmax and argmin take one axis and give the first position, int32.

    The order of a sum is the engine's own, but never depends on the number of threads.
    """
    _need(kind in REDUCE_KINDS, "reduce", f"(C1) kind must be in {REDUCE_KINDS}", kind)
    ok = len(set(dimensions)) == len(dimensions) and all(0 <= d < x.ndim for d in dimensions)
    _need(ok, "reduce", "(C2) needs distinct axes of x", tuple(dimensions), x)
    _need_dtype(_computes(x), "reduce", "(C3) convert 16-bit floats to float32 first", x.dtype)
    if kind in ("and", "or"):
        _need_dtype(x.dtype.kind in "biu", "reduce", "(C4) and/or need bool or integers", x.dtype)
    if kind in ("sum", "product"):
        _need_dtype(x.dtype.kind != "b", "reduce", f"(C5) {kind} needs numbers", x.dtype)
    if kind.startswith("arg"):
        _need(len(dimensions) == 1, "reduce", f"(C6) {kind} takes one axis", tuple(dimensions))
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
    ok = x.dtype == y.dtype and x.dtype.kind in "iuf" and _computes(x)
    _need_dtype(ok, name, "(C1) operands must have one numeric dtype", x.dtype, y.dtype)
    for a, b, what in (
        (lhs_batching_dimensions, rhs_batching_dimensions, "batch"),
        (lhs_contracting_dimensions, rhs_contracting_dimensions, "contracted"),
    ):
        ok = len(a) == len(b) and all(x.shape[i] == y.shape[j] for i, j in zip(a, b, strict=True))
        _need(ok, name, f"(C2) {what} extents must be equal", x, y, tuple(a), tuple(b))
    lhs_used = (*lhs_batching_dimensions, *lhs_contracting_dimensions)
    rhs_used = (*rhs_batching_dimensions, *rhs_contracting_dimensions)
    shape = [x.shape[d] for d in lhs_batching_dimensions]
    shape += [n for d, n in enumerate(x.shape) if d not in lhs_used]
    shape += [n for d, n in enumerate(y.shape) if d not in rhs_used]
    return TensorType(tuple(shape), x.dtype)


# ---- windows -----------------------------------------------------------------------------------
WINDOW_KINDS = ("sum", "max", "min")


@primitive
def convolution(
    lhs: TensorType,
    rhs: TensorType,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    lhs_spec: Sequence[int],
    rhs_spec: Sequence[int],
    out_spec: Sequence[int],
    feature_group_count: int = 1,
    batch_group_count: int = 1,
) -> TensorType:
    """Each window of lhs times the kernel rhs, summed over the window and its features.

        out[n, y, o] = sum over k, i of lhs[n, y stride + k rhs_dilation - low, i] rhs[k, i, o]

    The kernel is not flipped. Positions count lhs with lhs_dilation - 1 zeros between neighbours,
    and zeros beyond its edges; negative padding cuts. Specs name axes: lhs_spec and out_spec
    (batch, feature, *spatial), rhs_spec (output feature, input feature, *spatial). Feature groups:
    part k of lhs's features meets part k of rhs's outputs only. Batch groups: part k of lhs's
    batch does, and the parts lie side by side among the result's features.
    """
    name, n = "convolution", lhs.ndim - 2
    ok = lhs.dtype == rhs.dtype and lhs.dtype.kind in "iuf" and _computes(lhs)
    _need_dtype(ok, name, "(C1) operands must have one numeric dtype", lhs.dtype, rhs.dtype)
    _need(lhs.ndim == rhs.ndim and n >= 1, name, "(C2) ranks must be equal, at least 3", lhs, rhs)
    specs = (lhs_spec, rhs_spec, out_spec)
    ok = all(sorted(s) == list(range(n + 2)) for s in specs)
    _need(ok, name, "(C3) each spec must name every axis once", *specs)
    lists = (window_strides, padding, lhs_dilation, rhs_dilation)
    _need(all(len(x) == n for x in lists), name, f"(C4) needs {n} of each", *map(tuple, lists))
    _positive(name, "(C5)", window_strides, lhs_dilation, rhs_dilation)
    batch, feature, *space = (lhs.shape[d] for d in lhs_spec)
    outputs, inputs, *window = (rhs.shape[d] for d in rhs_spec)
    groups, parts = feature_group_count, batch_group_count
    ok = groups >= 1 and parts >= 1 and 1 in (groups, parts)
    _need(ok, name, "(C6) groups are at least 1, of features or of the batch", groups, parts)
    ok = feature == inputs * groups
    what = f"lhs must have {groups} times the features that rhs takes"
    _need(ok, name, f"(C7) {what}", lhs, rhs, feature, inputs)
    for extent, what in ((outputs, "rhs's output features"), (batch, "lhs's batch")):
        count = parts if what == "lhs's batch" else groups * parts
        ok = not is_static(extent) or extent % count == 0  # type: ignore[operator]
        _need(ok, name, f"(C8) {what} must divide by {count} groups", extent)
    wide = [spread(m, d) for m, d in zip(space, lhs_dilation, strict=True)]
    found = _windows(name, "(C9)", wide, window, window_strides, padding, rhs_dilation)
    shape: list[Dim] = [0] * lhs.ndim
    for axis, extent in zip(out_spec, (batch // parts, outputs, *found), strict=True):
        shape[axis] = extent
    return TensorType(tuple(shape), lhs.dtype)


@primitive
def reduce_window(
    x: TensorType,
    *,
    kind: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    window_dilations: Sequence[int],
) -> TensorType:
    """The sum, max or min of each window of x; what lies beyond the edges takes no part.

    One extent, stride, padding and dilation for each axis of x. A NaN in a window is its extreme.
    argmax and argmin give the first position of the extreme in its window, in C order, int32.
    """
    lists = (window_dimensions, window_strides, padding, window_dilations)
    _need_kind("reduce_window", (*WINDOW_KINDS, "argmax", "argmin"), kind, x)
    dtype = int32 if kind.startswith("arg") else x.dtype
    return TensorType(_over_windows("reduce_window", x, *lists), dtype)


@primitive
def select_and_scatter(
    x: TensorType,
    source: TensorType,
    *,
    kind: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> TensorType:
    """Zeros of x's shape, plus each element of source where its window of x has its extreme.

    kind: max or min. The first position in C order that holds the extreme gets it; a NaN is more
    extreme than any number. The windows are those of `reduce_window`, without dilation.
    """
    name = "select_and_scatter"
    _need_kind(name, WINDOW_KINDS[1:], kind, x)
    lists = (window_dimensions, window_strides, padding, [1] * x.ndim)
    shape = _over_windows(name, x, *lists)
    wanted = TensorType(shape, x.dtype)
    _need(source == wanted, name, f"(C6) source must be {wanted}, one for each window", source)
    return x


def _need_kind(name: str, kinds: Sequence[str], kind: str, x: TensorType) -> None:
    _need(kind in kinds, name, f"(C1) kind must be in {tuple(kinds)}", kind)
    ok = x.dtype.kind in "iuf" and _computes(x)
    _need_dtype(ok, name, "(C2) needs numbers that compute", x.dtype)


def _over_windows(
    name: str, x: TensorType, window: Any, strides: Any, padding: Any, dilations: Any
) -> Shape:
    lists = (window, strides, padding, dilations)
    ok = all(len(each) == x.ndim for each in lists)
    _need(ok, name, "(C3) needs a window, stride, padding and dilation per axis", x, *lists)
    _positive(name, "(C4)", window, strides, dilations)
    return tuple(_windows(name, "(C5)", x.shape, window, strides, padding, dilations))


def _positive(name: str, number: str, *lists: Sequence[int]) -> None:
    ok = all(k >= 1 for each in lists for k in each)
    _need(ok, name, f"{number} windows, strides and dilations must be at least 1", *lists)


def _windows(
    name: str,
    number: str,
    extents: Sequence[Dim],
    window: Sequence[Dim],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilations: Sequence[int],
) -> list[Dim]:
    """How many windows each axis has; an axis that windows leave alone may be empty."""
    found: list[Dim] = []
    for n, w, s, (low, high), d in zip(extents, window, strides, padding, dilations, strict=True):
        ok = is_static((low, high))
        _need(ok, name, f"{number} padding needs integers: make spatial extents static", low, high)
        wide, reach = n + low + high, spread(w, d)
        ok = not is_static((wide, reach)) or wide >= reach or (n == 0 and w == 1)  # type: ignore[operator]
        what = f"{number} a window of {reach} does not fit into {wide}"
        _need(ok, name, f"{what}, which is {n} padded by ({low}, {high})", *extents)
        alone = (w, s, low, high) == (1, 1, 0, 0)
        found.append(n if alone else window_count(n, w, s, low, high, d))
    return found


# ---- several results ---------------------------------------------------------------------------
@primitive
def get_tuple_element(x: tuple[TensorType, ...], *, index: int) -> TensorType:
    """Result number `index` of a primitive with several."""
    return x[index]


@primitive
def sort(
    *xs: TensorType, dimension: int, descending: bool = False, num_keys: int = 1
) -> tuple[TensorType, ...]:
    """xs reordered alike along an axis so that the first num_keys, compared in turn, do not
    decrease (increase where descending). Stable; NaN comes last either way."""
    _need(all(t.shape == xs[0].shape for t in xs), "sort", "(C1) operands must have one shape", *xs)
    _need(0 <= dimension < xs[0].ndim, "sort", "(C2) needs an axis", dimension, xs[0])
    _need(1 <= num_keys <= len(xs), "sort", "(C3) needs 1 <= num_keys <= operands", num_keys)
    ok = all(_computes(t) for t in xs[:num_keys])
    _need_dtype(ok, "sort", "(C4) convert keys of 16-bit floats to float32 first", *xs[:num_keys])
    return xs


@primitive
def scan(
    *types: TensorType,
    body: Graph,
    num_consts: int,
    num_carry: int,
    length: Dim,
    reverse: bool = False,
) -> tuple[TensorType, ...]:
    """A loop over the leading axis. Operands: consts, first carries, sequences; body takes consts,
    carries and one element of each sequence, and gives the next carries and one element of each
    stacked result. Results: last carries, then the stacked results."""
    carries = types[num_consts : num_consts + num_carry]
    outs = [r.type for r in body.results]
    _need(
        tuple(outs[:num_carry]) == tuple(carries),
        "scan",
        "(C1) the body must give carries of the types it takes",
        *outs[:num_carry],
        *carries,
    )
    for t in types[num_consts + num_carry :]:
        ok = t.ndim >= 1 and t.shape[0] == length
        _need(ok, "scan", f"(C2) sequences must have {length} elements", t)
    stacked = [TensorType((length, *t.shape), t.dtype) for t in outs[num_carry:]]
    return (*carries, *stacked)


@primitive
def while_(
    *types: TensorType, cond: Graph, body: Graph, num_consts: int = 0
) -> tuple[TensorType, ...]:
    """Repeats body on the carries while cond holds; both take consts, then carries."""
    carries = types[num_consts:]
    outs = tuple(r.type for r in body.results)
    _need(outs == carries, "while", "(C1) the body must give carries of the types it takes", *outs)
    (test,) = (r.type for r in cond.results)
    _need(test == TensorType((), bool_), "while", "(C2) cond must give one bool scalar", test)
    return carries


@primitive
def if_(
    pred: TensorType, *types: TensorType, true_branch: Graph, false_branch: Graph
) -> tuple[TensorType, ...]:
    """The results of one branch, of true_branch where pred holds; the other does not run. Both take
    all operands behind pred."""
    _need(pred == TensorType((), bool_), "if", "(C1) pred must be one bool scalar", pred)
    results = []
    for name, branch in (("true_branch", true_branch), ("false_branch", false_branch)):
        taken = tuple(p.type for p in branch.parameters)
        _need(taken == types, "if", f"(C2) {name} must take the operands' types", *taken, *types)
        results.append(tuple(r.type for r in branch.results))
    ok = results[0] == results[1]
    _need(ok, "if", "(C3) the branches must give the same types", *results[0], *results[1])
    return results[0]


WITH_REGIONS = {"scan", "while", "if"}  # the primitives that have graphs among their params


def constant_of(value: Any, spec: DType | None = None) -> Node:
    """A constant node of a NumPy array or a Python number."""
    array = np.asarray(value, dtype=spec.storage if spec else None)
    return PRIMITIVES["constant"](value=array, dtype=spec or dtype(array.dtype))
