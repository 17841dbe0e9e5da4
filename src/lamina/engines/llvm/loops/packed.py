"""The nests of a packed product: copies of blocks of its operands, and the product of the copies.

    for i, j: acc = sum over k of l[i, k] r[k, j]; c[i, j] <- f(acc)
        ->  for i in rows, k in terms: left[i, k] <- l[i0 + i, k0 + k]
            for p in panels, k in terms, j in panel: right[p, k, j] <- r[k0 + k, j0 + p, j]
            for i, j: acc = sum over k in terms of left[i, k] right[k, j]
                      c[i0 + i, j0 + j] <- f(acc)

What an operand computes (a conversion, an index read from memory) is computed once, by the copy.
i0, j0 and k0 are loops of the nests, which code generation opens at the block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lamina.engines.llvm.loops.index import Index, Var
from lamina.engines.llvm.loops.nest import (
    Accumulator,
    Buffer,
    Expr,
    ExprBuilder,
    Nest,
    NestKind,
    Store,
)
from lamina.engines.llvm.loops.rewrite import rewrite, substituted
from lamina.engines.llvm.loops.schedule import Packing

GAP = 16
"""Elements between the rows of a copied block, so that they do not share cache sets."""


@dataclass(frozen=True)
class PackedNests:
    """The nests, with their loops: where blocks begin (`left_at`, ...), and inside of blocks."""

    left: Nest
    right: Nest
    product: Nest
    left_at: Var
    right_at: Var
    over_at: Var
    panel: Var
    row: Var
    column: Var
    term: Var


def left_size(packing: Packing) -> int:
    """Return the elements of the copy of the left operand."""
    return packing.rows * packing.terms + GAP * max(packing.rows, packing.terms)


def right_size(packing: Packing) -> int:
    """Return the elements of the copy of the right operand."""
    return packing.terms * packing.columns


def scratch_size(packing: Packing) -> int:
    """Return the elements of a thread's scratch memory: both copies, and partial sums."""
    partial = packing.blocks * packing.rows * packing.columns if packing.is_blocked else 0
    return left_size(packing) + right_size(packing) + partial


def operands(nest: Nest, left: Var) -> tuple[Expr, Expr]:
    """Return the left operand, which depends on the loop `left`, and the right one."""
    first, second = nest.accumulators[0].expr.args
    return (first, second) if left in first.vars else (second, first)


def packed_nests(nest: Nest, packing: Packing, buffers: tuple[int, int]) -> PackedNests:
    """Return the nests of a product under a packing; `buffers` are the numbers of the copies."""
    dtype, width = nest.accumulators[0].expr.dtype, packing.panel
    at = [Var(f"{v.name}0", v.extent) for v in (packing.left, packing.right, packing.over)]
    left_at, right_at, over_at = at
    panel, term = Var("panel", packing.columns // width), Var("term", packing.terms)
    row, column = Var("row", packing.rows), Var("column", width)
    exprs = ExprBuilder()

    def moved(right: Index) -> Nest:
        inside = {
            packing.left: Index({left_at: 1, row: 1}),
            packing.right: right,
            packing.over: Index({over_at: 1, term: 1}),
        }
        return rewrite(nest, exprs, lambda index: substituted(index, inside))

    product = moved(Index({right_at: 1, column: 1}))
    left, _ = operands(product, left_at)
    _, right = operands(moved(Index({right_at: 1, panel: width, column: 1})), left_at)
    if packing.left_along is packing.over:
        left_index = Index({row: packing.terms + GAP, term: 1})
    else:
        left_index = Index({term: packing.rows + GAP, row: 1})
    place = Index({panel: packing.terms * width, term: width, column: 1})
    outer = [v for v in nest.loops if v is not packing.left and v is not packing.right]
    left_copy, right_copy = (Buffer(number, dtype) for number in buffers)
    factors = (
        exprs.load(left_copy, left_index),
        exprs.load(right_copy, Index({term: width, column: 1})),
    )
    of_copies = exprs.op("multiply", factors, dtype, {"operand": dtype})
    return PackedNests(
        Nest(
            NestKind.COPY,
            [*outer, left_at, over_at, row, term],
            stores=[Store(left_copy, left_index, left)],
        ),
        Nest(
            NestKind.COPY,
            [*outer, right_at, over_at, panel, term, column],
            stores=[Store(right_copy, place, right)],
        ),
        replace(
            product,
            loops=[*outer, left_at, right_at, row, column],
            reductions=[term],
            accumulators=[Accumulator("sum", of_copies, dtype)],
        ),
        left_at,
        right_at,
        over_at,
        panel,
        row,
        column,
        term,
    )
