"""`lm.random`: random numbers by key; see `lamina.operations.random`.

`lm.set_seed` sets the state from which numbers without a key are drawn.
"""

from lamina import namespaces
from lamina.operations.random import bernoulli, normal, randint, truncated_normal, uniform
from lamina.operations.random_keys import (
    bits,
    fold_in,
    key,
    key_scope,
    scoped_key,
    set_seed,
    split,
)
from lamina.operations.random_orders import categorical, choice, gumbel, permutation, shuffle
from lamina.operations.random_rejection import beta, binomial, gamma
from lamina.seeding import SeedGenerator

__all__ = [
    "SeedGenerator",
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "choice",
    "fold_in",
    "gamma",
    "gumbel",
    "key",
    "key_scope",
    "normal",
    "permutation",
    "randint",
    "scoped_key",
    "set_seed",
    "shuffle",
    "split",
    "truncated_normal",
    "uniform",
]

namespaces.declare(
    __name__,
    instead={
        "PRNGKey": "lamina.random.key",
        "default_rng": "lamina.random.key, for functions that take key=...",
        "manual_seed": "lamina.set_seed",
        "rand": "lamina.random.uniform",
        "randn": "lamina.random.normal",
        "seed": "lamina.set_seed",
    },
)
