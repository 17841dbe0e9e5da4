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
) -> tuple[Dataset, Dataset]:
    """Arrays, or a Dataset, as two Datasets of samples: the first rows, and the rest.

    A size is a share (0.8) or a number of samples; one of the two is enough. shuffle: samples
    drawn at random, the same for the same seed. Raises RangeError where the parts do not fit.
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
