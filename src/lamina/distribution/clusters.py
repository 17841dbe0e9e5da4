"""The place of this process among several, from the variables of its launcher."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lamina.errors import ArgumentError

VARIABLES = ("LAMINA_COORDINATOR", "LAMINA_PROCESSES", "LAMINA_PROCESS")

Place = tuple[str, int, int]  # "host:port" of process 0, the number of processes, and of this one


def place(environment: Mapping[str, str]) -> Place | None:
    """Return what `lamina launch` or SLURM says; None leaves it to JAX, which knows more."""
    if VARIABLES[0] in environment:
        missing = [name for name in VARIABLES if not environment.get(name)]
        if missing:
            raise ArgumentError(
                f"initialize: the variable {missing[0]} is not set",
                hint="lamina launch --processes 2 program.py sets all three",
            )
        address, count, number = (environment[name] for name in VARIABLES)
        return address, int(count), int(number)
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    if nodes and "SLURM_PROCID" in environment and int(environment.get("SLURM_NTASKS", "1")) > 1:
        port = 61440 + 2 * (int(environment.get("SLURM_JOB_ID", "0")) % 2048)
        address = f"{first_node(nodes)}:{port}"
        return address, int(environment["SLURM_NTASKS"]), int(environment["SLURM_PROCID"])
    return None


def first_node(nodes: str) -> str:
    """Return the first host of SLURM's list.

    >>> first_node("gpu[003-005,9],cpu1"), first_node("node7,node8")
    ('gpu003', 'node7')
    """
    found = re.match(r"([^,\[]+)(?:\[([^,\-\]]+))?", nodes)
    assert found is not None
    return found[1] + (found[2] or "")
