"""Splitting rows into two parts: seeded, and in proportion for class labels.

Random numbers come straight from the counter of Philox (Salmon et al. 2011), whose stream NumPy
never changes, so that a seed gives the same split with every version.
"""

from collections.abc import Sized
from typing import Any

import numpy as np

from lamina.errors import DataError, RangeError

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: spreads seeds over the 64 bits


def shuffled(count: int, seed: int) -> np.ndarray:
    """The numbers 0 to count-1 in a random order that depends on `seed` only; int64, (count,)."""
    bits = np.random.Philox(key=seed % 2**64).random_raw(count)
    return np.argsort(bits, kind="stable")


def epoch_order(count: int, seed: int | None, epoch: int) -> np.ndarray:
    """The numbers 0 to count-1 in the order of a pass over the data: the same for the same seed and
    epoch, and rising for None."""
    return np.arange(count) if seed is None else shuffled(count, seed * GOLDEN + epoch)


def class_labels(y: Any) -> np.ndarray | None:
    """The class of each row, int64 of shape (n,), or None when `y` does not hold classes.

    Classes are integers or booleans of shape (n,) or (n, 1), or rows that are one-hot.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1) if _one_hot(y) else None
    if y.ndim in (1, 2) and y.dtype.kind in "iub":
        return y.reshape(-1).astype(np.int64)
    return None


def stratified_split(y: Sized, fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices of rows for training and for validation, both in rising order.

    `round(fraction * n)` rows go to validation, at least one and not all. If `y` holds classes
    (`class_labels`), each has its share of both parts, to the nearest row; else rows are drawn at
    random. The same `y`, `fraction` and `seed` always give the same split.

    Args:
        y: targets, shape (n, ...); what is not class labels counts by its length only.
        fraction: of the rows that go to validation, between 0 and 1.
        seed: integer that fixes the drawing.

    Returns:
        train_indices, validation_indices: int64, together 0 to n-1.

    Raises:
        RangeError: `fraction` is not between 0 and 1.
        DataError: fewer than two rows.

    >>> train, validation = stratified_split(np.array([0, 1] * 10), 0.1)
    >>> len(train), len(validation)
    (18, 2)
    """
    count = len(y)
    if not 0 < fraction < 1:
        raise RangeError(f"validation_split is {fraction}, expected a fraction between 0 and 1")
    if count < 2:
        raise DataError(f"{count} row(s) cannot be split into training and validation data")
    wanted = min(max(round(fraction * count), 1), count - 1)
    order = shuffled(count, seed)
    labels = class_labels(y)
    chosen = order[:wanted] if labels is None else _in_proportion(labels, order, wanted)
    held_out = np.zeros(count, dtype=bool)
    held_out[chosen] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _in_proportion(labels: np.ndarray, order: np.ndarray, wanted: int) -> np.ndarray:
    """`wanted` rows, of each class its share: the first in `order` of each class."""
    _, first_seen, codes, counts = np.unique(
        labels[order], return_index=True, return_inverse=True, return_counts=True
    )
    take = _shares(counts, wanted, tie_break=first_seen)
    by_class = np.argsort(codes, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)  # of a row among those of its class
    rank[by_class] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[rank < take[codes]]


def _shares(counts: np.ndarray, wanted: int, tie_break: np.ndarray) -> np.ndarray:
    """Return the count of each class: proportional, the largest remainders rounded up (Hamilton
    1792)."""
    total = counts.sum()
    take, remainder = np.divmod(counts * wanted, total)
    # Equal remainders go by the random order, not by the class's number.
    upward = np.lexsort((tie_break, -remainder))[: wanted - take.sum()]
    take[upward] += 1
    return take


def _one_hot(y: np.ndarray) -> bool:
    if y.dtype.kind not in "iubf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())
