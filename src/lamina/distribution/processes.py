"""Several processes, on one host or on many: each receives their number and its own rank."""

from __future__ import annotations

import os
from typing import Any

from lamina.errors import ArgumentError, need_extra

VARIABLES = ("LAMINA_COORDINATOR", "LAMINA_PROCESSES", "LAMINA_PROCESS")


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 60.0,
) -> None:
    """Make this process one of several that run the same program; call it before anything else.

    What is not given comes from the variables that `lamina launch` sets, or from the launcher of a
    cluster (SLURM, Open MPI), which JAX recognizes.

    Args:
        job_addresses: "host:port" of the first process; of a list with commas, the first counts.
        num_processes: number of processes.
        process_id: number of this process, from 0.
        timeout: seconds after which a process that does not come, or no longer answers, is an
            error; each process then ends.

    Raises:
        MissingExtraError: the xla engine needs jax.
        ArgumentError: some but not all of the three are given.
        StateError: JAX has run something already.

    Example:
        >>> import lamina as lm
        >>> lm.distribution.initialize("node0:8476", 2, 0)  # doctest: +SKIP
    """
    need_extra("jax", "xla", "lm.distribution.initialize")
    from lamina.engines.xla import processes

    given: list[Any] = [job_addresses, num_processes, process_id]
    if given == [None] * 3 and VARIABLES[0] in os.environ:
        given = [os.environ.get(name) for name in VARIABLES]
    if None in given and given != [None] * 3:
        raise ArgumentError(
            "initialize: give job_addresses, num_processes and process_id, or none of them",
            hint="lamina launch --processes 2 program.py sets all three",
        )
    address, count, number = given
    processes.begin(
        None if address is None else str(address).split(",")[0],
        None if count is None else int(count),
        None if number is None else int(number),
        timeout,
    )


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


def _of_engine(name: str) -> int:
    import sys

    engine = sys.modules.get("lamina.engines.xla.processes")
    return getattr(engine, name)() if engine else int(name == "count")
