"""A schedule: everything that code generation may choose for one nest.

    schedule = order ; vector ; lanes ; unroll ; tails ; ... ; version ...
    version  = condition -> schedule

`order` lists the spatial loops, outermost first. `vector` is the loop whose iterations fill the
`lanes` of a register: a spatial loop, a reduction, or none. `unroll` is the number of iterations
(of the vector loop: registers) of a loop in one tile, so that

    unroll {i: 8, j: 2}, vector j, 16 lanes      is a register tile of 8 x 32 accumulators

A register tile is a product's nest with two unrolled loops. `tails` says how the last tile of a
loop is emitted where tiles do not divide the loop. Where sizes are known only at run time, the
first of the `versions` whose condition holds replaces the schedule. The schedule never depends on
the number of threads, so neither does the order of any sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from lamina.engines.llvm.loops.index import Var
from lamina.ir.types import Dim, is_nonnegative, is_static


class Tail(Enum):
    """Ways in which a tile handles iterations past the end of a loop, which it may reach."""

    EXACT = "exact"  # no tile reaches past the end
    CLAMPED = "clamped"  # the last iteration is computed again
    FULL_OR_CLAMPED = "full or clamped"  # two versions of the tile; the full one has no clamping
    MASKED = "masked"  # lanes past the end are neither read nor written
    FULL_OR_MASKED = "full or masked"  # two versions of the tile; the full one has no masks


@dataclass(frozen=True)
class RowLoop:
    """A loop over rows that callers may restrict: `rows` rows of `size` iterations each."""

    loop: Var
    rows: Dim
    size: Dim

    def __str__(self) -> str:
        return f"row loop {self.loop.name}, {self.rows} rows of {self.size}"


@dataclass(frozen=True)
class Condition:
    """The extent of a loop, which is known only at run time, is below a limit (or at least it)."""

    loop: Var
    limit: int
    below: bool = True

    @property
    def is_decided(self) -> bool:
        """True if the extent is at least the limit for all sizes of at least 1."""
        return is_nonnegative(self.loop.extent - self.limit)

    def __str__(self) -> str:
        return f"{self.loop.name} {'<' if self.below else '>='} {self.limit}"


@dataclass(frozen=True)
class Version:
    """Another schedule for calls in which a condition holds."""

    condition: Condition
    schedule: Schedule

    def __str__(self) -> str:
        return f"if {self.condition}: ({self.schedule})"


@dataclass(frozen=True)
class Prefetch:
    """A slot to prefetch during a reduction: its number among the kernel's parameters, the bytes
    between rows, cache lines per row, lines per prefetch, and iterations between prefetches."""

    buffer: int
    row: Dim
    lines_per_row: int
    lines: int
    interval: int

    def __str__(self) -> str:
        return (
            f"prefetch b{self.buffer} ({self.lines} lines every {self.interval} iterations, "
            f"{self.lines_per_row} lines of each {self.row} bytes)"
        )


@dataclass(frozen=True)
class Packing:
    """Blocks of a product's operands that each thread copies to scratch memory
    (schedule/packing.py, codegen/packed_product.py).

    left, right     the spatial loops of the left and of the right operand (the vector loop)
    over            the reduction, of which a block has at most `terms` iterations
    rows            rows of a block of the left operand, a whole number of tiles
    blocks          blocks of rows that use one copy of the right operand
    panel           columns of a tile
    columns         columns of a block of the right operand, a whole number of panels
    left_along      the loop along which the left operand is copied, in memory order: left or over
    right_along     that of the right operand: right or over, by in-register transposes
    scratch         the number of the scratch buffer among the kernel's parameters
    otherwise       the schedule without packing, for callers that restrict the kernel to few rows
    """

    left: Var
    right: Var
    over: Var
    rows: int
    blocks: int
    panel: int
    columns: int
    terms: int
    left_along: Var
    right_along: Var
    scratch: int
    otherwise: Schedule

    @property
    def is_blocked(self) -> bool:
        """True if there may be several blocks of terms."""
        return not is_static(self.over.extent) or int(self.over.extent) > self.terms

    @property
    def is_transposed(self) -> bool:
        """True if the right operand is contiguous along the reduction."""
        return self.right_along is self.over

    def __str__(self) -> str:
        lines = f"{self.left.name} {self.blocks} x {self.rows} x {self.right.name} {self.columns}"
        return (
            f"pack blocks of {lines} x {self.over.name} {self.terms} "
            f"along {self.left_along.name} and {self.right_along.name}"
        )


@dataclass(frozen=True)
class Schedule:
    """The choices for one nest.

    sequential          the loop outside of all others whose iterations run in order (cache blocks)
    tails               the tails of loops whose tiles are not exact
    row_loop            the loop that callers restrict to some rows (row_parallel.py)
    full_rows           where callers restrict the rows, full tiles get a version without clamping
    store_batch         elements of a masked tile that are computed before any is stored
    prefetch_epilogue   the operands of the epilogue are prefetched before the reduction
    prefetch_results    so are the results, which another core has in its cache
    pipelined           the epilogue runs during the next tile (pipelined_epilogue.py)
    transposed          loads are contiguous along this loop (transpose.py)
    prefetches          buffers that the reduction prefetches for other kernels (prefetch.py)
    serial              one thread runs the kernel
    packing             the blocks of a product that threads copy (packed_product.py)
    versions            the first whose condition holds is run instead
    """

    order: tuple[Var, ...]
    vector: Var | None
    lanes: int
    unroll: Mapping[Var, int] = field(default_factory=dict)
    sequential: Var | None = None
    tails: Mapping[Var, Tail] = field(default_factory=dict)
    row_loop: RowLoop | None = None
    full_rows: bool = False
    store_batch: int = 1
    prefetch_epilogue: bool = False
    prefetch_results: bool = False
    pipelined: bool = False
    transposed: Var | None = None
    prefetches: tuple[Prefetch, ...] = ()
    serial: bool = False
    packing: Packing | None = None
    versions: tuple[Version, ...] = ()

    def step(self, var: Var) -> int:
        """Return the number of iterations of a loop in one tile."""
        return self.unroll.get(var, 1) * (self.lanes if var is self.vector else 1)

    def tail(self, var: Var) -> Tail:
        return self.tails.get(var, Tail.EXACT)

    def everywhere(self, **changes: Any) -> Schedule:
        """Return the schedule with changes in all of its versions too."""
        versions = (Version(v.condition, v.schedule.everywhere(**changes)) for v in self.versions)
        return replace(self, versions=tuple(versions), **changes)

    def restricted(self, row_loop: RowLoop) -> Schedule:
        """Return the schedule where callers restrict a loop to some rows: any of its tiles may be
        partial, unless tiles divide the rows. Products of few rows are packed only if that saves
        a transposed copy."""
        if self.packing is not None and not self.packing.is_transposed:
            return self.packing.otherwise.restricted(row_loop)
        versions = (
            Version(v.condition, v.schedule.restricted(row_loop))
            for v in self.versions
            if v.schedule.packing is None or v.schedule.packing.is_transposed
        )
        row, size = row_loop.loop, row_loop.size
        tails, step = dict(self.tails), self.step(row)
        divides = is_static(size) and int(size) % step == 0 and self.tail(row) is Tail.EXACT
        if not divides:
            full_rows = Tail.FULL_OR_CLAMPED if self.full_rows else Tail.CLAMPED
            tails[row] = Tail.FULL_OR_MASKED if row is self.vector else full_rows
        return replace(self, row_loop=row_loop, tails=tails, versions=tuple(versions))

    def reachable(self) -> Schedule:
        """Return the schedule without versions that no size selects. Sizes of 0 do not count: they
        leave nothing to compute, or sums of no terms."""
        versions: list[Version] = []
        for version in self.versions:
            each = Version(version.condition, version.schedule.reachable())
            if not version.condition.is_decided:
                versions.append(each)
            elif not version.condition.below:
                return replace(each.schedule, versions=(*versions, *each.schedule.versions))
        return replace(self, versions=tuple(versions))

    @property
    def packings(self) -> list[Packing]:
        """The packings of the schedule and of its versions."""
        own = [] if self.packing is None else [self.packing]
        return own + [p for v in self.versions for p in v.schedule.packings]

    def __str__(self) -> str:
        return "; ".join([", ".join(self._parts()), *map(str, self.versions)])

    def _parts(self) -> Iterator[str]:
        if self.sequential is not None:
            yield f"sequential {self.sequential.name}"
        yield f"order ({', '.join(v.name for v in self.order)})"
        if self.vector is not None:
            yield f"vector {self.vector.name} of {self.lanes} lanes"
        if self.unroll:
            yield "unroll " + " x ".join(f"{v.name} {n}" for v, n in self.unroll.items())
        yield from (f"{v.name} {t.value}" for v, t in self.tails.items() if t is not Tail.EXACT)
        if self.vector in self.order and self.tail(self.vector) is not Tail.EXACT:
            yield f"store batch {self.store_batch}"
        if self.row_loop is not None:
            yield str(self.row_loop)
        if self.transposed is not None:
            yield f"loads transposed along {self.transposed.name}"
        for name in ("prefetch_epilogue", "prefetch_results"):
            if getattr(self, name):
                yield name.replace("_", " ")
        if self.pipelined:
            yield "pipelined epilogue"
        yield from map(str, self.prefetches)
        if self.packing is not None:
            yield str(self.packing)
        if self.serial:
            yield "one thread"
