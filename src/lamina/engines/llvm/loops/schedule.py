"""A schedule: loop order, vectorization and unrolling of one nest.

    schedule = order ; vector ; lanes ; unroll

`order` lists the spatial loops, outermost first. `vector` is the loop whose iterations fill the
`lanes` of a register: a spatial loop, a reduction, or none. `unroll` is the number of iterations
(of the vector loop: registers) of a loop in one tile, so that

    unroll {i: 8, j: 2}, vector j, 16 lanes      is a register tile of 8 x 32 accumulators

A register tile is a product's nest with two unrolled loops. The schedule never depends on the
number of threads, so neither does the order of any sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamina.engines.llvm.loops.index import Var


@dataclass(frozen=True)
class Schedule:
    order: tuple[Var, ...]
    vector: Var | None
    lanes: int
    unroll: dict[Var, int] = field(default_factory=dict)
    long_from: int = 0  # terms of a reduction from which on `long_reduction` runs
    long_reduction: Schedule | None = None  # the version for long reductions of unknown extent
    transposed: Var | None = None  # loads are contiguous along this loop (transpose.py)
    few_below: int = 0  # rows below which `few_rows` runs
    few_rows: Schedule | None = None  # the version for few rows
    serial: bool = False  # one thread runs it
    pipelined: bool = False  # the epilogue runs during the next tile (pipelined_epilogue.py)

    def step(self, var: Var) -> int:
        """Return the number of iterations of a loop in one tile."""
        return self.unroll.get(var, 1) * (self.lanes if var is self.vector else 1)

    def __str__(self) -> str:
        order = ", ".join(v.name for v in self.order)
        tile = " x ".join(f"{v.name} {n}" for v, n in self.unroll.items())
        return (
            f"order ({order}), vector {self.vector} of {self.lanes} lanes, unroll {tile or 'none'}"
            + (", pipelined epilogue" if self.pipelined else "")
        )
