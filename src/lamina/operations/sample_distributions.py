"""Gamma and normal numbers of samples, made of a fixed count of uniform ones."""

from __future__ import annotations

import math
from typing import Any

from lamina.operations.elementwise import cos, exp, log, logical_and, sqrt, where
from lamina.tensor import Tensor

TRIES = 8  # each is accepted with probability 0.95 or more; all fail in 1 of 2.5e10
GAMMA_DRAWS = 3 * TRIES + 1


def normal(one: Tensor, two: Tensor) -> Tensor:
    """Return standard normal numbers of two uniform ones in [0, 1).

    Source: Box and Muller (1958), A note on the generation of random normal deviates.
    """
    return sqrt(-2.0 * log(1.0 - one)) * cos(2.0 * math.pi * two)


def log_gamma(uniform: Tensor, alpha: Any) -> Tensor:
    """Return the logarithm of gamma numbers of shape `alpha` > 0, of uniform ones (batch,
    GAMMA_DRAWS) in [0, 1).

    The logarithm neither underflows nor overflows for small alpha, where
    Gamma(alpha) = Gamma(alpha + 1) u^(1/alpha).

    Source: Marsaglia and Tsang (2000), A simple method for generating gamma variables.
    """
    d = alpha + 2.0 / 3.0
    log_d: Any = log(d + 0.0 * uniform[:, 0])
    found = log_d
    taken: Any = uniform[:, 0] < 0.0
    for k in range(TRIES):
        one, two, level = (uniform[:, 3 * k + i] for i in range(3))
        x = normal(one, two)
        root = 1.0 + x / sqrt(9.0 * d + 0.0 * x)
        positive = root > 0.0
        log_v = 3.0 * log(where(positive, root, 1.0))
        bound = 0.5 * x * x + d * (1.0 - exp(log_v) + log_v)
        accepted = logical_and(positive, log(1.0 - level) < bound)
        found = where(logical_and(accepted, ~taken), log_d + log_v, found)
        taken = taken | accepted
    return found + log(1.0 - uniform[:, 3 * TRIES]) / alpha


def beta(uniform: Tensor, alpha: Any) -> Tensor:
    """Return beta numbers (batch,) with both parameters alpha, of uniform ones (batch, 2
    GAMMA_DRAWS)."""
    one, two = uniform[:, :GAMMA_DRAWS], uniform[:, GAMMA_DRAWS:]
    return 1.0 / (1.0 + exp(log_gamma(two, alpha) - log_gamma(one, alpha)))
