"""Propagation of error bounds through each primitive: one row per primitive.

An integer, a truth value or a position either follows exactly (error 0) or hangs on a rounded
comparison and may be anything (error infinite). Sums and products: Higham, Accuracy and Stability
of Numerical Algorithms, 2002, chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from lamina.fuzz.bounds import ROUNDING, Array, Shadow, rounded, spread, stored, wide
from lamina.ir.graph import Node
from lamina.reference import interpreter, special
from lamina.reference.meaning import COMPARE, MEANING
from lamina.reference.sums import LONGEST

LANES = 64  # terms more: registers side by side and their lanes
BLOCK = 32  # terms at least of a block of a product


def whole(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """Exactly, or not at all: integers, bits, whatever has no row."""
    arrays = [stored(x, a.dtype) for x, a in zip(xs, node.args, strict=True)]
    value = interpreter.apply(node.op, arrays, params, node.args[0].dtype if node.args else None)
    return Shadow(wide(value, node.dtype), spread(xs, value.shape))


Rule = Callable[[Node, list[Shadow], dict[str, Any]], Shadow]


def _float(rule: Rule) -> Rule:
    """The rule for floats; integers are exact or unknown."""
    return lambda node, xs, params: (rule if node.dtype.is_float else whole)(node, xs, params)


# ---- elementwise -------------------------------------------------------------------------------
def _monotone(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    (x,), f = xs, MEANING[node.op]
    value = f(x.value)
    if x.exact:
        return rounded(node, value, np.zeros(value.shape))
    ends = (f(x.value - x.error), f(x.value + x.error))
    return rounded(node, value, np.maximum(*(np.abs(end - value) for end in ends)))


def _smooth(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    """Sine and cosine: nowhere steeper than 1."""
    return rounded(node, MEANING[node.op](xs[0].value), xs[0].error)


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
    return rounded(node, MEANING[node.op](x.value, y.value), x.error + y.error)


def _product_error(x: Shadow, y: Shadow, times: Callable[..., Array]) -> Array:
    ax, ay = np.abs(x.value), np.abs(y.value)
    return np.asarray(times(ax, y.error) + times(x.error, ay) + times(x.error, y.error))


def _multiply(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    return rounded(node, x.value * y.value, _product_error(x, y, np.multiply))


def _divide(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs
    value = x.value / y.value
    left = np.abs(y.value) - y.error
    error = np.where(left > 0, (x.error + np.abs(value) * y.error) / left, np.inf)
    return rounded(node, value, error)


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
    return rounded(node, value, np.where(safe, error, np.inf))


def _atan2(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    y, x = xs
    radius, error = np.hypot(x.value, y.value), x.error + y.error
    cut = (np.abs(y.value) <= y.error) & (x.value - x.error < 0) & (y.error > 0)
    known = (radius > 2 * error) & ~cut
    moved = np.where(error > 0, 2 * error / radius, 0.0)
    return rounded(
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
        return whole(node, xs, params)
    if not target.is_float:
        ends = [special.convert(x.value + s * x.error, dtype=target) for s in (-1, 1)]
        value = special.convert(x.value, dtype=target)
        unknown = (ends[0] != ends[1]) | ~np.isfinite(x.error)
        if target.kind == "b":
            unknown |= np.abs(x.value) <= x.error
        return Shadow(value, np.where(unknown, np.inf, 0.0))
    if ROUNDING[target.name].unit <= ROUNDING[source.name].unit:
        return x
    return rounded(node, x.value, x.error)


# ---- movement of elements ----------------------------------------------------------------------
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
        return Shadow(value, np.max(spread([x], x.value.shape), axis=axes, initial=0.0))
    if kind in ("max", "min"):
        return Shadow(value, np.max(x.error, axis=axes, initial=0.0))
    count = prod(x.value.shape[d] for d in axes)
    size = np.abs(x.value) + x.error
    if kind == "sum":
        return rounded(node, value, x.error.sum(axes) + _summed(node, count) * size.sum(axes))
    error = np.multiply.reduce(size, axis=axes) * (1 + _growth(node, count)) - np.abs(value)
    on_the_way = np.multiply.reduce(np.maximum(size, 1), axis=axes)  # before a zero comes
    error += _underflow(node, count) * on_the_way
    return rounded(
        node, value, np.where(on_the_way < ROUNDING[node.dtype.name].most, error, np.inf)
    )


def _summed(node: Node, count: int, blocks: int = 0) -> float:
    """Return the error bound of a sum of `count` terms, relative to the sum of sizes: an engine
    adds at most LONGEST terms at a stretch in up to two kernels, then lanes, and `blocks` of a
    product. Totals of float64 round themselves, once in 512 terms."""
    totals = count // 512 if node.dtype.bits == 64 else 0
    return _growth(node, min(count, 2 * LONGEST + LANES + blocks + totals))


def _underflow(node: Node, count: int) -> float:
    """Return the error bound of `count` products that are rounded to multiples of the least
    number."""
    return count * ROUNDING[node.dtype.name].least


def _growth(node: Node, count: int) -> float:
    """Return the error bound of `count` roundings in any order, relative to the sum of sizes."""
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
    error = _product_error(x, y, dot) + _summed(node, count + 1, count // BLOCK) * sizes
    return rounded(node, dot(x.value, y.value), error + _underflow(node, count))


def _convolution(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, y = xs

    def convolved(a: Array, b: Array) -> Array:
        return np.asarray(MEANING["convolution"](a, b, **params))

    outputs = y.value.shape[params["rhs_spec"][0]]
    count = y.value.size // max(outputs, 1)
    sizes = convolved(np.abs(x.value) + x.error, np.abs(y.value) + y.error)
    error = _product_error(x, y, convolved) + _summed(node, count + 1, count // BLOCK) * sizes
    return rounded(node, convolved(x.value, y.value), error + _underflow(node, count))


def _reduce_window(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    (x,) = xs

    def windows(a: Array, kind: str = params["kind"]) -> Array:
        return np.asarray(MEANING["reduce_window"](a, **{**params, "kind": kind}))

    value = windows(x.value)
    if params["kind"] != "sum":
        return Shadow(value, np.maximum(windows(x.error, "max"), 0.0))
    sizes = windows(np.abs(x.value) + x.error)
    grown = _summed(node, prod(params["window_dimensions"]))
    return rounded(node, value, windows(x.error) + grown * sizes)


def _select_and_scatter(node: Node, xs: list[Shadow], params: dict[str, Any]) -> Shadow:
    x, source = xs

    def scattered(a: Array) -> Array:
        return np.asarray(MEANING["select_and_scatter"](x.value, a, **params))

    if not x.exact:  # another position may be the extreme
        return Shadow(scattered(source.value), np.full(x.value.shape, np.inf))
    grown = _growth(node, prod(params["window_dimensions"]))
    error = scattered(source.error) + grown * scattered(np.abs(source.value) + source.error)
    return rounded(node, scattered(source.value), error)


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
        return rounded(node, value, put(x.error, updates.error) + grown * sizes)
    return rounded(node, value, sizes * (1 + grown) - np.abs(value))


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
    **dict.fromkeys(
        ["identity", "optimization_barrier", "stop_gradient", "custom_gradient"], _marker
    ),
    "reduce": _reduce,
    "dot_general": _float(_dot_general),
    "scatter": _scatter,
    "convolution": _float(_convolution),
    "reduce_window": _float(_reduce_window),
    "select_and_scatter": _float(_select_and_scatter),
}
