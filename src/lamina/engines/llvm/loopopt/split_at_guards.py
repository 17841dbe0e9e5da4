"""Index-set splitting: a loop whose guards cut it into equal segments computes them side by side.

    for j in 512: y[j] <- guard(j < 128; f(j); guard(j < 256; g(j - 128); ...))
        ->  for j in 128: y[j] <- f(j); y[j + 128] <- g(j); ...

Concatenations, and sums of padded parts (the gradient of slicing), have such guards. The split
removes the test of each element, and computes shared subexpressions once.

Legality: maps; the segments have equal, known lengths. Profitability: segments of at least
`Costs.piece` elements, at most `Costs.pieces` of them. Bits do not change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from lamina.engines.llvm.loops.index import Index, Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import ExprBuilder, Nest, Store, walk
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.types import is_static


def split_at_guards(kernel: Kernel, costs: Costs) -> Kernel:
    """Return the kernel with loops split at their guards' bounds, if these cut equal segments."""
    nest = kernel.nest
    if nest.accumulators or nest.sequential_outer is not None:
        return kernel
    for var in nest.loops:
        size = _piece(nest, var, costs)
        if size is not None:
            return replace(kernel, nest=_split(nest, var, size))
    return kernel


def _piece(nest: Nest, var: Var, costs: Costs) -> int | None:
    """Return the length of the segments into which guards cut a loop, if there are several."""
    if not is_static(var.extent):
        return None
    extent = int(var.extent)
    bounds_ = {cut for cut in _bounds(nest, var) if 0 < cut < extent}
    if not bounds_:
        return None
    size = math.gcd(extent, *bounds_)
    pieces = extent // size
    several = 1 < pieces <= costs.pieces and len(nest.stores) * pieces <= costs.piece_stores
    return size if several and size >= costs.piece else None


def _bounds(nest: Nest, var: Var) -> Iterator[int]:
    """Return the positions along a loop at which a guard changes."""
    for expr in walk(nest.roots()):
        for index, low, high in expr.params["tests"] if expr.kind == "guard" else ():
            plain = index.terms == {var: 1} and is_static((index.offset, low, high))
            if plain:
                yield int(low - index.offset)
                yield int(high - index.offset)


def _split(nest: Nest, var: Var, size: int) -> Nest:
    exprs, inner = ExprBuilder(), Var(var.name, size)
    stores: list[Store] = []
    for piece in range(int(var.extent) // size):
        place: dict[Var, Index] = {var: of(inner) + piece * size}
        moved = rewrite(nest, exprs, lambda index, at=place: substituted(index, at))  # type: ignore[misc]
        stores += [Store(s.buffer, s.index, s.expr) for s in moved.stores]
    loops = [inner if v is var else v for v in nest.loops]
    return replace(nest, loops=loops, stores=stores)
