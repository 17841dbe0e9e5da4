"""Class labels as one-hot rows."""

from __future__ import annotations

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import DTypeError, RangeError, describe


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Return class numbers as one-hot rows: a float32 array (..., classes).

    A last axis of 1 is dropped first, as in Keras.

    Args:
        x: class numbers, whole numbers from 0.
        num_classes: number of columns; None takes one more than the largest class.

    Raises:
        DTypeError: numbers that are not whole.
        RangeError: classes below 0 or from `num_classes` on.

    >>> import lamina as lm
    >>> lm.data.to_categorical([2, 0]).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf" or not np.all(labels == np.floor(labels)):
        raise DTypeError(f"to_categorical: classes must be whole numbers; got {describe(labels)}")
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    top = int(labels.max()) if labels.size else -1
    count = top + 1 if num_classes is None else int(num_classes)
    if labels.size and (labels.min() < 0 or top >= count):
        raise RangeError(
            f"to_categorical: classes run from {labels.min()} to {top}, which is not within "
            f"0 and {count - 1}",
            hint=f"num_classes must be at least {top + 1}" if labels.min() >= 0 else None,
        )
    return np.eye(count, dtype=np.float32)[labels]
