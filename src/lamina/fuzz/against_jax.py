"""A random program translated to jax.lax: a second opinion on what the reference says it means.

    row: (node, operands, params) -> JAX array        params with their extents as integers

JAX's result must lie within the same bounds as the engine's. It is not asked about programs with
primitives that have no row, about signs of zeros, and about numbers below the normal ones, which
XLA takes as zeros.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lamina.errors import ShapeError
from lamina.fuzz.check import Failure, difference
from lamina.fuzz.generate import Case
from lamina.fuzz.shadow import Refused, shadows
from lamina.ir.graph import Graph, Node
from lamina.ir.types import DType
from lamina.reference import interpreter
from lamina.reference.threefry import random_bits

Row = Callable[[Node, list[Any], dict[str, Any]], Any]
FLAGS = "--xla_cpu_enable_fast_min_max=false"
LEAST = float(np.finfo(np.float32).tiny)


class Unsupported(Exception):
    """A program that JAX is not asked about."""


def available() -> bool:
    """Whether JAX can be imported; its 64-bit types and its handling of NaN in extremes, which XLA
    leaves out for speed, are then switched on."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
    try:
        import jax
    except ImportError:
        return False
    jax.config.update("jax_enable_x64", True)
    return True


def check_with_jax(case: Case) -> Failure | None:
    """Compare JAX's results with the bounds of the program's; None if all lie within."""
    arrays = [_flushed(a) for a in case.arrays]
    try:
        expected = shadows(case.graph, arrays, case.lane)
        found = results(case.graph, arrays)
    except (Refused, ShapeError, Unsupported):
        return None
    for k, (node, shadow, array) in enumerate(zip(case.graph.results, expected, found)):
        wider = replace(shadow, signed=None)
        if node.dtype.is_float:
            wider = replace(wider, error=shadow.error + LEAST)
        if array.shape != shadow.value.shape:
            return Failure("jax", f"result {k} of JAX is {array.shape}")
        message = difference(node, wider, array)
        if message:
            return Failure("jax", f"result {k} ({node.op}) of JAX: {message}")
    return None


def results(graph: Graph, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The graph's results by JAX, as an engine would store them."""
    import jax

    sizes = interpreter.bind_sizes(graph.parameters, [a.shape for a in arrays])
    given = [_seen(a, p.dtype) for a, p in zip(arrays, graph.parameters, strict=True)]
    values = jax.jit(lambda *xs: _run(graph, xs, sizes))(*given)
    pairs = zip(values, graph.results, strict=True)
    return [np.asarray(v).view(r.dtype.storage) for v, r in pairs]


def _flushed(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    small = np.abs(array) < np.finfo(array.dtype).tiny
    return np.where(small, np.zeros_like(array), array)


def _seen(array: np.ndarray, dtype: DType) -> Any:
    """The array with the dtype that JAX has for it."""
    import jax.numpy as jnp

    array = np.asarray(array)
    return jnp.asarray(array.view(jnp.bfloat16) if dtype.name == "bfloat16" else array)


def _run(graph: Graph, given: Sequence[Any], sizes: Any) -> list[Any]:
    known: dict[Node, Any] = dict(zip(graph.parameters, given, strict=True))
    for node in graph.nodes():
        if node not in known:
            known[node] = _step(node, [known[a] for a in node.args], sizes)
    return [known[r] for r in graph.results]


def _step(node: Node, xs: list[Any], sizes: Any) -> Any:
    params = interpreter.params_of(node, sizes)
    if node.op in LOOPS:
        return LOOPS[node.op](xs, params, sizes)
    if node.op not in ROWS:
        raise Unsupported(node.op)
    return ROWS[node.op](node, xs, params)


# ---- rows --------------------------------------------------------------------------------------
def _lax(name: str) -> Row:
    """The function of jax.lax that takes the operands alone."""

    def row(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
        from jax import lax

        return getattr(lax, name)(*xs)

    return row


def _bits(name: str, of_bools: str) -> Row:
    def row(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
        import jax.numpy as jnp

        return getattr(jnp, of_bools if node.dtype.kind == "b" else name)(*xs)

    return row


def _constant(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    value = np.asarray(p["value"])
    if value.dtype.kind == "f" and (_flushed(value) != value).any() and not np.isnan(value).any():
        raise Unsupported("a constant below the normal numbers")
    return _seen(value, p["dtype"])


def _compare(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    return getattr(lax, p["direction"].lower())(*xs)


def _convert(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    import jax.numpy as jnp

    source, target = node.args[0].dtype, p["dtype"]
    if target.kind == "b":
        return xs[0] != 0
    if source.is_float and target.is_integer and target.bits < 32:
        raise Unsupported("a conversion that XLA lets wrap around")
    return xs[0].astype(jnp.bfloat16 if target.name == "bfloat16" else target.storage)


def _iota(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    return lax.broadcasted_iota(p["dtype"].storage, p["shape"], p["iota_dimension"])


def _random(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    import jax

    shape = jax.ShapeDtypeStruct(p["shape"], np.uint32)
    return jax.pure_callback(lambda key: random_bits(np.asarray(key), p["shape"]), shape, xs[0])


def _params(name: str, *order: str) -> Row:
    """A function of jax.lax that takes the params, in this order, behind the operands."""

    def row(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
        from jax import lax

        return getattr(lax, name)(*xs, *(p[key] for key in order))

    return row


def _divided(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    """A division; XLA would multiply by the reciprocal of a broadcast divisor if it saw one."""
    from jax import lax

    return lax.div(xs[0], lax.optimization_barrier(xs[1]))


def _rounded(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    return lax.round(xs[0], lax.RoundingMethod.TO_NEAREST_EVEN)


def _pad(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    keys = ("edge_padding_low", "edge_padding_high", "interior_padding")
    return lax.pad(xs[0], xs[1], list(zip(*(p[key] for key in keys), strict=True)))


def _concatenate(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    return lax.concatenate(xs, p["dimension"])


def _sliced(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    return lax.dynamic_slice(xs[0], _starts(xs[1:]), p["slice_sizes"])


def _overwritten(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    return lax.dynamic_update_slice(*xs[:2], _starts(xs[2:]))


def _starts(starts: list[Any]) -> list[Any]:
    """Of one dtype, and at least 0: JAX counts negative ones from the end."""
    return [x.astype(np.int64).clip(0) for x in starts]


def _gather(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    numbers = lax.GatherDimensionNumbers(
        **{key: tuple(p[key]) for key in ("offset_dims", "collapsed_slice_dims", "start_index_map")}
    )
    if p["operand_batching_dims"]:
        raise Unsupported("gather in batches")
    return lax.gather(xs[0], xs[1].astype(np.int64), numbers, p["slice_sizes"], mode="clip")


def _scatter(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    if p["kind"] not in ("add", "min", "max") or p["input_batching_dims"]:
        raise Unsupported("the last of several updates")
    keys = ("update_window_dims", "inserted_window_dims", "scatter_dims_to_operand_dims")
    numbers = lax.ScatterDimensionNumbers(**{key: tuple(p[key]) for key in keys})
    function = getattr(lax, f"scatter_{p['kind']}")
    return function(xs[0], xs[1].astype(np.int64), xs[2], numbers, mode="drop")


def _reduce(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    import jax.numpy as jnp

    (x,), kind, axes = xs, p["kind"], tuple(p["dimensions"])
    empty = any(x.shape[d] == 0 for d in axes)
    if kind.startswith("arg") or empty:
        if empty and kind not in ("sum", "product"):
            raise Unsupported("an extreme of nothing")
        if kind.startswith("arg"):
            return getattr(jnp, kind)(x, axis=axes[0]).astype(np.int32)
    if kind in ("and", "or"):
        return getattr(jnp, f"bitwise_{kind}").reduce(x, axis=axes)
    names = {"sum": "sum", "product": "prod", "max": "max", "min": "min"}
    value = getattr(jnp, names[kind])(x, axis=axes).astype(x.dtype)
    if kind in ("max", "min") and node.dtype.is_float:  # XLA loses a NaN in long rows
        return jnp.where(jnp.isnan(x).any(axis=axes), np.asarray(np.nan, x.dtype), value)
    return value


def _dot(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    sides = ("lhs", "rhs")
    contracted = tuple(tuple(p[f"{s}_contracting_dimensions"]) for s in sides)
    batch = tuple(tuple(p.get(f"{s}_batching_dimensions", ())) for s in sides)
    return lax.dot_general(*xs, (contracted, batch), precision=lax.Precision.HIGHEST)


def _convolution(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    if not node.dtype.is_float:
        raise Unsupported("convolutions of integers")
    numbers = lax.ConvDimensionNumbers(*(tuple(p[s]) for s in ("lhs_spec", "rhs_spec", "out_spec")))
    return lax.conv_general_dilated(
        *xs,
        p["window_strides"],
        p["padding"],
        p["lhs_dilation"],
        p["rhs_dilation"],
        numbers,
        p["feature_group_count"],
        precision=lax.Precision.HIGHEST,
    )


def _windows(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    functions: dict[str, Any] = {"sum": lax.add, "max": lax.max, "min": lax.min}
    dtype = node.dtype.storage
    ends = (-np.inf, np.inf) if node.dtype.is_float else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    start = {"sum": 0, "max": ends[0], "min": ends[1]}[p["kind"]]
    return lax.reduce_window(
        xs[0],
        np.asarray(start, dtype),
        functions[p["kind"]],
        p["window_dimensions"],
        p["window_strides"],
        p["padding"],
        None,
        p["window_dilations"],
    )


def _sort(node: Node, xs: list[Any], p: dict[str, Any]) -> Any:
    from jax import lax

    keys = xs[: p["num_keys"]]
    if p["descending"]:
        keys = [-k if k.dtype.kind == "f" else ~k for k in keys]
    found = lax.sort((*keys, *xs), dimension=p["dimension"], num_keys=len(keys))
    return tuple(found[len(keys) :])


SAME = {
    **{
        name: name for name in ("sqrt", "rsqrt", "cbrt", "tanh", "logistic", "erf", "floor", "ceil")
    },
    **{name: name for name in ("abs", "sign", "population_count", "is_finite", "atan2")},
    **{name: name for name in ("shift_left", "shift_right_arithmetic", "shift_right_logical")},
    "exponential": "exp",
    "exponential_minus_one": "expm1",
    "log": "log",
    "negate": "neg",
    "log_plus_one": "log1p",
    "sine": "sin",
    "cosine": "cos",
    "count_leading_zeros": "clz",
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "remainder": "rem",
    "power": "pow",
    "maximum": "max",
    "minimum": "min",
    "select": "select",
    "clamp": "clamp",
}

ROWS: dict[str, Row] = {
    **{op: _lax(name) for op, name in SAME.items()},
    "divide": _divided,
    "round_nearest_even": _rounded,
    "and": _bits("bitwise_and", "logical_and"),
    "or": _bits("bitwise_or", "logical_or"),
    "xor": _bits("bitwise_xor", "logical_xor"),
    "not": _bits("bitwise_not", "logical_not"),
    "constant": _constant,
    "compare": _compare,
    "convert": _convert,
    "iota": _iota,
    "size_of": lambda node, xs, p: np.int32(p["extent"]),
    "rng_bit_generator": _random,
    **dict.fromkeys(["identity", "stop_gradient", "custom_gradient"], lambda node, xs, p: xs[0]),
    "reshape": _params("reshape", "shape"),
    "transpose": _params("transpose", "permutation"),
    "broadcast_in_dim": _params("broadcast_in_dim", "shape", "broadcast_dimensions"),
    "slice": _params("slice", "start_indices", "limit_indices", "strides"),
    "reverse": _params("rev", "dimensions"),
    "pad": _pad,
    "concatenate": _concatenate,
    "dynamic_slice": _sliced,
    "dynamic_update_slice": _overwritten,
    "gather": _gather,
    "scatter": _scatter,
    "reduce": _reduce,
    "dot_general": _dot,
    "convolution": _convolution,
    "reduce_window": _windows,
    "sort": _sort,
    "get_tuple_element": lambda node, xs, p: xs[0][p["index"]],
}


# ---- loops and branches ------------------------------------------------------------------------
def _scan(xs: list[Any], p: dict[str, Any], sizes: Any) -> Any:
    from jax import lax

    count, first = p["num_carry"], p["num_consts"] + p["num_carry"]
    consts, start = xs[: p["num_consts"]], xs[p["num_consts"] : first]

    def body(carry: Any, elements: Any) -> Any:
        out = _run(p["body"], [*consts, *carry, *elements], sizes)
        return out[:count], out[count:]

    last, stacked = lax.scan(body, start, xs[first:], p["length"], p["reverse"])
    return (*last, *stacked)


def _while(xs: list[Any], p: dict[str, Any], sizes: Any) -> Any:
    from jax import lax

    consts, start = xs[: p["num_consts"]], xs[p["num_consts"] :]
    return lax.while_loop(
        lambda carry: _run(p["cond"], [*consts, *carry], sizes)[0],
        lambda carry: _run(p["body"], [*consts, *carry], sizes),
        start,
    )


def _if(xs: list[Any], p: dict[str, Any], sizes: Any) -> Any:
    from jax import lax

    pred, *operands = xs
    branches = [
        lambda *given, b=p[name]: _run(b, given, sizes) for name in ("true_branch", "false_branch")
    ]
    return lax.cond(pred, *branches, *operands)


LOOPS: dict[str, Callable[[list[Any], dict[str, Any], Any], Any]] = {
    "scan": _scan,
    "while": _while,
    "if": _if,
}
