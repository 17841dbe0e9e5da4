"""Methods of `Dataset` that join and divide elements: batch, padded_batch, unbatch, rebatch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import tree
from lamina.arguments import integer, one_of
from lamina.data.elements import Elements, stacked, unstacked, worker_count
from lamina.data.parts import reading, wanted
from lamina.errors import ShapeError
from lamina.specs import TensorShape

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset


class Batching(Elements):
    """Methods that join elements and divide them."""

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset of batches of samples (of batches, with one more axis in front).

        Args:
            batch_size: samples in a batch.
            drop_remainder: leave out a last batch with fewer samples.
            num_parallel_calls: number of threads from here on; None keeps it.
            deterministic: accepted for `tf.data`; the order is always kept.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [batch.tolist() for batch in lm.data.Dataset.from_tensor_slices([3, 1, 2]).batch(2)]
            [[3, 1], [2]]
        """
        workers = worker_count("Dataset.batch", num_parallel_calls, self.workers)
        return self._joined("Dataset.batch", batch_size, drop_remainder, stacked, workers)

    def _joined(
        self,
        owner: str,
        batch_size: int,
        drop_remainder: bool,
        join: Callable[[list[Any]], Any],
        workers: int,
    ) -> Dataset:
        """Return a dataset of groups of elements, each joined by a function."""
        size = integer(owner, "batch_size", batch_size, 1)
        one_of(owner, "drop_remainder", drop_remainder, (True, False))
        drops = bool(drop_remainder)
        length, make, gather = self._count(), self._make, self._gather
        whole, rest = divmod(length, size) if length >= 0 else (length, 0)
        count = whole + bool(rest and not drops) if length >= 0 else length
        options = {"batched": True, "fixed": drops}

        def numbers(number: int) -> range:
            stop = (number + 1) * size
            return wanted(range(number * size, stop if length < 0 else min(stop, length)))

        if gather is not None and join is stacked:
            return self._with(
                lambda epoch, number: gather(epoch, np.asarray(numbers(number))),
                count,
                workers=workers,
                **options,
            )
        if make is not None:

            def joined(epoch: int, number: int) -> Any:
                chosen = numbers(number)
                with reading(None):  # samples are whole
                    samples = [make(epoch, k) for k in chosen]
                present = [sample for sample in samples if sample is not None]
                return join(present) if present else None

            return self._with(joined, count, workers=workers, **options)

        def iterate(epoch: int) -> Iterator[Any]:
            elements = iter(self._elements(epoch))
            while found := list(itertools.islice(elements, size)):
                if len(found) == size or not drops:
                    yield join(found)

        return self._following(iterate, count, **options)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset of batches of samples that are padded at their ends to one shape.

        Args:
            batch_size: samples in a batch.
            padded_shapes: nest of shapes; an extent of None or -1, and None for all, is the longest
                of the batch.
            padding_values: nest of values, or one for all; None is 0, and "" for strings.
            drop_remainder: leave out a last batch with fewer samples.
            name: accepted for `tf.data`.

        Raises:
            ShapeError: if a sample exceeds its padded shape.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.range(1, 4).map(lambda n: lm.zeros((int(n),)) + n)
            >>> [batch.tolist() for batch in data.padded_batch(2)]
            [[[1.0, 0.0], [2.0, 2.0]], [[3.0, 3.0, 3.0]]]
        """

        def join(samples: list[Any]) -> Any:
            return padded(samples, padded_shapes, padding_values)

        return self._joined("Dataset.padded_batch", batch_size, drop_remainder, join, self.workers)

    def unbatch(self, name: str | None = None) -> Dataset:
        """Return a dataset of the samples of batches.

        Args:
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [x.item() for x in lm.data.Dataset.range(3).batch(2).unbatch()]
            [0, 1, 2]
        """

        def iterate(epoch: int) -> Iterator[Any]:
            for element in self._elements(epoch):
                yield from unstacked(element)

        return self._following(iterate, batched=False)

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Return a dataset with the samples of batches in batches of another size.

        Args:
            batch_size: samples in a batch.
            drop_remainder: leave out a last batch with fewer samples.
            name: accepted for `tf.data`.
        """
        return self.unbatch().batch(batch_size, drop_remainder)


def padded(samples: list[Any], shapes: Any = None, values: Any = None) -> Any:
    """Samples of one structure as one batch, each padded at the ends of its axes.

    Args:
        samples: the samples, nests of arrays.
        shapes: nest of shapes; None, and an extent of None or -1, is the longest of the samples.
        values: nest of values, or one for all; None is 0 or "".
    """
    parts, structure = tree.flatten(samples[0])
    rows = [tree.leaves(sample) for sample in samples]
    wanted = _shapes(shapes, samples[0]) if shapes is not None else [None] * len(parts)
    fills = _fills(values, len(parts))
    columns = [
        _padded(column, shape, fill)
        for column, shape, fill in zip(zip(*rows, strict=True), wanted, fills, strict=True)
    ]
    return tree.unflatten(structure, columns)


def _shapes(shapes: Any, sample: Any) -> list[Any]:
    """The shape of each leaf; a shape is a list or TensorShape, or a tuple of extents."""
    if isinstance(sample, dict):
        return [
            found for key in sorted(sample, key=str) for found in _shapes(shapes[key], sample[key])
        ]
    if isinstance(sample, (tuple, list)):
        return [f for shape, each in zip(shapes, sample, strict=True) for f in _shapes(shape, each)]
    return [shapes]


def _fills(values: Any, count: int) -> list[Any]:
    found = tree.leaves(values) if isinstance(values, (tuple, list, dict)) else [values]
    return found * count if len(found) == 1 else found


def _padded(leaves: Sequence[Any], shape: Any, fill: Any) -> np.ndarray:
    arrays = [np.asarray(leaf) for leaf in leaves]
    ranks = {array.ndim for array in arrays}
    if len(ranks) > 1:
        raise ShapeError(
            f"Dataset.padded_batch: samples with {sorted(ranks)} axes (expected one number of axes)"
        )
    rank = ranks.pop()
    longest = [max(array.shape[axis] for array in arrays) for axis in range(rank)]
    given = [None] * rank if shape is None else [None if n == -1 else n for n in shape]
    extents = [
        most if n is None else n for most, n in zip(longest, TensorShape(given), strict=True)
    ]
    if any(most > n for most, n in zip(longest, extents, strict=True)):
        raise ShapeError(
            f"Dataset.padded_batch: a sample exceeds the padded shape (expected at most "
            f"{tuple(extents)}, got {tuple(longest)})",
            hint="None in padded_shapes pads to the longest sample of a batch",
        )
    text = arrays[0].dtype.kind in "OUST"
    dtype = object if text else np.result_type(*arrays)
    value = fill if fill is not None else "" if text else 0
    batch = np.full((len(arrays), *extents), np.asarray(value, object) if text else value, dtype)
    for row, array in zip(batch if rank else [batch] * len(arrays), arrays, strict=True):
        if rank:
            row[tuple(slice(n) for n in array.shape)] = array
    if not rank:
        batch[:] = arrays
    return batch
