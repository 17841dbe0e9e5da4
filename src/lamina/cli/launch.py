"""`lamina launch`: several processes of one program, connected by `lm.distribution.initialize`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.distribution.clusters import VARIABLES

GRACE = 3.0  # seconds for the other processes to end, after one has failed


@dataclass(frozen=True)
class Job:
    """The processes of this host, and their place among all of them."""

    program: str
    arguments: Sequence[str]
    processes: int
    total: int  # on all hosts
    first: int  # the number of the first one here
    coordinator: str  # "host:port" of process 0
    devices: int | None = None  # virtual devices of the CPU in each process; None: those there are


def launch(job: Job) -> int:
    """Start the processes and wait for them: 0, or the status of the first one that failed, which
    is named; the others are then ended."""
    running = {
        job.first + k: subprocess.Popen(
            [sys.executable, job.program, *job.arguments], env=_environment(job, job.first + k)
        )
        for k in range(job.processes)
    }
    try:
        return _wait(running)
    finally:
        _end(running)


def _wait(running: dict[int, subprocess.Popen[bytes]]) -> int:
    while True:
        statuses = {number: process.poll() for number, process in running.items()}
        for number, status in statuses.items():
            if status:
                print(f"lamina launch: process {number} ended with {status}", file=sys.stderr)
                return abs(status)
        if all(status == 0 for status in statuses.values()):
            return 0
        time.sleep(0.05)


def _end(running: dict[int, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + GRACE
    for process in running.values():
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def _environment(job: Job, number: int) -> dict[str, str]:
    values = (job.coordinator, str(job.total), str(number))
    found = {**os.environ, **dict(zip(VARIABLES, values, strict=True))}
    if job.devices is not None:
        flag = f"--xla_force_host_platform_device_count={job.devices}"
        found["XLA_FLAGS"] = f"{found.get('XLA_FLAGS', '')} {flag}".strip()
        found["JAX_PLATFORMS"] = "cpu"
    return found


def free_address() -> str:
    """An address of this host that no program listens on, nor on the port after it."""
    while True:
        with socket.socket() as probe, socket.socket() as following:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            try:
                following.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return f"127.0.0.1:{port}"
