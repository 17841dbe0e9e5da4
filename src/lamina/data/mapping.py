"""Methods of `Dataset` that compute new elements: map, scan, reduce, flat_map, interleave."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from lamina import tree
from lamina.annotations import NestLike
from lamina.arguments import integer
from lamina.data.background import in_order
from lamina.data.elements import Elements, plain, worker_count, wrapped
from lamina.errors import DataError, describe
from lamina.tensor import as_tensor

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset

CYCLE = 16  # pipelines that `interleave` reads at once unless it is given their number


class Mapping(Elements):
    """Methods that apply functions."""

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset with a function applied to each element, where the element is made.

        Several threads may call the function, so it must not change shared data. Random numbers
        that Lamina's functions and layers draw in it follow from `set_seed`, the pass and the
        element, not from the threads.

        Args:
            map_func: function of an element as tensors: of x, or of (x, y) for pairs.
            num_parallel_calls: number of threads from here on; None keeps it.
            deterministic: accepted for `tf.data`; the order is always kept.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.range(3).map(lambda x: x * 10)
            >>> [each.item() for each in data]
            [0, 10, 20]
        """
        workers = worker_count("Dataset.map", num_parallel_calls, self.workers)
        return self._mapped(self._applied(map_func), workers)

    def _mapped(self, apply: Callable[[int, int, Any], Any], workers: int) -> Dataset:
        """Return a dataset of apply(epoch, number, element)."""
        made = self._make
        if made is not None:

            def make(epoch: int, number: int) -> Any:
                element = made(epoch, number)
                return None if element is None else apply(epoch, number, element)

            return self._with(make, workers=workers)

        def iterate(epoch: int) -> Generator[Any, None, None]:
            with closing(self._elements(epoch)) as elements:
                numbered = enumerate(elements)
                yield from in_order(lambda n: apply(epoch, *n), numbered, workers, workers + 2)

        return self._following(iterate, self._count())

    def scan(
        self,
        initial_state: NestLike,
        scan_func: Callable[[Any, Any], tuple[Any, Any]],
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset that a function computes with a state that it passes from element to
        element.

        Args:
            initial_state: state of each pass before the first element.
            scan_func: function (state, element) -> (new state, output).
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> data = lm.data.Dataset.range(4).scan(0, lambda total, x: (total + x, total + x))
            >>> [each.item() for each in data]
            [0, 1, 3, 6]
        """

        def step(state: Any, element: Any) -> tuple[Any, Any]:
            return scan_func(state, wrapped(element))

        def iterate(epoch: int) -> Iterator[Any]:
            state = tree.map_structure(as_tensor, initial_state)
            for element in self._elements(epoch):
                state, output = step(state, element)
                yield plain(output)

        return self._following(iterate, self._count())

    def reduce(
        self,
        initial_state: NestLike,
        reduce_func: Callable[[Any, Any], Any],
        name: str | None = None,
    ) -> Any:
        """Return the state after a function has taken in every element of the next pass.

        Args:
            initial_state: state before the first element.
            reduce_func: function (state, element) -> new state.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> lm.data.Dataset.range(5).reduce(0, lambda total, x: total + x).item()
            10
        """
        state = tree.map_structure(as_tensor, initial_state)
        self._passes += 1
        for element in self._elements(self._passes - 1):
            state = reduce_func(state, wrapped(element))
        return state

    def apply(self, transformation_func: Callable[[Any], Dataset]) -> Dataset:
        """Return what a function makes of this dataset.

        Args:
            transformation_func: function Dataset -> Dataset.
        """
        return transformation_func(self)

    # ---- a dataset for each element ------------------------------------------------------------
    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """Return a dataset of the elements of the datasets that a function makes, one after
        another.

        Args:
            map_func: function of an element that returns a Dataset.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> rows = lm.data.Dataset.from_tensor_slices([[1, 2], [3, 4]])
            >>> [x.item() for x in rows.flat_map(lm.data.Dataset.from_tensor_slices)]
            [1, 2, 3, 4]
        """
        inner = self._inner("Dataset.flat_map", map_func)

        def iterate(epoch: int) -> Iterator[Any]:
            for found in inner(epoch):
                yield from found._elements(epoch)

        return self._following(iterate)

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return a dataset that takes elements of several datasets in rotation.

        Args:
            map_func: function of an element that returns a Dataset.
            cycle_length: number of datasets in the rotation; None and -1 are 16, on any machine.
            block_length: consecutive elements of one dataset; None is 1.
            num_parallel_calls: accepted for `tf.data`; elements are made one after another.
            deterministic: accepted for `tf.data`; the order is always the same.
            name: accepted for `tf.data`.

        Example:
            >>> import lamina as lm
            >>> rows = lm.data.Dataset.from_tensor_slices([[1, 2], [3, 4], [5, 6]])
            >>> mixed = rows.interleave(lm.data.Dataset.from_tensor_slices, cycle_length=2)
            >>> [x.item() for x in mixed]
            [1, 3, 2, 4, 5, 6]
        """
        owner = "Dataset.interleave"
        cycle = integer(owner, "cycle_length", cycle_length, -1, optional=True)
        block = integer(owner, "block_length", block_length, 1, optional=True) or 1
        width = CYCLE if cycle in (None, -1, 0) else cycle
        inner = self._inner(owner, map_func)

        def iterate(epoch: int) -> Iterator[Any]:
            sources = (found._elements(epoch) for found in inner(epoch))
            running = list(itertools.islice(sources, width))
            place = 0
            while running:
                place %= len(running)
                taken = list(itertools.islice(running[place], block))
                yield from taken
                if len(taken) == block:
                    place += 1
                    continue
                following = next(sources, None)
                if following is None:
                    del running[place]
                else:
                    running[place] = following
                    place += 1

        return self._following(iterate)

    def _inner(
        self, owner: str, function: Callable[..., Dataset]
    ) -> Callable[[int], Iterator[Elements]]:
        """Return the datasets that a function makes of the elements of a pass."""
        apply = self._applied(function)

        def datasets(epoch: int) -> Iterator[Elements]:
            for number, element in enumerate(self._elements(epoch)):
                found = apply(epoch, number, element)
                if not isinstance(found, Elements):
                    raise DataError(
                        f"{owner}: the function made no Dataset (expected a Dataset for each "
                        f"element, got {describe(found)})",
                        hint="Dataset.from_tensor_slices(result) makes one of arrays",
                    )
                yield found

        return datasets
