"""Methods of `Dataset` that make one: of arrays, generators, numbers, files and other datasets."""

from __future__ import annotations

import glob
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import tree
from lamina.annotations import ArrayLike, DTypeLike, NestLike, PathLike
from lamina.arguments import integer
from lamina.data import generators, mixing
from lamina.data.components import components, row_of
from lamina.data.elements import INFINITE, UNKNOWN, Elements, plain
from lamina.data.selecting import order_seed
from lamina.errors import DataError
from lamina.ir import types
from lamina.string_tensor import StringTensor

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset


class Making(Elements):
    """Methods of the class."""

    @classmethod
    @abstractmethod
    def _new(cls, make: Any, length: int, **options: Any) -> Dataset:
        """Return a dataset of a function, with its options."""

    @classmethod
    def from_tensor_slices(cls, tensors: NestLike, name: str | None = None) -> Dataset:
        """Return the rows of arrays of equal length as single samples, which `batch` combines.

        Args:
            tensors: array, or nest (tuple, dictionary) of arrays, whose structure each sample has.
                A list is one array, as in `tf.data`. Strings are allowed.
            name: accepted for `tf.data`.

        Raises:
            DataError: if the lengths differ or the arrays have no rows.
            ShapeError: for a single value, or rows of differing shapes.

        Example:
            >>> import lamina as lm
            >>> [row.item() for row in lm.data.Dataset.from_tensor_slices([3, 1, 2])]
            [3, 1, 2]
        """
        arrays, count = components("from_tensor_slices", tensors)

        def row(epoch: int, number: Any) -> Any:
            return row_of(arrays, number)

        return cls._new(row, count, gather=row, batched=False)

    @classmethod
    def from_tensors(cls, tensors: NestLike, name: str | None = None) -> Dataset:
        """Return a dataset of one element.

        Args:
            tensors: array, or nest (tuple, dictionary) of arrays.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [x.tolist() for x in lm.data.Dataset.from_tensors([1, 2])]
            [[1, 2]]
        """
        element = plain(tensors)
        return cls._new(lambda epoch, number: element, 1, fixed=True)

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Return the elements of a Python generator, which is called for each pass.

        Args:
            generator: function that returns an iterable of elements.
            output_types: nest of dtypes, the older form of `output_signature`.
            output_shapes: nest of shapes for `output_types`; None is any shape.
            args: arguments of the function.
            output_signature: nest of `TensorSpec`, to which elements are converted and against
                which they are checked; None takes them as they come.
            name: accepted for `tf.data`.

        Raises:
            ShapeError: if an element has another shape than its spec.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.from_generator(lambda: iter([1, 2]), output_types="float32")
            >>> [x.item() for x in data]
            [1.0, 2.0]
        """
        spec = generators.signature(output_signature, output_types, output_shapes)
        iterate = generators.generated(generator, tuple(args or ()), spec)
        return cls._new(None, UNKNOWN, iterate=iterate, spec=output_signature)

    @classmethod
    def of_passes(
        cls, begin: Callable[[int], Any], length: int = UNKNOWN, batched: bool = True
    ) -> Dataset:
        """Return the elements of a function that begins a pass.

        Args:
            begin: function of the number of the pass that returns an iterable of arrays, or of
                nests of them.
            length: number of elements in a pass; -2 if it is not known, -1 without end.
            batched: True for batches, False for single samples.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.of_passes(lambda epoch: [epoch, epoch + 1], length=2)
            >>> [x.item() for x in data], [x.item() for x in data]
            ([0, 1], [1, 2])
        """
        return cls._new(None, length, iterate=begin, batched=batched)

    @classmethod
    def range(cls, *args: int, output_type: DTypeLike = None, name: str | None = None) -> Dataset:
        """Return the integers of a range, int64.

        Args:
            *args: stop; start and stop; or start, stop and step.
            output_type: another dtype.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [x.item() for x in lm.data.Dataset.range(2, 8, 3)]
            [2, 5]
        """
        numbers = range(*(integer("Dataset.range", "argument", each) for each in args))
        dtype = types.dtype("int64" if output_type is None else output_type).storage.type
        first, step = numbers.start, numbers.step

        def make(epoch: int, places: Any) -> Any:
            return dtype(first + step * places)

        return cls._new(make, len(numbers), gather=make, batched=False)

    @classmethod
    def counter(cls, start: int = 0, step: int = 1, name: str | None = None) -> Dataset:
        """Return the integers from a number on, without end.

        Args:
            start: the first number.
            step: difference of two numbers.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [x.item() for x in lm.data.Dataset.counter(5).take(3)]
            [5, 6, 7]
        """

        def make(epoch: int, places: Any) -> Any:
            return np.int64(start + step * places)

        return cls._new(make, INFINITE, gather=make, batched=False)

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Return a dataset whose elements are those of several datasets together.

        Args:
            *args: datasets, or one nest (tuple, dictionary) of them.
            datasets: the nest of datasets, by name.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> a, b = lm.data.Dataset.range(2), lm.data.Dataset.range(5, 9)
            >>> [(x.item(), y.item()) for x, y in lm.data.Dataset.zip(a, b)]
            [(0, 5), (1, 6)]
        """
        nest = datasets if datasets is not None else args[0] if len(args) == 1 else args
        make, iterate, gather, length = mixing.zipped(nest)
        parts = tree.leaves(nest)
        batched = all(part.batched for part in parts)
        workers = max(part.workers for part in parts) if make is not None else 0
        fixed = all(part._fixed for part in parts)
        return cls._new(
            make,
            length,
            iterate=None if make is not None else iterate,
            gather=gather,
            fixed=fixed,
            batched=batched,
            workers=workers,
        )

    @classmethod
    def list_files(
        cls,
        file_pattern: PathLike | Sequence[PathLike],
        shuffle: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return the paths of files as strings.

        Args:
            file_pattern: path with the wildcards * and ?, or a list of such.
            shuffle: False keeps them in alphabetical order; True and None shuffle them, as in
                `tf.data`.
            seed: integer that fixes the orders.
            name: accepted for `tf.data`.

        Raises:
            DataError: if there is not a file for the pattern.
        """
        patterns = StringTensor(file_pattern).tolist()
        found = sorted(
            path
            for each in ([patterns] if isinstance(patterns, str) else patterns)
            for path in glob.glob(each)
        )
        if not found:
            raise DataError(f"Dataset.list_files: no file matches {patterns!r}")
        data = cls.from_tensor_slices(np.asarray(found, object))
        return data if shuffle is False else data.shuffle(len(found), seed=seed)

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Sequence[Dataset],
        weights: Sequence[float] | ArrayLike | None = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Return a dataset that takes each element from one of several datasets at random.

        Args:
            datasets: the datasets.
            weights: probability of each dataset; None is the same for all.
            seed: integer that fixes the choices; None draws one from the state of `set_seed`.
            stop_on_empty_dataset: end when one dataset has ended.
            rerandomize_each_iteration: accepted for `tf.data`; each pass has other choices.
        """
        choose = mixing.random_choices(weights, len(datasets), order_seed(seed))
        return cls._chosen(datasets, choose, stop_on_empty_dataset)

    @classmethod
    def choose_from_datasets(
        cls,
        datasets: Sequence[Dataset],
        choice_dataset: Dataset,
        stop_on_empty_dataset: bool = True,
    ) -> Dataset:
        """Return a dataset that takes each element from the dataset whose number comes next.

        Args:
            datasets: the datasets.
            choice_dataset: dataset of numbers of datasets.
            stop_on_empty_dataset: end when one dataset has ended.
        """

        def choose(epoch: int) -> Iterator[int]:
            return map(int, choice_dataset._elements(epoch))

        return cls._chosen(datasets, choose, stop_on_empty_dataset)

    @classmethod
    def _chosen(
        cls, datasets: Sequence[Dataset], choose: Callable[[int], Iterator[int]], stop: bool
    ) -> Dataset:
        iterate = mixing.chosen(datasets, choose, stop)
        batched = all(each.batched for each in datasets)
        return cls._new(None, UNKNOWN, iterate=iterate, batched=batched)
