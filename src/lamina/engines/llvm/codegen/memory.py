"""Addresses, loads and stores of a kernel, and indices as numbers.

An address is built from the outermost loop inwards, so that each step can be hoisted out of the
loops that do not change it (hoisting.py).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lamina.engines.llvm.codegen.elementwise import memory_type, to_memory, to_register
from lamina.engines.llvm.codegen.lanes import Lanes
from lamina.engines.llvm.codegen.register_transpose import transposed
from lamina.engines.llvm.codegen.scope import Point, Scope
from lamina.engines.llvm.codegen.values import Value, constant, lanes, suffix, vector, zero
from lamina.engines.llvm.loops.index import Atom, Div, Index, Indirect, Var, atom_vars
from lamina.engines.llvm.loops.nest import Buffer, Expr, Store
from lamina.ir.types import Dim, is_static


class Memory:
    """Reads and writes the buffers of a kernel; `value` emits an expression that an index reads."""

    def __init__(
        self,
        scope: Scope,
        lanes: Lanes,
        buffers: Sequence[Value],
        value: Callable[[Expr, Point], Value],
    ) -> None:
        self.scope, self.lanes, self.b = scope, lanes, scope.b
        self.buffers, self.value, self.vector = buffers, value, scope.vector

    def load(self, buffer: Buffer, index: Index, point: Point) -> Value:
        b = self.b
        if self.vector is None or self.vector not in index.vars:
            address = self.address(buffer, index, point)
            for _, condition in self.lanes.guards:
                if not lanes(condition.type):
                    address = b.select(condition, address, self.buffers[buffer.number])
            return to_register(b, b.load(memory_type(buffer.dtype), address), buffer.dtype)
        type_ = vector(memory_type(buffer.dtype), self.scope.width)
        mask = self.lanes.mask(point)
        if index.coefficient(self.vector) == 1:
            address = self.address(buffer, index, point)
            if mask is None:
                return to_register(b, b.load(type_, address), buffer.dtype)
            loaded = b.masked_load(type_, address, mask, zero(type_))
            return to_register(b, loaded, buffer.dtype)
        if self.scope.schedule.transposed is not None:
            return to_register(b, self._transposed_load(buffer, index, point), buffer.dtype)
        places = self._places(buffer, index, point)
        mask = mask or constant(vector("i1", self.scope.width), 1)
        align = constant("i32", buffer.dtype.itemsize)
        name = f"llvm.masked.gather.{suffix(type_)}.v{self.scope.width}p0"
        loaded = b.call(name, type_, [places, align, mask, zero(type_)])
        return to_register(b, loaded, buffer.dtype)

    def _transposed_load(self, buffer: Buffer, index: Index, point: Point) -> Value:
        """Return a register along the vector loop, from a square loaded along the other."""
        loop, step = self.scope.schedule.transposed, index.coefficient(self.vector)  # type: ignore[arg-type]
        assert loop is not None and step is not None
        corner = {**point, loop: 0}
        key = ("transposed", buffer.number, index, tuple(corner.values()))
        known = self.scope.known(key)
        if known is None:
            element = memory_type(buffer.dtype)
            type_ = vector(element, self.scope.width)
            first = self.address(buffer, index, corner)
            places = [
                self.b.element(first, k * int(step), element) for k in range(self.scope.width)
            ]
            rows = [self.b.load(type_, place) for place in places]
            known = self.scope.remember(key, transposed(self.b, rows))
        return known[point.get(loop, 0)]

    def store(self, store: Store, value: Value, point: Point) -> None:
        """Store a value: in all lanes if the index depends on the vector loop."""
        dtype, vector_loop = store.buffer.dtype, self.vector
        if vector_loop is None or vector_loop not in store.index.vars:
            value = to_memory(self.b, value, dtype)
            self.b.store(value, self.address(store.buffer, store.index, point))
            return
        wide = to_memory(self.b, self.b.splat(value, self.scope.width), dtype)
        self._store_lanes(wide, store.buffer, store.index, point)

    def _store_lanes(self, value: Value, buffer: Buffer, index: Index, point: Point) -> None:
        b, mask = self.b, self.lanes.mask(point)
        assert self.vector is not None
        if index.coefficient(self.vector) == 1:
            address = self.address(buffer, index, point)
            if mask is None:
                b.store(value, address)
            else:
                b.masked_store(value, address, mask)
            return
        places = self._places(buffer, index, point)
        mask = mask or constant(vector("i1", self.scope.width), 1)
        align = constant("i32", buffer.dtype.itemsize)
        name = f"llvm.masked.scatter.{suffix(value.type)}.v{self.scope.width}p0"
        b.call(name, "void", [value, places, align, mask])

    def _places(self, buffer: Buffer, index: Index, point: Point) -> Value:
        """Return a vector of addresses."""
        numbers = self.index(index, point)
        element = memory_type(buffer.dtype)
        base = self.buffers[buffer.number]
        type_ = f"<{self.scope.width} x ptr>"
        return self.b.emit(type_, f"getelementptr {element}, {base}, {numbers}")

    def address(self, buffer: Buffer, index: Index, point: Point) -> Value:
        """Return the address of the element at `index` (of lane 0 on the vector loop)."""
        fixed, steps = self.steps(index, point)
        pointer = self.stepped(buffer, steps)
        return self.b.element(pointer, fixed, memory_type(buffer.dtype))

    def steps(self, index: Index, point: Point) -> tuple[int, list[tuple[int, Any, Any]]]:
        """Return an index as a constant, and terms (level, key, emitter) from the outermost
        inwards."""
        fixed = 0
        steps: list[tuple[int, Any, Any]] = []
        if is_static(index.offset):
            fixed += int(index.offset)
        else:
            steps.append((0, ("offset", index.offset), lambda: self.scope.dim(index.offset)))
        for atom, c in index.terms.items():
            if not isinstance(atom, Var):
                level = max((self.scope.level[v] for v in atom_vars(atom)), default=0)
                term = (atom, c, self.scope.key(atom_vars(atom), point))
                steps.append((level, term, lambda a=atom, c=c: self._term(a, c, point)))
                continue
            base, more = self.scope.iteration(atom, point.get(atom, 0))
            if more and is_static(c):
                fixed += more * int(c)
            elif more:
                steps.append((0, ("more", more, c), lambda m=more, c=c: self._times(m, c)))
            key = (base.text, c)
            steps.append(
                (self.scope.level[atom], key, lambda v=base, c=c: self.b.mul(v, self.scope.dim(c)))
            )
        return fixed, sorted(steps, key=lambda s: s[0])

    def _times(self, number: int, extent: Dim) -> Value:
        return self.b.mul(constant("i64", number), self.scope.dim(extent))

    def _term(self, atom: Atom, coefficient: Dim, point: Point) -> Value:
        """Return an atom of an address, in lane 0, times its coefficient."""
        return self.b.mul(self._atom(atom, point, lane0=True), self.scope.dim(coefficient))

    def stepped(self, buffer: Buffer, steps: list[tuple[int, Any, Any]]) -> Value:
        pointer = self.buffers[buffer.number]
        element = memory_type(buffer.dtype)
        path: tuple[Any, ...] = ("at", buffer.number)
        for level, group in itertools.groupby(steps, key=lambda s: s[0]):
            terms = list(group)
            if len(terms) == 1:
                path = (*path, level, frozenset({(terms[0][1], 1)}))
            else:
                counted = Counter(key for _, key, _ in terms)  # equal terms add up
                path = (*path, level, frozenset(counted.items()))
            known = self.scope.known(path)
            if known is None:
                total = constant("i64", 0)
                for _, _, make in terms:
                    total = self.b.add(total, make())
                known = self.scope.remember(path, self.b.element(pointer, total, element))
            pointer = known
        return pointer

    # ---- indices as numbers --------------------------------------------------------------------
    def index(self, index: Index, point: Point, *, lane0: bool = False) -> Value:
        """Return an index as an i64; a vector if it depends on the vector loop, unless only lane 0
        is needed."""
        b, total = self.b, self.scope.dim(index.offset)
        for atom, c in index.terms.items():
            value = self._atom(atom, point, lane0=lane0)
            if lanes(value.type):
                factor = self.lanes.wide(self.scope.dim(c))
                value = value if c == 1 else b.binary("mul", value, factor)
                total = (
                    value if total.text == "0" else b.binary("add", self.lanes.wide(total), value)
                )
            else:
                value = b.mul(value, self.scope.dim(c))
                if lanes(total.type):
                    total = b.binary("add", total, self.lanes.wide(value))
                else:
                    total = b.add(total, value)
        return total

    def _atom(self, atom: Atom, point: Point, *, lane0: bool = False) -> Value:
        b = self.b
        if isinstance(atom, Var):
            first, more = self.scope.iteration(atom, point.get(atom, 0))
            if atom is self.vector and not lane0:
                return b.binary("add", self.lanes.wide(first), self.lanes.numbers(more))
            return b.add(first, constant("i64", more))
        if isinstance(atom, Indirect):
            value = self._signed(self.value(atom.expr, point), atom.expr)
            value = b.extract(value, 0) if lane0 and lanes(value.type) else value
            low, high = constant(value.type, 0), self.scope.dim(atom.most)
            high = self.lanes.wide(high) if lanes(value.type) else high
            return b.intrinsic("llvm.smin", b.intrinsic("llvm.smax", value, low), high)
        inner = self.index(atom.index, point, lane0=lane0)
        by = self.scope.dim(atom.by)
        by = self.lanes.wide(by) if lanes(inner.type) else by
        return b.binary("sdiv" if isinstance(atom, Div) else "srem", inner, by)

    def _signed(self, value: Value, expr: Expr) -> Value:
        """Return an integer of any width as an i64."""
        type_ = vector("i64", lanes(value.type))
        if expr.dtype.bits == 64 and expr.dtype.kind != "b":
            return value
        return self.b.cast("sext" if expr.dtype.kind == "i" else "zext", value, type_)
