"""Random numbers of samples: which ones a sample gets depends on its number in the data set.

    number = uniform(key of the epoch, path of the layer, number of the sample)

So they are the same in whatever order samples come, in batches of whatever size. Training says
which samples a batch holds (`numbered`); elsewhere a sample's number is its position in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lamina import context
from lamina.ir.types import Dim, int32, same, uint32
from lamina.operations import random, random_keys
from lamina.operations.creation import iota
from lamina.operations.elementwise import (
    add,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
)
from lamina.operations.shaping import expand_dims, sliced
from lamina.reference.threefry import PARITY, ROTATIONS
from lamina.tensor import Tensor, as_tensor, bind


class _Batch:
    """The samples of a batch: their numbers, and the key of the epoch, made when it is needed."""

    def __init__(self, key: Callable[[], Tensor], numbers: Tensor) -> None:
        self.numbers, self._key = numbers, key
        self._scope: random_keys.Scope | None = None

    def next(self, path: str) -> Tensor:
        self._scope = self._scope or random_keys.Scope(self._key())
        return self._scope.next(path)


@contextmanager
def numbered(key: Callable[[], Tensor], numbers: Tensor) -> Iterator[None]:
    """Within: batches hold the samples of these numbers, int32 (batch,), and what is drawn for them
    is drawn from what `key` returns."""
    with context.entered(samples=_Batch(key, numbers)):
        yield


def uniform(path: str, batch: Dim, count: int, seed: Any = None) -> Tensor:
    """float32 (batch, count), uniform in [0, 1): `count` numbers for each sample of a batch.

    path: of the layer that asks; each has its own stream, and each time that it asks in a step
    another one. seed: a further number to draw from, or a SeedGenerator, whose next key replaces
    all others. Raises StateError as `random_keys.scoped_key` does.
    """
    here: _Batch | None = context.current().samples
    if hasattr(seed, "next"):
        key = seed.next()
    else:
        key = random_keys.scoped_key(path) if here is None else here.next(path)
        key = key if seed is None else random_keys.fold_in(key, seed)
    if here is not None and same(here.numbers.shape, (batch,)):
        numbers = here.numbers
    else:  # the numbers of these samples are unknown
        numbers = iota((batch,), 0, int32)
        if here is not None:
            key = random_keys.fold_in(key, here.numbers[0])
    places = expand_dims(as_tensor(numbers, uint32), -1) * count + iota((1, count), 1, uint32)
    return random.unit_of(bits_at(key, places))


def bits_at(key: Any, places: Tensor) -> Tensor:
    """random_keys.bits(key, n)[places] for places below n < 2^32, uint32, whatever n may be."""
    k0, k1 = (sliced(as_tensor(key), 0, k, k + 1) for k in (0, 1))
    k0, k1 = (bind("reshape", k, shape=(1,) * places.ndim) for k in (k0, k1))
    keys = (k0, k1, bitwise_xor(bitwise_xor(k0, k1), PARITY))
    x0, x1 = k0, add(places, k1)
    for group in range(5):
        for amount in ROTATIONS[group % 2]:
            x0 = add(x0, x1)
            turned = bitwise_or(
                bitwise_left_shift(x1, amount), bitwise_right_shift(x1, 32 - amount)
            )
            x1 = bitwise_xor(turned, x0)
        x0 = add(x0, keys[(group + 1) % 3])
        x1 = add(x1, add(keys[(group + 2) % 3], group + 1))
    return bitwise_xor(x0, x1)
