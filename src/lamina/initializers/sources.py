"""The base class of initializers, and the source of the values that they draw.

Inside a layer the draw depends on the global seed, the place of the layer in its model and the name
of the weight, and on nothing else: another layer added to a model does not change the first values
of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from lamina import context
from lamina.arguments import Checks, Integers, Number, seed
from lamina.configuration import Configurable
from lamina.ir import types
from lamina.operations import random_keys
from lamina.seeding import SeedGenerator
from lamina.tensor import Tensor, as_tensor

__all__ = ["Initializer"]


TRUNCATED_STDDEV = 0.87962566103423978  # of the standard normal distribution cut off at -2 and 2


@contextmanager
def drawing(key: str) -> Iterator[None]:
    """Within: initializers without a seed draw from this key."""
    with context.entered(weight_key=key):
        yield


def generator(seed: Any) -> np.random.Generator:
    """The source of one weight's values: its seed, else the key in force, else the global one.

    A number gives the same values at each call; a `keras.random.SeedGenerator`, other ones each
    time.
    """
    if isinstance(seed, SeedGenerator):
        seed = seed.next_number()
    in_force = context.current().weight_key
    key = f"seed {seed}" if seed is not None else in_force or f"global {next_seed()}"
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def next_seed() -> int:
    """The next seed of weights in the global stream, which `lm.set_seed` restarts. Known at
    once, also where a program is being recorded."""
    high, low = random_keys.global_key("initial weights").numpy().tolist()
    return int(high) << 32 | int(low)


class Initializer(Configurable):
    """The base class of all initializers: a subclass defines `__call__(shape, dtype)`.

    Example:
        >>> import lamina as lm
        >>> class Half(lm.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return lm.full(shape, 0.5, dtype=dtype)
        >>> Half()((2,)).tolist()
        [0.5, 0.5]
    """

    family = "lamina.initializers"
    is_random: ClassVar[bool] = False
    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("gain", "maxval", "mean", "minval"), Number()),
        **dict.fromkeys(("input_axes", "output_axes"), Integers(alone=True, optional=True)),
        "scale": Number(),
        "seed": seed,
        "stddev": Number(0),
    }

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        raise TypeError(f"{type(self).__name__} must define __call__(shape, dtype=None)")


def precision(dtype: Any) -> Any:
    """Numbers are drawn in float32, or in float64 where the weight is float64."""
    return np.float64 if dtype is not None and types.dtype(dtype) == types.float64 else np.float32


def uniform(source: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    return source.random(tuple(shape), dtype=precision(dtype))


def normal(source: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    return source.standard_normal(tuple(shape), dtype=precision(dtype))


def truncated(source: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Standard normal numbers; those beyond +-2 are drawn again until none is left."""
    values = np.asarray(normal(source, shape, dtype)).reshape(-1)
    outside = np.flatnonzero(np.abs(values) > 2)
    while outside.size:
        values[outside] = normal(source, outside.shape, dtype)
        outside = outside[np.abs(values[outside]) > 2]
    return values.reshape(tuple(shape))


def tensor(values: np.ndarray, dtype: Any) -> Tensor:
    return as_tensor(np.asarray(values), types.dtype(dtype if dtype is not None else "float32"))
