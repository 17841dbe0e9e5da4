"""Random bits in integer operations: the bits of `reference/threefry.py`, on every platform.

JAX's own generators promise no values across versions, and `rng_bit_generator` of XLA none across
platforms. The counter is computed from the positions along the axes, without a reshape, so that XLA
divides it among devices as it divides the array: a sample's bits do not depend on its device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.reference.threefry import PARITY, ROTATIONS


def random_bits(key: Any, shape: Sequence[int]) -> Any:
    """uint32 array of the shape; element number i is both words of Threefry of i, xored."""
    low, high = _counters(shape)
    k0, k1 = key[0], key[1]
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    x0, x1 = high + k0, low + k1
    for group in range(5):
        for amount in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = (x1 << np.uint32(amount)) | (x1 >> np.uint32(32 - amount))
            x1 = x1 ^ x0
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0 ^ x1


def _counters(shape: Sequence[int]) -> tuple[Any, Any]:
    """The halves of each element's position in C order."""
    shape = tuple(shape)
    wide = np.uint64 if math.prod(shape) > 2**32 else np.uint32
    index, stride = jnp.zeros(shape, wide), 1
    for axis in reversed(range(len(shape))):
        index = index + lax.broadcasted_iota(wide, shape, axis) * wide(stride)
        stride *= shape[axis]
    if wide is np.uint32:
        return index, jnp.zeros(shape, np.uint32)
    return index.astype(np.uint32), (index >> wide(32)).astype(np.uint32)
