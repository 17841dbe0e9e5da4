"""Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
1, 2, 3", 2011), as LLVM instructions at any width; lamina.reference.threefry is its NumPy twin."""

from __future__ import annotations

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.expression import Expr
from lamina.engines.llvm.codegen.values import Value, lanes
from lamina.reference.threefry import PARITY, ROTATIONS


def threefry2x32(
    b: Builder, key0: Value, key1: Value, word0: Value, word1: Value
) -> tuple[Value, Value]:
    """The two i32 words that the key makes of the counter (word0, word1)."""
    count = max(lanes(v.type) for v in (key0, key1, word0, word1))
    k0, k1, x0, x1 = (Expr(b, b.splat(v, count)) for v in (key0, key1, word0, word1))
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = x0 + k0, x1 + k1
    for group in range(5):
        for amount in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = x1.intrinsic("llvm.fshl", x1, amount) ^ x0
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + (group + 1)
    return x0.value, x1.value


def random_bits(b: Builder, key0: Value, key1: Value, index: Value) -> Value:
    """32 random bits for the element number `index` (i64, or a vector) under an i32 key: both words
    of Threefry of the index's high and low halves, exclusive-ored."""
    position = Expr(b, index)
    high, low = (position >> 32).cast("trunc", "i32"), position.cast("trunc", "i32")
    x0, x1 = threefry2x32(b, key0, key1, high.value, low.value)
    return b.xor(x0, x1)
