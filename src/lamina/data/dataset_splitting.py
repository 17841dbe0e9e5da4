"""Split arrays or a Dataset into two Datasets of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import tree
from lamina.data.dataset import Dataset
from lamina.data.splitting import shuffled
from lamina.errors import RangeError


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split arrays, or a Dataset, into two Datasets of samples: the first rows, and the rest.

    Args:
        dataset: array, nest of arrays of equal length, or Dataset of arrays.
        left_size: fraction (0.8) or number of samples of the first part; None takes what
            `right_size` leaves.
        right_size: fraction or number of samples of the second part; None takes the rest.
        shuffle: draw the samples of the parts at random instead of in their order.
        seed: integer that fixes the drawing; None is 0.
        preferred_backend: accepted for Keras; the results are Datasets of Lamina.

    Raises:
        RangeError: neither size is given, or the parts hold more samples than there are.

    >>> import lamina as lm
    >>> left, right = lm.data.split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), len(right)
    (8, 2)
    """
    if isinstance(dataset, Dataset):
        dataset = dataset.arrays()
    leaves, structure = tree.flatten(dataset)
    arrays = [np.asarray(leaf) for leaf in leaves]
    count = len(arrays[0])
    left, right = _share(left_size, count), _share(right_size, count)
    if left is None and right is None:
        raise RangeError("split_dataset: give left_size or right_size")
    left = count - right if left is None and right is not None else left
    right = count - left if right is None and left is not None else right
    if left is None or right is None or min(left, right) < 0 or left + right > count:
        raise RangeError(f"split_dataset: {left} and {right} samples of {count}")
    order = shuffled(count, seed or 0) if shuffle else np.arange(count)
    parts = order[:left], order[left : left + right]
    first, second = (
        Dataset.from_tensor_slices(tree.unflatten(structure, [a[rows] for a in arrays]))
        for rows in parts
    )
    return first, second


def _share(size: float | int | None, count: int) -> int | None:
    return round(size * count) if isinstance(size, float) else size
