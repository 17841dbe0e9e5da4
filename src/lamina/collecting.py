"""Garbage collection, paused while many objects are made that live on.

Recording and compiling a deep network make hundreds of thousands of nodes and expressions. The
collector would visit them again and again, for a fifth of the time, and find next to nothing:
most of them are freed by their reference counts.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_resumes = False  # whether the last pause to end turns the collector on again


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the collector inside of the `with`, which several threads may enter. Where it is off
    already, it stays off."""
    global _pauses, _resumes
    with _lock:
        if _pauses == 0:
            _resumes = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _resumes:
                gc.enable()
