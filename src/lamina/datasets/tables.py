"""Steps that the tables of house prices share."""

from __future__ import annotations

import numpy as np

from lamina.errors import RangeError

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def need_fraction(test_split: float) -> None:
    """Raise RangeError for a fraction that is not in [0, 1)."""
    if not 0 <= test_split < 1:
        raise RangeError(f"test_split is {test_split}, expected a fraction from 0 to below 1")


def divided(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Split:
    """Return ((x_train, y_train), (x_test, y_test)), in a random order, drawn as in Keras."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    count = int(len(x) * (1 - test_split))
    return (x[:count], y[:count]), (x[count:], y[count:])
