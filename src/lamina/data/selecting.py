"""Methods of `Dataset` that choose and order elements: take, skip, shard, filter, shuffle, unique,
repeat, concatenate."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import tree
from lamina.arguments import integer
from lamina.data.background import in_order
from lamina.data.elements import INFINITE, UNKNOWN, Elements, repetition
from lamina.data.splitting import GOLDEN, epoch_order
from lamina.errors import ArgumentError, RangeError
from lamina.operations.random_keys import scoped_key

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset


class Selecting(Elements):
    """Methods that choose and order elements."""

    def _reordered(self, length: int, place: Callable[[int, Any], Any]) -> Dataset:
        """Return elements by other numbers: place(epoch, n), for one number or an array of them."""
        make, gather = self._make, self._gather
        assert make is not None
        return self._with(
            lambda epoch, number: make(epoch, int(place(epoch, number))),
            length,
            gather=gather and (lambda epoch, numbers: gather(epoch, place(epoch, numbers))),
        )

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Return a dataset of the first elements.

        Args:
            count: number of elements (batches, after `batch`); -1 takes all.
            name: accepted for `tf.data`.
        """
        count = integer("Dataset.take", "count", count, -1)
        length = self._count()
        if count < 0 or (length >= 0 and count >= length):
            return self._with(gather=self._gather)
        if self._make is not None:
            return self._with(length=count, gather=self._gather)
        first = functools.partial(_first, self, count)
        return self._following(first, count if length != UNKNOWN else UNKNOWN)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Return a dataset without the first elements.

        Args:
            count: number of elements; -1 skips all, as in `tf.data`.
            name: accepted for `tf.data`.
        """
        count = integer("Dataset.skip", "count", count, -1)
        length = self._count()
        if count < 0:
            return self.take(0)
        if length >= 0:
            count = min(count, length)
        left = length - count if length >= 0 else length
        if self._make is not None:
            return self._reordered(left, lambda epoch, n: n + count)
        return self._following(
            lambda epoch: itertools.islice(self._elements(epoch), count, None), left
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Return a dataset of every n-th element, so that n readers share the data without overlap.

        Shuffle before it with a seed that all readers share, or after it.

        Args:
            num_shards: number of readers.
            index: number of this reader, from 0.
            name: accepted for `tf.data`.

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
        length = self._count()
        own = len(range(index, length, num_shards)) if length >= 0 else length
        if self._make is not None:
            return self._reordered(own, lambda epoch, n: n * num_shards + index)
        return self._following(
            lambda epoch: itertools.islice(self._elements(epoch), index, None, num_shards), own
        )

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return a dataset of the elements for which a function is true.

        Args:
            predicate: function of an element that returns a bool.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [x.item() for x in lm.data.Dataset.range(6).filter(lambda x: x % 2 == 0)]
            [0, 2, 4]
        """
        apply = self._applied(predicate)
        workers = self.workers

        def iterate(epoch: int) -> Iterator[Any]:
            def judged(numbered: tuple[int, Any]) -> tuple[bool, Any]:
                return bool(apply(epoch, *numbered)), numbered[1]

            numbered = enumerate(self._elements(epoch))
            for keep, element in in_order(judged, numbered, workers, workers + 2):
                if keep:
                    yield element

        return self._following(iterate)

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return a dataset of the elements before the first for which a function is false.

        Args:
            predicate: function of an element that returns a bool.
            name: accepted for `tf.data`.
        """
        apply = self._applied(predicate)

        def iterate(epoch: int) -> Iterator[Any]:
            for number, element in enumerate(self._elements(epoch)):
                if not apply(epoch, number, element):
                    return
                yield element

        return self._following(iterate)

    def unique(self, name: str | None = None) -> Dataset:
        """Return a dataset without the elements that came before in the same pass.

        Args:
            name: accepted for `tf.data`.
        """

        def iterate(epoch: int) -> Iterator[Any]:
            seen = set()
            for element in self._elements(epoch):
                key = tuple(map(_comparable, tree.leaves(element)))
                if key not in seen:
                    seen.add(key)
                    yield element

        return self._following(iterate)

    # ---- order ---------------------------------------------------------------------------------
    def shuffle(
        self,
        buffer_size: int | None = None,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset in another order in each pass.

        Args:
            buffer_size: number of elements among which the next one is drawn, if the length is
                infinite or not known; otherwise all elements are shuffled, whatever it is.
            seed: integer that fixes the orders; None draws one from the state that `set_seed` sets.
            reshuffle_each_iteration: False gives each pass the order of the first.
            name: accepted for `tf.data`.
        """
        buffer = integer("Dataset.shuffle", "buffer_size", buffer_size, 1, optional=True)
        seed = order_seed(seed)
        again = reshuffle_each_iteration in (True, None)
        length = self._count()
        if self._make is not None and length >= 0:
            order = functools.lru_cache(maxsize=4)(functools.partial(epoch_order, length, seed))
            return self._reordered(length, lambda epoch, n: order(epoch if again else 0)[n])
        if buffer is None:
            raise ArgumentError(
                "Dataset.shuffle: buffer_size is missing (expected a number, since the length of "
                "the dataset is infinite or not known)",
                hint="shuffle(1000) draws each element among the next 1,000",
            )

        def iterate(epoch: int) -> Iterator[Any]:
            bits = np.random.Philox(key=(seed * GOLDEN + (epoch if again else 0)) % 2**64)
            return drawn(self._elements(epoch), buffer, bits)

        return self._following(iterate, length)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Return a dataset of several passes over this one.

        Args:
            count: number of passes; None and -1 repeat without end.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> [x.item() for x in lm.data.Dataset.range(2).repeat(2)]
            [0, 1, 0, 1]
        """
        found = integer("Dataset.repeat", "count", count, -1, optional=True)
        times = -1 if found is None else found
        length, made, gather = self._count(), self._make, self._gather
        if times == 0 or length == 0:
            return self.take(0)
        total = length if length < 0 else INFINITE if times < 0 else times * length
        if made is not None and length > 0:

            def make(epoch: int, number: int) -> Any:
                again, place = divmod(number, length)
                return made(repetition(epoch, again, times), place)

            def gathered(epoch: int, numbers: np.ndarray) -> Any:
                again, places = numbers // length, numbers % length
                chosen = [np.flatnonzero(again == each) for each in np.unique(again)]
                parts = [
                    gather(repetition(epoch, int(again[rows[0]]), times), places[rows])  # type: ignore[misc]
                    for rows in chosen
                ]
                if len(parts) == 1:
                    return parts[0]
                back = np.argsort(np.concatenate(chosen))
                return tree.map_structure(lambda *each: np.concatenate(each)[back], *parts)

            return self._with(make, total, gather=gather and gathered)

        def iterate(epoch: int) -> Iterator[Any]:
            for again in itertools.count() if times < 0 else range(times):
                some = False
                for element in self._elements(repetition(epoch, again, times)):
                    some = True
                    yield element
                if not some:
                    return

        return self._following(iterate, INFINITE if times < 0 else total)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Return a dataset of the elements of this one and then those of another.

        Args:
            dataset: the other dataset.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.range(2).concatenate(lm.data.Dataset.range(5, 7))
            >>> [x.item() for x in data]
            [0, 1, 5, 6]
        """
        first, second = self._count(), dataset._count()
        own, others = self._make, dataset._make
        total = (
            INFINITE
            if INFINITE in (first, second)
            else UNKNOWN
            if UNKNOWN in (first, second)
            else first + second
        )
        if own is not None and others is not None and first >= 0:
            return self._with(
                lambda epoch, n: own(epoch, n) if n < first else others(epoch, n - first),
                total,
                workers=max(self.workers, dataset.workers),
            )
        return self._following(
            lambda epoch: itertools.chain(self._elements(epoch), dataset._elements(epoch)), total
        )


def drawn(elements: Iterator[Any], size: int, bits: np.random.Philox) -> Iterator[Any]:
    """Elements, each drawn at random from a buffer of the next ones."""
    buffer: list[Any] = []
    for element in elements:
        if len(buffer) < size:
            buffer.append(element)
            continue
        place = int(bits.random_raw()) % size
        found, buffer[place] = buffer[place], element
        yield found
    while buffer:
        place = int(bits.random_raw()) % len(buffer)
        buffer[place], buffer[-1] = buffer[-1], buffer[place]
        yield buffer.pop()


def order_seed(seed: int | None) -> int:
    """The seed of an order: the given one, else the next from the state that `set_seed` sets."""
    seed = integer("Dataset", "seed", seed, optional=True)
    return int(scoped_key("data").numpy()[1]) if seed is None else seed


def _first(data: Elements, count: int, epoch: int) -> Iterator[Any]:
    return itertools.islice(data._elements(epoch), count)


def _comparable(leaf: Any) -> tuple[Any, ...]:
    """A key that is equal for equal arrays."""
    array = np.asarray(leaf)
    text = array.dtype.kind in "OUST"
    return (array.shape, tuple(array.ravel().tolist()) if text else array.tobytes())
