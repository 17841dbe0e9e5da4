"""The loops that are open at a place of a kernel's code, and the values that are known there.

A point gives each unrolled loop a position in the tile. Scopes follow the loops: a value is
remembered in the scope in which it was emitted, so it dominates its uses. That gives common
subexpressions, loop-invariant code motion and register tiles by one rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.extents import emit_extent
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.ir.types import Dim, is_static

Point = dict[Var, int]


class Scope:
    """Open loops, known values, and whether lanes past the end are masked."""

    def __init__(self, b: Builder, nest: Nest, schedule: Schedule, sizes: dict[str, Value]) -> None:
        self.b, self.nest, self.schedule, self.sizes = b, nest, schedule, sizes
        self.vector, self.width = schedule.vector, schedule.lanes
        self.unrolled = [
            v for v in (*nest.loops, *nest.reductions) if schedule.unroll.get(v, 1) > 1
        ]
        self.scopes: list[dict[Any, Any]] = [{}]
        self.first: dict[Var, Value] = {}
        self.remaining: dict[Var, Value] = {}
        self.level: dict[Var, int] = {}
        self.kept: dict[Var, tuple[Value, Value]] = {}  # the iterations that this thread runs
        self.mask_on = False

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Forget at the end of the `with` what was emitted, and close the loops opened inside."""
        opened = set(self.first)
        self.scopes.append({})
        yield
        self.scopes.pop()
        for var in set(self.first) - opened:
            del self.first[var], self.level[var]
            self.remaining.pop(var, None)

    @contextmanager
    def scope_only(self) -> Iterator[None]:
        """Forget at the end of the `with` what was emitted, but keep loops open."""
        self.scopes.append({})
        yield
        self.scopes.pop()

    def known(self, key: Any) -> Any:
        for scope in reversed(self.scopes):
            if key in scope:
                return scope[key]
        return None

    def remember(self, key: Any, value: Any) -> Any:
        self.scopes[-1][key] = value
        return value

    def open(self, var: Var, first: Value, remaining: Value | None) -> None:
        """Set loop `var` to the tile that starts at iteration `first`; `remaining` is the number of
        iterations up to the end if the tile may reach past it."""
        self.first[var] = first
        self.level[var] = len(self.scopes)
        if remaining is not None:
            self.remaining[var] = remaining

    def keep(self, var: Var, begin: Value, end: Value) -> None:
        """Restrict loop `var` to the iterations from `begin` to `end`."""
        self.kept[var] = (begin, end)

    def begin(self, var: Var) -> Value:
        return self.kept[var][0] if var in self.kept else constant("i64", 0)

    def end(self, var: Var) -> Value:
        return self.kept[var][1] if var in self.kept else self.dim(var.extent)

    @contextmanager
    def full_tile(self, var: Var) -> Iterator[None]:
        """Assume inside of the `with` that the tile does not reach past the end of loop `var`."""
        remaining = self.remaining.pop(var)
        yield
        self.remaining[var] = remaining

    @contextmanager
    def masked(self) -> Iterator[None]:
        """Predicate loads and stores inside of the `with`: lanes past the end are neither read nor
        written."""
        self.mask_on = True
        yield
        self.mask_on = False

    def dim(self, extent: Dim) -> Value:
        """An extent as an i64."""
        if is_static(extent):
            return constant("i64", int(extent))
        known = self.known(("dim", extent))
        if known is not None:
            return known
        value = emit_extent(self.b, extent, self.sizes.get, self.dim)
        return self.remember(("dim", extent), value)

    def iteration(self, var: Var, position: int) -> tuple[Value, int]:
        """Return the loop's counter at a position of the tile: a register, and a number to add.

        A row past the end is clamped to the last row: reading that again is harmless.
        """
        first = self.first[var]
        if var is self.vector:
            return first, position * self.width
        if var not in self.remaining or position == 0:
            return first, position
        key = ("row", var, position, first.text)
        known = self.known(key)
        if known is None:
            row = self.b.add(first, constant("i64", position))
            last = self.b.sub(self.end(var), constant("i64", 1))
            known = self.remember(key, self.b.intrinsic("llvm.smin", row, last))
        return known, 0

    def key(self, vars_: frozenset[Var], point: Point) -> tuple[int, ...]:
        return tuple(point.get(v, 0) for v in self.unrolled if v in vars_)

    def points(self, vars_: frozenset[Var]) -> list[Point]:
        inner = [v for v in self.unrolled if v in vars_ and v in self.first]
        counts = [range(self.schedule.unroll[v]) for v in inner]
        return [dict(zip(inner, c, strict=True)) for c in itertools.product(*counts)]
