"""`keras.random.SeedGenerator`: a source of seeds that layers and initializers may hold."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import numpy as np

from lamina.arguments import Checks, Integer
from lamina.configuration import Configurable
from lamina.operations import random_keys
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

__all__ = ["SeedGenerator"]


class SeedGenerator(Configurable):
    """A key and how often it was used: state, which compiled programs change too.

    seed: a whole number; None takes one from the global state.
    """

    family = "lamina.random"
    argument_checks: ClassVar[Checks] = {"seed": Integer(optional=True)}

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.initial_seed, self.name = seed, name or "seed_generator"
        key = random_keys.scoped_key("seed_generator") if seed is None else random_keys.key(seed)
        self.key = Variable(np.asarray(key), trainable=False, name="key")
        self.count = Variable(np.int32(0), trainable=False, name="count")

    @property
    def state(self) -> Tensor:
        """The seed and how often it was used, uint32 (2,)."""
        seed = self.key.numpy()[-1] if self.initial_seed is None else self.initial_seed
        seed = np.uint32(int(seed) & 0xFFFFFFFF)
        return as_tensor(np.array([seed, self.count.numpy()], np.uint32))

    def next_number(self) -> int:
        """The next key as one number, known at once, also where a program is being recorded: what
        an initializer draws from."""
        high, low = np.asarray(random_keys.fold_in(self.key.numpy(), self.count.numpy())).tolist()
        np.add(self.count._array, 1, out=self.count._array)
        return int(high) << 32 | int(low)

    def next(self, ordered: bool = True) -> Tensor:
        """The next key."""
        key = random_keys.fold_in(self.key.read(), self.count.read())
        self.count.assign_add(1)
        return key


SeedLike: TypeAlias = int | np.integer | SeedGenerator | None
"""A whole number, a SeedGenerator, or None for the global state."""


def next_key(path: str, seed: SeedLike) -> Tensor:
    """Return the next random key of a layer: that of the scope for its path, changed by a number;
    of a SeedGenerator the next one that it gives."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    key = random_keys.scoped_key(path)
    return key if seed is None else random_keys.fold_in(key, seed)
