"""Methods of `Dataset` that group elements: window, group_by_window, bucket_by_sequence_length."""

from __future__ import annotations

import bisect
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lamina import tree
from lamina.arguments import integer
from lamina.data.elements import Elements, call, wrapped
from lamina.errors import ArgumentError, RangeError

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset


class Windows(Elements):
    """Methods that group elements."""

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset of windows, each a dataset of consecutive elements; of pairs, a pair of
        datasets.

        Args:
            size: elements in a window.
            shift: distance of the beginnings of windows; None is `size`.
            stride: distance of the elements in a window.
            drop_remainder: leave out windows with fewer elements.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> windows = lm.data.Dataset.range(5).window(3, shift=1, drop_remainder=True)
            >>> [x.tolist() for x in windows.flat_map(lambda window: window.batch(3))]
            [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        size = integer("Dataset.window", "size", size, 1)
        found = integer("Dataset.window", "shift", shift, 1, optional=True)
        step, stride = found or size, integer("Dataset.window", "stride", stride, 1)
        span = (size - 1) * stride + 1

        def iterate(epoch: int) -> Iterator[Any]:
            held: deque[Any] = deque()
            between = 0  # elements before the next window
            for element in self._elements(epoch):
                if between:
                    between -= 1
                    continue
                held.append(element)
                if len(held) == span:
                    yield self._window(list(held)[::stride])
                    between = max(0, step - span)
                    _drop(held, step)
            while held and not drop_remainder:
                yield self._window(list(held)[::stride])
                _drop(held, step)

        length = self._count()
        whole = max(0, (length - span) // step + 1) if drop_remainder else -(-length // step)
        return self._following(iterate, whole if length >= 0 else length)

    def _window(self, elements: list[Any]) -> Any:
        """Return a dataset of elements, or a nest of datasets of their parts."""
        columns = tree.map_structure(lambda *leaves: leaves, *elements)
        first = elements[0]
        if not isinstance(first, (tuple, dict)):
            return self._of_list(elements)
        return _map_columns(columns, first, self._of_list)

    def _of_list(self, elements: Sequence[Any]) -> Dataset:
        return self._with(lambda epoch, n: elements[n], len(elements), batched=False, workers=0)

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[[Any, Dataset], Dataset],
        window_size: int | None = None,
        window_size_func: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset of groups of elements with equal keys, each reduced by a function.

        Args:
            key_func: function of an element that returns an integer.
            reduce_func: function (key, dataset of at most window_size elements) -> Dataset, such as
                `lambda key, window: window.batch(8)`.
            window_size: elements in a group.
            window_size_func: function of a key that returns the number of elements, instead.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.range(6).group_by_window(
            ...     lambda x: x % 2, lambda key, window: window.batch(2), window_size=2)
            >>> [x.tolist() for x in data]
            [[0, 2], [1, 3], [4], [5]]
        """
        if (window_size is None) == (window_size_func is None):
            raise ArgumentError(
                "Dataset.group_by_window: give window_size or window_size_func, and not both"
            )
        size = integer("Dataset.group_by_window", "window_size", window_size, 1, optional=True)

        def iterate(epoch: int) -> Iterator[Any]:
            groups: dict[int, list[Any]] = defaultdict(list)
            sizes: dict[int, int] = {}

            def reduced(key: int) -> Iterator[Any]:
                found = reduce_func(wrapped(key), self._of_list(groups.pop(key)))
                yield from found._elements(epoch)

            for element in self._elements(epoch):
                key = int(call(key_func, wrapped(element)))
                if key not in sizes:
                    sizes[key] = size or int(window_size_func(wrapped(key)))  # type: ignore[misc]
                groups[key].append(element)
                if len(groups[key]) == sizes[key]:
                    yield from reduced(key)
            for key in list(groups):
                yield from reduced(key)

        return self._following(iterate, batched=True)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset of padded batches of sequences of similar length.

        Args:
            element_length_func: function of an element that returns its length.
            bucket_boundaries: rising lengths at which a bucket ends and the next begins.
            bucket_batch_sizes: samples in a batch of each bucket, one more than boundaries.
            padded_shapes: nest of shapes, as in `padded_batch`.
            padding_values: nest of values, as in `padded_batch`.
            pad_to_bucket_boundary: pad to the length before the boundary instead of to the longest
                of the batch.
            no_padding: do not pad; the sequences of a bucket have one length.
            drop_remainder: leave out last batches with fewer samples.
            name: accepted for `tf.data`.
        """
        owner = "Dataset.bucket_by_sequence_length"
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise RangeError(
                f"{owner}: wrong number of batch sizes (expected {len(bucket_boundaries) + 1}, one "
                f"more than boundaries, got {len(bucket_batch_sizes)})"
            )
        bounds = [int(each) for each in bucket_boundaries]

        def bucket(*element: Any) -> int:
            return bisect.bisect_right(bounds, int(element_length_func(*element)))

        def batch(key: Any, window: Dataset) -> Dataset:
            number = int(key)
            size = bucket_batch_sizes[number]
            if no_padding:
                return window.batch(size, drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                if number == len(bounds):
                    raise RangeError(
                        f"{owner}: a sequence is longer than the last boundary (expected less than "
                        f"{bounds[-1]})",
                        hint="pad_to_bucket_boundary needs a boundary above every length",
                    )
                most = bounds[number] - 1
                shapes = tree.map_structure(
                    lambda leaf: tuple([most] * leaf.ndim), next(iter(window._elements(0)))
                )
            return window.padded_batch(size, shapes, padding_values, drop_remainder)

        return self.group_by_window(
            bucket, batch, window_size_func=lambda key: bucket_batch_sizes[int(key)]
        )


def _drop(held: deque[Any], count: int) -> None:
    for _ in range(min(count, len(held))):
        held.popleft()


def _map_columns(columns: Any, first: Any, make: Callable[[Any], Any]) -> Any:
    """A function of the column of each leaf of an element, in the element's structure."""
    if isinstance(first, dict):
        return {key: _map_columns(columns[key], first[key], make) for key in first}
    if isinstance(first, tuple):
        parts = [_map_columns(c, f, make) for c, f in zip(columns, first, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return make(columns)
