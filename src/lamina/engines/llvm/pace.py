"""How many threads a program is entered on, from how long its last calls took.

Threads meet at barriers, so where other work takes a processor away, all of them wait for the one
that lost it. Results don't depend on the number of threads, so it is free to change: a program that
is several times slower than it has been before runs on one thread for a while, then tries again.
"""

from __future__ import annotations

SLOW = 1.3  # how much longer than on one thread, at perfect scaling, calls may take
PATIENCE = 3  # slow calls in a row before it is believed
ALONE = 0.05  # seconds on one thread before the others are tried again


class Pace:
    """The shortest call of a program at given sizes, and whether it runs on one thread now."""

    def __init__(self) -> None:
        self.best = float("inf")  # seconds, on all threads
        self.slow = 0
        self.alone = 0.0  # seconds that it has still to run on one thread

    def threads(self, most: int) -> int:
        """How many threads the next call is to use."""
        return 1 if self.alone > 0 else most

    def took(self, seconds: float, threads: int) -> None:
        """A call on so many threads took so long."""
        if threads == 1:
            self.alone -= seconds
            return
        self.best = min(self.best, seconds)
        if seconds <= self.best * threads * SLOW:
            self.slow = 0
            return
        self.slow += 1
        if self.slow >= PATIENCE:
            self.slow, self.alone = 0, max(ALONE, seconds)
