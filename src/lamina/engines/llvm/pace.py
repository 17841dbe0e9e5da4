"""How many threads a program is entered on, from how long its last calls took.

Threads meet at barriers, so where other work takes a processor away, all of them wait for the one
that lost it. Results don't depend on the number of threads, so it is free to change: a program that
is slower than on one thread runs on one for a while, then tries again.
"""

from __future__ import annotations

PROBE = 5  # the call that is made on one thread, to know how long that takes
SHORT = 0.2  # seconds
SLOW = 1.3  # where that is not known: how much longer than at perfect scaling calls may take
PATIENCE = 3  # slow calls in a row before it is believed,
LASTING = 12e-3  # and their seconds together: threads that just woke may share a processor at first
ALONE = 0.1  # seconds on one thread before the others are tried again


class Pace:
    """What is known of a program at given sizes: its shortest calls, and if it is alone now."""

    def __init__(self) -> None:
        self.best = self.one = float("inf")  # seconds, on all threads and on one
        self.calls = self.slow = 0
        self.lost = 0.0  # seconds of the slow calls in a row
        self.alone = 0.0  # seconds that it has still to run on one thread

    def threads(self, most: int) -> int:
        """How many threads the next call is to use."""
        probing = self.calls == PROBE and self.best < SHORT
        return 1 if self.alone > 0 or probing else most

    def took(self, seconds: float, threads: int) -> None:
        """A call on so many threads took so long."""
        self.calls += 1
        if threads == 1:
            self.one = min(self.one, seconds)
            self.alone -= seconds
            return
        self.best = min(self.best, seconds)
        if seconds <= min(self.one, self.best * threads * SLOW):
            self.slow, self.lost = 0, 0.0
            return
        self.slow, self.lost = self.slow + 1, self.lost + seconds
        if self.slow >= PATIENCE and self.lost >= LASTING:
            self.slow, self.lost, self.alone = 0, 0.0, max(ALONE, seconds)
