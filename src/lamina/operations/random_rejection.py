"""Random numbers of distributions that are drawn by rejection: gamma, beta, binomial.

A compiled program has no loop that ends at another time for each element, so a fixed number of
proposals is drawn for each, and the first that is accepted counts. The number is such that all are
rejected less often than once in 10^15.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina.annotations import DTypeLike, ShapeLike
from lamina.errors import RangeError
from lamina.ir import types
from lamina.ir.types import DType, Shape, float32, float64
from lamina.operations.creation import zeros
from lamina.operations.elementwise import (
    add,
    divide,
    exp,
    floor,
    greater,
    less,
    log,
    maximum,
    multiply,
    sqrt,
    square,
    subtract,
    where,
)
from lamina.operations.promote import shape_of
from lamina.operations.random import normal, uniform
from lamina.operations.random_keys import key_or_next, split
from lamina.operations.shaping import broadcast_to
from lamina.tensor import Tensor, as_tensor

PROPOSALS = 12  # of which each is accepted with a probability of at least 0.951
DIRECT = 16  # trials of a binomial distribution that are drawn one by one
MOST_HALVINGS = 28  # of the number of trials, down to DIRECT, where it is not known yet


def gamma(
    shape: ShapeLike = (), alpha: Any = 1.0, dtype: DTypeLike = None, *, key: Any = None
) -> Tensor:
    """Return random numbers of a gamma distribution of scale 1: p(x) ~ x^(alpha - 1) exp(-x).

    Args:
        shape: tuple of extents of the result.
        alpha: shape parameter, positive, a number or a tensor that broadcasts to `shape`.
        dtype: floating dtype; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> bool(abs(lm.random.gamma((4000,), 3.0, key=1).mean() - 3.0) < 0.1)
        True

    Source: Marsaglia and Tsang (2000), A simple method for generating gamma variables.
    """
    found = types.dtype(dtype or "float32")
    wide = float64 if found == float64 else float32
    extents = shape_of(shape)
    shape_parameter = broadcast_to(as_tensor(alpha, wide), extents)
    return as_tensor(_gamma(key_or_next(key), shape_parameter, extents, wide), found)


def proposed(x: Tensor, u: Tensor, d: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether d v is accepted as a gamma number of shape d + 1/3, and v = (1 + c x)^3 for a
    normal x, a uniform u in [0, 1) and c = 1 / (3 sqrt(d)); v is 1 where it would be negative."""
    v = add(1.0, multiply(c, x))
    v = multiply(v, square(v))
    positive = greater(v, 0.0)
    safe = where(positive, v, 1.0)
    bound = add(multiply(0.5, square(x)), multiply(d, add(subtract(1.0, safe), log(safe))))
    return where(positive, less(log(subtract(1.0, u)), bound), False), safe


def _gamma(key: Tensor, alpha: Tensor, shape: Shape, dtype: DType) -> Tensor:
    """Below 1, the number for alpha + 1 times U^(1 / alpha)."""
    of_proposals, of_power = split(key)
    small = less(alpha, 1.0)
    d = subtract(where(small, add(alpha, 1.0), alpha), 1.0 / 3.0)
    c = divide(1.0 / 3.0, sqrt(d))
    drawn = d
    for each in reversed(split(of_proposals, PROPOSALS)):
        of_normal, of_uniform = split(each)
        x = normal(shape, dtype=dtype, key=of_normal)
        u = uniform(shape, dtype=dtype, key=of_uniform)
        is_accepted, v = proposed(x, u, d, c)
        drawn = where(is_accepted, multiply(d, v), drawn)
    u = subtract(1.0, uniform(shape, dtype=dtype, key=of_power))
    factor = exp(divide(log(u), maximum(alpha, np.finfo(dtype.storage).tiny)))
    return where(small, multiply(drawn, factor), drawn)


def beta(
    shape: ShapeLike = (),
    alpha: Any = 1.0,
    beta: Any = 1.0,
    dtype: DTypeLike = None,
    *,
    key: Any = None,
) -> Tensor:
    """Return random numbers of a beta distribution: p(x) ~ x^(alpha - 1) (1 - x)^(beta - 1).

    Args:
        shape: tuple of extents of the result.
        alpha: first shape parameter, positive, a number or a tensor that broadcasts to `shape`.
        beta: second shape parameter, likewise.
        dtype: floating dtype; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Example:
        >>> import lamina as lm
        >>> bool(abs(lm.random.beta((4000,), 2.0, 6.0, key=1).mean() - 0.25) < 0.02)
        True

    Source: Devroye (1986), Non-uniform random variate generation, section IX.3.
    """
    found = types.dtype(dtype or "float32")
    wide = float64 if found == float64 else float32
    extents = shape_of(shape)
    first, second = (broadcast_to(as_tensor(each, wide), extents) for each in (alpha, beta))
    return as_tensor(_beta(key_or_next(key), first, second, extents, wide), found)


def _beta(key: Tensor, first: Tensor, second: Tensor, shape: Shape, dtype: DType) -> Tensor:
    one, other = split(key)
    x = _gamma(one, first, shape, dtype)
    y = _gamma(other, second, shape, dtype)
    total = add(x, y)
    return where(greater(total, 0.0), divide(x, maximum(total, np.finfo(dtype.storage).tiny)), 0.5)


def binomial(
    shape: ShapeLike = (),
    counts: Any = 1,
    probabilities: Any = 0.5,
    dtype: DTypeLike = None,
    *,
    key: Any = None,
) -> Tensor:
    """Return random numbers of a binomial distribution: successes in a number of trials.

    Args:
        shape: tuple of extents of the result.
        counts: number of trials, a number or a tensor that broadcasts to `shape`.
        probabilities: probability of success of a trial, in [0, 1], likewise.
        dtype: dtype of the result; None is float32.
        key: key, a tensor uint32[2], or a seed; None takes the next key of the current scope.

    Raises:
        RangeError: for negative counts.

    Example:
        >>> import lamina as lm
        >>> bool(abs(lm.random.binomial((4000,), 50, 0.3, key=1).mean() - 15.0) < 0.3)
        True

    Source: Devroye (1986), Non-uniform random variate generation, section X.4.3: the median of the
    trials' uniform numbers is beta distributed, and leaves half as many trials.
    """
    found, extents = types.dtype(dtype or "float32"), shape_of(shape)
    left = broadcast_to(as_tensor(counts, float64), extents)
    p = broadcast_to(as_tensor(probabilities, float64), extents)
    successes = zeros(extents, dtype=float64)
    *keys, last = split(key_or_next(key), _halvings(left) + 1)
    for each in keys:
        many = greater(left, DIRECT)
        place = floor(divide(add(left, 1.0), 2.0))
        others = subtract(add(left, 1.0), place)
        x = _beta(each, maximum(place, 1.0), maximum(others, 1.0), extents, float64)
        below = less(x, p)
        rest = maximum(subtract(1.0, x), 1e-300)
        p_below = maximum(divide(subtract(p, x), rest), 0.0)
        p_above = divide(p, maximum(x, 1e-300))
        successes = where(many, where(below, add(successes, place), successes), successes)
        left = where(many, where(below, subtract(left, place), subtract(place, 1.0)), left)
        p = where(many, where(below, p_below, where(greater(p_above, 1.0), 1.0, p_above)), p)
    for number, each in enumerate(split(last, DIRECT)):
        trial = less(uniform(extents, dtype=float64, key=each), p)
        counted = where(greater(left, number), as_tensor(trial, float64), 0.0)
        successes = add(successes, counted)
    return as_tensor(successes, found)


def _halvings(counts: Tensor) -> int:
    """Return the number of halvings after which at most DIRECT trials are left."""
    if counts.is_traced:
        return MOST_HALVINGS
    values = counts.numpy()
    if values.size and values.min() < 0:
        raise RangeError(f"binomial: counts must be at least 0, got {values.min():g}")
    most = float(values.max()) if values.size else 0.0
    return max(0, math.ceil(math.log2(max(most, 1.0) / DIRECT)))
