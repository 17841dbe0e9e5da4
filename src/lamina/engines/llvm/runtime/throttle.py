"""Throttling: the number of threads of a call, from the durations of the last calls.

Threads meet at barriers, so where other work takes a processor away, all of them wait for the one
that lost it. Results don't depend on the number of threads, so it is free to change: a program that
is slower than on one thread runs on one for a while, then tries again.
"""

from __future__ import annotations

from lamina.engines.llvm.runtime import limits


class ProgramHistory:
    """History of a program at all sizes: for how long it runs on one thread, now and next time."""

    def __init__(self) -> None:
        self.alone = 0.0  # seconds that it has still to run on one thread
        self.pause = limits.ALONE  # twice as long each time that it comes back to slow calls


class CallHistory:
    """History of a program's calls at given sizes: the shortest ones."""

    def __init__(self, program: ProgramHistory | None = None) -> None:
        self.program = program or ProgramHistory()
        self.best = self.one = float("inf")  # seconds, on all threads and on one
        self.calls = self.slow = 0
        self.lost = 0.0  # seconds of the slow calls in a row

    def threads(self, most: int) -> int:
        """Return the number of threads of the next call."""
        due = self.calls >= (limits.PROBE if self.best < limits.LONG_CALL else limits.PROBE_LONG)
        probing = due and self.one == float("inf") and self.best * most < limits.LONGEST_PROBE
        return 1 if self.program.alone > 0 or probing else most

    def took(self, seconds: float, threads: int) -> None:
        """Record a call's duration on this number of threads."""
        self.calls += 1
        program = self.program
        if threads == 1:
            self.one = min(self.one, seconds)
            program.alone -= seconds
            return
        self.best = min(self.best, seconds)
        if seconds <= min(self.one, self.best * threads * limits.SLOW):
            self.slow, self.lost = 0, 0.0
            program.pause = max(limits.ALONE, program.pause / 2)
            return
        self.slow, self.lost = self.slow + 1, self.lost + seconds
        if self.lost >= limits.LASTING and (self.slow >= limits.PATIENCE or seconds > 2 * self.one):
            self.slow, self.lost, program.alone = 0, 0.0, max(program.pause, seconds)
            program.pause = min(2 * program.pause, limits.ALONE_MOST)
