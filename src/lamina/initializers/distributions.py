"""Initializers that draw from a distribution of a given width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.initializers.sources import (
    Initializer,
    generator,
    normal,
    tensor,
    truncated,
    uniform,
)
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = ["RandomNormal", "RandomUniform", "TruncatedNormal"]


class RandomNormal(Initializer):
    """Normal distribution of the given mean and standard deviation.

    Args:
        mean: mean of the distribution.
        stddev: standard deviation of the distribution.
        seed: integer or SeedGenerator; None draws a seed.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.RandomNormal(stddev=0.1, seed=1)((64, 32)).shape
        (64, 32)
    """

    aliases = ("normal",)

    is_random = True

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: SeedLike = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return tensor(self.mean + self.stddev * normal(generator(self.seed), shape, dtype), dtype)


class TruncatedNormal(Initializer):
    """Normal distribution without values beyond two standard deviations from the mean.

    Args:
        mean: mean of the distribution.
        stddev: standard deviation of the distribution before truncation.
        seed: integer or SeedGenerator; None draws a seed.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.TruncatedNormal(stddev=0.1, seed=1)((64,))
        >>> bool(lm.max(lm.abs(weight)) <= 0.2)
        True
    """

    is_random = True

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: SeedLike = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        values = truncated(generator(self.seed), shape, dtype)
        return tensor(self.mean + self.stddev * values, dtype)


class RandomUniform(Initializer):
    """Uniform distribution on [minval, maxval).

    Args:
        minval: lower end of the interval, included.
        maxval: upper end of the interval, excluded.
        seed: integer or SeedGenerator; None draws a seed.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.RandomUniform(0.0, 1.0, seed=1)((64,))
        >>> bool(lm.min(weight) >= 0)
        True
    """

    aliases = ("uniform",)

    is_random = True

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: SeedLike = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        values = uniform(generator(self.seed), shape, dtype)
        return tensor(self.minval + (self.maxval - self.minval) * values, dtype)
