"""Several processes, on one host or on many: each receives their number and its own rank."""

from __future__ import annotations

import atexit
import os

from lamina.distribution.attendance import Attendance
from lamina.distribution.clusters import place
from lamina.errors import ArgumentError, need_extra

LATER = 30.0  # seconds after which JAX ends what has not been ended here


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 60.0,
) -> None:
    """Make this process one of several that run the same program; call it before anything else.

    What is not given comes from the variables that `lamina launch` or SLURM sets, or from another
    launcher that JAX recognizes, such as Open MPI (late processes are then not named).

    Args:
        job_addresses: "host:port" of the first process; of a list with commas, the first counts.
        num_processes: number of processes.
        process_id: number of this process, from 0.
        timeout: seconds after which a process that does not come, no longer answers, or has not
            begun a program that others wait in, is named, and each process ends. The port after
            that of `job_addresses` is used for it.

    Raises:
        MissingExtraError: the xla engine needs jax.
        ArgumentError: some but not all of the three are given.
        StateError: JAX has run something already, or a process did not come.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.initialize("node0:8476", 2, 0)  # doctest: +SKIP
    """
    need_extra("jax", "xla", "lm.distribution.initialize")
    from lamina.engines.xla import processes

    given = [job_addresses, num_processes, process_id]
    if None in given and given != [None] * 3:
        raise ArgumentError(
            "initialize: give job_addresses, num_processes and process_id, or none of them",
            hint="lamina launch --processes 2 program.py sets all three",
        )
    if given == [None] * 3:
        found = place(os.environ)
    else:
        found = str(job_addresses).split(",")[0], int(num_processes), int(process_id)  # type: ignore[arg-type]
    if found is None:
        processes.begin(None, None, None, timeout)
        return
    host, _, port = found[0].rpartition(":")
    address = host, int(port) + 1
    attendance = Attendance(address, *found[1:], timeout, processes.begun)
    processes.begin(*found, timeout + LATER)
    atexit.register(attendance.end)  # before JAX, which waits for the others


def process_count() -> int:
    """Return the number of processes of this program: 1 without `initialize`.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.process_count()
        1
    """
    return _of_engine("count")


def process_index() -> int:
    """Return the number of this process, from 0.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.process_index()
        0
    """
    return _of_engine("index")


def wait_for_all() -> None:
    """Wait until all processes are here; one process does not wait."""
    if process_count() > 1:
        from lamina.engines.xla import processes

        processes.wait_for_all()


def agreed(value: int) -> int:
    """The value that process 0 gives, for all: what depends on the clock would otherwise differ."""
    if process_count() == 1:
        return value
    from lamina.engines.xla import processes

    return processes.of_first(value)


def _of_engine(name: str) -> int:
    import sys

    engine = sys.modules.get("lamina.engines.xla.processes")
    return getattr(engine, name)() if engine else int(name == "count")
