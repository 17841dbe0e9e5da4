"""Maps that read along one loop and write along another, as a transpose does: a square at a time.

    for i: for j: y[j + 512*i] = x[i + 512*j]      each y's register comes from 16 places of x
        ->  16 registers along i, turned into 16 along j, are stored

Both sides then move whole registers, and each line of memory is touched once.
"""

from __future__ import annotations

from lamina.engines.llvm.codegen.builder import Builder, Value


def transposed(b: Builder, rows: list[Value]) -> list[Value]:
    """The transpose of a square of registers. Each stage shuffles row k into row k + n/2, as two
    halves of a pack of cards; after log2 n of them rows and lanes have changed places."""
    count = len(rows)
    low = [k // 2 + count * (k % 2) for k in range(count)]
    high = [k + count // 2 for k in low]
    for _ in range(count.bit_length() - 1):
        pairs = list(zip(rows[: count // 2], rows[count // 2 :], strict=True))
        rows = [b.shuffle(x, y, order) for x, y in pairs for order in (low, high)]
    return rows
