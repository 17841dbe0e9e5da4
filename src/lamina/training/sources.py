"""Where batches come from: arrays in memory, or an iterable that makes them one by one.

Both give, for an epoch, chunks: (columns, order), with `order` int32 (steps, batch) the numbers of
the rows that each step takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamina.data.splitting import shuffled
from lamina.errors import ArgumentError, DataError, describe
from lamina.training.columns import Columns, columns

Chunk = tuple[Columns, np.ndarray]
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: spreads seeds over the 64 bits


class Pace:
    """How many steps to do before native code returns: as many as fit in `seconds`.

    The first call does one. Then it goes by the time they took, at most eight times as many as
    before, since first steps are slow.
    """

    def __init__(
        self,
        seconds: float = 0.075,
        most: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.seconds, self.most, self.clock = seconds, most, clock
        self.steps = 1
        self._began = 0.0

    def begin(self) -> None:
        self._began = self.clock()

    def end(self, steps: int) -> None:
        if self.most == 1:
            return
        each = (self.clock() - self._began) / steps
        fitting = int(self.seconds / max(each, 1e-7))
        self.steps = max(1, min(fitting, 8 * self.steps))


class Resident:
    """Arrays in memory: programs gather the rows themselves.

    `rows`: the rows to use, None for all. `seed` shuffles them for each epoch (None: in order).
    """

    def __init__(
        self,
        data: Columns,
        batch_size: int,
        rows: np.ndarray | None = None,
        seed: int | None = None,
        limit: int | None = None,
    ) -> None:
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self.rows = np.arange(data.rows, dtype=np.int32) if rows is None else rows.astype(np.int32)
        whole = -(-len(self.rows) // batch_size)
        if limit is not None and limit > whole:
            raise ArgumentError(
                f"steps_per_epoch is {limit}, but {len(self.rows):,} rows make {whole} batches of "
                f"{batch_size}",
                hint="leave steps_per_epoch out to use all rows once an epoch",
            )
        self.steps: int | None = limit or whole
        self.limit = limit
        self.runner: Any = None  # the program of the epoch before

    def order(self, epoch: int) -> np.ndarray:
        """The rows of an epoch in the order in which they are used: the same for the same seed."""
        if self.seed is None:
            return self.rows
        return self.rows[shuffled(len(self.rows), self.seed * GOLDEN + epoch)]

    def chunks(self, epoch: int, pace: Pace) -> Iterator[Chunk]:
        order = self.order(epoch)
        if self.limit is not None:
            order = order[: self.limit * self.batch_size]
        whole = len(order) // self.batch_size
        table = order[: whole * self.batch_size].reshape(whole, self.batch_size)
        done = 0
        while done < whole:
            piece = table[done : done + pace.steps]
            yield self.data, piece
            done += len(piece)
        rest = order[whole * self.batch_size :]
        if len(rest):
            yield self.data, rest.reshape(1, -1)


class Stream:
    """An iterable of batches (x, y) or (x, y, sample_weight): a generator, a list, a Sequence.

    `steps` batches are an epoch, or all there are. An iterator that is used up goes on where it
    stopped, and ends.
    """

    def __init__(self, batches: Any, steps: int | None = None, has_targets: bool = True) -> None:
        self.batches, self.has_targets = batches, has_targets
        self.limit = steps
        self.steps = steps if steps is not None else _length(batches)
        self._running: Iterator[Any] | None = None

    def chunks(self, epoch: int, pace: Pace) -> Iterator[Chunk]:
        if self._running is None:
            self._running = _iterate(self.batches)
        done = 0
        while self.limit is None or done < self.limit:
            batch = next(self._running, None)
            if batch is None:
                self._running = None
                break
            done += 1
            data = self._columns(batch)
            yield data, np.arange(data.rows, dtype=np.int32)[None]
        if not done:
            raise DataError(
                f"epoch {epoch + 1}: the iterable of batches gave none",
                hint="a generator can be gone through once only: give a list, a class with "
                "__len__ and __getitem__, or steps_per_epoch with an endless generator",
            )

    def _columns(self, batch: Any) -> Columns:
        if not isinstance(batch, tuple):
            return columns(batch)
        if len(batch) > 3 or not batch:
            raise ArgumentError(
                f"a batch is a tuple of {len(batch)}, expected (x, y) or (x, y, sample_weight)"
            )
        return columns(*batch)


def _length(batches: Any) -> int | None:
    return len(batches) if hasattr(batches, "__len__") else None


def _iterate(batches: Any) -> Iterator[Any]:
    if hasattr(batches, "__iter__"):
        return iter(batches)
    return (batches[k] for k in range(len(batches)))


def is_iterable_of_batches(x: Any) -> bool:
    """Whether x makes batches, instead of being the data."""
    if hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return False
    if isinstance(x, (list, tuple)):
        return bool(x) and all(isinstance(each, tuple) and len(each) in (2, 3) for each in x)
    if isinstance(x, (dict, str, bytes)):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def batch_size_of(given: Any, default: int = 32) -> int:
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 1:
        raise ArgumentError(
            f"batch_size is {describe(given)}, expected a whole number from 1",
            hint="how many rows are used for one step; 32 if you do not know",
        )
    return int(given)
