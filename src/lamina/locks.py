"""Locks that hold across threads and forks.

    MAKING     held by the thread that makes something which exists once: the weights of a layer,
               an optimizer's slots, a compiled program. What exists is used without it.
    renewed    a lock of an object, replaced by an open one in the child of a fork

There is one MAKING for the whole package and it is reentrant, so making one thing may make others
and no order of locks has to be kept. A fork waits for it: a child never sees something half made.
Any other lock may be held by a thread that the child does not have, so the child gets a new one.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet

MAKING = threading.RLock()

_OWNERS: WeakSet[Any] = WeakSet()  # of a lock called `lock`


def renewed(owner: Any) -> Any:
    """A lock for `owner.lock`, which the child of a fork finds open."""
    _OWNERS.add(owner)
    return threading.Lock()


def _renew() -> None:
    MAKING.release()
    for owner in _OWNERS:
        owner.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=MAKING.acquire, after_in_parent=MAKING.release, after_in_child=_renew
    )
