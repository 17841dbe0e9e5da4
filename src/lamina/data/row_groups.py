"""Rows of files that are larger than memory: read by groups, shuffled within windows of groups.

    file = group, group, ...            group = some thousand rows, read at once
    pass = window, window, ...          window = the rows of several groups, in memory together

A pass is a function of seed and number: the order of the groups, and the order of the rows in each
window. So any batch of any pass can be made by itself, in any thread, and a training that resumes
gets the batches of an uninterrupted one; two windows are in memory at a time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from lamina.data.splitting import epoch_order
from lamina.errors import DataError

Table: TypeAlias = dict[str, np.ndarray]
K = TypeVar("K")
V = TypeVar("V")
KEPT = 2  # windows in memory: those that a batch at their border takes rows from
_OF_WINDOW = 0x5DEECE66


class Groups(Protocol):
    """The rows of one or more files, in groups."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns."""

    @property
    def counts(self) -> Sequence[int]:
        """The rows of each group."""

    def read(self, group: int) -> Table:
        """Return the columns of a group."""


class Windows:
    """Rows of groups in the order of each pass.

    Args:
        groups: rows.
        rows: number of rows from which a window is full.
        seed: integer that fixes the orders; None keeps the order of the files.
    """

    def __init__(self, groups: Groups, rows: int, seed: int | None) -> None:
        self.groups, self.seed = groups, seed
        self._rows = rows
        self.count = int(sum(groups.counts))
        self._orders: OrderedDict[int, list[list[int]]] = OrderedDict()
        self._kept: OrderedDict[tuple[int, int], Table] = OrderedDict()
        self._lock = threading.RLock()

    def take(self, epoch: int, first: int, numbers: np.ndarray) -> Table:
        """Return the rows at places `first` + `numbers` of a pass; numbers rise."""
        parts: list[Table] = []
        begin = 0
        wanted = numbers + first
        for window, groups in enumerate(self._order(epoch)):
            end = begin + sum(self.groups.counts[g] for g in groups)
            inside = wanted[(wanted >= begin) & (wanted < end)]
            if len(inside):
                table = self._window(epoch, window, groups)
                parts.append({name: column[inside - begin] for name, column in table.items()})
            begin = end
            if begin > wanted[-1]:
                break
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _order(self, epoch: int) -> list[list[int]]:
        """The groups of each window of a pass."""
        with self._lock:
            if epoch not in self._orders:
                order = epoch_order(len(self.groups.counts), self.seed, epoch).tolist()
                self._orders[epoch] = self._filled(order)
                _shorten(self._orders, 2)
            return self._orders[epoch]

    def _filled(self, order: Sequence[int]) -> list[list[int]]:
        windows: list[list[int]] = [[]]
        size = 0
        for group in order:
            if size >= self._rows:
                windows.append([])
                size = 0
            windows[-1].append(group)
            size += self.groups.counts[group]
        return windows

    def _window(self, epoch: int, number: int, groups: Sequence[int]) -> Table:
        """The rows of a window in their order; one thread reads it, others wait for it."""
        with self._lock:
            key = (epoch, number)
            if key not in self._kept:
                _shorten(self._kept, KEPT - 1)
                table = _joined([self.groups.read(g) for g in groups])
                if self.seed is not None:
                    rows = len(next(iter(table.values())))
                    order = epoch_order(rows, self.seed ^ _OF_WINDOW, (epoch << 20) + number)
                    table = {name: column[order] for name, column in table.items()}
                self._kept[key] = table
            self._kept.move_to_end(key)
            return self._kept[key]


def _shorten(kept: OrderedDict[K, V], count: int) -> None:
    while len(kept) > count:
        kept.popitem(last=False)


def _joined(parts: Sequence[Table]) -> Table:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


# ---- columns -----------------------------------------------------------------------------------
def chosen_columns(
    owner: str, names: Sequence[str], columns: Sequence[str] | None, label: str | None
) -> tuple[list[str], list[str]]:
    """Return the names of the features, and of all columns to read."""
    for name in [*(columns or ()), *([label] if label is not None else ())]:
        if name not in names:
            raise DataError(
                f"{owner}: no column {name!r} (expected one of {', '.join(map(repr, names))})"
            )
    features = [n for n in (names if columns is None else columns) if n != label]
    if not features:
        raise DataError(f"{owner}: no column is left as a feature")
    return features, [*features, *([label] if label is not None else ())]


def assembled(
    owner: str, table: Table, features: Sequence[str], label: str | None, as_dict: bool
) -> object:
    """Return an element: features as a dictionary or one array, and the label if there is one."""
    x: object = {name: table[name] for name in features}
    if not as_dict:
        x = np.empty((len(table[features[0]]), len(features)), np.float32)
        for k, name in enumerate(features):
            if table[name].dtype.kind not in "biuf" or table[name].ndim != 1:
                raise DataError(
                    f"{owner}: column {name!r} holds no single numbers (expected numbers for one "
                    f"array of features, got {table[name].dtype} of shape {table[name].shape})",
                    hint="as_dict=True gives a dictionary of columns; columns=[...] chooses some",
                )
            x[:, k] = table[name]
    return x if label is None else (x, table[label])
