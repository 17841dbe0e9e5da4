"""Progress: one live line in a terminal and in Jupyter, one line an epoch everywhere else.

    Epoch 2/5  ━━━━━━━━━━━━━━╸          1203/1875  0.4 s left  loss 0.0911  accuracy 0.9729
    Epoch 2/5  1875/1875  1.2 s  loss 0.0884  accuracy 0.9735  val_loss 0.0812  val_accuracy 0.9750

The line is drawn whenever native code returns, but at most ten times a second. In a notebook the
lines of a `fit` are one output, which is replaced in place.
"""

from __future__ import annotations

import io
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TextIO

from lamina.data.arrays import Array
from lamina.defaults import DEFAULTS
from lamina.distribution.processes import process_index

BETWEEN = 0.1  # seconds
LEAST_BAR, MOST_BAR = 8, 30
NOTEBOOK_COLUMNS = 80
SLOW = 0.1  # share of the time from which callbacks are named
LONG = 2.0  # seconds of a `fit` from which they are
MOST_LINES = 50  # of one output of a notebook, all of which are sent again with each change


class Progress:
    """The line of one epoch, evaluation or prediction.

    title: the text in front; total: steps, or None where that is not known yet. verbose: 0
    nothing, 1 (or "auto") live where possible, 2 one line at the end. page: what a notebook shows
    the line in; the epochs of a `fit` share one. quiet_for: seconds before the
    line is drawn first; in a notebook, where an output cannot be taken away, also before it says
    that a program is compiled.
    """

    def __init__(
        self,
        title: str,
        total: int | None,
        verbose: object = "auto",
        stream: TextIO | None = None,
        page: Page | None = None,
        quiet_for: float = 0.0,
    ) -> None:
        self.title, self.total = title, total
        self.stream = stream if stream is not None else _output()
        self.quiet = verbose == 0 or process_index() > 0
        self.live = verbose in (1, "auto", True) and is_live(self.stream)
        self.began = time.perf_counter()
        self._drawn = self.began + quiet_for
        self.done = 0
        self._first: tuple[int, float] | None = None  # steps of the first update, and its time
        self._aside = 0.0  # seconds of compilation after it
        show = Notebook if is_notebook(self.stream) else Terminal
        self._screen: Terminal | Notebook = show(self.stream, page or Page())

    def update(self, done: int, logs: Mapping[str, float | Array]) -> None:
        """Draw the line again, if it is live and BETWEEN seconds have passed."""
        self.done = done
        now = time.perf_counter()
        if self._first is None:
            self._first, self._aside = (done, now), 0.0
        if self.live and not self.quiet and now - self._drawn >= BETWEEN:
            self._drawn = now
            self._screen.draw(self._running(now, logs))

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Within: this is the line that `compiling` draws."""
        token = _SHOWN.set(self)
        try:
            yield
        finally:
            _SHOWN.reset(token)

    def _compiling(self) -> None:
        waits = isinstance(self._screen, Notebook) and time.perf_counter() < self._drawn
        if self.live and not self.quiet and not waits:
            self._screen.draw(f"{self.title}  compiling ...")

    def end(self, logs: Mapping[str, float | Array]) -> None:
        """Show the last state of the line, and begin a new one."""
        if self.quiet:
            return
        seconds = time.perf_counter() - self.began
        parts = [self.title, self._count(), duration(seconds), *figures(logs)]
        if self.live:
            self._screen.finish(parts)
        else:
            self.stream.write("  ".join(parts) + "\n")
            self.stream.flush()

    def abandon(self) -> None:
        """Leave a line that was begun as it is."""
        self._screen.leave()

    def erase(self) -> None:
        """Take away a line that was begun."""
        self._screen.erase()

    # ---- text ----------------------------------------------------------------------------------
    def _count(self) -> str:
        return f"{self.done}/{self.total}" if self.total else f"{self.done}"

    def _running(self, now: float, logs: Mapping[str, float | Array]) -> str:
        parts = [self._count(), self._time(now), *figures(logs)]
        used = len(self.title) + sum(len(p) + 2 for p in parts)
        bar = self._bar(self._screen.columns() - used - 3)
        parts = [self.title, *([bar] if bar else []), *parts]
        return fitting(parts, max(self._screen.columns() - 1, 20))

    def _time(self, now: float) -> str:
        """The time left, by the steps after the first update: before it are compilation and the
        first steps, which are slow. Until then, and if the total is unknown, the time passed."""
        first, then = self._first or (0, now)
        if not self.total or self.done <= first:
            return duration(now - self.began)
        each = (now - then - self._aside) / (self.done - first)
        return f"{duration(each * (self.total - self.done))} left"

    def _bar(self, room: int) -> str:
        room = min(room, MOST_BAR)
        if not self.total or room < LEAST_BAR:
            return ""
        full, half = ("━", "╸") if can_write(self.stream, "━╸") else ("=", ">")
        halves = int(2 * room * self.done / self.total)
        return (full * (halves // 2) + half * (halves % 2)).ljust(room)


class _Log(io.StringIO):
    """A stream whose lines go to the logger "lamina"."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            logging.getLogger("lamina").info(line)
        return len(text)


def _output() -> TextIO:
    """Return where progress is drawn: standard output, or the log that `keras.config` asks for."""
    return sys.stdout if DEFAULTS.interactive_logging else _Log()


_SHOWN: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def compiling() -> Iterator[None]:
    """Within: the line that is shown says that a program is compiled. The time does not count as
    that of steps."""
    progress, began = _SHOWN.get(), time.perf_counter()
    if progress is not None:
        progress._compiling()
    try:
        yield
    finally:
        if progress is not None:
            progress._aside += time.perf_counter() - began


# ---- lines on a screen -------------------------------------------------------------------------
class Terminal:
    """A line that is drawn over its previous text."""

    def __init__(self, stream: TextIO, page: Page) -> None:
        self._stream, self._width = stream, 0

    def columns(self) -> int:
        return shutil.get_terminal_size((100, 24)).columns

    def draw(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width))
        self._stream.flush()
        self._width = len(text)

    def finish(self, parts: Sequence[str]) -> None:
        """Write the parts, on further lines those that do not fit, and go to a new line."""
        first, *rest = folded(parts, self.columns() - 1)
        self.draw(first)
        self._stream.write("".join(f"\n{line}" for line in rest) + "\n")
        self._stream.flush()

    def leave(self) -> None:
        if self._width:
            self._stream.write("\n")
            self._stream.flush()

    def erase(self) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


class Notebook:
    """A line of a page: one output of a cell, which is replaced in place."""

    def __init__(self, stream: TextIO, page: Page) -> None:
        self._page = page
        self._number: int | None = None  # of the line, once there is one

    def columns(self) -> int:
        return NOTEBOOK_COLUMNS

    def draw(self, text: str) -> None:
        if self._number is None:
            self._number = self._page.begin()
        self._page.show(self._number, text)

    def finish(self, parts: Sequence[str]) -> None:
        self.draw("\n".join(folded(parts, NOTEBOOK_COLUMNS)))

    def leave(self) -> None:
        """Nothing: the line stays as it is."""

    def erase(self) -> None:
        if self._number is not None:
            self.draw("")


class Handle(Protocol):
    """IPython's handle of a displayed output."""

    def update(self, content: Mapping[str, str], *, raw: bool) -> object: ...


class Page:
    """Lines in one output of a notebook's cell; another output follows after MOST_LINES."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._handle: Handle | None = None

    def begin(self) -> int:
        """Return the number of a new line."""
        if len(self._lines) >= MOST_LINES:
            self._lines, self._handle = [], None
        self._lines.append("")
        return len(self._lines) - 1

    def show(self, number: int, text: str) -> None:
        """Replace a line."""
        self._lines[number] = text
        content = {"text/plain": "\n".join(self._lines)}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def fitting(parts: Sequence[str], width: int) -> str:
    """As many parts as fit into a line of this width; the first is cut if it alone does not."""
    line = parts[0][:width]
    for part in parts[1:]:
        if len(line) + 2 + len(part) > width:
            break
        line += "  " + part
    return line


def folded(parts: Sequence[str], width: int) -> list[str]:
    """The parts in lines of this width, further lines indented; no part is divided."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 2 + len(part) > width:
            lines.append("    " + part)
        else:
            lines[-1] += "  " + part
    return lines


# ---- output of the line ------------------------------------------------------------------------
def is_live(stream: TextIO) -> bool:
    """True if a line on this stream can be drawn over: a terminal, or the output of a notebook."""
    if is_notebook(stream):
        return True
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def is_notebook(stream: TextIO) -> bool:
    """True for the standard output of a Jupyter kernel."""
    return type(stream).__module__.startswith("ipykernel")


def can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def slow_callbacks(costs: Mapping[str, float], seconds: float) -> str | None:
    """Return a line that names the hooks of callbacks that took much of the time of a `fit`; None
    if they took less than SLOW, or the `fit` was short."""
    total = sum(costs.values())
    if seconds < LONG or total < SLOW * seconds:
        return None
    ordered = sorted(costs.items(), key=lambda pair: -pair[1])
    named = [f"{name} {cost / seconds:.0%}" for name, cost in ordered[:3] if cost >= seconds / 100]
    share = f"{total / seconds:.0%} of {duration(seconds)}"
    return f"fit: callbacks took {share}: {', '.join(named)}"


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
