"""Code for expressions at a point of a tile, and for addresses.

A point gives each unrolled loop a position in the tile. A value is emitted once for each position
of the loops it depends on, and memoized in the scope it was emitted in. Scopes follow the loops, so
a memoized value dominates its uses: that gives common subexpressions, loop-invariant code motion
and register tiles. An address is built from the outermost loop inwards, so that each step can be
hoisted out of the loops that do not change it (`hoist`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamina.engines.llvm.codegen.builder import (
    Builder,
    Value,
    constant,
    integers,
    lanes,
    suffix,
    vector,
    zero,
)
from lamina.engines.llvm.codegen.elementwise import (
    SCALAR,
    memory_type,
    random_bits,
    register_type,
    to_register,
)
from lamina.engines.llvm.codegen.reducers import best, combine
from lamina.engines.llvm.codegen.register_transpose import transposed
from lamina.engines.llvm.loops.index import Atom, Div, Index, Indirect, Var, atom_vars
from lamina.engines.llvm.loops.nest import Accumulator, Buffer, Expr, Nest, index_exprs, walk
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.ir.types import FLOORS, Dim, Extent, is_static

Point = dict[Var, int]


class Addresses:
    """State of the emission of a nest: open loops, masks, guards and values."""

    def __init__(
        self,
        b: Builder,
        nest: Nest,
        schedule: Schedule,
        buffers: Sequence[Value],
        sizes: dict[str, Value],
    ) -> None:
        self.b, self.nest, self.schedule = b, nest, schedule
        self.buffers, self.sizes = buffers, sizes
        self.vector, self.lanes = schedule.vector, schedule.lanes
        self.unrolled = [
            v for v in (*nest.loops, *nest.reductions) if schedule.unroll.get(v, 1) > 1
        ]
        self.scopes: list[dict[Any, Any]] = [{}]
        self.first: dict[Var, Value] = {}
        self.remaining: dict[Var, Value] = {}
        self.level: dict[Var, int] = {}
        self.kept: dict[Var, tuple[Value, Value]] = {}  # the iterations that this thread runs
        self.mask_on = False
        self.guards: list[tuple[Any, Value]] = []
        self.accumulators: dict[tuple[int, tuple[int, ...]], list[Value]] = {}
        self.accumulator_vars: list[Var] = []
        roots = nest.roots()
        self.in_epilogue = {id(e) for e in walk(roots) if e.kind == "acc"}
        for e in walk(roots):
            if any(id(a) in self.in_epilogue for a in e.args):
                self.in_epilogue.add(id(e))

    # ---- scopes --------------------------------------------------------------------------------
    @contextmanager
    def scope(self) -> Iterator[None]:
        opened = set(self.first)
        self.scopes.append({})
        yield
        self.scopes.pop()
        for var in set(self.first) - opened:
            del self.first[var], self.level[var]
            self.remaining.pop(var, None)

    def _known(self, key: Any) -> Any:
        for scope in reversed(self.scopes):
            if key in scope:
                return scope[key]
        return None

    def _remember(self, key: Any, value: Any) -> Any:
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

    # ---- sizes and loop counters ---------------------------------------------------------------
    def dim(self, extent: Dim) -> Value:
        """An extent as an i64."""
        if is_static(extent):
            return constant("i64", int(extent))
        key = ("dim", extent)
        known = self._known(key)
        if known is not None:
            return known
        assert isinstance(extent, Extent)
        b, total = self.b, constant("i64", 0)
        for monomial, coefficient in extent.terms.items():
            term = constant("i64", coefficient)
            for symbol in monomial:
                term = b.mul(term, self._symbol(symbol))
            total = b.add(total, term)
        return self._remember(key, total)

    def _symbol(self, symbol: str) -> Value:
        if symbol in self.sizes:
            return self.sizes[symbol]
        value, by = FLOORS[symbol]
        return self.b.binary("sdiv", self.dim(value), self.dim(by))

    def iteration(self, var: Var, position: int) -> tuple[Value, int]:
        """Return the loop's counter at a position of the tile: a register, and a number to add.

        A row past the end is clamped to the last row: reading that again is harmless.
        """
        first = self.first[var]
        if var is self.vector:
            return first, position * self.lanes
        if var not in self.remaining or position == 0:
            return first, position
        key = ("row", var, position, first.text)
        known = self._known(key)
        if known is None:
            row = self.b.add(first, constant("i64", position))
            last = self.b.sub(self.end(var), constant("i64", 1))
            known = self._remember(key, self.b.intrinsic("llvm.smin", row, last))
        return known, 0

    def _key(self, vars_: frozenset[Var], point: Point) -> tuple[int, ...]:
        return tuple(point.get(v, 0) for v in self.unrolled if v in vars_)

    # ---- expressions ---------------------------------------------------------------------------
    def value(self, expr: Expr, point: Point) -> Value:
        """Return the register of an expression: a vector if it depends on the vector loop."""
        guards = tuple(g for g, _ in self.guards)
        key = (id(expr), self._key(expr.vars, point), guards)
        known = self._known(key)
        if known is None:
            known = self._remember(key, self._emitted(expr, point))
        return known

    def _emitted(self, expr: Expr, point: Point) -> Value:
        kind, p = expr.kind, expr.params
        if kind == "constant":
            return self._constant(expr)
        if kind == "acc":
            at = tuple(point.get(v, 0) for v in self.accumulator_vars)
            return self.accumulators[p["number"], at][-1]
        if kind == "load":
            return self._load(p["buffer"], p["index"], point)
        if kind == "index":
            return self.index(p["index"], point)
        if kind == "guard":
            return self._guard(expr, point)
        args = self._even([self.value(a, point) for a in expr.args])
        if kind == "random_bits":
            return random_bits(self.b, *args)
        extra = {k: v for k, v in p.items() if k != "operand"}
        return SCALAR[kind](self.b, p["operand"], expr.dtype, *args, **extra)

    def _constant(self, expr: Expr) -> Value:
        value = expr.params["value"]
        if expr.dtype.name == "bfloat16":
            return self.b.bitcast(constant("i16", value), "bfloat")
        return constant(register_type(expr.dtype), value)

    def _even(self, args: list[Value]) -> list[Value]:
        """Return the operands at one width."""
        count = max((lanes(a.type) for a in args), default=0)
        return [self.wide(a) if count else a for a in args]

    def wide(self, value: Value) -> Value:
        """Return the value in every lane."""
        if lanes(value.type) or self.lanes <= 1:
            return value
        key = ("wide", value.text, value.type)
        known = self._known(key)
        if known is None:
            known = self._remember(key, self.b.splat(value, self.lanes))
        return known

    def accumulate(self, acc: Accumulator, old: list[Value], point: Point) -> list[Value]:
        """Return the partial result combined with one more iteration."""
        b, expr = self.b, acc.expr
        if acc.kind == "sum" and expr.kind == "multiply" and expr.dtype.is_float:
            x, y = (self._as_wide(self.value(a, point), old[0]) for a in expr.args)
            new = [b.fma(x, y, old[0])]
        else:
            value = self._as_wide(self.value(expr, point), old[0])
            if acc.kind.startswith("arg"):
                place = b.cast("trunc", self._position(point), "i32")
                new = best(b, acc.kind, expr.dtype, old, [value, self._as_wide(place, old[1])])
            else:
                new = combine(b, acc.kind, expr.dtype, old, [value])
        if self.mask_on and self.vector in self.nest.reductions:
            mask = self.lane_mask(point)
            new = [b.select(mask, n, o) for n, o in zip(new, old, strict=True)]  # type: ignore[arg-type]
        return new

    def _as_wide(self, value: Value, like: Value) -> Value:
        return self.wide(value) if lanes(like.type) else value

    def _position(self, point: Point) -> Value:
        """Return the position in the reduction, counted in C order (for argmax and argmin)."""
        total = constant("i64", 0)
        for var in self.nest.reductions:
            first, more = self.iteration(var, point.get(var, 0))
            total = self.b.mul(total, self.dim(var.extent))
            total = self.b.add(total, self.b.add(first, constant("i64", more)))
        return total

    # ---- guards and masks ----------------------------------------------------------------------
    def _guard(self, expr: Expr, point: Point) -> Value:
        b = self.b
        condition: Value | None = None
        for index, low, high in expr.params["tests"]:
            at = self.index(index, point)
            low_value, high_value = self.dim(low), self.dim(high)
            if lanes(at.type):
                low_value, high_value = self.wide(low_value), self.wide(high_value)
            inside = b.and_(b.icmp("sge", at, low_value), b.icmp("slt", at, high_value))
            condition = inside if condition is None else b.and_(*self._even([condition, inside]))
        assert condition is not None
        self.guards.append(((id(expr), self._key(expr.vars, point)), condition))
        with self.scope_only():
            inside = self.value(expr.args[0], point)
        self.guards.pop()
        other = self.value(expr.args[1], point)
        test, inside, other = self._even([condition, inside, other])
        return b.select(test, inside, other)

    @contextmanager
    def scope_only(self) -> Iterator[None]:
        """Forget at the end of the `with` what a guard emits: it is valid for that guard alone."""
        self.scopes.append({})
        yield
        self.scopes.pop()

    def lane_mask(self, point: Point) -> Value | None:
        """Return the mask of lanes that may be accessed; None means all."""
        mask: Value | None = None
        if self.mask_on and self.vector is not None:
            mask = self._edge_mask(point.get(self.vector, 0))
        for _, condition in self.guards:
            wide = self.wide(condition)
            mask = wide if mask is None else self.b.and_(mask, wide)
        return mask

    def _edge_mask(self, position: int) -> Value:
        assert self.vector is not None
        remaining = self.remaining[self.vector]
        key = ("edge", position, remaining.text)
        known = self._known(key)
        if known is None:
            numbers = self._lane_numbers(position * self.lanes)
            known = self._remember(key, self.b.icmp("slt", numbers, self.wide(remaining)))
        return known

    def _lane_numbers(self, start: int = 0) -> Value:
        return integers(vector("i64", self.lanes), range(start, start + self.lanes))

    # ---- memory --------------------------------------------------------------------------------
    def _load(self, buffer: Buffer, index: Index, point: Point) -> Value:
        b = self.b
        if self.vector is None or self.vector not in index.vars:
            address = self.address(buffer, index, point)
            for _, condition in self.guards:
                if not lanes(condition.type):
                    address = b.select(condition, address, self.buffers[buffer.number])
            return to_register(b, b.load(memory_type(buffer.dtype), address), buffer.dtype)
        type_ = vector(memory_type(buffer.dtype), self.lanes)
        mask = self.lane_mask(point)
        if index.coefficient(self.vector) == 1:
            address = self.address(buffer, index, point)
            if mask is None:
                return to_register(b, b.load(type_, address), buffer.dtype)
            loaded = b.masked_load(type_, address, mask, zero(type_))
            return to_register(b, loaded, buffer.dtype)
        if self.schedule.transposed is not None:
            return to_register(b, self._transposed_load(buffer, index, point), buffer.dtype)
        places = self._places(buffer, index, point)
        mask = mask or constant(vector("i1", self.lanes), 1)
        align = constant("i32", buffer.dtype.itemsize)
        name = f"llvm.masked.gather.{suffix(type_)}.v{self.lanes}p0"
        loaded = b.call(name, type_, [places, align, mask, zero(type_)])
        return to_register(b, loaded, buffer.dtype)

    def _transposed_load(self, buffer: Buffer, index: Index, point: Point) -> Value:
        """Return a register along the vector loop, from a square loaded along the other."""
        loop, step = self.schedule.transposed, index.coefficient(self.vector)  # type: ignore[arg-type]
        assert loop is not None and step is not None
        corner = {**point, loop: 0}
        key = ("turned", buffer.number, index, tuple(corner.values()))
        known = self._known(key)
        if known is None:
            element = memory_type(buffer.dtype)
            type_ = vector(element, self.lanes)
            first = self.address(buffer, index, corner)
            places = [self.b.element(first, k * int(step), element) for k in range(self.lanes)]
            rows = [self.b.load(type_, place) for place in places]
            known = self._remember(key, transposed(self.b, rows))
        return known[point.get(loop, 0)]

    def store_lanes(self, value: Value, buffer: Buffer, index: Index, point: Point) -> None:
        b, mask = self.b, self.lane_mask(point)
        assert self.vector is not None
        if index.coefficient(self.vector) == 1:
            address = self.address(buffer, index, point)
            if mask is None:
                b.store(value, address)
            else:
                b.masked_store(value, address, mask)
            return
        places = self._places(buffer, index, point)
        mask = mask or constant(vector("i1", self.lanes), 1)
        align = constant("i32", buffer.dtype.itemsize)
        name = f"llvm.masked.scatter.{suffix(value.type)}.v{self.lanes}p0"
        b.call(name, "void", [value, places, align, mask])

    def _places(self, buffer: Buffer, index: Index, point: Point) -> Value:
        """Return a vector of addresses."""
        numbers = self.index(index, point)
        element = memory_type(buffer.dtype)
        base = self.buffers[buffer.number]
        type_ = f"<{self.lanes} x ptr>"
        return self.b.emit(type_, f"getelementptr {element}, {base}, {numbers}")

    def address(self, buffer: Buffer, index: Index, point: Point) -> Value:
        """Return the address of the element at `index` (of lane 0 on the vector loop)."""
        fixed, steps = self._steps(index, point)
        pointer = self._stepped(buffer, steps)
        return self.b.element(pointer, fixed, memory_type(buffer.dtype))

    def _steps(self, index: Index, point: Point) -> tuple[int, list[tuple[int, Any, Any]]]:
        """Return an index as a constant, and terms (level, key, emitter) from the outermost
        inwards."""
        fixed = 0
        steps: list[tuple[int, Any, Any]] = []
        if is_static(index.offset):
            fixed += int(index.offset)
        else:
            steps.append((0, ("offset", index.offset), lambda: self.dim(index.offset)))
        for atom, c in index.terms.items():
            if not isinstance(atom, Var):
                level = max((self.level[v] for v in atom_vars(atom)), default=0)
                term = (atom, c, self._key(atom_vars(atom), point))
                steps.append((level, term, lambda a=atom, c=c: self._term(a, c, point)))
                continue
            base, more = self.iteration(atom, point.get(atom, 0))
            if more and is_static(c):
                fixed += more * int(c)
            elif more:
                steps.append((0, ("more", more, c), lambda m=more, c=c: self._times(m, c)))
            key = (base.text, c)
            steps.append((self.level[atom], key, lambda v=base, c=c: self.b.mul(v, self.dim(c))))
        return fixed, sorted(steps, key=lambda s: s[0])

    def _times(self, number: int, extent: Dim) -> Value:
        return self.b.mul(constant("i64", number), self.dim(extent))

    def _term(self, atom: Atom, coefficient: Dim, point: Point) -> Value:
        """Return an atom of an address, in lane 0, times its coefficient."""
        return self.b.mul(self._atom(atom, point, lane0=True), self.dim(coefficient))

    def _stepped(self, buffer: Buffer, steps: list[tuple[int, Any, Any]]) -> Value:
        pointer = self.buffers[buffer.number]
        element = memory_type(buffer.dtype)
        path: tuple[Any, ...] = ("at", buffer.number)
        for level, group in itertools.groupby(steps, key=lambda s: s[0]):
            terms = list(group)
            counted = Counter(key for _, key, _ in terms)  # equal terms add up
            path = (*path, level, frozenset(counted.items()))
            known = self._known(path)
            if known is None:
                total = constant("i64", 0)
                for _, _, make in terms:
                    total = self.b.add(total, make())
                known = self._remember(path, self.b.element(pointer, total, element))
            pointer = known
        return pointer

    # ---- indices as numbers --------------------------------------------------------------------
    def index(self, index: Index, point: Point, *, lane0: bool = False) -> Value:
        """Return an index as an i64; a vector if it depends on the vector loop, unless only lane 0
        is needed."""
        b, total = self.b, self.dim(index.offset)
        for atom, c in index.terms.items():
            value = self._atom(atom, point, lane0=lane0)
            if lanes(value.type):
                factor = self.wide(self.dim(c))
                value = value if c == 1 else b.binary("mul", value, factor)
                total = value if total.text == "0" else b.binary("add", self.wide(total), value)
            else:
                value = b.mul(value, self.dim(c))
                if lanes(total.type):
                    total = b.binary("add", total, self.wide(value))
                else:
                    total = b.add(total, value)
        return total

    def _atom(self, atom: Atom, point: Point, *, lane0: bool = False) -> Value:
        b = self.b
        if isinstance(atom, Var):
            first, more = self.iteration(atom, point.get(atom, 0))
            if atom is self.vector and not lane0:
                return b.binary("add", self.wide(first), self._lane_numbers(more))
            return b.add(first, constant("i64", more))
        if isinstance(atom, Indirect):
            value = self._signed(self.value(atom.expr, point), atom.expr)
            value = b.extract(value, 0) if lane0 and lanes(value.type) else value
            low, high = constant(value.type, 0), self.dim(atom.most)
            high = self.wide(high) if lanes(value.type) else high
            return b.intrinsic("llvm.smin", b.intrinsic("llvm.smax", value, low), high)
        inner = self.index(atom.index, point, lane0=lane0)
        by = self.dim(atom.by)
        by = self.wide(by) if lanes(inner.type) else by
        return b.binary("sdiv" if isinstance(atom, Div) else "srem", inner, by)

    def _signed(self, value: Value, expr: Expr) -> Value:
        """Return an integer of any width as an i64."""
        type_ = vector("i64", lanes(value.type))
        if expr.dtype.bits == 64 and expr.dtype.kind != "b":
            return value
        return self.b.cast("sext" if expr.dtype.kind == "i" else "zext", value, type_)

    # ---- loop-invariant code motion --------------------------------------------------------------
    def hoist(self, *, reductions_only: bool = False) -> None:
        """Emit what depends only on open loops, and the outer steps of every address."""
        roots = [a.expr for a in self.nest.accumulators]
        if not reductions_only:
            roots += [s.expr for s in self.nest.stores]
        seen: set[int] = set()
        for root in roots:
            self._hoist(root, seen, reductions_only)
        for store in self.nest.stores if not reductions_only else ():
            self._hoist_address(store.buffer, store.index)

    def _hoist(self, expr: Expr, seen: set[int], lanes_too: bool) -> None:
        if id(expr) in seen or expr.kind in ("constant", "acc"):
            return
        seen.add(id(expr))
        ready = expr.vars <= self.first.keys() and id(expr) not in self.in_epilogue
        if ready and (lanes_too or self.vector not in expr.vars):
            for point in self._points(expr.vars):
                value = self.value(expr, point)
                if not expr.vars:
                    self.wide(value)
            return
        if expr.kind == "guard":
            self._hoist(expr.args[1], seen, lanes_too)
            return
        for inner in (*expr.args, *index_exprs(expr)):
            self._hoist(inner, seen, lanes_too)
        if expr.kind == "load":
            self._hoist_address(expr.params["buffer"], expr.params["index"])

    def _hoist_address(self, buffer: Buffer, index: Index) -> None:
        if self.vector is not None and index.coefficient(self.vector) not in (0, 1):
            return
        open_ = self.first.keys()
        if any(atom_vars(a) & open_ and not atom_vars(a) <= open_ for a in index.terms):
            return  # an atom of open and of inner loops can be emitted only inside
        known = {a: c for a, c in index.terms.items() if atom_vars(a) <= self.first.keys()}
        partial = Index(known, index.offset)
        for point in self._points(partial.vars):
            _, steps = self._steps(partial, point)
            self._stepped(buffer, steps)

    def _points(self, vars_: frozenset[Var]) -> list[Point]:
        inner = [v for v in self.unrolled if v in vars_ and v in self.first]
        counts = [range(self.schedule.unroll[v]) for v in inner]
        return [dict(zip(inner, c, strict=True)) for c in itertools.product(*counts)]
