"""Elements: the core of `Dataset`, which all its methods are made of.

A data set is one of two kinds of function, of arrays in nests of tuples, lists and dictionaries:

    make(epoch, number) -> element           any element of any pass, in any order, by any thread
    iterate(epoch) -> iterator of elements   one pass, from its beginning

The first kind has a known or an infinite length. `gather(epoch, numbers)`, where there is one,
returns several elements of the first kind at once, stacked: rows of arrays are taken by indexing
and not one by one.

A pass is determined by its number alone, for any number of threads.
"""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import tree
from lamina.arguments import integer
from lamina.data.background import default_workers, in_order
from lamina.errors import DataError, ShapeError
from lamina.operations.random_keys import fold_in, key_scope, scoped_key
from lamina.string_tensor import StringTensor, is_text_array
from lamina.tensor import Tensor, as_tensor, default_dtype

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset

Make = Callable[[int, int], Any]
Iterate = Callable[[int], Iterable[Any]]
Then = Callable[[Callable[[], Any]], Any]  # of the making of an element
Gather = Callable[[int, np.ndarray], Any]
AUTOTUNE = -1  # "as many as there are processors"
INFINITE, UNKNOWN = -1, -2  # lengths, with tf.data's numbers
_PASSES = 1 << 31  # numbers of passes fit into 31 bits
_SPREAD = 0x9E3779B1


class Elements(ABC):
    """Passes over elements; `_with` and `_following` make the next stage of a pipeline."""

    workers: int
    ahead: int
    batched: bool
    _make: Make | None
    _iterate: Iterate | None = None
    _gather: Gather | None = None
    _finish: Callable[[], None] | None
    _passes: int

    @abstractmethod
    def _count(self) -> int:
        """Return the length, INFINITE or UNKNOWN."""

    @abstractmethod
    def _with(self, make: Make | None = None, length: int | None = None, **options: Any) -> Dataset:
        """Return a data set like this one: of another function, length or option."""

    def _following(self, iterate: Iterate, length: int = UNKNOWN, **options: Any) -> Dataset:
        """Return a data set that is made pass by pass, of the elements of this one."""
        return self._with(None, length, iterate=iterate, workers=0, **options)

    # ---- passes --------------------------------------------------------------------------------
    def _elements(self, epoch: int) -> Generator[Any, None, None]:
        """Return the elements of one pass."""
        if self._iterate is not None:
            yield from self._iterate(epoch)
        elif self._count() == INFINITE:
            yield from self._endless(epoch, 0)
        else:
            yield from self._numbered(epoch * self._count(), self._count())

    def _numbered(
        self, first: int, count: int | None, then: Then | None = None
    ) -> Generator[Any, None, None]:
        """Return elements numbered through all passes: n is element n % length of pass n // length.

        The elements of the next pass are begun while the last ones of a pass are used.
        """
        length = self._count()
        numbers = itertools.count(first) if count is None else range(first, first + count)
        with closing(self._made(lambda n: divmod(n, length), numbers, then)) as elements:
            for number, element in enumerate(elements, first):
                if element is not None:
                    yield element
                if self._finish is not None and (number + 1) % length == 0:
                    self._finish()

    def _endless(self, epoch: int, first: int) -> Generator[Any, None, None]:
        with closing(self._made(lambda n: (epoch, n), itertools.count(first))) as elements:
            yield from (element for element in elements if element is not None)

    def _made(
        self,
        place: Callable[[int], tuple[int, int]],
        numbers: Iterable[int],
        then: Then | None = None,
    ) -> Generator[Any, None, None]:
        make = self._make
        assert make is not None

        def made(number: int) -> Any:
            if then is None:
                return make(*place(number))
            return then(lambda: make(*place(number)))

        return in_order(made, numbers, self.workers, self.ahead)

    def _streamed(
        self, first: int, count: int | None, then: Then | None = None
    ) -> Generator[Any, None, None]:
        """Return `count` elements from number `first` on, counted through all passes; what `then`
        makes of them."""
        length = self._count()
        if self._make is not None and length != INFINITE:
            yield from self._numbered(first, count, then)
            return
        if self._make is not None:
            found: Iterator[Any] = self._endless(0, first)
        else:
            epoch, first = divmod(first, length) if length > 0 else (0, first)
            found = itertools.islice(self._all_passes(epoch), first, None)
        wanted = itertools.islice(found, count)
        for element in wanted:
            yield element if then is None else then(functools.partial(_itself, element))

    def _all_passes(self, epoch: int) -> Generator[Any, None, None]:
        for number in itertools.count(epoch):
            some = False
            for element in self._elements(number):
                some = True
                yield element
            if not some:
                return

    # ---- functions of elements -----------------------------------------------------------------
    def _applied(self, function: Callable[..., Any]) -> Callable[[int, int, Any], Any]:
        """Return apply(epoch, number, element): the function of an element as tensors, whose random
        numbers follow from `set_seed`, the pass and the number."""
        key = scoped_key("data")

        def apply(epoch: int, number: int, element: Any) -> Any:
            with key_scope(fold_in(key, epoch << 32 | number)):
                return plain(call(function, wrapped(element)))

        return apply


def _itself(element: Any) -> Any:
    return element


def call(function: Callable[..., Any], element: Any) -> Any:
    """Return the function of an element; the parts of a pair are its arguments."""
    return function(*element) if isinstance(element, tuple) else function(element)


def repetition(epoch: int, number: int, count: int) -> int:
    """Return the number of the pass that the repetition `number` of a pass is: each has another."""
    return epoch * count + number if count > 0 else (epoch * _SPREAD + number) % _PASSES


def worker_count(owner: str, calls: Any, otherwise: int) -> int:
    """Return the number of threads for `num_parallel_calls`; None keeps the number there is."""
    found = integer(owner, "num_parallel_calls", calls, AUTOTUNE, optional=True)
    return otherwise if found is None else default_workers() if found == AUTOTUNE else found


# ---- values ------------------------------------------------------------------------------------
def wrapped(element: Any) -> Any:
    """An element as users see it: tensors, and string tensors."""
    return tree.map_structure(_as_value, element)


def _as_value(leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, np.generic)):
        if leaf.dtype.kind in "biuf":
            return as_tensor(leaf)
        return StringTensor(leaf) if is_text_array(leaf) else leaf
    if isinstance(leaf, (str, bytes)):
        return StringTensor(leaf)
    return as_tensor(leaf) if isinstance(leaf, (bool, int, float)) else leaf


def plain(element: Any) -> Any:
    """An element as it is kept: NumPy arrays; lists of numbers or strings are arrays."""
    if isinstance(element, dict):
        return {key: plain(each) for key, each in element.items()}
    if isinstance(element, tuple):
        parts = [plain(each) for each in element]
        return type(element)(*parts) if hasattr(element, "_fields") else tuple(parts)
    if isinstance(element, list) and any(hasattr(each, "shape") for each in element):
        return [plain(each) for each in element]
    return _array(element)


def _array(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.numpy()
    if isinstance(leaf, (str, bytes)):
        leaf = StringTensor(leaf)
    if isinstance(leaf, StringTensor):
        return np.asarray(leaf)
    if isinstance(leaf, (bool, int, float, list)):
        array = np.asarray(leaf)
        return array.astype(default_dtype(array), copy=False)
    own = getattr(type(leaf), "__lamina_tensor__", None)
    return leaf if own is None else own(leaf).numpy()


def stacked(elements: Iterable[Any]) -> Any:
    """Elements of one structure as one, with a new first axis."""
    found = list(elements)
    return tree.map_structure(lambda *leaves: _stack(leaves), *found)


def _stack(leaves: Iterable[Any]) -> np.ndarray:
    arrays = [np.asarray(leaf) for leaf in leaves]
    try:
        return np.stack(arrays)
    except ValueError as error:
        shapes = sorted({array.shape for array in arrays})
        raise ShapeError(
            f"Dataset.batch: elements of several shapes (expected one shape, got {shapes[0]} and "
            f"{shapes[-1]})",
            hint="padded_batch pads each to the longest, image.resize makes images of one size",
        ) from error


def unstacked(element: Any) -> Iterator[Any]:
    """The parts of an element along the first axis."""
    leaves, structure = tree.flatten(element)
    arrays = [np.asarray(leaf) for leaf in leaves]
    if not arrays or any(array.ndim == 0 for array in arrays):
        raise DataError(
            "Dataset.unbatch: an element without axes (expected batches)",
            hint="unbatch comes after batch",
        )
    for row in zip(*arrays, strict=True):
        yield tree.unflatten(structure, row)
