"""Code for expressions at a point of a tile.

A value is emitted once for each position of the loops it depends on, and remembered (scope.py).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lamina.engines.llvm.codegen.elementwise import SCALAR, random_bits, register_type
from lamina.engines.llvm.codegen.lanes import Lanes
from lamina.engines.llvm.codegen.memory import Memory
from lamina.engines.llvm.codegen.reducers import best, combine
from lamina.engines.llvm.codegen.scope import Point, Scope
from lamina.engines.llvm.codegen.values import Value, constant, lanes
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Accumulator, Expr
from lamina.ir.types import float16


class Expressions:
    """Emits the expressions of a nest: maps as scalars or vectors, loads, guards, accumulators."""

    def __init__(self, scope: Scope, buffers: Sequence[Value]) -> None:
        self.scope, self.b = scope, scope.b
        self.lanes = Lanes(scope)
        self.memory = Memory(scope, self.lanes, buffers, self.value)
        self.accumulators: dict[tuple[int, tuple[int, ...]], list[Value]] = {}
        self.accumulator_vars: list[Var] = []

    def value(self, expr: Expr, point: Point) -> Value:
        """Return the register of an expression: a vector if it depends on the vector loop."""
        guards = tuple(g for g, _ in self.lanes.guards)
        key = (id(expr), self.scope.key(expr.vars, point), guards)
        known = self.scope.known(key)
        if known is None:
            known = self.scope.remember(key, self._emitted(expr, point))
        return known

    def _emitted(self, expr: Expr, point: Point) -> Value:
        kind, p = expr.kind, expr.params
        if kind == "constant":
            return self._constant(expr)
        if kind == "acc":
            at = tuple(point.get(v, 0) for v in self.accumulator_vars)
            return self.accumulators[p["number"], at][-1]
        if kind == "load":
            return self.memory.load(p["buffer"], p["index"], point)
        if kind == "index":
            return self.memory.index(p["index"], point)
        if kind == "guard":
            return self._guard(expr, point)
        args = self.lanes.even([self.value(a, point) for a in expr.args])
        if kind == "random_bits":
            return random_bits(self.b, *args)
        extra = {k: v for k, v in p.items() if k != "operand"}
        return SCALAR[kind](self.b, p["operand"], expr.dtype, *args, **extra)

    def _constant(self, expr: Expr) -> Value:
        value = expr.params["value"]
        if expr.dtype == float16:
            (value,) = struct.unpack("<H", struct.pack("<e", value))
        return constant(register_type(expr.dtype), value)

    def accumulate(self, acc: Accumulator, old: list[Value], point: Point) -> list[Value]:
        """Return the partial result combined with one more iteration."""
        b, expr = self.b, acc.expr
        if acc.kind == "sum" and expr.kind == "multiply" and expr.dtype.is_float:
            x, y = (self.lanes.as_wide(self.value(a, point), old[0]) for a in expr.args)
            new = [b.fma(x, y, old[0])]
        else:
            value = self.lanes.as_wide(self.value(expr, point), old[0])
            if acc.kind.startswith("arg"):
                place = b.cast("trunc", self._position(point), "i32")
                new = best(b, acc.kind, expr.dtype, old, [value, self.lanes.as_wide(place, old[1])])
            else:
                new = combine(b, acc.kind, expr.dtype, old, [value])
        if self.scope.mask_on and self.scope.vector in self.scope.nest.reductions:
            mask = self.lanes.mask(point)
            new = [b.select(mask, n, o) for n, o in zip(new, old, strict=True)]  # type: ignore[arg-type]
        return new

    def _position(self, point: Point) -> Value:
        """Return the position in the reduction, counted in C order (for argmax and argmin)."""
        total = constant("i64", 0)
        for var in self.scope.nest.reductions:
            first, more = self.scope.iteration(var, point.get(var, 0))
            total = self.b.mul(total, self.scope.dim(var.extent))
            total = self.b.add(total, self.b.add(first, constant("i64", more)))
        return total

    def _guard(self, expr: Expr, point: Point) -> Value:
        b = self.b
        condition: Value | None = None
        for index, low, high in expr.params["tests"]:
            at = self.memory.index(index, point)
            low_value, high_value = self.scope.dim(low), self.scope.dim(high)
            if lanes(at.type):
                low_value, high_value = self.lanes.wide(low_value), self.lanes.wide(high_value)
            inside = b.and_(b.icmp("sge", at, low_value), b.icmp("slt", at, high_value))
            if condition is not None:
                inside = b.and_(*self.lanes.even([condition, inside]))
            condition = inside
        assert condition is not None
        self.lanes.guards.append(((id(expr), self.scope.key(expr.vars, point)), condition))
        with self.scope.scope_only():
            inside = self.value(expr.args[0], point)
        self.lanes.guards.pop()
        other = self.value(expr.args[1], point)
        test, inside, other = self.lanes.even([condition, inside, other])
        return b.select(test, inside, other)
