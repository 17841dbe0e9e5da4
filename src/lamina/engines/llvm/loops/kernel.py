"""A kernel: a loop nest and the buffers that it reads and writes; kernels made of other kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import loops_over, of
from lamina.engines.llvm.loops.nest import (
    Buffer,
    Expr,
    ExprBuilder,
    Nest,
    NestKind,
    Store,
)
from lamina.engines.llvm.loops.rewrite import rewrite
from lamina.engines.llvm.loops.schedule import RowLoop, Schedule


@dataclass(eq=False)
class Kernel:
    """A nest and its buffers: buffer number k of the nest is `slots[k]`. Before `coalesce_loops`,
    each loop is an axis of the graph. The kernel prefetches the slots in `prefetched`, as its
    schedule says (program/prefetch.py). With `halo`, it writes only the halo of a buffer that other
    kernels fill (program/halo.py). `scratch` is memory of each thread for packed operands."""

    nest: Nest
    slots: list[Slot]
    schedule: Schedule | None = None
    prefetched: list[Slot] = field(default_factory=list)
    halo: bool = False
    scratch: Slot | None = None

    def set_row_loop(self, row_loop: RowLoop) -> None:
        """Let callers restrict the kernel to some of its rows."""
        self.schedule = self.chosen.restricted(row_loop)
        self.scratch = self.scratch if self.schedule.packings else None

    @property
    def row_loop(self) -> RowLoop | None:
        """The loop that callers restrict to some rows, if they do."""
        return None if self.schedule is None else self.schedule.row_loop

    @property
    def chosen(self) -> Schedule:
        """The schedule; every kernel has one after the pass `schedule`."""
        assert self.schedule is not None, f"{self.nest.name} has no schedule yet"
        return self.schedule

    def slot_of(self, access: Expr | Store) -> Slot:
        """Return the slot that a load or a store accesses."""
        buffer = access.buffer if isinstance(access, Store) else access.params["buffer"]
        return self.slots[buffer.number]

    @property
    def written(self) -> set[Slot]:
        return {self.slot_of(s).memory for s in self.nest.stores}

    @property
    def read(self) -> set[Slot]:
        return {self.slot_of(e).memory for e in self.nest.loads()}

    @property
    def touched(self) -> set[Slot]:
        return {s.memory for s in self.parameters}

    @property
    def parameters(self) -> list[Slot]:
        """The slots of which the native function takes the addresses."""
        scratch = [] if self.scratch is None else [self.scratch]
        return [*self.slots, *scratch, *self.prefetched]


def copy(into: Slot, source: Slot) -> Kernel:
    """Return a kernel that copies one slot to another of the same shape."""
    exprs = ExprBuilder()
    loops = loops_over(source.shape)
    position = [of(v) for v in loops]
    value = exprs.load(Buffer(1, source.dtype), source.place(position))
    store = Store(Buffer(0, into.dtype), into.place(position), value)
    nest = Nest(NestKind.COPY, loops, stores=[store])
    return Kernel(nest, [into, source])


def zeros(into: Slot) -> Kernel:
    """Return a kernel that fills a slot with zeros."""
    exprs = ExprBuilder()
    loops = loops_over(into.shape)
    index = into.place([of(v) for v in loops])
    store = Store(Buffer(0, into.dtype), index, exprs.constant(0, into.dtype))
    return Kernel(Nest(NestKind.ZEROS, loops, stores=[store]), [into])


def without_unused_buffers(nest: Nest, slots: Sequence[Slot]) -> Kernel:
    """Return the kernel of a nest with only those slots that it accesses."""
    exprs = ExprBuilder()
    kept = nest.buffers
    new = {b: Buffer(k, b.dtype) for k, b in enumerate(kept)}
    made = rewrite(nest, exprs, lambda index: index, lambda b, index: exprs.load(new[b], index))
    made.stores = [Store(new[s.buffer], s.index, s.expr) for s in made.stores]
    return Kernel(made, [slots[b.number] for b in kept])


def epilogue_of(nest: Nest, slots: Sequence[Slot], exprs: ExprBuilder, value: Expr) -> Kernel:
    """Return the epilogue of a nest as a kernel: `value` replaces the accumulator."""
    after = replace(
        nest,
        kind=NestKind.MAP,
        reductions=[],
        accumulators=[],
        sequential_outer=None,
        split_reduction=None,
    )
    return without_unused_buffers(
        rewrite(after, exprs, lambda index: index, total=lambda _: value), slots
    )
