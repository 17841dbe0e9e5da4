"""Sources of batches: arrays in memory, or an iterable that makes them one by one.

Both give, for an epoch, chunks: (columns, order), with `order` int32 (steps, batch) the numbers of
the rows that each step takes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import (
    Callable,
    Generator,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Sized,
)
from contextlib import closing
from typing import TypeGuard, cast

import numpy as np

from lamina.data.arrays import Array, is_data
from lamina.data.dataset import INFINITE, Dataset
from lamina.data.parts import Part, Reading, reading
from lamina.data.splitting import epoch_order
from lamina.defaults import DEFAULTS, limited
from lamina.distribution.processes import agreed
from lamina.engines import residence
from lamina.errors import ArgumentError, DataError, describe, warn
from lamina.training.columns import Columns, columns, parts_of, weigh_classes
from lamina.training.programs import Runner

Chunk = tuple[Columns, Array]


class Pace:
    """The number of steps before native code returns: as many as fit in `seconds`.

    `most` is a fixed number of steps. Otherwise the first call does one, or as many as are `known`
    to fit. Then it goes by the time they took, at most eight times as many as before, since first
    steps are slow. Always a power of two, so that the same numbers come again, for which programs
    have memory and know how many threads are best. With an `interval`, native code also returns at
    each multiple of it; `before` is the number of steps before this epoch. Several processes go by
    the clock of the first one.
    """

    def __init__(
        self,
        seconds: float = 0.075,
        most: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
        known: int = 1,
        interval: int | None = None,
    ) -> None:
        self.most = 1 if interval == 1 else most
        self.seconds, self.clock, self.interval, self.before = seconds, clock, interval, 0
        self.steps = known if self.most is None else self.most
        self._began = 0.0

    def begin(self) -> None:
        self._began = self.clock()

    def steps_from(self, done: int) -> int:
        """The number of steps to make next, after those of the epoch that are done."""
        if self.interval is None:
            return self.steps
        return min(self.steps, self.interval - (self.before + done) % self.interval)

    def end(self, steps: int) -> None:
        if self.most is not None:
            return
        each = (self.clock() - self._began) / steps
        fitting = max(1, int(self.seconds / max(each, 1e-7)))
        self.steps = agreed(min(1 << fitting.bit_length() - 1, 8 * self.steps))


class Resident:
    """Arrays in memory: programs gather the rows themselves.

    `rows`: the rows to use, None for all. `seed` shuffles them for each epoch (None: in order).
    `limit`: the most steps of an epoch, None for all rows; `limit_name` is what messages call it.
    With a limit a pass over the rows takes several epochs, of which the last may be shorter.
    """

    def __init__(
        self,
        data: Columns,
        batch_size: int,
        rows: Array | None = None,
        seed: int | None = None,
        limit: int | None = None,
        limit_name: str = "steps",
    ) -> None:
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self.rows = np.arange(data.rows, dtype=np.int32) if rows is None else rows.astype(np.int32)
        self.steps: int | None = steps_of(len(self.rows), batch_size, limit, limit_name)
        self.limit = limited(limit, DEFAULTS.max_steps_per_epoch)
        self.runner: Runner | None = None  # the program of the epoch before

    def steps_of(self, epoch: int) -> int:
        """The number of steps of an epoch."""
        first, last = self._place(epoch)[1:]
        return last - first

    def first_step(self, epoch: int) -> int:
        """The number of steps before an epoch."""
        number, first, _ = self._place(epoch)
        return number * -(-len(self.rows) // self.batch_size) + first

    def _place(self, epoch: int) -> tuple[int, int, int]:
        """The pass over the rows that an epoch is a part of, its first batch there, and the batch
        after its last one."""
        whole = -(-len(self.rows) // self.batch_size)
        limit = min(self.limit or whole, whole)
        number, part = divmod(epoch, -(-whole // limit))
        return number, part * limit, min((part + 1) * limit, whole)

    @property
    def likeness(self) -> Hashable:
        """A key that is equal for data whose steps take equally long."""
        return (self.batch_size, *self.data.types)

    def order(self, epoch: int) -> Array:
        """The rows in the order of a pass, the same for the same seed; `epoch` is its number."""
        if self.seed is None:
            return self.rows
        return self.rows[epoch_order(len(self.rows), self.seed, epoch)]

    def chunks(self, epoch: int, pace: Pace, first: int = 0) -> Generator[Chunk, None, None]:
        """Yield the batches of an epoch from number `first` on, at a pace."""
        number, begin, end = self._place(epoch)
        order = self.order(number)[begin * self.batch_size : end * self.batch_size]
        whole = len(order) // self.batch_size
        table = order[: whole * self.batch_size].reshape(whole, self.batch_size)
        rest = order[whole * self.batch_size :]
        with residence.unchanging(self.data.arrays):
            done = first
            while done < whole:
                piece = table[done : done + pace.steps_from(done)]
                yield self.data, piece
                done += len(piece)
            if len(rest) and done == whole:
                yield self.data, rest.reshape(1, -1)


class Stream:
    """An iterable of batches (x, y) or (x, y, sample_weight): a Dataset, a generator, a list.

    `steps` batches are an epoch, or all there are. An iterator that is used up continues where it
    stopped, and ends. A Dataset is asked for the batches of just this epoch.
    """

    def __init__(
        self,
        batches: Iterable[object],
        steps: int | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:
        if isinstance(batches, Dataset) and not batches.batched:
            raise ArgumentError(
                f"{batches!r} gives single samples, expected batches", hint="dataset.batch(32)"
            )
        if isinstance(batches, Dataset) and batches.cardinality() == INFINITE and steps is None:
            raise ArgumentError(
                f"{batches!r} does not end (expected a number of steps)",
                hint="steps_per_epoch=100 in fit, validation_steps for validation data, steps in "
                "evaluate and predict; or dataset.take(100)",
            )
        self.batches, self.class_weight = batches, class_weight
        steps = limited(steps, DEFAULTS.max_steps_per_epoch)
        self.limit = steps
        self.steps = steps if steps is not None else _length(batches)
        self.place: Callable[[Sequence[Array]], None] | None = None  # on devices, by the program
        self.part: Part | None = None  # of batches of a Dataset, that this process reads
        self._running: Iterator[object] | None = None
        self._taken = 0  # elements that a Dataset without numbers has given

    def steps_of(self, epoch: int) -> int | None:
        """The number of steps of an epoch; None if it is not known."""
        return self.steps

    def first_step(self, epoch: int) -> int:
        """The number of steps before an epoch, 0 if it is not known."""
        return epoch * (self.steps or 0)

    def chunks(
        self, epoch: int, pace: Pace | None = None, first: int = 0
    ) -> Generator[Chunk, None, None]:
        """Yield the batches of an epoch from number `first` on, one at a time. Those before are
        skipped: a Dataset need not make them, another iterable must."""
        done = first
        with closing(self._epoch(epoch, first)) as batches:
            for data in batches:
                done += 1
                yield data, np.arange(data.rows, dtype=np.int32)[None]
        if not isinstance(self.batches, Dataset) and 0 < done < (self.limit or 0):
            warn(
                f"the iterable of batches has ended: epoch {epoch + 1} has {done} of {self.limit} "
                "batches"
            )
        if not done:
            raise DataError(
                f"epoch {epoch + 1}: the iterable of batches gave none",
                hint="a generator can be gone through once only: give a list, a class with "
                "__len__ and __getitem__, or steps_per_epoch with an endless generator",
            )

    def _epoch(self, epoch: int, first: int) -> Generator[Columns, None, None]:
        if isinstance(self.batches, Dataset):
            yield from self._of_dataset(self.batches, epoch, first)
            return
        if self._running is None:
            self._running = _iterate(self.batches)
        taken = 0
        while self.limit is None or taken < self.limit:
            try:
                batch = next(self._running)
            except StopIteration:
                self._running = None
                return
            taken += 1
            if taken > first:
                yield self._columns(batch)

    def _of_dataset(self, data: Dataset, epoch: int, first: int) -> Generator[Columns, None, None]:
        """Yield the batches of an epoch: `steps` of them, or one pass if their number is not known.

        Where a batch can be made only after those before it, a pass continues from epoch to epoch,
        and is begun again only for an interrupted run.
        """
        steps = self.steps
        if steps is None:
            yield from map(self._columns, itertools.islice(data.epoch(epoch), first, None))
            return
        place = epoch * steps + first
        if not data.is_sequential:
            with closing(data.stream(place, steps - first, self._made)) as batches:
                yield from batches
            return
        if self._running is None or self._taken != place:
            self._running, self._taken = data.stream(place, None), place
        for batch in itertools.islice(self._running, steps - first):
            self._taken += 1
            yield self._columns(batch)

    def _made(self, make: Callable[[], object]) -> Columns | None:
        """The batch as columns, on the devices: the thread that makes it transfers it while the
        step before runs. Of several processes, each makes its part."""
        with reading(self.part) as begun:
            batch = make()
        if batch is None:
            return None
        data = self._columns(batch)
        if begun is not None:
            self._join(data, begun)
        if self.place is not None and not data.joined and self._is_ahead:
            data.use_views()
            self.place(data.arrays)
        return data

    def _join(self, data: Columns, begun: Reading) -> None:
        """Let the parts of all processes be one batch."""
        whole = data.rows if begun.whole is None else begun.whole
        rows = begun.part(whole)
        if rows is not None:
            if begun.whole is None:
                data.cut(rows)
            data.join(whole)

    @property
    def _is_ahead(self) -> bool:
        return isinstance(self.batches, Dataset) and bool(self.batches.workers)

    def _columns(self, batch: object) -> Columns:
        x, y, weights = (*parts_of(batch), None, None)[:3]
        data = columns(x, y, weights)
        if self.class_weight is not None:
            weigh_classes(data, self.class_weight, complete=False)
        return data


def _length(batches: object) -> int | None:
    try:
        return len(batches) if isinstance(batches, Sized) else None
    except TypeError:  # of a DataLoader whose data have no length
        return None


def _iterate(batches: object) -> Iterator[object]:
    if isinstance(batches, Iterable):
        return iter(batches)
    numbered = cast(Sequence[object], batches)
    return (numbered[k] for k in range(len(numbered)))


def is_iterable_of_batches(x: object) -> TypeGuard[Iterable[object]]:
    """Whether x makes batches, instead of being the data."""
    if is_data(x) or isinstance(x, dict):
        return False
    if isinstance(x, (list, tuple)):
        return bool(x) and all(isinstance(each, tuple) and len(each) in (2, 3) for each in x)
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def refuse_batch_size(given: object, name: str = "batch_size") -> None:
    """Raise where a size is asked for, and the data come in batches already."""
    if given is not None:
        raise ArgumentError(
            f"{name} is {describe(given)}, but the data are an iterable that chooses its batch "
            "size",
            hint=f"leave {name} out, and give the size where the batches are made: "
            "dataset.batch(64), or image_dataset_from_directory(..., batch_size=64)",
        )


def steps_of(rows: int, batch_size: int, limit: int | None, name: str = "steps") -> int:
    """The number of batches to take: all that the rows make, or `limit` of them. Warns, as Keras
    does, if there are fewer."""
    whole = -(-rows // batch_size)
    if limit is not None and limit > whole:
        warn(
            f"{name}: {limit} steps, but {rows:,} rows make {whole} batches of {batch_size}; these "
            "are all that is taken"
        )
    found = limited(limit, DEFAULTS.max_steps_per_epoch)
    return whole if found is None else min(found, whole)
