"""The first layers of a model where those take strings: what they make of the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lamina.data.dataset import Dataset
from lamina.errors import ArgumentError
from lamina.layers._base.host import HostLayer
from lamina.training.columns import parts_of
from lamina.training.sources import is_iterable_of_batches


def through(layers: Sequence[HostLayer], data: Any) -> np.ndarray:
    """Return the output of the layers, applied in order, as an array of numbers."""
    if isinstance(data, (str, bytes)):
        raise ArgumentError(
            "a single string came, expected a batch of them", hint="wrap it in a list: [text]"
        )
    for layer in layers:
        data = layer(data)
    return np.asarray(data)


def prepared(layers: Sequence[HostLayer], data: Any) -> Any:
    """Data as `fit` takes it, gone through the layers: arrays now, batches when they are made."""
    if not is_iterable_of_batches(data):
        return through(layers, data)
    if isinstance(data, Dataset):
        return data.map(lambda *batch: _inputs_through(layers, batch))
    return (_Counted if hasattr(data, "__len__") else _Batches)(layers, data)


def _inputs_through(layers: Sequence[HostLayer], batch: tuple[Any, ...]) -> Any:
    x = through(layers, batch[0])
    return x if len(batch) == 1 else (x, *batch[1:])


class _Batches:
    """Batches of any iterable, gone through the layers."""

    def __init__(self, layers: Sequence[HostLayer], batches: Any) -> None:
        self.layers, self.batches = layers, batches

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            yield _inputs_through(self.layers, parts_of(batch))


class _Counted(_Batches):
    def __len__(self) -> int:
        return len(self.batches)
