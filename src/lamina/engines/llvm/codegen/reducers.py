"""Reduction operators: neutral elements, combination of partial results, reduction across lanes.

A partial result is a list of registers: one, or for argmax and argmin the best value and its
position.
"""

from __future__ import annotations

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.elementwise import SCALAR, register_type
from lamina.engines.llvm.codegen.values import Value, constant, lanes, vector
from lamina.ir.types import DType

ROWS = {
    "sum": "add",
    "product": "multiply",
    "max": "maximum",
    "min": "minimum",
    "and": "and",
    "or": "or",
}


def neutral(kind: str, dtype: DType, count: int) -> list[Value]:
    """Return the neutral element, in `count` lanes (0: a scalar)."""
    type_ = vector(register_type(dtype), count)
    if kind.startswith("arg"):
        # position -1: no element seen yet, so the first one always wins
        return [constant(type_, 0), constant(vector("i32", count), -1)]
    return [constant(type_, _neutral(kind, dtype))]


def _neutral(kind: str, dtype: DType) -> float | int:
    if kind in ("sum", "or"):
        return 0
    if kind == "product":
        return 1
    if kind == "and":
        return 1 if dtype.kind == "b" else -1
    if dtype.kind == "f":
        return float("-inf") if kind == "max" else float("inf")
    if dtype.kind == "b":
        return 0 if kind == "max" else 1
    low, high = (
        (0, 2**dtype.bits - 1)
        if dtype.kind == "u"
        else (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1)
    )
    return low if kind == "max" else high


def combine(b: Builder, kind: str, dtype: DType, x: list[Value], y: list[Value]) -> list[Value]:
    """Return x combined with y, which comes after it."""
    if kind.startswith("arg"):
        return best(b, kind, dtype, x, y)
    return [SCALAR[ROWS[kind]](b, dtype, dtype, x[0], y[0])]


def best(b: Builder, kind: str, dtype: DType, old: list[Value], new: list[Value]) -> list[Value]:
    """Return the better of two (value, position); the old one in a tie; NaN beats any number."""
    direction = "GT" if kind == "argmax" else "LT"
    wins = SCALAR["compare"](b, dtype, dtype, new[0], old[0], direction=direction)
    if dtype.kind == "f":
        is_nan = b.fcmp("uno", new[0], new[0])
        was_number = b.fcmp("ord", old[0], old[0])
        wins = b.or_(wins, b.and_(is_nan, was_number))
    first = b.icmp("slt", old[1], constant(old[1].type, 0))
    wins = b.or_(wins, first)
    return [b.select(wins, n, o) for n, o in zip(new, old, strict=True)]


def finished(b: Builder, kind: str, values: list[Value]) -> list[Value]:
    """Return the result of a reduction; argmax and argmin of no elements are 0."""
    if not kind.startswith("arg"):
        return values
    value, position = values
    return [value, b.intrinsic("llvm.smax", position, constant(position.type, 0))]


def horizontal(b: Builder, kind: str, dtype: DType, values: list[Value]) -> list[Value]:
    """Combine the lanes of a partial result in a fixed tree, upper with lower lanes first."""
    (value,) = values
    count = lanes(value.type)
    while count > 1:
        count //= 2
        low = b.shuffle(value, value, range(count))
        high = b.shuffle(value, value, range(count, 2 * count))
        (value,) = combine(b, kind, dtype, [low], [high])
    return [b.extract(value, 0)]
