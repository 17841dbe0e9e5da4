"""Counter-based random bits: Threefry-2x32 with 20 rounds, in NumPy.

The generator is a function of a key and a position, so any element can be made on its own, on any
engine, in any order (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
2011). The same key and shape give the same bits as JAX's partitionable Threefry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  # one row per group of four rounds, cyclically
PARITY = 0x1BD11BDA  # makes the third word of the key


def threefry2x32(
    key: np.ndarray, word0: np.ndarray, word1: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The two words that key (uint32[2]) makes of the counters (word0, word1), uint32 arrays."""
    k0, k1 = np.asarray(key, dtype=np.uint32)[:, None]  # arrays of one element: these wrap silently
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    x0, x1 = np.ravel(word0) + k0, np.ravel(word1) + k1
    for group in range(5):
        for amount in ROTATIONS[group % 2]:
            x0 += x1
            x1 = (x1 << np.uint32(amount)) | (x1 >> np.uint32(32 - amount))
            x1 ^= x0
        x0 += keys[(group + 1) % 3]
        x1 += keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0.reshape(np.shape(word0)), x1.reshape(np.shape(word1))


def random_bits(key: np.ndarray, shape: int | Sequence[int]) -> np.ndarray:
    """uint32 array of the shape: element number i is both words of Threefry of i, exclusive-ored.

    key is uint32[2]; the counter is i, the position in C order, as the halves of 64 bits.
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    index = np.arange(math.prod(shape), dtype=np.uint64)
    x0, x1 = threefry2x32(key, (index >> np.uint64(32)).astype(np.uint32), index.astype(np.uint32))
    return (x0 ^ x1).reshape(shape)
