"""A graph in float64 beside a bound on how far a rounded run may stray: the fuzzer's tolerance.

    Shadow(value, error)      the exact-enough value, and a bound on |rounded value - value|

Each primitive has a rule that carries its operands' errors over and adds what rounding its result
adds (Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 3). An integer, a truth
value or a position either follows exactly (error 0) or hangs on a rounded comparison and may be
anything (error infinite). Where a float may overflow its bound is infinite too: nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from lamina.ir.graph import Graph, Node
from lamina.ir.types import DType, bfloat16, float32
from lamina.reference import interpreter, special
from lamina.reference.meaning import COMPARE, MEANING

Array = np.ndarray
Sizes = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shadow:
    """Floats as float64, all else as it is stored; `error` is float64 of the value's shape."""

    value: Array
    error: Array

    @property
    def exact(self) -> bool:
        return not self.error.any()

    @property
    def known(self) -> float:
        """The share of elements about which something is claimed."""
        return float(np.isfinite(self.error).mean()) if self.error.size else 1.0


@dataclass(frozen=True, slots=True)
class Rounding:
    """Of one dtype: the unit (half the distance from 1 to the next number), the least, the most."""

    unit: float
    least: float
    most: float


ROUNDING = {
    "float64": Rounding(2.0**-52, 2.0**-1070, 1e300),  # the shadow itself rounds as much
    "float32": Rounding(2.0**-24, 2.0**-147, 1e37),
    "float16": Rounding(2.0**-11, 2.0**-25, 6e4),
    "bfloat16": Rounding(2.0**-8, 2.0**-134, 1e37),
}

# Units that an engine may be wrong by in one operation; 1 where it only rounds.
UNITS = {
    **dict.fromkeys(["exponential", "exponential_minus_one", "log", "log_plus_one", "tanh"], 8.0),
    **dict.fromkeys(["logistic", "rsqrt", "cbrt", "sine", "cosine", "erf", "atan2"], 8.0),
    "power": 32.0,
    "divide": 2.0,
}


def exact(value: Array, dtype: DType) -> Shadow:
    """What an array that is given stands for."""
    return Shadow(_wide(value, dtype), np.zeros(np.shape(value)))


class Refused(Exception):
    """Nothing, or too little, can be claimed about a value."""


def shadows(graph: Graph, arrays: Sequence[Array], lane: str) -> list[Shadow]:
    """The shadows of a graph's results for one array per parameter.

    Raises Refused where a lane of exact numbers would round.
    """
    sizes = interpreter.bind_sizes(graph.parameters, [a.shape for a in arrays])
    given = zip(graph.parameters, arrays, strict=True)
    found: dict[Node, Any] = {p: exact(a, p.dtype) for p, a in given}
    for node in graph.nodes():
        if node not in found:
            found[node] = claimed(node, step(node, [found[a] for a in node.args], sizes), lane)
    return [found[r] for r in graph.results]


SUMS = {"reduce", "dot_general", "scatter", "convolution", "reduce_window", "select_and_scatter"}


def claimed(node: Node, shadow: Any, lane: str) -> Any:
    """What the lane claims: within the bound, or exactly (in sums, if no part of them rounds)."""
    if lane == "smooth":
        return shadow
    if isinstance(shadow, tuple):
        return tuple(claimed(node, part, lane) for part in shadow)
    if lane == "exact" and node.op in SUMS:
        error = shadow.error
        if error.size and float(error.max()) > 0.25:
            raise Refused
    return Shadow(shadow.value, np.zeros(shadow.value.shape))


@np.errstate(all="ignore")
def step(node: Node, args: Sequence[Any], sizes: Sizes) -> Shadow | tuple[Shadow, ...]:
    """The shadow of a node from its operands'."""
    params = interpreter.resolve(node.params, sizes)
    if node.op == "scan":
        return _scan(args, params, sizes)
    if node.op == "while":
        return _while(args, params, sizes)
    if node.op == "if":
        return _if(args, params, sizes)
    if node.op == "get_tuple_element":
        return args[0][params["index"]]  # type: ignore[no-any-return]
    if node.op == "sort":
        return _sort(node, args, params)
    rule = RULES.get(node.op, _whole)
    return _settled(rule(node, list(args), params), node.dtype)


def _settled(shadow: Shadow, dtype: DType) -> Shadow:
    """Nothing is claimed of what may overflow, nor of NaN."""
    value, error = np.asarray(shadow.value), np.asarray(shadow.error, np.float64)
    if dtype.is_float:
        value = value.astype(np.float64, copy=False)
        fits = np.abs(value) + error < ROUNDING[dtype.name].most
        error = np.where(fits, error, np.inf)
    return Shadow(value, np.broadcast_to(error, value.shape))


# ---- NumPy's meaning, on shadows ---------------------------------------------------------------
def _wide(value: Array, dtype: DType) -> Array:
    value = np.asarray(value)
    if dtype == bfloat16:
        value = special.convert(value, dtype=float32, source=bfloat16)
    return value.astype(np.float64) if dtype.is_float else value


def _stored(shadow: Shadow, dtype: DType) -> Array:
    """The array as an engine would hold it."""
    if dtype == bfloat16:
        return special.convert(shadow.value, dtype=bfloat16)
    return shadow.value.astype(dtype.storage, copy=False)


def _rounded(node: Node, value: Array, error: Any, units: float | None = None) -> Shadow:
    """The value with the error of the operands, and that of rounding the result."""
    r = ROUNDING[node.dtype.name]
    units = UNITS.get(node.op, 1.0) if units is None else units
    least = r.least if units <= 2 else 2.0**-125 if node.dtype.name == "float32" else 2.0**-1021
    own = units * r.unit * (np.abs(value) + error) + least
    return Shadow(value, error + own)


def _spread(xs: Sequence[Shadow], shape: Sequence[int]) -> Array:
    """Infinite where any operand has an error; operands of other shapes count as a whole."""
    unknown = np.zeros(shape, bool)
    for x in xs:
        wrong = x.error > 0
        unknown |= wrong if wrong.shape == tuple(shape) else bool(wrong.any())
    return np.where(unknown, np.inf, 0.0)


def _whole(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """Exactly, or not at all: integers, bits, whatever has no row."""
    arrays = [_stored(x, a.dtype) for x, a in zip(xs, node.args, strict=True)]
    value = interpreter.apply(node.op, arrays, params, node.args[0].dtype if node.args else None)
    return Shadow(_wide(value, node.dtype), _spread(xs, value.shape))


Rule = Callable[[Node, list[Shadow], dict[str, Any]], Shadow]


def _float(rule: Rule) -> Rule:
    """The rule for floats; integers are exact or unknown."""
    return lambda node, xs, params: (rule if node.dtype.is_float else _whole)(node, xs, params)


# ---- elementwise -------------------------------------------------------------------------------
def _monotone(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    (x,), f = xs, MEANING[node.op]
    value = f(x.value)
    if x.exact:
        return _rounded(node, value, np.zeros(value.shape))
    ends = (f(x.value - x.error), f(x.value + x.error))
    return _rounded(node, value, np.maximum(*(np.abs(end - value) for end in ends)))


def _smooth(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """Sine and cosine: nowhere steeper than 1."""
    return _rounded(node, MEANING[node.op](xs[0].value), xs[0].error)


def _same_size(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    return Shadow(MEANING[node.op](xs[0].value), xs[0].error)


def _steps(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """Floor and its like: unknown where the error reaches over a step."""
    (x,), f = xs, MEANING[node.op]
    value = f(x.value)
    jumps = f(x.value - x.error) != f(x.value + x.error)
    return Shadow(value, np.where(jumps, np.inf, 0.0))


def _add(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    return _rounded(node, MEANING[node.op](x.value, y.value), x.error + y.error)


def _product_error(x: Shadow, y: Shadow, times: Callable[..., Array]) -> Array:
    ax, ay = np.abs(x.value), np.abs(y.value)
    return np.asarray(times(ax, y.error) + times(x.error, ay) + times(x.error, y.error))


def _multiply(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    return _rounded(node, x.value * y.value, _product_error(x, y, np.multiply))


def _divide(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    value = x.value / y.value
    left = np.abs(y.value) - y.error
    error = np.where(left > 0, (x.error + np.abs(value) * y.error) / left, np.inf)
    return _rounded(node, value, error)


def _remainder(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    value = np.fmod(x.value, y.value)
    quotients = [
        np.trunc((x.value + sx * x.error) / (y.value + sy * y.error))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    jumps = np.any([q != quotients[0] for q in quotients], axis=0) | (np.abs(y.value) <= y.error)
    rounded = (x.error > 0) | (y.error > 0)
    error = x.error + np.abs(quotients[0]) * y.error
    return Shadow(value, np.where(rounded, np.where(jumps, np.inf, error), 0.0))


def _power(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    value = np.power(x.value, y.value)
    corners = [
        np.power(x.value + sx * x.error, y.value + sy * y.error) for sx in (-1, 1) for sy in (-1, 1)
    ]
    error = np.max([np.abs(c - value) for c in corners], axis=0)
    safe = (x.value > x.error) | ((x.error == 0) & (y.error == 0))
    return _rounded(node, value, np.where(safe, error, np.inf))


def _atan2(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    y, x = xs
    radius, error = np.hypot(x.value, y.value), x.error + y.error
    cut = (np.abs(y.value) <= y.error) & (x.value - x.error < 0) & (y.error > 0)
    known = (radius > 2 * error) & ~cut
    moved = np.where(error > 0, 2 * error / radius, 0.0)
    return _rounded(
        node, np.arctan2(y.value, x.value), np.where(known | (error == 0), moved, np.inf)
    )


def _choice(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """Maximum, minimum, clamp: one of the operands, none further off than the worst."""
    value = MEANING[node.op](*(x.value for x in xs))
    return Shadow(value, np.max([x.error for x in xs], axis=0))


def _compare(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    error = x.error + y.error
    if not node.args[0].dtype.is_float:
        value, unknown = COMPARE[params["direction"]](x.value, y.value), error > 0
    else:
        value = COMPARE[params["direction"]](x.value, y.value)
        unknown = (error > 0) & ~(np.abs(x.value - y.value) > error)
    return Shadow(value, np.where(unknown, np.inf, 0.0))


def _select(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    pred, x, y = xs
    value = np.where(pred.value, x.value, y.value)
    error = np.where(pred.value, x.error, y.error)
    if pred.exact:
        return Shadow(value, error)
    if not node.dtype.is_float:
        either = np.where((x.value == y.value) & (x.error == 0) & (y.error == 0), 0.0, np.inf)
    else:
        either = np.abs(x.value - y.value) + x.error + y.error
    return Shadow(value, np.where(pred.error > 0, either, error))


def _is_finite(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    known = np.isfinite(xs[0].error)
    return Shadow(np.isfinite(xs[0].value), np.where(known, 0.0, np.inf))


def _convert(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    (x,), source, target = xs, node.args[0].dtype, node.dtype
    if not source.is_float or x.exact:
        return _whole(node, xs, params)
    if not target.is_float:
        ends = [special.convert(x.value + s * x.error, dtype=target) for s in (-1, 1)]
        value = special.convert(x.value, dtype=target)
        unknown = (ends[0] != ends[1]) | ~np.isfinite(x.error)
        if target.kind == "b":
            unknown |= np.abs(x.value) <= x.error
        return Shadow(value, np.where(unknown, np.inf, 0.0))
    if ROUNDING[target.name].unit <= ROUNDING[source.name].unit:
        return x
    return _rounded(node, x.value, x.error)


# ---- what only moves elements ------------------------------------------------------------------
def _moved(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """The errors go where the elements go; a position that is unknown makes all so."""
    data, rest = xs[: MOVING[node.op]], xs[MOVING[node.op] :]
    if not all(x.exact for x in rest):
        value = MEANING[node.op](*(x.value for x in xs), **params)
        return Shadow(value, np.full(value.shape, np.inf))
    places = [x.value for x in rest]
    value = MEANING[node.op](*(x.value for x in data), *places, **params)
    return Shadow(value, MEANING[node.op](*(x.error for x in data), *places, **params))


MOVING = {
    **dict.fromkeys(["reshape", "transpose", "broadcast_in_dim", "slice", "reverse", "gather"], 1),
    **dict.fromkeys(["pad", "dynamic_update_slice"], 2),
    "dynamic_slice": 1,
}


def _concatenate(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    join = MEANING["concatenate"]
    return Shadow(join(*(x.value for x in xs), **params), join(*(x.error for x in xs), **params))


def _marker(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    return xs[0]


# ---- reductions and products -------------------------------------------------------------------
def _reduce(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    (x,), kind = xs, params["kind"]
    axes = tuple(params["dimensions"])
    value = MEANING["reduce"](x.value, **params)
    if kind.startswith("arg"):
        return _position(x, value, kind, axes[0])
    if not node.dtype.is_float:
        return Shadow(value, np.max(_spread([x], x.value.shape), axis=axes, initial=0.0))
    if kind in ("max", "min"):
        return Shadow(value, np.max(x.error, axis=axes, initial=0.0))
    count = prod(x.value.shape[d] for d in axes)
    size = np.abs(x.value) + x.error
    if kind == "sum":
        return _rounded(node, value, x.error.sum(axes) + _growth(node, count) * size.sum(axes))
    error = np.multiply.reduce(size, axis=axes) * (1 + _growth(node, count)) - np.abs(value)
    on_the_way = np.multiply.reduce(np.maximum(size, 1), axis=axes)  # before a zero comes
    return _rounded(
        node, value, np.where(on_the_way < ROUNDING[node.dtype.name].most, error, np.inf)
    )


def _growth(node: Node, count: int) -> float:
    """How far `count` roundings in any order may go, relative to the sum of sizes."""
    return count * 1.01 * ROUNDING[node.dtype.name].unit


def _position(x: Shadow, value: Array, kind: str, axis: int) -> Shadow:
    """Known where one element alone can be the extreme, or nothing was rounded."""
    if x.exact or not x.value.shape[axis]:
        return Shadow(value, np.zeros(value.shape))
    signed = x.value.astype(np.float64) * (1 if kind == "argmax" else -1)
    sure = np.max(signed - x.error, axis=axis, keepdims=True)
    rivals = (signed + x.error >= sure).sum(axis)
    rounded = np.max(x.error, axis=axis) > 0
    return Shadow(value, np.where(rounded & (rivals != 1), np.inf, 0.0))


def _dot_general(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs

    def dot(a: Array, b: Array) -> Array:
        return np.asarray(MEANING["dot_general"](a, b, **params))

    count = prod(x.value.shape[d] for d in params["lhs_contracting_dimensions"])
    sizes = dot(np.abs(x.value) + x.error, np.abs(y.value) + y.error)
    error = _product_error(x, y, dot) + _growth(node, count + 1) * sizes
    return _rounded(node, dot(x.value, y.value), error)


def _convolution(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs

    def convolved(a: Array, b: Array) -> Array:
        return np.asarray(MEANING["convolution"](a, b, **params))

    outputs = y.value.shape[params["rhs_spec"][0]]
    count = y.value.size // max(outputs, 1)
    sizes = convolved(np.abs(x.value) + x.error, np.abs(y.value) + y.error)
    error = _product_error(x, y, convolved) + _growth(node, count + 1) * sizes
    return _rounded(node, convolved(x.value, y.value), error)


def _reduce_window(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    (x,) = xs

    def windows(a: Array, kind: str = params["kind"]) -> Array:
        return np.asarray(MEANING["reduce_window"](a, **{**params, "kind": kind}))

    value = windows(x.value)
    if params["kind"] != "sum":
        return Shadow(value, np.maximum(windows(x.error, "max"), 0.0))
    sizes = windows(np.abs(x.value) + x.error)
    grown = _growth(node, prod(params["window_dimensions"]))
    return _rounded(node, value, windows(x.error) + grown * sizes)


def _select_and_scatter(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, source = xs

    def spread(a: Array) -> Array:
        return np.asarray(MEANING["select_and_scatter"](x.value, a, **params))

    if not x.exact:  # another position may be the extreme
        return Shadow(spread(source.value), np.full(x.value.shape, np.inf))
    grown = _growth(node, prod(params["window_dimensions"]))
    error = spread(source.error) + grown * spread(np.abs(source.value) + source.error)
    return _rounded(node, spread(source.value), error)


def _scatter(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, indices, updates = xs

    def put(a: Array, b: Array, kind: str = params["kind"]) -> Array:
        return np.asarray(MEANING["scatter"](a, indices.value, b, **{**params, "kind": kind}))

    value, kind = put(x.value, updates.value), params["kind"]
    if not indices.exact or not (node.dtype.is_float or (x.exact and updates.exact)):
        return Shadow(value, np.full(value.shape, np.inf))
    if not node.dtype.is_float:
        return Shadow(value, np.zeros(value.shape))
    if kind in ("set", "min", "max"):
        return Shadow(value, put(x.error, updates.error, "set" if kind == "set" else "max"))
    sizes = put(np.abs(x.value) + x.error, np.abs(updates.value) + updates.error)
    grown = _growth(node, updates.value.size + 1)
    if kind == "add":
        return _rounded(node, value, put(x.error, updates.error) + grown * sizes)
    return _rounded(node, value, sizes * (1 + grown) - np.abs(value))


def _sort(node: Node, xs: Sequence[Shadow], params: dict[str, Any]) -> tuple[Shadow, ...]:
    values = MEANING["sort"](*(x.value for x in xs), **params)
    axis, keys = params["dimension"], xs[: params["num_keys"]]
    if all(x.exact for x in keys):
        order = [x.value for x in keys]
        moved = [
            MEANING["sort"](*order, x.error, **params)[-1] if not x.exact else x.error for x in xs
        ]
        return tuple(map(Shadow, values, moved))
    unknown = np.max([np.max(x.error, axis, keepdims=True, initial=0.0) for x in keys], axis=0)
    one_float = len(keys) == 1 and node.type[0].dtype.is_float
    first = unknown if one_float else np.where(unknown > 0, np.inf, 0.0)
    rest = np.where(unknown > 0, np.inf, 0.0)
    errors = [first, *[rest] * (len(xs) - 1)]
    return tuple(
        Shadow(
            v,
            np.maximum(
                np.broadcast_to(e, v.shape), np.max(x.error, axis, keepdims=True, initial=0.0)
            ),
        )
        for v, e, x in zip(values, errors, xs, strict=True)
    )


# ---- loops and branches --------------------------------------------------------------------------
def _run(graph: Graph, given: Sequence[Shadow], sizes: Sizes) -> list[Any]:
    found: dict[Node, Any] = dict(zip(graph.parameters, given, strict=True))
    for node in graph.nodes():
        if node not in found:
            found[node] = step(node, [found[a] for a in node.args], sizes)
    return [found[r] for r in graph.results]


def _scan(args: Sequence[Shadow], p: dict[str, Any], sizes: Sizes) -> tuple[Shadow, ...]:
    first = p["num_consts"] + p["num_carry"]
    consts, carries, sequences = (
        args[: p["num_consts"]],
        args[p["num_consts"] : first],
        args[first:],
    )
    turns = range(p["length"])
    stacked: list[list[Shadow]] = [[] for _ in p["body"].results[p["num_carry"] :]]
    for i in reversed(turns) if p["reverse"] else turns:
        elements = [Shadow(s.value[i], s.error[i]) for s in sequences]
        out = _run(p["body"], [*consts, *carries, *elements], sizes)
        carries = out[: p["num_carry"]]
        for whole, element in zip(stacked, out[p["num_carry"] :], strict=True):
            whole.append(element)
    ends = [
        _stack(w[::-1] if p["reverse"] else w, r, sizes)
        for w, r in zip(stacked, p["body"].results[p["num_carry"] :], strict=True)
    ]
    return (*carries, *ends)


def _stack(elements: list[Shadow], result: Node, sizes: Sizes) -> Shadow:
    if elements:
        return Shadow(np.stack([e.value for e in elements]), np.stack([e.error for e in elements]))
    shape = (0, *interpreter.resolve({"shape": result.shape}, sizes)["shape"])
    dtype = np.float64 if result.dtype.is_float else result.dtype.storage
    return Shadow(np.zeros(shape, dtype), np.zeros(shape))


def _while(args: Sequence[Shadow], p: dict[str, Any], sizes: Sizes) -> tuple[Shadow, ...]:
    consts, carries = list(args[: p["num_consts"]]), list(args[p["num_consts"] :])
    for _ in range(1000):
        (holds,) = _run(p["cond"], [*consts, *carries], sizes)
        if not holds.exact:
            return tuple(Shadow(c.value, np.full(c.value.shape, np.inf)) for c in carries)
        if not holds.value:
            return tuple(carries)
        carries = _run(p["body"], [*consts, *carries], sizes)
    raise RecursionError("while: a thousand turns have not ended it")


def _if(args: Sequence[Shadow], p: dict[str, Any], sizes: Sizes) -> tuple[Shadow, ...]:
    pred, *operands = args
    found = _run(p["true_branch" if pred.value else "false_branch"], operands, sizes)
    if pred.exact:
        return tuple(found)
    return tuple(Shadow(f.value, np.full(f.value.shape, np.inf)) for f in found)


RULES: dict[str, Rule] = {
    **dict.fromkeys(["exponential", "exponential_minus_one", "log", "log_plus_one"], _monotone),
    **dict.fromkeys(["tanh", "logistic", "sqrt", "rsqrt", "cbrt", "erf"], _monotone),
    **dict.fromkeys(["sine", "cosine"], _smooth),
    **dict.fromkeys(["negate", "abs"], _float(_same_size)),
    **dict.fromkeys(["floor", "ceil", "round_nearest_even"], _steps),
    "sign": _float(_steps),
    **dict.fromkeys(["add", "subtract"], _float(_add)),
    "multiply": _float(_multiply),
    "divide": _float(_divide),
    "remainder": _float(_remainder),
    "power": _float(_power),
    "atan2": _atan2,
    **dict.fromkeys(["maximum", "minimum", "clamp"], _float(_choice)),
    "compare": _compare,
    "select": _select,
    "is_finite": _is_finite,
    "convert": _convert,
    **dict.fromkeys(MOVING, _moved),
    "concatenate": _concatenate,
    **dict.fromkeys(["identity", "stop_gradient", "custom_gradient"], _marker),
    "reduce": _reduce,
    "dot_general": _float(_dot_general),
    "scatter": _scatter,
    "convolution": _float(_convolution),
    "reduce_window": _float(_reduce_window),
    "select_and_scatter": _float(_select_and_scatter),
}
