"""The parent's side of a trials case: resident children, asked alternately, A B C A B C."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import environment
from benchmarks.cases import Case
from benchmarks.contestants import Contestant

Sample = dict[str, float]

PAUSE = 0.02
"""Seconds between trials, so that the last contestant's OpenMP workers have stopped spinning."""
IDLE_LIMIT = 0.1
"""A child that uses more than this share of a core while others have their trials is reported."""


class ChildFailed(RuntimeError):
    """A contestant's process ended, or answered with something else than a sample."""


class Child:
    """One contestant's resident process."""

    def __init__(self, contestant: Contestant, case: Case, variables: dict[str, str], log: Path):
        sizes = [str(case.arguments["batch"]), str(case.arguments["steps"])]
        command = [environment.interpreter(), "-m", "benchmarks.worker", contestant.name, case.work]
        self.name, self.log = contestant.name, log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, *sizes],
                env=variables,
                cwd=environment.ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdin and self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.answer()

    def answer(self) -> Sample:
        """The child's next line."""
        line = self.output.readline()
        if not line:
            raise ChildFailed(last_line(self.log))
        return json.loads(line)

    def trial(self) -> Sample:
        """Asks for one trial and waits for its sample."""
        with contextlib.suppress(BrokenPipeError):
            self.input.write("trial\n")
            self.input.flush()
        return self.answer()

    def close(self) -> None:
        """Ends the child by ending its input."""
        with contextlib.suppress(BrokenPipeError):
            self.input.close()
        self.process.wait()
        self.output.close()


def last_line(log: Path) -> str:
    """The last thing a failed child said."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word"


def run(
    case: Case,
    contestants: list[Contestant],
    rounds: int,
    threads: int,
    home: Path,
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Runs a trials case; returns each contestant's samples, and why others gave none."""
    children, failures = start(case, contestants, threads, home)
    samples: dict[str, list[Sample]] = {name: [] for name in children}
    try:
        for _ in range(rounds):
            for name in [name for name in children if name not in failures]:
                time.sleep(PAUSE)
                _trial(case, children[name], samples[name], failures)
    finally:
        for child in children.values():
            child.close()
    samples = {name: taken for name, taken in samples.items() if name not in failures}
    warn_of_spinning(samples)
    return samples, failures


def _trial(case: Case, child: Child, samples: list[Sample], failures: dict[str, str]) -> None:
    """One trial of one contestant; who fails is out of the case, and the reason is kept."""
    try:
        samples.append(checked(case, child.trial()))
    except ChildFailed as failure:
        failures[child.name] = str(failure)


def start(
    case: Case, contestants: list[Contestant], threads: int, home: Path
) -> tuple[dict[str, Child], dict[str, str]]:
    """Starts one child a contestant, one after the other; returns them and who failed, and why."""
    children: dict[str, Child] = {}
    failures: dict[str, str] = {}
    for contestant in contestants:
        variables = environment.child(contestant, threads, home, home / "caches")
        log = home / f"{case.name}.{contestant.name}.log"
        try:
            children[contestant.name] = Child(contestant, case, variables, log)
        except ChildFailed as failure:
            failures[contestant.name] = str(failure)
    return children, failures


def checked(case: Case, sample: Sample) -> Sample:
    """The sample, when its witness shows that the work was done."""
    low, high = case.witness
    if not low <= sample["witness"] <= high:
        raise ChildFailed(f"its result is {sample['witness']}, not within {low} and {high}")
    return sample


def warn_of_spinning(samples: dict[str, list[Sample]]) -> None:
    """Says which idle children kept a core busy while others were measured."""
    for name, taken in samples.items():
        share = max((sample["idle_share"] for sample in taken[1:]), default=0.0)
        if share > IDLE_LIMIT:
            print(f"note: {name} used {share:.0%} of a core between its trials", file=sys.stderr)
