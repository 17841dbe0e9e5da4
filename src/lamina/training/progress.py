"""Progress: one live line in a terminal and in Jupyter, one line an epoch everywhere else.

    Epoch 2/5  ━━━━━━━━━━━━━━╸          1203/1875  0.4 s left  loss 0.0911  accuracy 0.9729
    Epoch 2/5  1875/1875  1.2 s  loss 0.0884  accuracy 0.9735  val_loss 0.0812  val_accuracy 0.9750

The line is drawn whenever native code returns, but at most ten times a second.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from lamina.data.arrays import Array

BETWEEN = 0.1  # seconds
LEAST_BAR, MOST_BAR = 8, 30


class Progress:
    """The line of one epoch, evaluation or prediction.

    title: what stands in front; total: steps, or None where that is not known yet. verbose: 0
    nothing, 1 (or "auto") live where possible, 2 one line at the end. quiet_for: seconds before the
    line is drawn first.
    """

    def __init__(
        self,
        title: str,
        total: int | None,
        verbose: object = "auto",
        stream: TextIO | None = None,
        quiet_for: float = 0.0,
    ) -> None:
        self.title, self.total = title, total
        self.stream = stream if stream is not None else sys.stdout
        self.quiet = verbose == 0
        self.live = verbose in (1, "auto", True) and is_live(self.stream)
        self.began = time.perf_counter()
        self._drawn = self.began + quiet_for
        self.done = 0
        self._width = 0

    def update(self, done: int, logs: Mapping[str, float | Array]) -> None:
        """Draw the line anew, if it is live and time for it."""
        self.done = done
        now = time.perf_counter()
        if self.live and not self.quiet and now - self._drawn >= BETWEEN:
            self._drawn = now
            self._show(self._running(now, logs))

    def end(self, logs: Mapping[str, float | Array]) -> None:
        """The last state of the line, and a new one after it."""
        if self.quiet:
            return
        seconds = time.perf_counter() - self.began
        text = "  ".join([self.title, self._count(), duration(seconds), *figures(logs)])
        if self.live:
            self._show(text, whole=True)
        else:
            self.stream.write(text)
        self.stream.write("\n")
        self.stream.flush()

    def abandon(self) -> None:
        """Leave a line that was begun as it is."""
        if self._width:
            self.stream.write("\n")
            self.stream.flush()

    # ---- text ----------------------------------------------------------------------------------
    def _count(self) -> str:
        return f"{self.done}/{self.total}" if self.total else f"{self.done}"

    def _running(self, now: float, logs: Mapping[str, float | Array]) -> str:
        elapsed = now - self.began
        rest = duration(elapsed)
        if self.total and self.done:
            rest = f"{duration(elapsed / self.done * (self.total - self.done))} left"
        parts = [self._count(), rest, *figures(logs)]
        used = len(self.title) + sum(len(p) + 2 for p in parts)
        bar = self._bar(columns() - used - 3)
        return "  ".join([self.title, *([bar] if bar else []), *parts])

    def _bar(self, room: int) -> str:
        room = min(room, MOST_BAR)
        if not self.total or room < LEAST_BAR:
            return ""
        full, half = ("━", "╸") if can_write(self.stream, "━╸") else ("=", ">")
        halves = int(2 * room * self.done / self.total)
        return (full * (halves // 2) + half * (halves % 2)).ljust(room)

    def _show(self, text: str, whole: bool = False) -> None:
        """Over what stands on the line, to its end; cut to the width unless `whole`."""
        text = text if whole else text[: max(columns() - 1, 20)]
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)


# ---- where the line goes -----------------------------------------------------------------------
def is_live(stream: TextIO) -> bool:
    """Whether a line on this stream can be drawn over: a terminal, or the output of a notebook."""
    if type(stream).__module__.startswith("ipykernel"):
        return True
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def columns() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# ---- figures -----------------------------------------------------------------------------------
def figures(logs: Mapping[str, float | Array]) -> list[str]:
    """ "loss 0.2411" for each figure; what has several values is left to History."""
    return [f"{name} {number(value)}" for name, value in logs.items() if not _is_long(value)]


def _is_long(value: float | Array) -> bool:
    return getattr(value, "size", 1) != 1 or isinstance(value, (list, tuple))


def number(value: float | Array) -> str:
    """Four places, or four digits where that would say little."""
    value = float(value)
    plain = value == 0 or 1e-3 <= abs(value) < 1e6
    return f"{value:.4f}" if plain else f"{value:.4g}"


def duration(seconds: float) -> str:
    """0.04 s, 1.4 s, 12 s, 2:05 min, 1:02:05 h."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"
