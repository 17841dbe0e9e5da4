"""Ctrl-C during training: held back until the native call that is running has returned.

State changes in place when a call completes, so what is kept is that of the last completed call.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Deferred:
    """Within: the first Ctrl-C waits for `check`, which raises KeyboardInterrupt; the second does
    not wait. Does nothing outside of the main thread, and where there is another handler."""

    def __init__(self) -> None:
        self.pending = False
        self._before: Any = None

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.pending:
            signal.default_int_handler(number, frame)
        self.pending = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self.pending and exception[0] is None:
            self.check()
