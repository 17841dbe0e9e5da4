"""Compilation of many texts: threads that work while the caller emits the next ones.

LLVM runs without the interpreter's lock, so that code is emitted and compiled at the same time.
"""

from __future__ import annotations

import heapq
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from lamina.engines.llvm.target.toolchain import compile_object, host
from lamina.settings import settings

if TYPE_CHECKING:
    from concurrent.futures import Future

SWITCH = 2e-4
"""Seconds after which a compiling thread gets the interpreter's lock; Python's default is 5e-3."""


def compile_objects(
    texts: Sequence[str], workers: int | None = None, level: int = 2
) -> list[bytes]:
    """`compile_object` for each text, in parallel threads (by default `settings.threads`)."""
    workers = min(workers or settings.threads, len(texts))
    with Compilation(workers) as jobs:
        for text in texts:
            jobs.begin(text, level)
        return [jobs.object(text) for text in texts]


class _Switches:
    """The interpreter's switch interval while compilations run: threads that come back from LLVM
    ask for the lock that the caller holds, some times for each text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compilations, self._before = 0, 0.0

    def quicken(self) -> None:
        with self._lock:
            if not self._compilations:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, SWITCH))
            self._compilations += 1

    def restore(self) -> None:
        with self._lock:
            self._compilations -= 1
            if not self._compilations:
                sys.setswitchinterval(self._before)


_switches = _Switches()


class Compilation:
    """Threads that compile texts while the caller prepares others, and then helps; the longest of
    those that wait comes first, as it would keep the others waiting if it came last.

        with Compilation() as jobs:
            jobs.begin(text)
            image = jobs.object(text)      # compiles until it is there

    `workers` threads compile, the caller among them (by default `settings.threads`).
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or settings.threads
        self.processor = host()  # settings of this thread do not hold in the others
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int, str, int]] = []  # a heap: -length, number, text, level
        self._objects: dict[str, Future[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False

    def __enter__(self) -> Self:
        _switches.quicken()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        _switches.restore()

    def begin(self, text: str, level: int = 2) -> None:
        """Compile a text, unless it was begun before."""
        from concurrent.futures import Future  # loaded when something is compiled

        with self._changed:
            if text in self._objects:
                return
            self._objects[text] = Future()
            heapq.heappush(self._waiting, (-len(text), len(self._objects), text, level))
            self._changed.notify()
        if len(self._threads) < min(self.workers, len(self._objects)) - 1:
            thread = threading.Thread(target=self._work, name="lamina-compile")
            self._threads.append(thread)
            thread.start()

    def object(self, text: str) -> bytes:
        """Return the object code of a text that was begun.

        Raises:
            CompileError: LLVM does not accept the text.
        """
        found = self._objects[text]
        while not found.done() and self._compile_next():
            pass
        return found.result()

    def _compile_next(self, wait: bool = False) -> bool:
        """Compile the longest text that waits, if there is one; `wait` for it or for the end."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return False
            _, _, text, level = heapq.heappop(self._waiting)
        try:
            self._objects[text].set_result(compile_object(text, level, self.processor))
        except BaseException as error:  # noqa: BLE001 (the caller of `object` raises it)
            self._objects[text].set_exception(error)
        return True

    def _work(self) -> None:
        while self._compile_next(wait=True):
            pass
