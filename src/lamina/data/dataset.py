"""Dataset: batches that are made when they are asked for, for `fit` or a `for` loop.

A dataset is a length and a function that makes any batch of any pass over the data,

    make(epoch, number) -> batch        batch = x | (x, y) | (x, y, sample_weight)

which depends on these two numbers only. So batches can be made by any number of threads, in any
order, and training that resumes at an epoch gets the batches of an uninterrupted run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from lamina import tree
from lamina.arguments import integer, one_of
from lamina.data.background import default_workers, in_order
from lamina.data.components import components, row_of
from lamina.data.splitting import epoch_order
from lamina.errors import DataError, RangeError, StateError
from lamina.operations.random_keys import fold_in, key_scope, scoped_key
from lamina.tensor import Tensor

Make = Callable[[int, int], Any]
AUTOTUNE = -1  # "as many as there are processors"


class Dataset:
    """Batches of NumPy arrays that are made when they are needed.

    Each `for` loop over a dataset is the next pass, in another order if it is shuffled; `fit`
    counts passes by its own epochs. `len()` is the number of batches. Methods return new datasets
    and leave this one unchanged; their names are those of `tf.data`.

    Args:
        make: function (epoch, number) that returns a batch: an array, or a tuple (x, y) or (x, y,
            sample_weight) of arrays or nests of them. Several threads call it. None leaves the
            batch out.
        length: number of batches in a pass.
        workers: number of threads that make batches; 0 makes them in the caller's thread.
        ahead: number of batches that may be waiting or in the making; None chooses it.
        class_names: names of the labels, if there are any.
        batched: True for batches, False for single samples, which `batch` combines.
        finish: function that is called after each whole pass.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> squares = lm.data.Dataset(lambda epoch, number: np.full(2, number**2), 4)
        >>> [batch.tolist() for batch in squares.map(lambda x: x + 1).take(2)]
        [[1, 1], [2, 2]]
    """

    file_paths: list[str] | None = None  # of the rows, unshuffled, where they are files

    def __init__(
        self,
        make: Make,
        length: int,
        *,
        workers: int = 0,
        ahead: int | None = None,
        class_names: Sequence[str] | None = None,
        batched: bool = True,
        finish: Callable[[], None] | None = None,
    ) -> None:
        self._make, self._length = make, integer("Dataset", "length", length, 0)
        workers = integer("Dataset", "workers", workers, AUTOTUNE)
        ahead = integer("Dataset", "ahead", ahead, 0, optional=True)
        self.workers = default_workers() if workers == AUTOTUNE else workers
        self.ahead = self.workers + 2 if ahead is None else ahead
        self.class_names = None if class_names is None else list(class_names)
        self.batched, self._finish = batched, finish
        self._passes = 0

    # ---- made from -----------------------------------------------------------------------------
    @classmethod
    def of_rows(
        cls,
        rows: Callable[[Any], Any],
        count: int,
        batch_size: int | None,
        seed: int | None = None,
        **options: Any,
    ) -> Dataset:
        """Return batches of the rows of a source that is read by row numbers.

        Args:
            rows: function that returns the batch of these numbers, int64 (batch,), or the sample of
                one number if `batch_size` is None.
            count: number of rows.
            batch_size: samples in a batch; None gives single samples.
            seed: integer that fixes the order of rows, another in each pass; None keeps their
                order.
            **options: arguments of the class.
        """
        count = integer("Dataset.of_rows", "count", count, 0)
        batch_size = integer("Dataset.of_rows", "batch_size", batch_size, 1, optional=True)
        order = functools.lru_cache(maxsize=2)(functools.partial(epoch_order, count, seed))
        size = batch_size or 1

        def make(epoch: int, number: int) -> Any:
            chosen = order(epoch)[number * size : (number + 1) * size]
            return rows(chosen if batch_size else chosen[0])

        return cls(make, -(-count // size), batched=bool(batch_size), **options)

    @classmethod
    def from_tensor_slices(cls, tensors: Any) -> Dataset:
        """Return the rows of arrays of equal length as single samples, which `batch` combines.

        Args:
            tensors: array, or nest (tuple, dictionary) of arrays, whose structure each sample has.
                A list is one array, as in `tf.data`. Strings are allowed.

        Raises:
            DataError: if the lengths differ or the arrays have no rows.
            ShapeError: for a single value, or rows of differing shapes.

        Example:
            >>> import lamina as lm
            >>> [row.item() for row in lm.data.Dataset.from_tensor_slices([3, 1, 2])]
            [3, 1, 2]
        """
        arrays, count = components("from_tensor_slices", tensors)
        return cls(lambda epoch, number: row_of(arrays, number), count, batched=False)

    # ---- gone through --------------------------------------------------------------------------
    def __len__(self) -> int:
        return self._length

    def cardinality(self) -> int:
        """Return the number of batches, as `len()`."""
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        self._passes += 1
        return self.epoch(self._passes - 1)

    def epoch(self, number: int) -> Generator[Any, None, None]:
        """Return the batches of one pass, always the same ones for the same number.

        Args:
            number: number of the pass, from 0.
        """
        return self.stream(number * len(self), len(self))

    def stream(self, first: int, count: int) -> Generator[Any, None, None]:
        """Return batches numbered through all passes: number n is batch n % len of pass n // len.

        Args:
            first: number of the first batch.
            count: number of batches.
        """
        length = len(self)

        def make(n: int) -> Any:
            return self._make(*divmod(n, length))

        batches = in_order(make, range(first, first + count), self.workers, self.ahead)
        with closing(batches):
            for number, batch in enumerate(batches, first):
                if batch is not None:
                    yield batch
                if self._finish is not None and (number + 1) % length == 0:
                    self._finish()

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over the batches, as `iter()`."""
        return iter(self)

    def arrays(self) -> Any:
        """Return the whole first pass as one array, or one nest of arrays."""
        parts = list(self.epoch(0))
        if not parts:
            raise DataError("arrays: this dataset has no batches")
        join = np.concatenate if self.batched else _stacked
        return tree.map_structure(lambda *leaves: join(leaves), *parts)

    # ---- made into others ----------------------------------------------------------------------
    def map(
        self, function: Callable[..., Any], num_parallel_calls: int | None = None, **_: Any
    ) -> Dataset:
        """Return a dataset with a function applied to each batch, where the batch is made.

        Several threads may call the function, so it must not change shared data. Random numbers
        that Lamina's functions and layers draw in it follow from `set_seed`, the pass and the
        batch, not from the threads.

        Args:
            function: function (x), or (x, y) for batches of pairs.
            num_parallel_calls: number of threads from here on; None keeps it.
        """
        key = scoped_key("data")

        def make(epoch: int, number: int) -> Any:
            batch = self._make(epoch, number)
            if batch is None:
                return None
            with key_scope(fold_in(key, epoch << 32 | number)):
                result = function(*batch) if isinstance(batch, tuple) else function(batch)
            return tree.map_structure(_plain, result)

        calls = integer("Dataset.map", "num_parallel_calls", num_parallel_calls, -1, optional=True)
        workers = self.workers if calls is None else calls
        return self._with(make, workers=workers)

    def take(self, count: int) -> Dataset:
        """Return a dataset of the first batches.

        Args:
            count: number of batches; -1 takes all.
        """
        count = integer("Dataset.take", "count", count, -1)
        return self._with(length=len(self) if count < 0 else min(count, len(self)))

    def skip(self, count: int) -> Dataset:
        """Return a dataset without the first batches.

        Args:
            count: number of batches; -1 skips all, as in `tf.data`.
        """
        count = integer("Dataset.skip", "count", count, -1)
        count = len(self) if count < 0 else min(count, len(self))
        return self._with(
            lambda epoch, number: self._make(epoch, number + count), len(self) - count
        )

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Return a dataset of every n-th batch, so that n readers share the data without overlap.

        Shuffle before it with a seed that all readers share, or after it.

        Args:
            num_shards: number of readers.
            index: number of this reader, from 0.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.from_tensor_slices([0, 1, 2, 3, 4])
            >>> [[row.item() for row in data.shard(2, k)] for k in range(2)]
            [[0, 2, 4], [1, 3]]
        """
        num_shards = integer("Dataset.shard", "num_shards", num_shards, 1)
        index = integer("Dataset.shard", "index", index, 0)
        if index >= num_shards:
            raise RangeError(
                f"Dataset.shard: index out of range (expected 0 to {num_shards - 1}, got {index})"
            )
        return self._with(
            lambda epoch, number: self._make(epoch, number * num_shards + index),
            len(range(index, len(self), num_shards)),
        )

    def shuffle(self, buffer_size: int | None = None, seed: int | None = None) -> Dataset:
        """Return a dataset in another order in each pass.

        Args:
            buffer_size: accepted for `tf.data`; all batches (or samples) are shuffled, not those in
                a window.
            seed: integer that fixes the orders; None draws one from the state that `set_seed` sets.
        """
        integer("Dataset.shuffle", "buffer_size", buffer_size, 1, optional=True)
        order = functools.lru_cache(maxsize=2)(
            functools.partial(epoch_order, len(self), order_seed(seed))
        )
        return self._with(lambda epoch, number: self._make(epoch, int(order(epoch)[number])))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Return a dataset of batches of samples (of batches, with one more axis in front).

        Args:
            batch_size: samples in a batch.
            drop_remainder: leave out a last batch with fewer samples.

        Example:
            >>> import lamina as lm
            >>> [batch.tolist() for batch in lm.data.Dataset.from_tensor_slices([3, 1, 2]).batch(2)]
            [[3, 1], [2]]
        """
        batch_size = integer("Dataset.batch", "batch_size", batch_size, 1)
        one_of("Dataset.batch", "drop_remainder", drop_remainder, (True, False))
        length = len(self)
        whole, rest = divmod(length, batch_size)

        def make(epoch: int, number: int) -> Any:
            stop = min((number + 1) * batch_size, length)
            samples = [self._make(epoch, k) for k in range(number * batch_size, stop)]
            present = [sample for sample in samples if sample is not None]
            return tree.map_structure(lambda *s: _stacked(s), *present) if present else None

        return self._with(make, whole + bool(rest and not drop_remainder), batched=True)

    def cache(self) -> Dataset:
        """Return a dataset that is made once and kept in memory.

        Random steps before it keep the values of the first pass; shuffle after it.
        """
        kept: dict[int, Any] = {}

        def make(epoch: int, number: int) -> Any:
            if number not in kept:
                kept[number] = self._make(0, number)
            return kept[number]

        return self._with(make)

    def prefetch(self, buffer_size: int = AUTOTUNE) -> Dataset:
        """Return a dataset whose batches are made in the background before they are needed.

        Args:
            buffer_size: number of batches that may wait; -1 chooses it.
        """
        buffer_size = integer("Dataset.prefetch", "buffer_size", buffer_size, AUTOTUNE)
        ahead = None if buffer_size < 0 else buffer_size
        return self._with(workers=max(self.workers, 1), ahead=ahead)

    def _with(self, make: Make | None = None, length: int | None = None, **options: Any) -> Dataset:
        own: dict[str, Any] = {
            "workers": self.workers,
            "ahead": None if options.get("workers", self.workers) != self.workers else self.ahead,
            "class_names": self.class_names,
            "batched": self.batched,
            "finish": self._finish,
        }
        count = len(self) if length is None else length
        return Dataset(make or self._make, count, **(own | options))

    def __repr__(self) -> str:
        what = "batches" if self.batched else "samples"
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"<{type(self).__name__}: {len(self):,} {what}{classes}>"


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

    def __len__(self) -> int:
        raise StateError(f"{type(self).__name__} must define __len__, the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise StateError(f"{type(self).__name__} must define __getitem__, the batch of a number")

    @property
    def num_batches(self) -> int:
        return len(self)

    def on_epoch_end(self) -> None:
        """Run after each pass; a subclass may define it."""


def order_seed(seed: int | None) -> int:
    """The seed of an order: the given one, else the next from the state that `set_seed` sets."""
    seed = integer("Dataset", "seed", seed, optional=True)
    return int(scoped_key("data").numpy()[1]) if seed is None else seed


def _stacked(samples: Iterable[Any]) -> np.ndarray:
    return np.stack([np.asarray(sample) for sample in samples])


def _plain(leaf: Any) -> Any:
    return leaf.numpy() if isinstance(leaf, Tensor) else leaf
