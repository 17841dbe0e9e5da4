"""Loop fusion of neighboring kernels over equal domains (horizontal, and producer with consumer).

    for i: a[i] <- f(x[i])        for i: b[i] <- g(x[i], a[i])
        ->  for i: a[i] <- f(x[i]); b[i] <- g(x[i], f(x[i]))

Legality: both are maps, or reductions over the same axes; no statement in between depends on the
kernel that moves; a consumer reads the producer's value only at the point that writes it.
Profitability: shared operands are read once; the number of memory streams is limited
(`Costs.fuse_stores`, `fuse_buffers`). Bits do not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.index import Index, Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer, Expr, ExprBuilder, Nest, NestKind, Store, walk
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs

ROUNDED = {
    "float16",
    "bfloat16",
}  # reading back does not return the stored value (rounded to 16 bits)


def fuse(statements: Sequence[Any], costs: Costs) -> list[Any]:
    """Fuse kernels in a list of statements."""
    done: list[Any] = []
    for statement in statements:
        place = _place(done, statement, costs) if isinstance(statement, Kernel) else None
        if place is None:
            done.append(statement)
        while place is not None:  # the fused kernel may fuse with an earlier one
            statement = _fused(done.pop(place), statement)
            above = _place(done[:place], statement, costs)
            if above is None:
                done.insert(place, statement)
            place = above
    return done


def _place(done: Sequence[Any], kernel: Kernel, costs: Costs) -> int | None:
    """Return the position of a kernel that this one can be fused into, else None."""
    if _fused_kind(kernel.nest) is None:
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
    """True if the fused kernel is legal, with the stores of the first before those of the
    second."""
    a, b = first.nest, second.nest
    same_kind = _fused_kind(a) is _fused_kind(b)
    if not same_kind or not a.loops or _extents(a) != _extents(b):
        return False
    if any(s.kind.startswith("arg") for s in (*a.accumulators, *b.accumulators)):
        return False
    slots = {s.actual for s in (*first.slots, *second.slots)}
    shared = {s.actual for s in first.slots} & {s.actual for s in second.slots}
    stores = len(a.stores) + len(b.stores)
    if not shared or stores > costs.fuse_stores or len(slots) > costs.fuse_buffers:
        return False
    return _in_step(first, second)


def _fused_kind(nest: Nest) -> NestKind | None:
    """Return the kind of what this nest is fused into; None for kinds that are not fused."""
    if nest.kind.is_map:
        return NestKind.MAP
    return NestKind.REDUCE if nest.kind is NestKind.REDUCE else None


def _extents(nest: Nest) -> Any:
    return [v.extent for v in nest.loops], [v.extent for v in nest.reductions]


def _in_step(first: Kernel, second: Kernel) -> bool:
    """True if both access memory that one of them writes at the same points only."""
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
    return [kernel.slot_of(s) for s in kernel.nest.stores]


def _places(
    kernel: Kernel, memories: set[Slot], names: dict[Var, Index]
) -> Iterator[tuple[Slot, Index, bool]]:
    """Return where the kernel accesses these buffers, and whether inside a reduction."""
    nest = kernel.nest
    summed = {id(e) for e in walk([a.expr for a in nest.accumulators])}
    for expr in walk(nest.roots()):
        if expr.kind == "load":
            slot = kernel.slot_of(expr)
            if slot.memory in memories:
                yield slot, substituted(expr.params["index"], names), id(expr) in summed
    for store in nest.stores:
        yield kernel.slot_of(store), substituted(store.index, names), False


def _names(nest: Nest, other: Nest) -> dict[Var, Index]:
    """Return a map from this nest's loops to the other's."""
    own_buffer, other_buffer = [*nest.loops, *nest.reductions], [*other.loops, *other.reductions]
    return {v: of(w) for v, w in zip(own_buffer, other_buffer, strict=True)}


def _fused(first: Kernel, second: Kernel) -> Kernel:
    exprs, slots = ExprBuilder(), list(dict.fromkeys(s.actual for s in first.slots))
    a = _moved(first, {}, exprs, slots, {}, 0)
    known = {s.buffer: s.expr for s in a.stores}
    names = _names(second.nest, first.nest)
    b = _moved(second, names, exprs, slots, known, len(a.accumulators))
    sums, stores = [*a.accumulators, *b.accumulators], [*a.stores, *b.stores]
    kind = _fused_kind(first.nest)
    assert kind is not None
    return Kernel(Nest(kind, first.nest.loops, first.nest.reductions, sums, stores), slots)


def _moved(
    kernel: Kernel,
    names: dict[Var, Index],
    exprs: ExprBuilder,
    slots: list[Slot],
    known: dict[Buffer, Expr],
    first_sum: int,
) -> Nest:
    """Return the nest over other loops and `slots`, which grow; loads of `known` values are
    replaced."""

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
