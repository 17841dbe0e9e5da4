"""Packed products: blocks of both operands are copied to scratch memory, in the order of their use.

    for i, j: acc = sum over k of l[i, k] r[k, j]; c[i, j] <- f(acc)
        ->  for block of rows, columns: for block of terms:
                left <- block of l                                    stays in the second cache
                for panel of columns: right <- panel of r             stays in the first cache
                    for tile of rows: acc = sum over k in block of left[i, k] right[k, j]
                                      partial += acc                  or, in the last block,
                                      c[i, j] <- f(partial + acc)

Each thread runs a range of (blocks of rows, panel of columns), and copies for itself, so that
threads need no barrier. Blocks of rows and terms are as equal as can be, and follow from the sizes
alone. The next block of the right operand is prefetched meanwhile.

Legality: one sum of products of two operands, of which each depends on a spatial loop that the
other does not (schedule/packing.py). Changes bits: each block is added up by itself, then to the
partial sums, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lamina.engines.llvm.codegen.builder import SECOND
from lamina.engines.llvm.codegen.elementwise import register_type
from lamina.engines.llvm.codegen.kernel import NestEmitter
from lamina.engines.llvm.codegen.values import Value, constant, lanes, scalar
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.packed import left_size, packed_nests, right_size
from lamina.engines.llvm.loops.schedule import Packing, Schedule, Tail
from lamina.engines.llvm.target.target import target
from lamina.ir.types import Dim, is_static

Opened = Mapping[Var, Value]


@dataclass(frozen=True)
class _Block:
    """A block of rows or terms: where it begins, and how many iterations it has."""

    first: Value
    count: Value


@dataclass(frozen=True)
class _Panels:
    """Some panels of the right operand: the number of the first, their count, the number of their
    block of terms, their columns and terms."""

    first: Value
    count: Value
    number: Value
    columns: _Block
    terms: _Block


class PackedProduct(NestEmitter):
    """Emits a product under a schedule with `packing`."""

    def _prepare(self) -> None:
        packing = self.schedule.packing
        assert packing is not None
        self.packing: Packing = packing
        b, args = self.b, self.function.args
        scratch = args[packing.scratch]
        number = len(args)
        self.tile_rows = self.schedule.unroll.get(packing.left, 1)
        self.element = register_type(self.nest.accumulators[0].expr.dtype)
        self.left_number = number
        self.left = scratch
        self.right = b.element(self.left, left_size(packing), self.element)
        self.partial = b.element(self.right, right_size(packing), self.element)
        buffers = [*args, self.left, self.right]
        nests = self.nests = packed_nests(self.nest, packing, (number, number + 1))

        def emitter(kind: type[NestEmitter], nest_name: str, schedule: Schedule) -> NestEmitter:
            nest = getattr(nests, nest_name)
            return kind(self.function, nest, schedule, self.space.sizes, {}, list(buffers))

        self.left_copy = emitter(NestEmitter, "left", self._left_schedule())
        self.right_copies = [emitter(NestEmitter, "right", s) for s in self._right_schedules()]
        self.tile = self._tile_function()
        self.tiles: dict[Var, Value] = {}
        self.panel = constant("i64", packing.panel)

    # ---- schedules of the parts ------------------------------------------------------------------
    def _left_schedule(self) -> Schedule:
        nests, lanes_ = self.nests, self.schedule.lanes
        along, across = nests.term, nests.row
        if self.packing.left_along is self.packing.left:
            along, across = across, along
        tails = {along: Tail.FULL_OR_MASKED}
        return Schedule((across, along), along, lanes_, {along: 2}, tails=tails)

    def _right_schedules(self) -> list[Schedule]:
        """Return the schedules of the copies: of whole panels (of their squares, then of the rest),
        and of a partial one."""
        nests, lanes_ = self.nests, self.schedule.lanes
        panel, column, term = nests.panel, nests.column, nests.term
        count = self.packing.panel // lanes_
        whole = Schedule((term, panel, column), column, lanes_, {column: count})
        partial = replace(whole, tails={column: Tail.FULL_OR_MASKED})
        if self.packing.right_along is self.packing.right:
            return [whole, partial]
        squares = Schedule(
            (panel, column, term), column, lanes_, {term: lanes_, column: 1}, transposed=term
        )
        return [squares, whole, partial]

    def _tile_function(self) -> list[Var]:
        """Emit the function of a tile, separate so that no register is kept for other code. Return
        the loops that it takes the positions of."""
        nests, ours, number = self.nests, self.function, self.left_number
        opened = [v for v in nests.product.loops if v is not nests.row and v is not nests.column]
        args = [(a.text[1:], a.type) for a in ours.args]
        args += [(name, "ptr") for name in ("left", "right", "partial")]
        args += [(f"at{k}", "i64") for k in range(len(opened))]
        args += [(name, "i64") for name in ("row", "rows", "columns", "terms")]
        args += [(name, "i1") for name in ("later", "last")]
        restrict = [*ours.noalias, "left", "right", "partial"] if ours.noalias else []
        function = ours.module.function("tile", args, internal=True, noalias=restrict)
        left, right, partial, *rest = function.args[number:]
        places, (row, rows, columns, terms, later, last) = rest[: len(opened)], rest[len(opened) :]
        by_name = {a.text: a for a in function.args}
        sizes = {symbol: by_name[value.text] for symbol, value in self.space.sizes.items()}
        buffers = [*function.args[:number], left, right]
        schedule = self._tile_schedule()
        tile = _Tile(function, nests.product, schedule, sizes, {}, buffers)
        b = function.builder
        for var, value in zip(opened, places, strict=True):
            tile.space.open(var, value, None)
        tile.space.keep(nests.row, constant("i64", 0), rows)
        tile.space.open(nests.row, row, b.sub(rows, row))
        tile.space.open(nests.column, constant("i64", 0), columns)
        tile.emit(terms, (later, last), partial, self.packing.is_blocked)
        b.ret()
        return opened

    def _tile_schedule(self) -> Schedule:
        nests, schedule = self.nests, self.schedule
        unroll = {
            nests.row: self.tile_rows,
            nests.column: self.packing.panel // schedule.lanes,
        }
        return replace(
            schedule,
            order=(nests.row,),
            vector=nests.column,
            unroll=unroll,
            tails={nests.row: Tail.CLAMPED, nests.column: Tail.FULL_OR_MASKED},
            packing=None,
            versions=(),
        )

    # ---- blocks --------------------------------------------------------------------------------
    def _share(self) -> None:
        packing = self.packing
        self.term_count, self.term_block = self._blocks(
            packing.over.extent, packing.terms, self.schedule.lanes
        )
        super()._share()

    def _count_rows(self) -> None:
        """Find the rows of this call, and their blocks."""
        left = self.packing.left
        extent: Dim | Value = left.extent
        if left in self.space.kept:
            extent = self.b.sub(self.space.end(left), self.space.begin(left))
        self.row_total = extent if isinstance(extent, Value) else self.dim(extent)
        self.row_count, self.row_block = self._blocks(extent, self.packing.rows, self.tile_rows)

    def _blocks(self, extent: Dim | Value, most: int, unit: int) -> tuple[Value, Value]:
        """Return the number of blocks of a loop, and the iterations of each but the last."""
        if not isinstance(extent, Value) and is_static(extent):
            each = even_block(int(extent), most, unit)
            return constant("i64", -(-int(extent) // each)), constant("i64", each)
        b, size = self.b, extent if isinstance(extent, Value) else self.dim(extent)
        count_ = b.intrinsic("llvm.smax", self._up(size, constant("i64", most)), constant("i64", 1))
        step = constant("i64", unit)
        each_ = b.mul(self._up(self._up(size, count_), step), step)
        each_ = b.intrinsic("llvm.smax", each_, step)
        return self._up(size, each_), each_

    def _up(self, number: Value, by: Value) -> Value:
        """Return number / by, rounded up."""
        b = self.b
        return b.binary("sdiv", b.add(number, b.sub(by, constant("i64", 1))), by)

    def _part(self, number: Value, size: Value, extent: Value) -> _Block:
        first = self.b.mul(number, size)
        return _Block(first, self.b.intrinsic("llvm.smin", size, self.b.sub(extent, first)))

    def _tiles(self, var: Var) -> Value:
        """Return the number of blocks of rows, or of panels of columns."""
        if var is self.packing.left:
            self._count_rows()
            return self._up(self.row_count, constant("i64", self.packing.blocks))
        return super()._tiles(var)

    def _open(self, var: Var, tile: Value) -> None:
        self.tiles[var] = tile
        if var is not self.packing.left:
            super()._open(var, tile)

    # ---- one range of panels ---------------------------------------------------------------------
    def _run(self, inner: Var, first: Value, stop: Value) -> None:
        """Run panels first..stop of some blocks of rows."""
        b, packing = self.b, self.packing
        zero, one = constant("i64", 0), constant("i64", 1)
        span = b.mul(self.row_block, constant("i64", packing.blocks))
        rows = self._part(self.tiles[packing.left], span, self.row_total)
        rows = _Block(b.add(rows.first, self.space.begin(packing.left)), rows.count)
        blocks = self._up(rows.count, self.row_block)
        most = constant("i64", packing.columns // packing.panel)
        self.outer = {
            v: self.space.first[v]
            for v in self.nest.loops
            if v is not packing.left and v is not packing.right
        }
        with b.loop(first, stop, most, hint="columns") as columns:
            begin = columns.value
            end = b.intrinsic("llvm.smin", b.add(begin, most), stop)
            with b.loop(0, self.term_count, hint="terms") as terms:
                here = self._block(begin, end, terms.value)
                following = b.add(terms.value, one)
                is_here = b.icmp("slt", following, self.term_count)
                after = self._block(
                    b.select(is_here, begin, end),
                    b.select(is_here, end, stop),
                    b.select(is_here, following, zero),
                )
                self._copy_right(here)
                with b.loop(0, blocks, hint="rows") as loop:
                    block = self._part(loop.value, self.row_block, rows.count)
                    block = _Block(b.add(rows.first, block.first), block.count)
                    self._copy_left(block, here.terms)
                    self._run_block(block, loop.value, blocks, here, after)

    def _block(self, begin: Value, end: Value, number: Value) -> _Panels:
        """Return panels begin..end of a block of terms."""
        b, packing = self.b, self.packing
        first = b.mul(begin, self.panel)
        count = b.sub(
            b.intrinsic("llvm.smin", b.mul(end, self.panel), self.dim(packing.right.extent)), first
        )
        terms = self._part(number, self.term_block, self.dim(packing.over.extent))
        return _Panels(begin, b.sub(end, begin), number, _Block(first, count), terms)

    def _copy_left(self, rows: _Block, terms: _Block) -> None:
        nests, zero = self.nests, constant("i64", 0)
        opened = {**self.outer, nests.left_at: rows.first, nests.over_at: terms.first}
        ranges = {nests.row: (zero, rows.count), nests.term: (zero, terms.count)}
        _copy(self.left_copy, opened, ranges)

    def _copy_right(self, here: _Panels) -> None:
        """Copy a block of the right operand: whole panels, then one that may be partial."""
        b, nests, zero = self.b, self.nests, constant("i64", 0)
        opened = {**self.outer, nests.right_at: here.columns.first, nests.over_at: here.terms.first}
        whole = b.binary("sdiv", here.columns.count, self.panel)
        every = {nests.panel: (zero, whole), nests.term: (zero, here.terms.count)}
        full, *rest, partial = self.right_copies
        side = constant("i64", self.schedule.lanes)
        with b.when(b.icmp("sgt", whole, zero)):
            if not rest:
                _copy(full, opened, every)
            else:
                squares = b.mul(b.binary("sdiv", here.terms.count, side), side)
                with b.when(b.icmp("sgt", squares, zero)):
                    _copy(full, opened, {**every, nests.term: (zero, squares)})
                with b.when(b.icmp("slt", squares, here.terms.count)):
                    _copy(rest[0], opened, {**every, nests.term: (squares, here.terms.count)})
        left = b.sub(here.columns.count, b.mul(whole, self.panel))
        with b.when(b.icmp("sgt", left, zero)):
            last = {
                nests.panel: (whole, b.add(whole, constant("i64", 1))),
                nests.term: (zero, here.terms.count),
                nests.column: (zero, left),
            }
            _copy(partial, opened, last)

    def _run_block(
        self, rows: _Block, number: Value, blocks: Value, here: _Panels, after: _Panels
    ) -> None:
        """Run the tiles of one block of rows; meanwhile prefetch the next panels."""
        b, nests, packing = self.b, self.nests, self.packing
        zero, one, step = constant("i64", 0), constant("i64", 1), constant("i64", self.tile_rows)
        later = b.icmp("sgt", here.number, zero)
        is_last = b.icmp("eq", here.number, b.sub(self.term_count, one))
        most = constant("i64", packing.rows // self.tile_rows)
        size = constant("i64", self.tile_rows * packing.panel)
        count = self._up(rows.count, step)
        tiles = b.mul(self._up(self.row_block, step), blocks)
        share = self._up(after.terms.count, tiles)
        with b.loop(0, here.count, hint="panel") as panel:
            at = b.mul(panel.value, self.panel)
            at_most = b.intrinsic("llvm.smin", b.sub(here.columns.count, at), self.panel)
            right = self._element(self.right, b.mul(at, constant("i64", packing.terms)))
            before = b.add(
                b.mul(number, constant("i64", packing.columns // packing.panel)), panel.value
            )
            with b.loop(0, count, hint="tile") as tile:
                part = b.add(b.mul(number, self._up(self.row_block, step)), tile.value)
                self._prefetch_right(after, panel.value, b.mul(part, share), share)
                place = b.mul(b.add(b.mul(before, most), tile.value), size)
                opened = {
                    **self.outer,
                    nests.left_at: rows.first,
                    nests.right_at: b.add(here.columns.first, at),
                }
                values = [
                    *self.function.args,
                    self.left,
                    right,
                    self._element(self.partial, place),
                    *(opened[v] for v in self.tile),
                    b.mul(tile.value, step),
                    rows.count,
                    at_most,
                    here.terms.count,
                    later,
                    is_last,
                ]
                b.call("tile", "void", values)

    def _prefetch_right(self, after: _Panels, panel: Value, low: Value, count: Value) -> None:
        """Prefetch `count` terms, from `low` on, of a panel of the next block of the right operand,
        into the second cache."""
        b, nests, packing = self.b, self.nests, self.packing
        emitter, zero = self.right_copies[-1], constant("i64", 0)
        (store,) = emitter.nest.stores
        line = target().machine.line // store.buffer.dtype.itemsize
        is_plain = packing.right_along is packing.right
        across, along = nests.term, nests.column
        offsets = [*range(0, packing.panel, line), packing.panel - 1]
        high = b.intrinsic("llvm.smin", b.add(low, count), after.terms.count)
        exists = b.icmp("slt", panel, after.count)
        begin, end, first = low, b.select(exists, high, low), zero
        if not is_plain:
            across, along, offsets = along, across, [0]
            is_some = b.and_(exists, b.icmp("slt", low, high))
            begin, end, first = zero, b.select(is_some, self.panel, zero), low
        loads = [
            load
            for load in emitter.nest.loads()
            if across in load.vars and all(isinstance(a, Var) for a in load.params["index"].terms)
        ]
        with b.loop(begin, end, hint="ahead") as loop, emitter.space.scope():
            opened = {
                **self.outer,
                nests.right_at: after.columns.first,
                nests.over_at: after.terms.first,
                nests.panel: panel,
                across: loop.value,
            }
            for var, value in opened.items():
                emitter.space.open(var, value, None)
            for load in loads:
                for offset in offsets:
                    with emitter.space.scope():
                        emitter.space.open(along, b.add(first, constant("i64", offset)), None)
                        p = load.params
                        address = emitter.values.memory.address(p["buffer"], p["index"], {})
                        b.fetch(address, write=False, level=SECOND)

    def _element(self, base: Value, number: Value) -> Value:
        return self.b.element(base, number, self.element)


def even_block(extent: int, most: int, unit: int) -> int:
    """Return the iterations of each block but the last: at most `most`, in whole units."""
    count = max(-(-extent // most), 1)
    each = -(-extent // count)
    return max(-(-each // unit), 1) * unit


def _copy(emitter: NestEmitter, opened: Opened, ranges: Mapping[Var, tuple[Value, Value]]) -> None:
    """Run a copy inside of these ranges, which are not empty."""
    with emitter.space.scope():
        for var, value in opened.items():
            emitter.space.open(var, value, None)
        for var, (begin, end) in ranges.items():
            emitter.space.keep(var, begin, end)
        emitter.run_all()


class _Tile(NestEmitter):
    """Emits one tile of the product of two copied blocks."""

    def _iteration_count(self, var: Var) -> Value:
        return self.terms

    def emit(
        self, terms: Value, ends: tuple[Value, Value], partial: Value, is_blocked: bool
    ) -> None:
        """Emit the sums of `terms` terms. If the terms are blocked, partial sums are at `partial`,
        and `ends` say whether blocks were before this one, and whether it is the last."""
        b, self.terms = self.b, terms
        is_later, is_last = ends
        row = self.schedule.order[0]
        with b.when(is_last), self.space.scope():
            self._prefetch_results()
            if self.schedule.prefetch_epilogue:
                self._prefetch_epilogue()
        with self.space.scope(), self.space.full_tile(row):
            found = self._reduce()
        if not is_blocked:
            self._finish(found)
            return
        keys, sums = list(found), [values[-1] for values in found.values()]
        type_ = sums[0].type
        places = [b.element(partial, k * lanes(type_), scalar(type_)) for k in range(len(keys))]

        def added() -> list[Value]:
            return [b.fadd(b.load(type_, p), s) for p, s in zip(places, sums, strict=True)]

        sums = b.changed(is_later, sums, added)

        def finish() -> None:
            self._finish({key: [value] for key, value in zip(keys, sums, strict=True)})

        def keep() -> None:
            for place, value in zip(places, sums, strict=True):
                b.store(value, place)

        b.branch_on(is_last, finish, keep, ("epilogue", "partial", "tiledone"))

    def _finish(self, accumulators: dict[tuple[int, tuple[int, ...]], list[Value]]) -> None:
        """Run the epilogue, with masked lanes in the last panel."""
        b, column = self.b, self.schedule.vector
        assert column is not None

        def full() -> None:
            with self.space.scope():
                self._store_all(accumulators)

        def masked() -> None:
            with self.space.scope(), self.space.masked():
                self._store_all(accumulators)

        step = constant("i64", self.schedule.step(column))
        is_full = b.icmp("sge", self.space.remaining[column], step)
        b.branch_on(is_full, full, masked, ("full", "part", "stored"))
