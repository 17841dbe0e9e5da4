"""Elementwise primitives as operators of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.onnx.exporting.builder import Builder, code_of, row
from lamina.onnx.exporting.values import Value

_DIRECT = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "power": "Pow",
    "negate": "Neg",
    "abs": "Abs",
    "sign": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "round_nearest_even": "Round",
    "exponential": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
    "erf": "Erf",
    "sine": "Sin",
    "cosine": "Cos",
    "sqrt": "Sqrt",
}


def _enter(primitive: str, kind: str) -> None:
    @row(primitive)
    def direct(b: Builder, node: Node, *xs: Value) -> Value:
        return b.elementwise(kind, xs, node.dtype)


for _primitive, _kind in _DIRECT.items():
    _enter(_primitive, _kind)


def number(b: Builder, value: float, like: Value) -> Value:
    """A constant of a value's dtype."""
    return b.constant(np.asarray(value, like.dtype.storage), like.dtype)


@row("rsqrt")
def rsqrt(b: Builder, node: Node, x: Value) -> Value:
    root = b.elementwise("Sqrt", [x], node.dtype)
    return b.elementwise("Reciprocal", [root], node.dtype)


@row("exponential_minus_one")
def expm1(b: Builder, node: Node, x: Value) -> Value:
    """exp(x) - 1; near 0, where this cancels, 2 t / (1 - t) of t = tanh(x / 2)."""
    dtype = node.dtype
    plain = b.elementwise("Sub", [b.elementwise("Exp", [x], dtype), number(b, 1, x)], dtype)
    half = b.elementwise("Mul", [x, number(b, 0.5, x)], dtype)
    t = b.elementwise("Tanh", [half], dtype)
    upper = b.elementwise("Add", [t, t], dtype)
    near = b.elementwise("Div", [upper, b.elementwise("Sub", [number(b, 1, x), t], dtype)], dtype)
    small = b.elementwise(
        "Less", [b.elementwise("Abs", [x], dtype), number(b, 0.5, x)], types.bool_
    )
    return b.elementwise("Where", [small, near, plain], dtype)


@row("log_plus_one")
def log1p(b: Builder, node: Node, x: Value) -> Value:
    """log(1 + x); near 0 x log(u) / (u - 1) of u = 1 + x, and x where u is 1.

    Source: Goldberg 1991, "What every computer scientist should know about floating-point
    arithmetic", theorem 4.
    """
    dtype, one = node.dtype, number(b, 1, x)
    u = b.elementwise("Add", [x, one], dtype)
    log = b.elementwise("Log", [u], dtype)
    less = b.elementwise("Sub", [u, one], dtype)
    is_one = b.elementwise("Equal", [less, number(b, 0, x)], types.bool_)
    divisor = b.elementwise("Where", [is_one, one, less], dtype)
    near = b.elementwise("Mul", [x, b.elementwise("Div", [log, divisor], dtype)], dtype)
    near = b.elementwise("Where", [is_one, x, near], dtype)
    small = b.elementwise(
        "Less", [b.elementwise("Abs", [x], dtype), number(b, 0.5, x)], types.bool_
    )
    return b.elementwise("Where", [small, near, log], dtype)


@row("cbrt")
def cbrt(b: Builder, node: Node, x: Value) -> Value:
    size = b.elementwise("Abs", [x], node.dtype)
    root = b.elementwise("Pow", [size, number(b, 1 / 3, x)], node.dtype)
    return b.elementwise("Mul", [b.elementwise("Sign", [x], node.dtype), root], node.dtype)


@row("atan2")
def atan2(b: Builder, node: Node, y: Value, x: Value) -> Value:
    """atan(y / x), plus or minus pi on the left."""
    dtype = node.dtype
    zero, pi = number(b, 0, x), number(b, np.pi, x)
    angle = b.elementwise("Atan", [b.elementwise("Div", [y, x], dtype)], dtype)
    turn = b.elementwise(
        "Where",
        [b.elementwise("Less", [y, zero], types.bool_), number(b, -np.pi, x), pi],
        dtype,
    )
    left = b.elementwise("Less", [x, zero], types.bool_)
    found = b.elementwise("Where", [left, b.elementwise("Add", [angle, turn], dtype), angle], dtype)
    both = b.elementwise(
        "And",
        [
            b.elementwise("Equal", [x, zero], types.bool_),
            b.elementwise("Equal", [y, zero], types.bool_),
        ],
        types.bool_,
    )
    return b.elementwise("Where", [both, y, found], dtype)


@row("remainder")
def remainder(b: Builder, node: Node, x: Value, y: Value) -> Value:
    return b.elementwise("Mod", [x, y], node.dtype, fmod=1)


@row("clamp")
def clamp(b: Builder, node: Node, low: Value, x: Value, high: Value) -> Value:
    above = b.elementwise("Max", [x, low], node.dtype)
    return b.elementwise("Min", [above, high], node.dtype)


@row("compare")
def compare(b: Builder, node: Node, x: Value, y: Value) -> Value:
    kinds = {"EQ": "Equal", "GT": "Greater", "GE": "GreaterOrEqual"}
    kinds |= {"LT": "Less", "LE": "LessOrEqual"}
    direction = node.params["direction"]
    if direction == "NE":
        return b.elementwise("Not", [b.elementwise("Equal", [x, y], types.bool_)], types.bool_)
    if x.dtype.kind == "b" and direction != "EQ":
        x, y = (b.elementwise("Cast", [v], types.int32, to=6) for v in (x, y))
    return b.elementwise(kinds[direction], [x, y], types.bool_)


@row("is_finite")
def is_finite(b: Builder, node: Node, x: Value) -> Value:
    wrong = [b.elementwise(kind, [x], types.bool_) for kind in ("IsNaN", "IsInf")]
    return b.elementwise("Not", [b.elementwise("Or", wrong, types.bool_)], types.bool_)


_BITS = {
    "and": ("And", "BitwiseAnd"),
    "or": ("Or", "BitwiseOr"),
    "xor": ("Xor", "BitwiseXor"),
    "not": ("Not", "BitwiseNot"),
}


@row(*_BITS)
def bits(b: Builder, node: Node, *xs: Value) -> Value:
    logical, bitwise = _BITS[node.op]
    return b.elementwise(logical if node.dtype.kind == "b" else bitwise, xs, node.dtype)


@row("shift_left", "shift_right_logical")
def shift(b: Builder, node: Node, x: Value, y: Value) -> Value:
    direction = "LEFT" if node.op == "shift_left" else "RIGHT"
    dtype = node.dtype
    unsigned = types.dtype(f"uint{dtype.bits}")
    inner = [_cast(b, v, unsigned) for v in (x, y)]
    return _cast(b, b.elementwise("BitShift", inner, unsigned, direction=direction), dtype)


def _cast(b: Builder, x: Value, dtype: Any) -> Value:
    if x.dtype == dtype:
        return x
    return b.elementwise("Cast", [x], dtype, to=code_of(dtype))


@row("select")
def select(b: Builder, node: Node, condition: Value, x: Value, y: Value) -> Value:
    return b.elementwise("Where", [condition, x, y], node.dtype)


@row("convert")
def convert(b: Builder, node: Node, x: Value) -> Value:
    return _cast(b, x, node.dtype)


@row("bitcast_convert")
def bitcast(b: Builder, node: Node, x: Value) -> Value:
    if b.shared.opset < 26:
        raise ArgumentError(
            "export: the bits of numbers are read as another dtype (expected opset_version of at "
            f"least 26, got {b.shared.opset})"
        )
    return b.elementwise("BitCast", [x], node.dtype, to=code_of(node.dtype))


@row("identity", "optimization_barrier", "stop_gradient", "custom_gradient")
def marker(b: Builder, node: Node, x: Value, *others: Value) -> Value:
    return x
