"""`keras.utils.Progbar`: a progress bar for loops that a program writes by itself."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.training.progress import duration, is_live, number


class Progbar:
    """A line that shows the progress of a loop, and averages of values.

    Args:
        target: number of steps; None if it is unknown.
        width: characters of the bar.
        verbose: 0 prints nothing, 1 a live line, 2 one line at the end.
        interval: seconds between two changes of the line.
        stateful_metrics: names of values that are shown as they are; all others are averaged over
            the steps.
        stateless_metrics: names of values that are averaged; all others are shown as they are.
        unit_name: name of a step.

    Raises:
        ArgumentError: if both `stateful_metrics` and `stateless_metrics` are given.

    Example:
        >>> from lamina import keras
        >>> bar = keras.utils.Progbar(10, verbose=0)
        >>> bar.update(5, [("loss", 0.5)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError("Progbar: give stateful_metrics or stateless_metrics, not both")
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = (
            None if stateless_metrics is not None else set(stateful_metrics or ())
        )
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._values: dict[str, tuple[Any, int]] = {}  # sum and number
        self._seen, self._drawn, self._length = 0, 0.0, 0
        self._start = time.perf_counter()

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that a number of steps is done.

        Args:
            current: number of steps done.
            values: pairs of a name and a value, of the steps since the last update.
            finalize: end the line; None ends it when all steps are done.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen = current
        if self.verbose == 1:
            self._draw(current, finalize)
        elif self.verbose == 2 and finalize and self.target:
            print(self._line(current, finalize))

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that further steps are done.

        Args:
            n: number of steps since the last update.
            values: pairs of a name and a value, of these steps.
        """
        self.update(self._seen + n, values)

    def _take(self, name: str, value: Any, current: int, finalize: bool) -> None:
        averaged = (
            name not in self.stateful_metrics
            if self.stateful_metrics is not None
            else name in (self.stateless_metrics or ())
        )
        if not averaged or finalize:
            self._values[name] = (value, 1)
            return
        steps = max(current - self._seen, 1)
        total, count = self._values.get(name, (0.0, 0))
        self._values[name] = (total + value * steps, count + steps)

    def _draw(self, current: int, finalize: bool) -> None:
        now = time.perf_counter()
        if now - self._drawn < self.interval and not finalize:
            return
        self._drawn = now
        line = self._line(current, finalize)
        start, end = ("\r", "\n" if finalize else "") if is_live(sys.stdout) else ("", "\n")
        sys.stdout.write(start + line.ljust(self._length) + end)
        sys.stdout.flush()
        self._length = len(line)

    def _line(self, current: int, finalize: bool) -> str:
        passed = time.perf_counter() - self._start
        each = passed / current if current else 0.0
        parts = [f"{current}/{'Unknown' if self.target is None else self.target}"]
        if self.target and self.verbose == 1:
            full = int(self.width * min(current / self.target, 1.0))
            parts.append("━" * full + " " * (self.width - full))
        left = self.target is not None and not finalize
        seconds = each * ((self.target or 0) - current) if left else passed
        parts += [duration(seconds), f"{_short(each)}/{self.unit_name}"]
        for name, (total, count) in self._values.items():
            parts.append(f"{name}: {number(float(np.mean(total)) / max(count, 1))}")
        return " - ".join(parts)


def _short(seconds: float) -> str:
    """2s, 15ms, 30us."""
    if seconds >= 1 or seconds == 0 or not math.isfinite(seconds):
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
