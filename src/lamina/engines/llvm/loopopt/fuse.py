"""Neighbouring kernels over the same points become one: what both read is read once.

    for i: a[i] <- f(x[i])        for i: b[i] <- g(x[i], a[i])
        ->  for i: a[i] <- f(x[i]); b[i] <- g(x[i], f(x[i]))

Only maps with maps, and reductions with reductions over the same axes. One kernel moves up to the
other if nothing in between reads what it writes, or writes what it touches; and where one reads
what the other writes, it does so at the very point where that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer, Expr, ExprBuilder, Nest, Store, walk
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs

KINDS = {"map": "map", "copy": "map", "zeros": "map", "reduce": "reduce"}
ROUNDED = {"float16", "bfloat16"}  # what is read back is not what was stored


def fuse(statements: Sequence[Any], costs: Costs) -> list[Any]:
    """The items with kernels joined where that can be."""
    done: list[Any] = []
    for statement in statements:
        place = _place(done, statement, costs) if isinstance(statement, Kernel) else None
        if place is None:
            done.append(statement)
        while place is not None:  # the two together may have their like further up
            statement = _fused(done.pop(place), statement)
            above = _place(done[:place], statement, costs)
            if above is None:
                done.insert(place, statement)
            place = above
    return done


def _place(done: Sequence[Any], kernel: Kernel, costs: Costs) -> int | None:
    """Where the kernel that this one can join stands."""
    if kernel.nest.name not in KINDS or kernel.is_identity:
        return None
    for place in range(len(done) - 1, max(len(done) - costs.fuse_reach, 0) - 1, -1):
        other = done[place]
        if not isinstance(other, Kernel):
            return None
        if _fits(other, kernel, costs):
            return place
        if kernel.written & other.touched or kernel.touched & other.written:
            return None
    return None


def _fits(first: Kernel, second: Kernel, costs: Costs) -> bool:
    """Whether the two are one kernel as well, with the stores of the first before the second's."""
    a, b = first.nest, second.nest
    if KINDS.get(a.name) != KINDS.get(b.name) or not a.loops or _extents(a) != _extents(b):
        return False
    if any(s.kind.startswith("arg") for s in (*a.accumulators, *b.accumulators)):
        return False
    slots = {s.actual for s in (*first.slots, *second.slots)}
    shared = {s.actual for s in first.slots} & {s.actual for s in second.slots}
    stores = len(a.stores) + len(b.stores)
    if (
        not shared
        or stores > costs.fuse_stores
        or len(slots) > costs.fuse_buffers
        or first.is_identity
    ):
        return False
    return _in_step(first, second)


def _extents(nest: Nest) -> Any:
    return [v.extent for v in nest.loops], [v.extent for v in nest.reductions]


def _in_step(first: Kernel, second: Kernel) -> bool:
    """Whether what one writes the other touches at the same points only."""
    names = _names(second.nest, first.nest)
    written = {s.memory for s in (*_written(first), *_written(second))}
    places = [
        *_places(first, written, {}),
        *_places(second, written, names),
    ]
    seen: dict[Slot, tuple[Slot, Index]] = {}
    for slot, index, inside in places:
        if slot.memory not in first.touched or slot.memory not in second.touched:
            continue
        if slot.dtype.name in ROUNDED:
            return False
        if inside or seen.setdefault(slot.memory, (slot.actual, index)) != (slot.actual, index):
            return False
    return not {s.memory for s in _written(first)} & {s.memory for s in _written(second)}


def _written(kernel: Kernel) -> list[Slot]:
    return [kernel.slots[s.buffer.number] for s in kernel.nest.stores]


def _places(
    kernel: Kernel, memories: set[Slot], names: dict[Var, Index]
) -> Iterator[tuple[Slot, Index, bool]]:
    """Where the kernel reads and writes these memories, and whether a sum does."""
    nest = kernel.nest
    summed = {id(e) for e in walk([a.expr for a in nest.accumulators])}
    for expr in walk(nest.roots()):
        if expr.kind == "load":
            slot = kernel.slots[expr.params["buffer"].number]
            if slot.memory in memories:
                yield slot, substituted(expr.params["index"], names), id(expr) in summed
    for store in nest.stores:
        yield kernel.slots[store.buffer.number], substituted(store.index, names), False


def _names(nest: Nest, other: Nest) -> dict[Var, Index]:
    """The other nest's loops for this one's."""
    own_buffer, other_buffer = [*nest.loops, *nest.reductions], [*other.loops, *other.reductions]
    return {v: of(w) for v, w in zip(own_buffer, other_buffer, strict=True)}


def _fused(first: Kernel, second: Kernel) -> Kernel:
    exprs, slots = ExprBuilder(), list(dict.fromkeys(s.actual for s in first.slots))
    a = _moved(first, {}, exprs, slots, {}, 0)
    known = {s.buffer: s.expr for s in a.stores}
    names = _names(second.nest, first.nest)
    b = _moved(second, names, exprs, slots, known, len(a.accumulators))
    sums, stores = [*a.accumulators, *b.accumulators], [*a.stores, *b.stores]
    name = KINDS[a.name]
    return Kernel(Nest(name, first.nest.loops, first.nest.reductions, sums, stores), slots)


def _moved(
    kernel: Kernel,
    names: dict[Var, Index],
    exprs: ExprBuilder,
    slots: list[Slot],
    known: dict[Buffer, Expr],
    first_sum: int,
) -> Nest:
    """The nest in terms of other loops and of `slots`, which grow; `known` values are not read."""

    def buffer(old: Buffer) -> Buffer:
        slot = kernel.slots[old.number].actual
        if slot not in slots:
            slots.append(slot)
        return Buffer(slots.index(slot), old.dtype)

    def load(old: Buffer, index: Index) -> Expr:
        new = buffer(old)
        return known[new] if new in known else exprs.load(new, index)

    def total(acc: Expr) -> Expr:
        return exprs.acc(acc.params["number"] + first_sum, acc.dtype, acc.vars)

    nest = rewrite(kernel.nest, exprs, lambda index: substituted(index, names), load, total)
    nest.stores = [Store(buffer(s.buffer), s.index, s.expr) for s in nest.stores]
    return nest
