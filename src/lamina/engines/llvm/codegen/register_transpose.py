"""In-register transposes, for maps that read along one loop and write along another.

    for i: for j: y[j + 512*i] = x[i + 512*j]      each register of y gathers 16 elements of x
        ->  load 16 registers along i, transpose them, store 16 registers along j

Both sides then move full registers, and each cache line is accessed once.
"""

from __future__ import annotations

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value


def transposed(b: Builder, rows: list[Value]) -> list[Value]:
    """Return the transpose of a square of registers. Each of log2 n stages interleaves row k with
    row k + n/2 (a perfect shuffle)."""
    count = len(rows)
    low = [k // 2 + count * (k % 2) for k in range(count)]
    high = [k + count // 2 for k in low]
    for _ in range(count.bit_length() - 1):
        pairs = list(zip(rows[: count // 2], rows[count // 2 :], strict=True))
        rows = [b.shuffle(x, y, order) for x, y in pairs for order in (low, high)]
    return rows
