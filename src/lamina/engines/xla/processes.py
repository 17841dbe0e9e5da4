"""JAX's processes: how they find each other, how many there are, and which this one is."""

from __future__ import annotations

import jax
import numpy as np

from lamina.errors import StateError

_begun = False
_programs = 0  # that all processes compute together and this one has begun


def begin(address: str | None, count: int | None, number: int | None, timeout: float) -> None:
    """Meet the other processes. Raises StateError if JAX has chosen its devices already."""
    global _begun
    try:
        jax.distributed.initialize(
            address,
            count,
            number,
            initialization_timeout=int(timeout),
            heartbeat_timeout_seconds=int(timeout),
        )
    except RuntimeError as error:
        if "before" not in str(error):
            raise
        raise StateError(
            "initialize: JAX has chosen its devices already",
            hint="call lm.distribution.initialize() before any program runs",
        ) from error
    _begun = True


def join() -> None:
    """Note that a program begins which all processes compute together."""
    global _programs
    _programs += 1


def begun() -> int:
    """The number of common programs that this process has begun."""
    return _programs


def wait_for_all() -> None:
    """Wait until all processes are here."""
    from jax.experimental import multihost_utils

    join()
    multihost_utils.sync_global_devices("lamina")


def of_first(value: int) -> int:
    """The value that the first process gives."""
    from jax.experimental import multihost_utils

    join()
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def count() -> int:
    """The number of processes."""
    return jax.process_count() if _begun else 1


def index() -> int:
    """The number of this process."""
    return jax.process_index() if _begun else 0
