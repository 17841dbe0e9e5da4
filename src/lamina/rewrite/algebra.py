"""Algebra on single nodes: one row a primitive, `before -> after` above each rule.

Only rules that keep every bit of the result, NaN and infinities included, except where noted.
"""

from __future__ import annotations

import math

import numpy as np

from lamina.ir import ops
from lamina.ir.graph import Node, is_constant
from lamina.ir.types import DType
from lamina.rewrite.movement import MOVEMENT, Rule


# identity(x), stop_gradient(x), custom_gradient(x, ...) -> x: gradients have been taken
def _marker(node: Node) -> Node | None:
    return node.args[0]


# ---- arithmetic --------------------------------------------------------------------------------
# x + 0 -> x of integers, x + -0.0 -> x of floats (-0.0 + 0.0 is 0.0);  x + (-y) -> x - y
def _add(node: Node) -> Node | None:
    x, y = node.args
    if _is_neutral(y, -0.0):
        return x
    if _is_neutral(x, -0.0):
        return y
    if y.op == "negate":
        return ops.subtract(x, y.args[0])
    return ops.subtract(y, x.args[0]) if x.op == "negate" else None


# x - 0 -> x (of floats not if the zero is -0.0);  x - (-y) -> x + y
def _subtract(node: Node) -> Node | None:
    x, y = node.args
    if _is_neutral(y, 0.0):
        return x
    return ops.add(x, y.args[0]) if y.op == "negate" else None


def _is_neutral(x: Node, zero: float) -> bool:
    """True for a constant zero; of floats, only of the sign that `zero` has."""
    if not is_constant(x, 0):
        return False
    while x.op == "broadcast_in_dim":
        x = x.args[0]
    signs = np.signbit(x.params["value"]) if x.dtype.is_float else np.signbit(zero)
    return bool(np.all(signs == np.signbit(zero)))


# x * 1 -> x;  x * -1 -> -x;  (-x) * (-y) -> x * y
def _multiply(node: Node) -> Node | None:
    x, y = node.args
    for a, b in ((x, y), (y, x)):
        if is_constant(b, 1):
            return a
        if node.dtype.kind in "if" and is_constant(b, -1):
            return ops.negate(a)
    if x.op == y.op == "negate":
        return ops.multiply(x.args[0], y.args[0])
    return None


# x / 1 -> x;  x / c -> x * (1 / c) where c is a power of two whose reciprocal is a normal number
def _divide(node: Node) -> Node | None:
    x, y = node.args
    if is_constant(y, 1):
        return x
    value = _number(y)
    if not node.dtype.is_float or value is None or not math.isfinite(value) or value == 0:
        return None
    limits = np.finfo(node.dtype.storage)
    exact = math.frexp(value)[0] in (0.5, -0.5)
    if exact and float(limits.tiny) <= abs(1 / value) <= float(limits.max):
        return ops.multiply(x, ops.fill(1 / value, x))
    return None


def _number(x: Node) -> float | None:
    """The number that a constant repeats everywhere."""
    if x.op == "broadcast_in_dim":
        return _number(x.args[0])
    known = x.op == "constant" and x.params["value"].size == 1
    return float(x.params["value"].flat[0]) if known else None


# -(-x) -> x
def _negate(node: Node) -> Node | None:
    (x,) = node.args
    return x.args[0] if x.op == "negate" else None


# abs(-x), abs(abs(x)) -> abs(x)
def _abs(node: Node) -> Node | None:
    (x,) = node.args
    if x.op == "abs":
        return x
    return ops.abs(x.args[0]) if x.op == "negate" and x.dtype.kind == "f" else None


# x ** 2 -> x * x;  x ** 1 -> x
def _power(node: Node) -> Node | None:
    x, y = node.args
    if is_constant(y, 1):
        return x
    if is_constant(y, 2):
        return ops.multiply(x, x)
    return None


# maximum(x, x) -> x
def _same(node: Node) -> Node | None:
    x, y = node.args
    return x if x is y else None


# ---- logic -------------------------------------------------------------------------------------
# not(not(p)) -> p;  not(x == y) -> x != y, and the reverse
def _not(node: Node) -> Node | None:
    (p,) = node.args
    if p.op == "not":
        return p.args[0]
    opposite = {"EQ": "NE", "NE": "EQ"}
    if p.op == "compare" and p.params["direction"] in opposite:
        return ops.compare(*p.args, direction=opposite[p.params["direction"]])
    return None


# p and p -> p;  p and true -> p;  p and false -> false
def _and(node: Node) -> Node | None:
    return _absorbed(node, neutral=1, ruling=0)


# p or p -> p;  p or false -> p;  p or true -> true
def _or(node: Node) -> Node | None:
    return _absorbed(node, neutral=0, ruling=1)


def _absorbed(node: Node, neutral: int, ruling: int) -> Node | None:
    x, y = node.args
    if x is y:
        return x
    if node.dtype.kind != "b":
        return None
    for a, b in ((x, y), (y, x)):
        if is_constant(b, neutral):
            return a
        if is_constant(b, ruling):
            return b
    return None


# convert(p) != 0 -> p, of a truth value p;  convert(p) == 0 -> not p;  x == x -> true of integers
def _compare(node: Node) -> Node | None:
    (x, y), direction = node.args, node.params["direction"]
    if x.op == "convert" and x.args[0].dtype.kind == "b" and is_constant(y, 0):
        p = x.args[0]
        return {"NE": p, "EQ": ops.not_(p), "GT": p}.get(direction)
    if x is y and x.dtype.kind != "f" and direction in ("EQ", "LE", "GE", "NE", "LT", "GT"):
        return ops.fill(direction in ("EQ", "LE", "GE"), node)
    return None


# select(true, x, y) -> x;  select(p, x, x) -> x;  select(not p, x, y) -> select(p, y, x)
# select(p, select(p, x, y), z) -> select(p, x, z);  select(p, true, false) -> p
def _select(node: Node) -> Node | None:
    pred, x, y = node.args
    if x is y or is_constant(pred, 1):
        return x
    if is_constant(pred, 0):
        return y
    if pred.op == "not":
        return ops.select(pred.args[0], y, x)
    if x.op == "select" and x.args[0] is pred:
        return ops.select(pred, x.args[1], y)
    if y.op == "select" and y.args[0] is pred:
        return ops.select(pred, x, y.args[2])
    if node.dtype.kind == "b" and is_constant(x, 1) and is_constant(y, 0):
        return pred
    if node.dtype.kind == "b" and is_constant(x, 0) and is_constant(y, 1):
        return ops.not_(pred)
    return None


# ---- conversions -------------------------------------------------------------------------------
# convert to the dtype it has -> x;  convert(convert(x)) -> convert(x) where the first loses nothing
def _convert(node: Node) -> Node | None:
    (x,) = node.args
    if x.dtype == node.dtype:
        return x
    if x.op != "convert" or not _holds(x.dtype, x.args[0].dtype):
        return None
    source = x.args[0].dtype
    saturates = x.dtype.is_float and node.dtype.is_integer and not source.is_float
    if saturates and not _holds(node.dtype, source):  # whole numbers by themselves wrap around
        return None
    return ops.convert(x.args[0], dtype=node.dtype)


DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether every value of `narrow` is one of `wide`."""
    if narrow.kind == "b" or wide == narrow:
        return True
    if wide.is_float and narrow.is_float:
        return wide.bits > narrow.bits
    if wide.is_float:
        return narrow.bits - (narrow.kind == "i") <= DIGITS[wide.name]
    if narrow.is_float or wide.kind == "b":
        return False
    spare = wide.bits - narrow.bits
    return (
        spare > 0
        if wide.kind != narrow.kind and wide.kind == "i"
        else (wide.kind == narrow.kind and spare >= 0)
    )


RULES: dict[str, Rule] = {
    "identity": _marker,
    "stop_gradient": _marker,
    "custom_gradient": _marker,
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negate": _negate,
    "abs": _abs,
    "power": _power,
    "maximum": _same,
    "minimum": _same,
    "not": _not,
    "and": _and,
    "or": _or,
    "compare": _compare,
    "select": _select,
    "convert": _convert,
    **MOVEMENT,
}
