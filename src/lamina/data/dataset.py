"""Dataset: batches that are made when they are asked for, for `fit` or a `for` loop.

A dataset is a length and a function that makes any element of any pass over the data,

    make(epoch, number) -> element       element = x | (x, y) | (x, y, sample_weight)

which depends on these two numbers only, or, where elements cannot be made by their number (a
generator, a filter), a function that begins a pass (`data/elements.py`). So batches are the same
for any number of threads, and training that resumes at an epoch gets the batches of an
uninterrupted run.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from lamina import tree
from lamina.annotations import PathLike
from lamina.arguments import integer
from lamina.data.background import default_workers, in_order
from lamina.data.batching import Batching
from lamina.data.disk_cache import DiskCache, MemoryCache, cached
from lamina.data.elements import AUTOTUNE, INFINITE, UNKNOWN, Gather, Iterate, Make, wrapped
from lamina.data.making import Making
from lamina.data.mapping import Mapping
from lamina.data.parts import reading, wanted
from lamina.data.selecting import Selecting, order_seed
from lamina.data.splitting import epoch_order
from lamina.data.tables import Tables
from lamina.data.windows import Windows
from lamina.errors import DataError
from lamina.specs import TensorSpec
from lamina.string_tensor import StringTensor, is_text_array
from lamina.tensor import Tensor, as_tensor

__all__ = ["AUTOTUNE", "FORMATS", "INFINITE", "UNKNOWN", "Dataset", "Options", "order_seed"]

FORMATS = ("tf", "grain")  # kinds of data set in Keras; here each is a Dataset


class Options:
    """Options of `tf.data`, which are accepted and have no effect.

    Elements come in the same order with any number of threads, and the number of threads is an
    argument of `map`.

    Example:
        >>> from lamina.data.dataset import Options
        >>> options = Options()
        >>> options.deterministic = False
        >>> options.autotune.enabled = True
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = Options()
        setattr(self, name, inner)
        return inner


class Dataset(Making, Tables, Mapping, Selecting, Batching, Windows):
    """Batches or samples that are made when they are needed, with the methods of `tf.data`.

    Each `for` loop over a dataset is the next pass, in another order if it is shuffled; `fit`
    counts passes by its own epochs. Elements are tensors, or nests of tensors in tuples and
    dictionaries; strings are string tensors. `len()` is the number of elements. Methods return new
    datasets and leave this one unchanged.

    Args:
        make: function (epoch, number) that returns an element: an array, or a tuple (x, y) or (x,
            y, sample_weight) of arrays or nests of them. Several threads call it. None leaves the
            element out.
        length: number of elements in a pass; -1 for a dataset without end.
        workers: number of threads that make elements; 0 makes them in the caller's thread.
        ahead: number of elements that may be waiting or in the making; None chooses it.
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
    _fixed = False  # True if all batches have one size
    _spec: Any = None  # the nest of TensorSpecs, where it was given

    def __init__(
        self,
        make: Make | None,
        length: int,
        *,
        workers: int = 0,
        ahead: int | None = None,
        class_names: Sequence[str] | None = None,
        batched: bool = True,
        finish: Callable[[], None] | None = None,
    ) -> None:
        self._make, self._length = make, integer("Dataset", "length", length, UNKNOWN)
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
            return rows(wanted(chosen) if batch_size else chosen[0])

        return cls(make, -(-count // size), batched=bool(batch_size), **options)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Return a dataset of pairs (number, element).

        Args:
            start: number of the first element.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.from_tensor_slices(["a", "b"]).enumerate(start=5)
            >>> [(n.item(), text.item()) for n, text in data]
            [(5, 'a'), (6, 'b')]
        """
        start = integer("Dataset.enumerate", "start", start)
        return Dataset.zip(Dataset.counter(start), self)

    # ---- gone through --------------------------------------------------------------------------
    def _count(self) -> int:
        return self._length

    @property
    def is_sequential(self) -> bool:
        """True if an element can be made only after those before it."""
        return self._make is None

    def __len__(self) -> int:
        count = self._count()
        if count < 0:
            what = "infinite" if count == INFINITE else "not known before a pass"
            raise TypeError(f"len(): the number of elements is {what}")
        return count

    def __bool__(self) -> bool:
        return True

    def cardinality(self, name: str | None = None) -> Tensor:
        """Return the number of elements, int64: -1 for data without end, -2 if it is unknown.

        Args:
            name: accepted for `tf.data`.
        """
        return as_tensor(np.int64(self._count()))

    def __iter__(self) -> Iterator[Any]:
        self._passes += 1
        return map(wrapped, self.epoch(self._passes - 1))

    def epoch(self, number: int) -> Generator[Any, None, None]:
        """Return the elements of one pass as NumPy arrays, always the same for the same number.

        Args:
            number: number of the pass, from 0.
        """
        return self._elements(number)

    def stream(
        self, first: int, count: int | None, then: Callable[[Any], Any] | None = None
    ) -> Generator[Any, None, None]:
        """Return elements as NumPy arrays, numbered through all passes: number n is element n % len
        of pass n // len.

        Args:
            first: number of the first element.
            count: number of elements; None continues without end.
            then: function that is called in the thread that makes an element, with a function that
                makes it; its result is returned in place of the element.
        """
        return self._streamed(first, count, then)

    def as_numpy_iterator(self, name: str | None = None) -> Iterator[Any]:
        """Return an iterator over the elements of the next pass as NumPy arrays; strings are bytes.

        Args:
            name: accepted for `tf.data`.
        """
        self._passes += 1
        return (tree.map_structure(_numpy, each) for each in self.epoch(self._passes - 1))

    def get_single_element(self, name: str | None = None) -> Any:
        """Return the only element.

        Args:
            name: accepted for `tf.data`.

        Raises:
            DataError: if there are none, or several.
        """
        found = list(itertools.islice(self.epoch(0), 2))
        if len(found) != 1:
            many = "none" if not found else "several"
            raise DataError(f"Dataset.get_single_element: expected one element, got {many}")
        return wrapped(found[0])

    def arrays(self) -> Any:
        """Return the whole first pass as one array, or one nest of arrays."""
        if self._count() == INFINITE:
            raise DataError("arrays: this dataset does not end", hint="dataset.take(1000).arrays()")
        parts = list(self.epoch(0))
        if not parts:
            raise DataError("arrays: this dataset has no batches")
        join = np.concatenate if self.batched else np.stack
        return tree.map_structure(lambda *leaves: join(list(map(np.asarray, leaves))), *parts)

    @property
    def element_spec(self) -> Any:
        """The shapes and dtypes of elements, a nest of `TensorSpec`; an element is made for it."""
        if self._spec is not None:
            return self._spec
        with closing(self._elements(0)) as elements:
            for element in elements:
                return tree.map_structure(self._spec_of, wrapped(element))
        raise DataError("Dataset.element_spec: this dataset has no elements")

    def _spec_of(self, value: Any) -> Any:
        if isinstance(value, Dataset):
            return value
        spec = TensorSpec.from_tensor(value)
        is_open = self.batched and not self._fixed and spec.shape.rank > 0
        return TensorSpec((None, *spec.shape[1:]), spec.dtype) if is_open else spec

    # ---- kept and prepared ---------------------------------------------------------------------
    def cache(self, filename: PathLike = "", name: str | None = None) -> Dataset:
        """Return a dataset that is made once and kept in memory or in a file.

        Random steps before it keep the values of the first pass; shuffle after it.

        Args:
            filename: path of the file; "" keeps elements in memory. A file from an earlier run of
                the program is used.
            name: accepted for `tf.data`.
        """
        text = StringTensor(filename).item() if isinstance(filename, StringTensor) else filename
        kept: MemoryCache | DiskCache = DiskCache(text) if text else MemoryCache()
        made = self._make
        if made is not None:

            def make(epoch: int, number: int) -> Any:
                if number not in kept:
                    with reading(None):
                        kept.write(number, made(0, number))
                return kept.read(number)

            return self._with(make)

        def iterate(epoch: int) -> Iterator[Any]:
            if kept.length is not None:
                return map(kept.read, range(kept.length))
            return cached(kept, self._elements(0))

        return self._following(iterate, self._count())

    def prefetch(self, buffer_size: int = AUTOTUNE, name: str | None = None) -> Dataset:
        """Return a dataset whose elements are made in the background before they are needed.

        Args:
            buffer_size: number of elements that may wait; -1 chooses it.
            name: accepted for `tf.data`.
        """
        size = integer("Dataset.prefetch", "buffer_size", buffer_size, AUTOTUNE)
        if self._make is not None:
            ahead = None if size < 0 else size
            return self._with(workers=max(self.workers, 1), ahead=ahead, gather=self._gather)

        def iterate(epoch: int) -> Iterator[Any]:
            end = object()
            elements = iter(self._elements(epoch))
            made = in_order(lambda _: next(elements, end), itertools.count(), 1, max(size, 2))
            return itertools.takewhile(lambda element: element is not end, made)

        return self._following(iterate, self._count())

    def options(self) -> Options:
        """Return options, which have no effect."""
        return Options()

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """Return this dataset; the options of `tf.data` have no effect.

        Args:
            options: options.
            name: accepted for `tf.data`.
        """
        return self._with(gather=self._gather)

    def _with(
        self,
        make: Make | None = None,
        length: int | None = None,
        *,
        iterate: Iterate | None = None,
        gather: Gather | None = None,
        fixed: bool | None = None,
        **options: Any,
    ) -> Dataset:
        own: dict[str, Any] = {
            "workers": self.workers,
            "ahead": None if options.get("workers", self.workers) != self.workers else self.ahead,
            "class_names": self.class_names,
            "batched": self.batched,
            "finish": None if iterate is not None else self._finish,
        }
        if make is None and iterate is None:
            make, iterate = self._make, self._iterate
        return Dataset._new(
            make,
            self._count() if length is None else length,
            iterate=iterate,
            gather=gather,
            fixed=self._fixed if fixed is None else fixed,
            **(own | options),
        )

    @classmethod
    def _new(
        cls,
        make: Make | None,
        length: int,
        *,
        iterate: Iterate | None = None,
        gather: Gather | None = None,
        fixed: bool = False,
        spec: Any = None,
        **options: Any,
    ) -> Dataset:
        data = Dataset(make, length, **options)
        data._iterate, data._gather, data._fixed, data._spec = iterate, gather, fixed, spec
        return data

    def __repr__(self) -> str:
        what = "batches" if self.batched else "samples"
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        count = self._count()
        number = "endless" if count == INFINITE else "some" if count == UNKNOWN else f"{count:,}"
        return f"<{type(self).__name__}: {number} {what}{classes}>"


def _numpy(leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, np.generic)) and is_text_array(leaf):
        return StringTensor(leaf).numpy()
    return leaf
