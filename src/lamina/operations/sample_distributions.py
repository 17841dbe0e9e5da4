"""Gamma and normal numbers of samples, made of a fixed count of uniform ones."""

from __future__ import annotations

import math

from lamina.annotations import ArrayLike
from lamina.operations.creation import ones_like
from lamina.operations.elementwise import cos, exp, log, sqrt, where
from lamina.operations.random_rejection import proposed
from lamina.tensor import Tensor, as_tensor

TRIES = 8  # each is accepted with probability 0.95 or more; all fail in 1 of 2.5e10
GAMMA_DRAWS = 3 * TRIES + 1


def normal(one: Tensor, two: Tensor) -> Tensor:
    """Return standard normal numbers of two uniform ones in [0, 1).

    Source: Box and Muller (1958), A note on the generation of random normal deviates.
    """
    return sqrt(-2.0 * log(1.0 - one)) * cos(2.0 * math.pi * two)


def log_gamma(uniform: Tensor, alpha: ArrayLike) -> Tensor:
    """Return the logarithm of gamma numbers of shape `alpha` > 0, of uniform ones (batch,
    GAMMA_DRAWS) in [0, 1).

    The logarithm neither underflows nor overflows for small alpha, where
    Gamma(alpha) = Gamma(alpha + 1) u^(1/alpha).

    Source: Marsaglia and Tsang (2000), A simple method for generating gamma variables.
    """
    d = as_tensor(alpha, uniform.dtype) + 2.0 / 3.0
    c = (1.0 / 3.0) / sqrt(d)
    drawn = ones_like(uniform[:, 0])
    for k in reversed(range(TRIES)):  # the first that is accepted counts
        one, two, level = (uniform[:, 3 * k + i] for i in range(3))
        is_accepted, v = proposed(normal(one, two), level, d, c)
        drawn = where(is_accepted, v, drawn)
    return log(d * drawn) + log(1.0 - uniform[:, 3 * TRIES]) / alpha


def beta(uniform: Tensor, alpha: ArrayLike) -> Tensor:
    """Return beta numbers (batch,) with both parameters alpha, of uniform ones (batch, 2
    GAMMA_DRAWS)."""
    one, two = uniform[:, :GAMMA_DRAWS], uniform[:, GAMMA_DRAWS:]
    return 1.0 / (1.0 + exp(log_gamma(two, alpha) - log_gamma(one, alpha)))
