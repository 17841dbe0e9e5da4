"""Dataset: batches that are made when they are asked for, for `fit` or a `for` loop.

A dataset is a length and a function that makes any batch of any pass over the data,

    make(epoch, number) -> batch        batch = x | (x, y) | (x, y, sample_weight)

which depends on these two numbers only. So batches can be made by any number of threads, in any
order, and a training that goes on at an epoch sees what it would have seen there.
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
from lamina.errors import DataError, StateError
from lamina.operations.random import fold_in, key_scope, scoped_key
from lamina.tensor import Tensor

Make = Callable[[int, int], Any]
AUTOTUNE = -1  # "as many as there are processors"


class Dataset:
    """Batches of NumPy arrays, made when they are asked for.

    make: (epoch, number) -> the batch, an array or a tuple (x, y) or (x, y, sample_weight) of
        arrays or nests of them; called in several threads at once. None leaves the batch out.
    length: how many there are in a pass.
    workers: threads that make them; 0 for none. ahead: how many may be waiting or in the making.
    class_names: of the labels, where there are any. batched: whether these are batches and not
        single samples, which `batch` makes into some. finish: called after each whole pass.

    Each `for` loop over it is the next pass, with another order where it is shuffled; `fit` counts
    passes by its own epochs. `len()` is the number of batches. Methods give new datasets and leave
    this one as it is; their names are those of `tf.data`.

        >>> squares = Dataset(lambda epoch, number: np.full(2, number**2), 4)
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
        """Batches of `count` rows: rows(numbers) gives the batch of these, int64 (batch,).

        seed: of the order of the rows, another one in each pass; None for their own order. With
        batch_size None it gives samples, rows(number). `options` are those of the class.
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
        """The rows of arrays of equal length, as single samples; `batch` makes batches of them.

        tensors: an array, or a tuple or dict of arrays, nested in any way: each sample has the same
            structure. A list is one array, as in `tf.data`: [1, 2, 3] gives three numbers. Strings
            are allowed.

        Raises DataError for unequal lengths and where there are no rows, ShapeError for a single
        value and for rows of differing shapes.

        >>> batches = Dataset.from_tensor_slices((x, y)).shuffle(seed=1).batch(32)
        >>> [row.item() for row in Dataset.from_tensor_slices([3, 1, 2])]
        [3, 1, 2]
        """
        arrays, count = components("from_tensor_slices", tensors)
        return cls(lambda epoch, number: row_of(arrays, number), count, batched=False)

    # ---- gone through --------------------------------------------------------------------------
    def __len__(self) -> int:
        return self._length

    def cardinality(self) -> int:
        """The number of batches, as `len()`."""
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        self._passes += 1
        return self.epoch(self._passes - 1)

    def epoch(self, number: int) -> Generator[Any, None, None]:
        """The batches of the pass of this number, from 0: always the same ones."""
        return self.stream(number * len(self), len(self))

    def stream(self, first: int, count: int) -> Generator[Any, None, None]:
        """`count` batches from number `first` on, numbered through all passes.

        Number n is batch n % len of pass n // len, so that any part of a long training can be had.
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
        """The same as `iter()`: batches are NumPy arrays."""
        return iter(self)

    def arrays(self) -> Any:
        """Everything at once: the first pass's batches as one array, or one nest of arrays."""
        parts = list(self.epoch(0))
        if not parts:
            raise DataError("arrays: this dataset has no batches")
        join = np.concatenate if self.batched else _stacked
        return tree.map_structure(lambda *leaves: join(leaves), *parts)

    # ---- made into others ----------------------------------------------------------------------
    def map(
        self, function: Callable[..., Any], num_parallel_calls: int | None = None, **_: Any
    ) -> Dataset:
        """function(x) or function(x, y) of each batch, called where the batch is made.

        That may be several threads at once, so it must not change anything that others read. What
        Lamina's random functions and layers draw in it follows from `set_seed`, the pass and the
        batch, whatever the threads. A number of `num_parallel_calls` is that of the threads from
        here on.
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
        """The first `count` batches; all for -1."""
        count = integer("Dataset.take", "count", count, -1)
        return self._with(length=len(self) if count < 0 else min(count, len(self)))

    def skip(self, count: int) -> Dataset:
        """Without the first `count` batches; an empty dataset for -1, as in `tf.data`."""
        count = integer("Dataset.skip", "count", count, -1)
        count = len(self) if count < 0 else min(count, len(self))
        return self._with(
            lambda epoch, number: self._make(epoch, number + count), len(self) - count
        )

    def shuffle(self, buffer_size: int | None = None, seed: int | None = None) -> Dataset:
        """In another order in each pass, which follows from the seed.

        Whatever `buffer_size` says, all batches (or samples) are shuffled, not those in a window.
        """
        integer("Dataset.shuffle", "buffer_size", buffer_size, 1, optional=True)
        order = functools.lru_cache(maxsize=2)(
            functools.partial(epoch_order, len(self), order_seed(seed))
        )
        return self._with(lambda epoch, number: self._make(epoch, int(order(epoch)[number])))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Batches of `batch_size` samples (of batches, one axis more in front)."""
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
        """Made once and kept in memory: all of it has to fit there.

        What is random before it stays as it was in the first pass; shuffle after it.
        """
        kept: dict[int, Any] = {}

        def make(epoch: int, number: int) -> Any:
            if number not in kept:
                kept[number] = self._make(0, number)
            return kept[number]

        return self._with(make)

    def prefetch(self, buffer_size: int = AUTOTUNE) -> Dataset:
        """Made ahead in the background, `buffer_size` batches at most (-1: as many as is good)."""
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
    """A Dataset by inheritance, as in Keras: define `__len__` and `__getitem__(number) -> batch`.

    `on_epoch_end` is called after each pass. workers: threads that call `__getitem__`, by default
    one, so that a batch is made while the step before runs; max_queue_size: how many may wait.
    `fit` takes the batches in another order in each epoch, unless shuffle=False.
    use_multiprocessing is there so that programs for Keras run: threads do all.
    """

    def __new__(cls, *arguments: Any, **named: Any) -> PyDataset:
        """With the defaults, for classes whose __init__ does not call this one's."""
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
        """Called after each pass."""


def order_seed(seed: int | None) -> int:
    """The seed of an order: the given one, else the next from the state that `set_seed` sets."""
    seed = integer("Dataset", "seed", seed, optional=True)
    return int(scoped_key("data").numpy()[1]) if seed is None else seed


def _stacked(samples: Iterable[Any]) -> np.ndarray:
    return np.stack([np.asarray(sample) for sample in samples])


def _plain(leaf: Any) -> Any:
    return leaf.numpy() if isinstance(leaf, Tensor) else leaf
