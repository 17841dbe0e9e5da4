"""Ctrl-C while state is changed: held back until it is as before or as after the change.

Compiled programs may be stopped inside (engines/llvm/runtime/stopping.py), and then have changed
nothing; they ask here whether Ctrl-C is being held back.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self


class Deferred:
    """Within: Ctrl-C during a `call` raises KeyboardInterrupt when it has ended, or when a compiled
    program in it has been stopped; the second Ctrl-C does not wait. Does nothing outside of the
    main thread, and where there is another handler. With `stops` False a program is not the whole
    change, so its end is not that of the call.

    Python drops an exception that a signal handler raises inside a finalizer or a callback of a
    weak reference; a Ctrl-C that came there is raised by the next `call`.
    """

    def __init__(self, stops: bool = True) -> None:
        self.pending = self._holds = False
        self.stops = stops
        self._before: Any = None
        self._hook: Any = None

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._dropped
        return self

    def _dropped(self, exception: Any) -> None:
        if issubclass(exception.exc_type, KeyboardInterrupt):
            self.pending = True
        else:
            self._hook(exception)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.pending or not self._holds:
            self.pending = False
            signal.default_int_handler(number, frame)
        self.pending = True

    def call(self, f: Callable[..., Any], *args: Any) -> Any:
        """f(*args), which changes state; raises KeyboardInterrupt afterwards if Ctrl-C came."""
        global _HOLDING
        self._raise()
        outer, _HOLDING, self._holds = _HOLDING, self, True
        try:
            result = f(*args)
        finally:
            _HOLDING, self._holds = outer, False
        self._raise()
        return result

    def _raise(self) -> None:
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            sys.unraisablehook = self._hook
        if exception[0] is None:
            self._raise()


_HOLDING: Deferred | None = None


def _holding() -> Deferred | None:
    """Return the deferral of Ctrl-C that is active here, if a program may be stopped."""
    is_main = threading.current_thread() is threading.main_thread()
    return _HOLDING if is_main and _HOLDING is not None and _HOLDING.stops else None


def raise_pending() -> None:
    """Raise KeyboardInterrupt if Ctrl-C is being held back: a program has changed nothing."""
    holding = _holding()
    if holding is not None:
        holding._raise()


def released(f: Callable[..., Any], *args: Any) -> Any:
    """f(*args), the part of a program that changes nothing: Ctrl-C raises at once."""
    holding = _holding()
    if holding is None:
        return f(*args)
    holding._holds = False
    try:
        return f(*args)
    finally:
        holding._holds = True
