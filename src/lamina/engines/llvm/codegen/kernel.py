"""Code of a kernel: a nest and its schedule become one LLVM function.

    void kernel(ptr buffer ..., i64 size ..., i64 thread, i64 threads)

The tiles of the spatial loops are numbered; each thread runs a range of consecutive tiles. Inside a
tile, an expression is emitted once for each coordinate of the unrolled loops that it depends on, as
a vector if it depends on the vector loop and as a scalar elsewhere. A product so becomes a register
tile: its left operand is loaded once a row, its right operand once a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lamina.engines.llvm.codegen.reduction_loops import Coordinates, Reductions
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loopopt.coalesce import indices, tests
from lamina.engines.llvm.loops.index import Div, Index, Indirect, Mod, Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import RowLoop, Schedule, Tail
from lamina.ir.types import Dim, is_static, symbols


def kernel_symbols(nest: Nest, schedule: Schedule) -> list[str]:
    """Return the symbolic sizes that a nest depends on, in the order of its arguments."""
    extents: list[Dim] = [v.extent for v in (*nest.loops, *nest.reductions)]
    for index in [*indices(nest), *(index for index, _, _ in tests(nest))]:
        extents += _dims(index)
    extents += [a.row for a in schedule.prefetches]
    extents += [schedule.row_loop.size] if schedule.row_loop is not None else []
    extents += [bound for _, *bounds in tests(nest) for bound in bounds]
    return sorted(symbols(extents))


def _dims(index: Index) -> list[Dim]:
    found: list[Dim] = [index.offset, *index.terms.values()]
    for atom in index.terms:
        if isinstance(atom, (Div, Mod)):
            found += [atom.by, *_dims(atom.index)]
        elif isinstance(atom, Indirect):
            found.append(atom.most)
    return found


class NestEmitter(Reductions):
    """Emits one nest under one schedule into a function."""

    # ---- loops over tiles ----------------------------------------------------------------------
    def run(self) -> None:
        sequential = self.schedule.sequential
        if sequential is None:
            self._share()
            return
        with self.b.loop(0, self.dim(sequential.extent)) as loop, self.space.scope():
            self.space.open(sequential, loop.value, None)
            self._share()

    def _share(self) -> None:
        """Run this thread's range of consecutive tiles."""
        b, order = self.b, self.schedule.order
        thread, threads = self.function.args[-2:]
        if self.schedule.row_loop is not None:
            self._restrict_rows(self.schedule.row_loop)
        counts = [self._tiles(v) for v in order]
        total = constant("i64", 1)
        for count in counts:
            total = b.mul(total, count)
        begin, end = b.share(total, thread, threads)
        with b.when(b.icmp("slt", begin, end)), self.space.scope():
            self.hoisting.hoist()
            self.totals.plan()
            self._begin()
            if order:
                self._runs(order, begin, end, counts)
            else:
                self._tile({}, [])
            self._end()

    def run_all(self) -> None:
        """Run all tiles, of which there is at least one."""
        counts = [self._tiles(v) for v in self.schedule.order]
        total = counts[0]
        for count in counts[1:]:
            total = self.b.mul(total, count)
        with self.space.scope():
            self.hoisting.hoist()
            self._runs(self.schedule.order, constant("i64", 0), total, counts)

    def _restrict_rows(self, row_loop: RowLoop) -> None:
        """Restrict the kernel to the rows of this call."""
        size = self.dim(row_loop.size)
        first, end = (self.b.mul(row, size) for row in self.function.args[-4:-2])
        self.space.keep(row_loop.loop, first, end)

    def _begin(self) -> None:
        """Emit code before the first tile."""

    def _end(self) -> None:
        """Emit code after the last tile."""

    def _tiles(self, var: Var) -> Value:
        step = self.schedule.step(var)
        if is_static(var.extent) and var not in self.space.kept:
            return constant("i64", -(-int(var.extent) // step))
        count = self.b.sub(self.space.end(var), self.space.begin(var))
        up = self.b.add(count, constant("i64", step - 1))
        return self.b.binary("sdiv", up, constant("i64", step))

    def _runs(
        self, order: Sequence[Var], begin: Value, end: Value, counts: Sequence[Value]
    ) -> None:
        """Run tiles begin..end: an outer loop over ranges of the innermost tile loop."""
        b = self.b
        *outer, inner = order
        if not outer:
            self._run(inner, begin, end)
            return
        head, body, done = b.label("run"), b.label("runbody"), b.label("rundone")
        # the counters at this thread's first tile, incremented with carry from then on
        number, first = b.binary("sdiv", begin, counts[-1]), b.binary("srem", begin, counts[-1])
        starts = [begin, first]
        for var, count in zip(reversed(outer), reversed(counts[:-1]), strict=True):
            starts.append(b.binary("srem", number, count) if var is not outer[0] else number)
            number = b.binary("sdiv", number, count) if var is not outer[0] else number
        entry = b.block
        b.branch(head)
        b.place(head)
        at = len(b.lines)
        now = [Value(b.name("unit"), "i64") for _ in starts]
        unit, first, *places = now
        b.branch_if(b.icmp("slt", unit, end), body, done)
        b.place(body)
        stop = b.intrinsic("llvm.smin", counts[-1], b.add(first, b.sub(end, unit)))
        tiles = dict(zip(reversed(outer), places, strict=True))
        with self._tiles_open(tiles, outer):
            self._run(inner, first, stop)
        following = [b.add(unit, b.sub(stop, first)), constant("i64", 0)]
        carry = constant("i64", 1)
        for place, count in zip(places, reversed(counts[:-1]), strict=True):
            more = b.add(place, carry)
            full = b.icmp("eq", more, count)
            following.append(b.select(full, constant("i64", 0), more))
            carry = b.cast("zext", full, "i64")
        b.insert_phis(at, entry, zip(now, starts, following, strict=True))
        b.branch(head)
        b.place(done)

    def _run(self, inner: Var, first: Value, stop: Value) -> None:
        """Run tiles first..stop of the innermost tile loop."""
        with self.b.loop(first, stop, hint=inner.name) as loop:
            self._tile({inner: loop.value}, [inner])

    @contextmanager
    def _tiles_open(self, tiles: dict[Var, Value], variables: Sequence[Var]) -> Iterator[None]:
        with self.space.scope():
            for var in variables:
                self._open(var, tiles[var])
            self.hoisting.hoist()
            yield

    def _open(self, var: Var, tile: Value) -> None:
        step = self.schedule.step(var)
        first = self.b.add(self.b.mul(tile, constant("i64", step)), self.space.begin(var))
        exact = self.schedule.tail(var) is Tail.EXACT
        remaining = None if exact else self.b.sub(self.space.end(var), first)
        self.space.open(var, first, remaining)

    def _tile(self, tiles: dict[Var, Value], variables: Sequence[Var]) -> None:
        with self.space.scope():
            for var in variables:
                self._open(var, tiles[var])
            self._with_all_rows()

    # ---- the edges -----------------------------------------------------------------------------
    def _with_all_rows(self) -> None:
        """Emit the tile; where its rows have a version without clamping, in both versions."""
        tails = self.schedule.tails.items()
        row = next((v for v, tail in tails if tail is Tail.FULL_OR_CLAMPED), None)
        if row is None:
            self._variants()
            return
        b, step = self.b, constant("i64", self.schedule.step(row))

        def full() -> None:
            with self.space.scope(), self.space.full_tile(row):
                self._variants()

        def partial() -> None:
            with self.space.scope():
                self._variants()

        is_full = b.icmp("sge", self.space.remaining[row], step)
        b.branch_on(is_full, full, partial, ("allrows", "somerows", "rowsdone"))

    def _variants(self) -> None:
        """Emit the tile, and a version with masked lanes if the last tile may be partial."""
        vector = self.schedule.vector
        if vector is None or vector not in self.nest.loops:
            self._body()
            return
        tail = self.schedule.tail(vector)
        if tail is Tail.EXACT:
            self._body()
            return
        if tail is Tail.MASKED:
            with self.space.masked():
                self._body()
            return

        def full() -> None:
            with self.space.scope():
                self._body()

        def masked() -> None:
            with self.space.scope(), self.space.masked():
                self._body()

        b, step = self.b, constant("i64", self.schedule.step(vector))
        is_full = b.icmp("sge", self.space.remaining[vector], step)
        b.branch_on(is_full, full, masked, ("full", "part", "tiledone"))

    # ---- one tile ------------------------------------------------------------------------------
    def _body(self) -> None:
        if not self.nest.accumulators:
            self._store_all({})
            return
        if self.schedule.prefetch_results:
            self._prefetch_results()
        if self.schedule.prefetch_epilogue:
            self._prefetch_epilogue()
        accumulators = self._reduce()
        self._store_all(accumulators)

    def _prefetch_epilogue(self) -> None:
        """Prefetch the operands of the epilogue that are contiguous along the vector loop."""
        vector = self.schedule.vector
        for load in self.nest.epilogue_loads():
            buffer, index = load.params["buffer"], load.params["index"]
            if vector is not None and index.coefficient(vector) == 1:
                for point in self._coordinates(self._spatial()):
                    self.b.fetch(self.values.memory.address(buffer, index, point), write=False)

    def _prefetch_results(self) -> None:
        """Prefetch the results of a split reduction, which another core has in its cache."""
        for store in self.nest.stores:
            for point in self._coordinates(self._spatial()):
                self.b.fetch(
                    self.values.memory.address(store.buffer, store.index, point), write=True
                )

    # ---- stores --------------------------------------------------------------------------------
    def _store_all(self, accumulators: dict[tuple[int, tuple[int, ...]], list[Value]]) -> None:
        spatial = self._spatial()
        guarded = [
            v for v in spatial if v is not self.schedule.vector and v in self.space.remaining
        ]
        self.values.accumulators = accumulators
        self.values.accumulator_vars = spatial
        rows = self._coordinates(guarded)
        others = [v for v in spatial if v not in guarded]
        if self.space.mask_on:
            self._store_masked(rows, self._coordinates(others))
            return
        for row in rows:
            with self._row_exists(row), self.space.scope():
                for point in self._coordinates(others):
                    self._store_at({**row, **point})

    def _store_masked(self, rows: list[Coordinates], others: list[Coordinates]) -> None:
        """Compute the values of several rows before storing them: if rows are shorter than a
        register, a store reaches into the next row, and loads of that row would wait for the
        store."""
        points = [(row, {**row, **point}) for row in rows for point in others]
        count = self.schedule.store_batch
        for first in range(0, len(points), count):
            few = points[first : first + count]
            with self.space.scope():
                values = [self._values(point) for _, point in few]
                for (row, point), found in zip(few, values, strict=True):
                    with self._row_exists(row), self.space.scope():
                        self._store_values(found, point)

    def _store_at(self, point: Coordinates) -> None:
        """Compute all values before storing any: a store may overwrite the operand of another
        value."""
        self._store_values(self._values(point), point)

    def _values(self, point: Coordinates) -> list[Value]:
        return [self.values.value(s.expr, point) for s in self.nest.stores]

    def _store_values(self, values: list[Value], point: Coordinates) -> None:
        for store, value in zip(self.nest.stores, values, strict=True):
            self.values.memory.store(store, value, point)

    @contextmanager
    def _row_exists(self, row: Coordinates) -> Iterator[None]:
        """Skip rows past the end, which were computed from the last row's operands."""
        tests = [
            self.b.icmp("sgt", self.space.remaining[v], constant("i64", position))
            for v, position in row.items()
            if position
        ]
        if not tests:
            yield
            return
        condition = tests[0]
        for test in tests[1:]:
            condition = self.b.and_(condition, test)
        with self.b.when(condition):
            yield
