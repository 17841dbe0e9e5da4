"""`tf.random`: random numbers from the global state, from a Generator, or from a seed alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import random as keyed
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import extents
from lamina.tf.naming import public


def key_of(seed: Any) -> Any:
    """The key for the seed of one operation: the next of its stream, which `set_seed` begins."""
    return None if seed is None else keyed.scoped_key(f"tf.random {seed}")


def set_seed(seed: int) -> None:
    """Fix all random numbers that follow."""
    lm.set_seed(int(seed))


def _uniform(shape: Any, minval: Any, maxval: Any, dtype: Any, key: Any) -> Tensor:
    kind = lm.dtype(dtype)
    if kind.is_integer:
        return keyed.randint(extents(shape), int(minval), int(maxval), dtype=kind, key=key)
    high = 1.0 if maxval is None else maxval
    return lm.cast(keyed.uniform(extents(shape), key=key), kind) * (high - minval) + minval


def _normal(shape: Any, mean: Any, stddev: Any, dtype: Any, key: Any) -> Tensor:
    return lm.cast(keyed.normal(extents(shape), key=key), dtype) * stddev + mean


def _truncated(shape: Any, mean: Any, stddev: Any, dtype: Any, key: Any) -> Tensor:
    return lm.cast(keyed.truncated_normal(extents(shape), key=key), dtype) * stddev + mean


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Return normally distributed numbers."""
    return _normal(shape, mean, stddev, dtype, key_of(seed))


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Return normally distributed numbers within two standard deviations."""
    return _truncated(shape, mean, stddev, dtype, key_of(seed))


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Return uniformly distributed numbers or integers, below `maxval`."""
    return _uniform(shape, minval, maxval, dtype, key_of(seed))


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None, name: Any = None
) -> Tensor:
    """Return classes (batch, num_samples) drawn from the distributions of logits."""
    return _categorical(logits, num_samples, dtype, key_of(seed))


def _categorical(logits: Any, num_samples: Any, dtype: Any, key: Any) -> Tensor:
    x = as_tensor(logits)
    shape = (x.shape[0], int(num_samples), x.shape[-1])
    noisy = lm.expand_dims(x, axis=1) + keyed.gumbel(shape, key=key)
    return lm.cast(lm.argmax(noisy, axis=-1), dtype or "int64")


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Tensor:
    """Return the rows in random order."""
    return keyed.shuffle(as_tensor(value), key=key_of(seed))


def gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = "float32",
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Return numbers from the gamma distribution."""
    draw: Any = getattr(lm.keras.random, "gamma")  # noqa: B009
    drawn = draw(extents(shape), alpha, dtype=dtype, seed=seed)
    return drawn if beta is None else drawn / beta


def _stateless(seed: Any) -> Tensor:
    first, second = (int(each) for each in np.asarray(seed).reshape(-1)[:2])
    return keyed.fold_in(keyed.key(first), second)


def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    name: Any = None,
    **_: Any,
) -> Tensor:
    """Return normally distributed numbers that follow from a pair of seeds."""
    return _normal(shape, mean, stddev, dtype, _stateless(seed))


def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    name: Any = None,
    **_: Any,
) -> Tensor:
    """Return truncated normal numbers that follow from a pair of seeds."""
    return _truncated(shape, mean, stddev, dtype, _stateless(seed))


def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    name: Any = None,
    **_: Any,
) -> Tensor:
    """Return uniformly distributed numbers that follow from a pair of seeds."""
    return _uniform(shape, minval, maxval, dtype, _stateless(seed))


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = "int64", name: Any = None
) -> Tensor:
    """Return classes that follow from a pair of seeds."""
    return _categorical(logits, num_samples, dtype, _stateless(seed))


class Generator:
    """A stream of random numbers with a separate state.

    Args:
        seed: integer that fixes the numbers.
    """

    def __init__(self, seed: Any = None, alg: Any = None) -> None:
        self._key = (
            keyed.scoped_key("tf.random.Generator") if seed is None else keyed.key(int(seed))
        )
        self._count = 0

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """Return the generator of a seed."""
        return cls(int(np.asarray(seed).reshape(-1)[0]))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """Return a generator whose numbers follow from the global state."""
        return cls()

    def reset_from_seed(self, seed: Any) -> None:
        """Begin the stream of a seed."""
        self._key, self._count = keyed.key(int(seed)), 0

    def _next(self) -> Tensor:
        self._count += 1
        return keyed.fold_in(self._key, self._count)

    def make_seeds(self, count: int = 1) -> Tensor:
        """Return pairs of seeds (2, count) for the stateless functions."""
        return lm.asarray(np.asarray(keyed.bits(self._next(), (2, count))).astype(np.int64))

    def normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = "float32",
        name: Any = None,
    ) -> Tensor:
        """Return normally distributed numbers."""
        return _normal(shape, mean, stddev, dtype, self._next())

    def truncated_normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = "float32",
        name: Any = None,
    ) -> Tensor:
        """Return normally distributed numbers within two standard deviations."""
        return _truncated(shape, mean, stddev, dtype, self._next())

    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = "float32",
        name: Any = None,
    ) -> Tensor:
        """Return uniformly distributed numbers or integers."""
        return _uniform(shape, minval, maxval, dtype, self._next())

    def split(self, count: int = 1) -> list[Generator]:
        """Return generators of independent streams."""
        found = []
        for _ in range(count):
            one = Generator(0)
            one._key = self._next()
            found.append(one)
        return found


_GLOBAL: list[Generator] = []


def get_global_generator() -> Generator:
    """Return the generator that programs share."""
    if not _GLOBAL:
        _GLOBAL.append(Generator())
    return _GLOBAL[0]


def set_global_generator(generator: Generator) -> None:
    """Replace the generator that programs share."""
    _GLOBAL[:] = [generator]


public(
    __name__,
    None,
    None,
    {
        "poisson": "numpy.random.default_rng(seed).poisson, on data",
        "experimental": "tf.random.Generator",
        "create_rng_state": "tf.random.Generator.from_seed",
    },
)
