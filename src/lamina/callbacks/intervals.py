"""Interval: the batches that are the last of an interval, counted over all epochs."""

from __future__ import annotations


class Interval:
    """A count of batches that says when a number of them is complete.

    It may be told of some batches only: then the first one told of counts in place of a batch that
    it was not told of.
    """

    def __init__(self, length: int | None) -> None:
        self.length = length  # None: never
        self.count = 0  # batches of all epochs
        self._in_epoch = 0

    def begin_epoch(self) -> None:
        """Count the batches of another epoch from 0."""
        self._in_epoch = 0

    def passes(self, batch: int) -> bool:
        """Note the end of batch number `batch` of the epoch; True if an interval ended since the
        last note."""
        before = self.count
        self.count += batch + 1 - self._in_epoch
        self._in_epoch = batch + 1
        return self.length is not None and self.count // self.length > before // self.length

    def get_state(self) -> list[int]:
        """Return the counts."""
        return [self.count, self._in_epoch]

    def set_state(self, state: list[int]) -> None:
        """Set the counts to what `get_state` returned."""
        self.count, self._in_epoch = map(int, state)
