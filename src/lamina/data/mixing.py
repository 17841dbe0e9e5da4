"""Datasets made of several: zip, and samples of several in a random or a given order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina import tree
from lamina.data.elements import INFINITE, UNKNOWN, Elements, Make
from lamina.data.splitting import GOLDEN
from lamina.errors import DataError, RangeError, describe


def shortest(lengths: Iterable[int]) -> int:
    """Return the length of what ends with the shortest; UNKNOWN if that cannot be told."""
    found = list(lengths)
    if UNKNOWN in found:
        return UNKNOWN
    return min((n for n in found if n != INFINITE), default=INFINITE)


def zipped(nest: Any) -> tuple[Make | None, Callable[[int], Iterator[Any]], Any, int]:
    """Return make (None if an element cannot be made by its number), iterate, gather and length."""
    parts, structure = _flat(nest)
    for part in parts:
        if not isinstance(part, Elements):
            raise DataError(f"Dataset.zip: expected datasets, got {describe(part)}")
    length = shortest(part._count() for part in parts)

    def iterate(epoch: int) -> Iterator[Any]:
        for found in zip(*(part._elements(epoch) for part in parts), strict=False):
            yield tree.unflatten(structure, found)

    makes = [part._make for part in parts]
    gathers = [part._gather for part in parts]

    def make(epoch: int, number: int) -> Any:
        found = [each(epoch, number) for each in makes]  # type: ignore[misc]
        return None if any(each is None for each in found) else tree.unflatten(structure, found)

    def gather(epoch: int, numbers: np.ndarray) -> Any:
        return tree.unflatten(structure, [each(epoch, numbers) for each in gathers])  # type: ignore[misc]

    return (
        make if all(each is not None for each in makes) else None,
        iterate,
        gather if all(each is not None for each in gathers) else None,
        length,
    )


def _flat(nest: Any) -> tuple[list[Any], Any]:
    """The datasets of a nest; a list counts as a tuple."""
    parts, structure = tree.flatten(tuple(nest) if isinstance(nest, list) else nest)
    return parts, structure


def chosen(
    datasets: Sequence[Elements], choose: Callable[[int], Iterator[int]], stop: bool
) -> Callable[[int], Iterator[Any]]:
    """Return iterate(epoch): elements of the datasets whose numbers `choose` gives.

    Args:
        datasets: the datasets.
        choose: function of a pass that yields numbers of datasets.
        stop: end when a dataset has ended, instead of passing over it.
    """

    def iterate(epoch: int) -> Iterator[Any]:
        running: list[Iterator[Any] | None] = [iter(each._elements(epoch)) for each in datasets]
        for number in choose(epoch):
            source = running[number]
            if source is None:
                continue
            for element in source:
                yield element
                break
            else:
                running[number] = None
                if stop or not any(each is not None for each in running):
                    return

    return iterate


def random_choices(weights: Any, count: int, seed: int) -> Callable[[int], Iterator[int]]:
    """Return choose(epoch): numbers of datasets drawn with the given weights; None is uniform."""
    shares = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (count,) or (shares < 0).any() or shares.sum() <= 0:
        raise RangeError(
            f"Dataset.sample_from_datasets: invalid weights (expected {count} numbers of at least "
            f"0 with a positive sum, got {describe(weights)})"
        )
    bounds = np.cumsum(shares / shares.sum())

    def choose(epoch: int) -> Iterator[int]:
        bits = np.random.Philox(key=(seed * GOLDEN + epoch) % 2**64)
        while True:
            drawn = np.ldexp((bits.random_raw(256) >> np.uint64(11)).astype(np.float64), -53)
            places = np.searchsorted(bounds, drawn, side="right")
            yield from np.minimum(places, count - 1).tolist()

    return choose
