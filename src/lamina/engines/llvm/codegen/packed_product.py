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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.engines.llvm.codegen.builder import SECOND
from lamina.engines.llvm.codegen.elementwise import register_type
from lamina.engines.llvm.codegen.kernel import NestEmitter
from lamina.engines.llvm.codegen.packed_tile import PipelinedTile, Tile
from lamina.engines.llvm.codegen.values import Value, bits, constant
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.packed import left_size, packed_nests, right_size
from lamina.engines.llvm.loops.schedule import Packing, Schedule
from lamina.engines.llvm.schedule.packing import left_schedule, right_schedules, tile_schedule
from lamina.engines.llvm.target.machine import ALIGNMENT
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

        self.state = self._pending_tile()
        self.left_copy = emitter(NestEmitter, "left", left_schedule(self.schedule, nests))
        self.right_copies = [
            emitter(NestEmitter, "right", s) for s in right_schedules(self.schedule, nests)
        ]
        self.tile = self._tile_function()
        self.tiles: dict[Var, Value] = {}
        self.panel = constant("i64", packing.panel)

    def _tile_function(self) -> list[Var]:
        """Emit the function of a tile, separate so that no register is kept for other code. Return
        the loops that it takes the positions of."""
        nests, ours, number = self.nests, self.function, self.left_number
        opened = [v for v in nests.product.loops if v is not nests.row and v is not nests.column]
        args = [(a.text[1:], a.type) for a in ours.args]
        args += [(name, "ptr") for name in ("left", "right", "partial", "state")]
        args += [(f"at{k}", "i64") for k in range(len(opened))]
        args += [(name, "i64") for name in ("row", "rows", "columns", "terms")]
        args += [(name, "i1") for name in ("later", "last")]
        restrict = [*ours.noalias, "left", "right", "partial", "state"] if ours.noalias else []
        function = ours.module.function("tile", args, internal=True, noalias=restrict)
        left, right, partial, _, *rest = function.args[number:]
        places, (row, rows, columns, terms, later, last) = rest[: len(opened)], rest[len(opened) :]
        by_name = {a.text: a for a in function.args}
        sizes = {symbol: by_name[value.text] for symbol, value in self.space.sizes.items()}
        buffers = [*function.args[:number], left, right]
        schedule = tile_schedule(self.schedule, nests)
        kind = PipelinedTile if schedule.pipelined else Tile
        tile = kind(function, nests.product, schedule, sizes, {}, buffers)
        b = function.builder
        for var, value in zip(opened, places, strict=True):
            tile.space.open(var, value, None)
        tile.space.keep(nests.row, constant("i64", 0), rows)
        tile.space.open(nests.row, row, b.sub(rows, row))
        tile.space.open(nests.column, constant("i64", 0), columns)
        tile.emit(terms, (later, last), partial, self.packing.is_blocked)
        b.ret()
        return opened

    def _pending_tile(self) -> Value:
        """Reserve memory for a tile whose epilogue is pending: accumulators, their number and
        place."""
        if not self.schedule.pipelined:
            return Value("null", "ptr")
        points = self.tile_rows * (self.packing.panel // self.schedule.lanes)
        words = points * self.schedule.lanes * bits(self.element) // 64
        self.pending_at = words
        return self.b.reserve(f"[{words + 1 + len(self.nest.loops) + 2} x i64]", ALIGNMENT)

    def _begin(self) -> None:
        if self.schedule.pipelined:
            self.b.store(constant("i64", 0), self.b.element(self.state, self.pending_at, "i64"))

    def _end(self) -> None:
        """Run the epilogue that is pending: in a tile without rows and terms."""
        if self.schedule.pipelined:
            zero, no, yes = constant("i64", 0), constant("i1", 0), constant("i1", 1)
            self._call_tile(self.right, self.partial, {}, [zero] * 4, (no, yes))

    def _call_tile(
        self,
        right: Value,
        partial: Value,
        opened: Opened,
        numbers: Sequence[Value],
        ends: tuple[Value, Value],
    ) -> None:
        """Call the function of a tile: `numbers` are its first row, rows, columns and terms."""
        zero = constant("i64", 0)
        places = [opened.get(v, zero) for v in self.tile]
        memory = [self.left, right, partial, self.state]
        values = [*self.function.args, *memory, *places, *numbers, *ends]
        self.b.call("tile", "void", values)

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
        # an epilogue that updates arrays finds them in the order of memory
        outer, inner = (count, here.count) if self.schedule.pipelined else (here.count, count)
        with b.loop(0, outer, hint="outer") as far, b.loop(0, inner, hint="tile") as near:
            tile, panel = far.value, near.value
            if not self.schedule.pipelined:
                tile, panel = panel, tile
            at = b.mul(panel, self.panel)
            at_most = b.intrinsic("llvm.smin", b.sub(here.columns.count, at), self.panel)
            right = self._element(self.right, b.mul(at, constant("i64", packing.terms)))
            before = b.add(b.mul(number, constant("i64", packing.columns // packing.panel)), panel)
            part = b.add(b.mul(number, self._up(self.row_block, step)), tile)
            self._prefetch_right(after, panel, b.mul(part, share), share)
            place = b.mul(b.add(b.mul(before, most), tile), size)
            opened = {
                **self.outer,
                nests.left_at: rows.first,
                nests.right_at: b.add(here.columns.first, at),
            }
            numbers = [b.mul(tile, step), rows.count, at_most, here.terms.count]
            partial = self._element(self.partial, place)
            self._call_tile(right, partial, opened, numbers, (later, is_last))

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
