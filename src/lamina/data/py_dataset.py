"""PyDataset: a dataset by inheritance, as in Keras."""

from __future__ import annotations

from typing import Any

from lamina.data.dataset import INFINITE, Dataset
from lamina.errors import StateError


class PyDataset(Dataset):
    """A dataset by inheritance, as in Keras: define `__len__` and `__getitem__(number)`.

    `fit` takes the batches in another order in each epoch, unless shuffle=False.

    Args:
        workers: number of threads that call `__getitem__`; by default one, so that a batch is made
            while the previous step runs.
        use_multiprocessing: accepted for Keras; threads are used.
        max_queue_size: number of batches that may wait.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> class Squares(lm.data.PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, number):
        ...         return np.full(2, number**2)
        >>> [batch.tolist() for batch in Squares()]
        [[0, 0], [1, 1], [4, 4]]
    """

    def __new__(cls, *arguments: Any, **named: Any) -> PyDataset:
        """With the defaults, for classes whose __init__ does not call that of Dataset."""
        data = super().__new__(cls)
        PyDataset.__init__(data)
        return data

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        super().__init__(
            lambda epoch, number: self[number],
            0,
            workers=workers,
            ahead=max_queue_size,
            finish=self.on_epoch_end,
        )

    def _count(self) -> int:
        count = self.num_batches
        return INFINITE if count is None else count

    def __len__(self) -> int:
        raise StateError(f"{type(self).__name__} must define __len__, the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise StateError(f"{type(self).__name__} must define __getitem__, the batch of a number")

    @property
    def num_batches(self) -> int | None:
        """Number of batches; a subclass may define it instead of `__len__`. None, also without
        `__len__`, stands for data without end."""
        return None if type(self).__len__ is PyDataset.__len__ else len(self)

    def on_epoch_end(self) -> None:
        """Run after each pass; a subclass may define it."""
