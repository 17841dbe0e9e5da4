"""The parent's side of a program case: fresh processes one after the other, A B C A B C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks import data, environment
from benchmarks.cases import Case
from benchmarks.contestants import Contestant
from benchmarks.trials import ChildFailed, Sample, last_line

PATIENCE = 600
"""Seconds after which a program is ended, and counts as failed."""
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def run(
    case: Case,
    contestants: list[Contestant],
    rounds: int,
    threads: int,
    home: Path,
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Runs a program case; returns each contestant's samples, and why others gave none."""
    if folder := data.mnist_folder():
        data.write_keras_mnist(home / "keras", folder)
    elif case.work == "lecture":
        return {}, {"all": "LAMINA_DATA names no folder with MNIST's four IDX files"}
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    failures: dict[str, str] = {}
    uncounted = 1 if case.caches == "kept" else 0
    for number in range(-uncounted, rounds):
        for contestant in [row for row in contestants if row.name not in failures]:
            try:
                sample = once(case, contestant, threads, home)
            except ChildFailed as failure:
                failures[contestant.name] = str(failure)
                continue
            if number >= 0:
                samples[contestant.name].append(sample)
    return {name: taken for name, taken in samples.items() if name not in failures}, failures


def once(case: Case, contestant: Contestant, threads: int, home: Path) -> Sample:
    """Runs the script once and returns what was seen of it from outside, and what it printed.

    `first_step` is the seconds until it wrote its line, `wall` until it ended, `peak_bytes` the
    largest resident memory as the system kept it.
    """
    caches = home / f"caches-{case.caches}-{contestant.name}"
    if case.caches == "fresh":
        shutil.rmtree(caches, ignore_errors=True)
    variables = environment.child(contestant, threads, home, caches)
    arguments = [contestant.name, *map(str, case.arguments.values())]
    command = [environment.interpreter(), "-m", f"benchmarks.scripts.{case.work}", *arguments]
    log = home / f"{case.name}.{contestant.name}.log"
    seen, line = watched(command, variables, log)
    if not line:
        raise ChildFailed(last_line(log))
    return seen | json.loads(line)


def watched(command: list[str], variables: dict[str, str], log: Path) -> tuple[Sample, bytes]:
    """Runs a command to its end; returns what was seen of it and its line, if it succeeded."""
    began = time.perf_counter()
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=variables, cwd=environment.ROOT, stdout=subprocess.PIPE, stderr=errors
        )
    assert process.stdout
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    with process.stdout:
        line = process.stdout.readline()
    spoke = time.perf_counter() - began
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    seen = {"first_step": spoke, "wall": wall, "peak_bytes": float(usage.ru_maxrss * RSS_UNIT)}
    if process.returncode == -signal.SIGKILL and wall >= PATIENCE:
        raise ChildFailed(f"not done after {PATIENCE} s")
    return seen, b"" if process.returncode else line
