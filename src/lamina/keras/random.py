"""`keras.random`: random numbers by `seed`: a number, a SeedGenerator, or nothing.

A number gives the same values at every call; a SeedGenerator, other ones each time; without a seed
they come from the global state, or in a program from its own (`lamina.random`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import namespaces, nn
from lamina.annotations import ArrayLike, DTypeLike, ShapeLike
from lamina.errors import DTypeError
from lamina.keras.ops.arguments import wanted
from lamina.layers.regularization import filled, noise_shape_of
from lamina.operations import cast, random, random_keys, random_orders, random_rejection
from lamina.seeding import SeedGenerator, SeedLike
from lamina.tensor import Tensor, as_tensor

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def _key(seed: Any) -> Any:
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return random_keys.key(int(seed)) if isinstance(seed, (int, np.integer)) else seed


def normal(
    shape: ShapeLike,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = None,
    seed: SeedLike = None,
) -> Tensor:
    """From the normal distribution."""
    return random.normal(shape, mean, stddev, wanted(dtype), key=_key(seed))


def uniform(
    shape: ShapeLike,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike = None,
    seed: SeedLike = None,
) -> Tensor:
    """From minval up to below maxval, all equally likely."""
    if not wanted(dtype).is_float:
        raise DTypeError(
            f"uniform: expected a floating dtype, got {dtype!r}",
            hint="randint(shape, minval, maxval) draws whole numbers",
        )
    return random.uniform(shape, minval, maxval, wanted(dtype), key=_key(seed))


def truncated_normal(
    shape: ShapeLike,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = None,
    seed: SeedLike = None,
) -> Tensor:
    """From the normal distribution within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, wanted(dtype), key=_key(seed))


def randint(
    shape: ShapeLike,
    minval: ArrayLike,
    maxval: ArrayLike,
    dtype: DTypeLike = "int32",
    seed: SeedLike = None,
) -> Tensor:
    """Whole numbers from minval up to below maxval."""
    return random.randint(shape, minval, maxval, dtype, key=_key(seed))


def categorical(
    logits: ArrayLike, num_samples: int, dtype: DTypeLike = "int32", seed: SeedLike = None
) -> Tensor:
    """Classes drawn by the probabilities softmax(logits): (batch, classes) to (batch, samples)."""
    drawn = random_orders.categorical(logits, num_samples, key=_key(seed))
    return cast(drawn, dtype)


def gamma(
    shape: ShapeLike, alpha: ArrayLike, dtype: DTypeLike = None, seed: SeedLike = None
) -> Tensor:
    """From the gamma distribution of this shape parameter and scale 1."""
    return random_rejection.gamma(shape, alpha, wanted(dtype), key=_key(seed))


def beta(
    shape: ShapeLike,
    alpha: ArrayLike,
    beta: ArrayLike,
    dtype: DTypeLike = None,
    seed: SeedLike = None,
) -> Tensor:
    """From the beta distribution of these shape parameters."""
    return random_rejection.beta(shape, alpha, beta, wanted(dtype), key=_key(seed))


def binomial(
    shape: ShapeLike,
    counts: ArrayLike,
    probabilities: ArrayLike,
    dtype: DTypeLike = None,
    seed: SeedLike = None,
) -> Tensor:
    """Numbers of successes in `counts` trials of these probabilities."""
    dtype = wanted(dtype)
    return random_rejection.binomial(shape, counts, probabilities, dtype, key=_key(seed))


def shuffle(x: ArrayLike, axis: int = 0, seed: SeedLike = None) -> Tensor:
    """x with the entries along an axis in random order."""
    return random_orders.shuffle(x, axis=axis, key=_key(seed))


def dropout(
    inputs: ArrayLike,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: SeedLike = None,
) -> Tensor:
    """inputs with a share `rate` of elements 0, the others divided by 1 - rate; one draw for all
    along the axes where `noise_shape` is 1; None in it stands for the extent of the inputs."""
    inputs, key = as_tensor(inputs), _key(seed)
    shape = noise_shape_of("dropout", noise_shape)
    if shape is None:
        return nn.dropout(inputs, rate, key=key)
    kept = random.bernoulli(filled("dropout", shape, inputs), 1.0 - rate, key=key)
    return inputs * cast(kept, inputs.dtype) / (1.0 - rate)


namespaces.declare(__name__)
