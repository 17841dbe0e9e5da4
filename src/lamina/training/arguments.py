"""Checks of the arguments of fit, evaluate and predict, made before anything is computed.

Counts and fractions come back as plain Python numbers, which the rest of training relies on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import arguments
from lamina.errors import ArgumentError

MOST_ROWS = 2**31 - 1  # programs hold the numbers of rows as int32
_VERBOSE = (0, 1, 2, "auto")
_EPOCHS = (list, tuple, set, frozenset, range, np.ndarray)


def need_data(owner: str, x: Any) -> None:
    """Raise ArgumentError where there is no x."""
    if x is None:
        raise ArgumentError(
            f"{owner}: x is missing (expected arrays or an iterable of batches, got None)",
            hint=f"give the inputs first: {owner}(x, ...)",
        )


def checked(owner: str, *, verbose: Any, **counts: Any) -> dict[str, Any]:
    """The arguments of `evaluate` and `predict` by name; counts are integers from 1, or None."""
    for name, value in counts.items():
        counts[name] = arguments.integer(owner, name, value, 1, MOST_ROWS, optional=True)
    return {**counts, "verbose": arguments.one_of(owner, "verbose", verbose, _VERBOSE)}


def checked_fit(
    *,
    epochs: Any,
    initial_epoch: Any,
    validation_split: Any,
    validation_freq: Any,
    shuffle: Any,
    seed: Any,
    **others: Any,
) -> dict[str, Any]:
    """The arguments of `fit` by name, `others` as in `checked`."""
    return {
        "epochs": arguments.integer("fit", "epochs", epochs, 0),
        "initial_epoch": arguments.integer("fit", "initial_epoch", initial_epoch, 0),
        "validation_split": arguments.number(
            "fit", "validation_split", validation_split, 0, below=1
        ),
        "validation_freq": _frequency(validation_freq),
        "shuffle": arguments.one_of("fit", "shuffle", shuffle, (True, False)),
        "seed": arguments.integer("fit", "seed", seed, optional=True),
        **checked("fit", **others),
    }


def _frequency(given: Any) -> int | frozenset[int]:
    """Every how many epochs there is validation, or the numbers of the epochs, from 1."""
    if isinstance(given, _EPOCHS) and getattr(given, "shape", None) != ():
        return frozenset(arguments.integer("fit", "validation_freq", each, 1) for each in given)
    return arguments.integer("fit", "validation_freq", given, 1)
