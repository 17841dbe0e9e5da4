"""Algebra on single nodes: one row a primitive, `before -> after` above each rule.

Only rules that keep every bit of the result, NaN and infinities included, except where noted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lamina.ir import ops
from lamina.ir.graph import Node, is_constant

Rule = Callable[[Node], Node | None]


# identity(x), stop_gradient(x), custom_gradient(x, ...) -> x: gradients have been taken
def _marker(node: Node) -> Node | None:
    return node.args[0]


# x + 0 -> x     (of a float, -0 + 0 is 0: the sign of a zero is not kept)
def _add(node: Node) -> Node | None:
    x, y = node.args
    if is_constant(y, 0):
        return x
    return y if is_constant(x, 0) else None


# x - 0 -> x
def _subtract(node: Node) -> Node | None:
    x, y = node.args
    return x if is_constant(y, 0) else None


# x * 1 -> x
def _multiply(node: Node) -> Node | None:
    x, y = node.args
    if is_constant(y, 1):
        return x
    return y if is_constant(x, 1) else None


# x / 1 -> x;  x / c -> x * (1 / c) where c is a power of two: exact
def _divide(node: Node) -> Node | None:
    x, y = node.args
    if is_constant(y, 1):
        return x
    if node.dtype.is_float and is_constant(y):
        value = float(y.params["value"].flat[0]) if y.params["value"].size == 1 else 0.0
        if value and math.isfinite(value) and math.frexp(value)[0] in (0.5, -0.5):
            return ops.multiply(x, ops.fill(1 / value, x))
    return None


# -(-x) -> x
def _negate(node: Node) -> Node | None:
    (x,) = node.args
    return x.args[0] if x.op == "negate" else None


# x ** 2 -> x * x;  x ** 1 -> x
def _power(node: Node) -> Node | None:
    x, y = node.args
    if is_constant(y, 1):
        return x
    if is_constant(y, 2):
        return ops.multiply(x, x)
    return None


# convert to the dtype it has -> x
def _convert(node: Node) -> Node | None:
    (x,) = node.args
    return x if x.dtype == node.dtype else None


# reshape(reshape(x)) -> reshape(x);  to the same shape -> x
def _reshape(node: Node) -> Node | None:
    (x,) = node.args
    if x.shape == node.shape:
        return x
    return ops.reshape(x.args[0], shape=node.shape) if x.op == "reshape" else None


# transpose(transpose(x)) -> transpose(x);  identity permutation -> x
def _transpose(node: Node) -> Node | None:
    (x,) = node.args
    order = tuple(node.params["permutation"])
    if order == tuple(range(node.ndim)):
        return x
    if x.op == "transpose":
        inner = x.params["permutation"]
        return ops.transpose(x.args[0], permutation=tuple(inner[p] for p in order))
    return None


# broadcast(broadcast(x)) -> broadcast(x);  to the same shape -> x
def _broadcast(node: Node) -> Node | None:
    (x,) = node.args
    dims = tuple(node.params["broadcast_dimensions"])
    if x.shape == node.shape and dims == tuple(range(node.ndim)):
        return x
    if x.op == "broadcast_in_dim":
        inner = x.params["broadcast_dimensions"]
        return ops.broadcast_in_dim(
            x.args[0], shape=node.shape, broadcast_dimensions=tuple(dims[d] for d in inner)
        )
    return None


# reduce over no axis -> x
def _reduce(node: Node) -> Node | None:
    if not node.params["dimensions"] and not node.params["kind"].startswith("arg"):
        return node.args[0]
    return None


# select(true, x, y) -> x;  select(p, x, x) -> x
def _select(node: Node) -> Node | None:
    pred, x, y = node.args
    if x is y or is_constant(pred, 1):
        return x
    return y if is_constant(pred, 0) else None


# slice of everything -> x
def _slice(node: Node) -> Node | None:
    (x,) = node.args
    return x if x.shape == node.shape and all(s == 1 for s in node.params["strides"]) else None


# concatenate(x) -> x
def _concatenate(node: Node) -> Node | None:
    return node.args[0] if len(node.args) == 1 else None


RULES: dict[str, Rule] = {
    "identity": _marker,
    "stop_gradient": _marker,
    "custom_gradient": _marker,
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negate": _negate,
    "power": _power,
    "convert": _convert,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "reduce": _reduce,
    "select": _select,
    "slice": _slice,
    "concatenate": _concatenate,
}
