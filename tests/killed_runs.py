"""Trainings that are killed at random moments and started again, until they end.

    python tests/killed_runs.py --kills 100 --seed 1

Each run of `long_runs.RUNS` is trained once without interruption, and then in processes that are
ended by SIGKILL (or also SIGTERM and SIGINT) at a random moment: of compilation, of a step, of
writing; every tenth process is a new interpreter, so that the moment may also be one of the
imports. The run has to end with the bits, history, log, curves and files of the first.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import long_runs

SECONDS = 600.0  # that one process may take
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
START = """
import sys
at = sys.argv.index("--")
sys.path[:0] = sys.argv[1:at]
del sys.argv[1 : at + 1]
import long_runs
long_runs.main()
"""


def started(name: str, folder: Path, fresh: bool) -> int:
    """Start a process that trains a run, or continues it, and writes its output to a file."""
    said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if fresh:
        command = [sys.executable, "-c", START, *sys.path, "--", name, str(folder)]
        child = subprocess.Popen(command, stdout=said, stderr=said).pid
    else:
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(said, 1)
            os.dup2(said, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            long_runs.main([name, str(folder)])
            status = 0
        except BaseException:  # noqa: BLE001  it is shown, and the process ends
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(said)
    return child


def ended(child: int, until: float) -> int | None:
    """The status of a process that has ended by this time, or None."""
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.002)


def complete(name: str, folder: Path) -> str:
    """Train or continue a run to its end; return what went wrong."""
    child = started(name, folder, fresh=False)
    status = ended(child, time.monotonic() + SECONDS)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return f"it took more than {SECONDS:.0f} seconds"
    return "" if status == 0 else (folder / "said").read_text()[-2000:]


class Whole:
    """The outcome of a run that nothing interrupted, and the seconds that it takes now."""

    def __init__(self, name: str, folder: Path) -> None:
        for place in (folder / "first", folder / "second"):  # the first compiles its programs
            place.mkdir(parents=True)
            began = time.monotonic()
            wrong = complete(name, place)
            assert not wrong, wrong
            self.seconds = time.monotonic() - began
        self.outcome = json.loads((folder / "second" / long_runs.OUTCOME).read_text())


def trial(
    name: str, whole: Whole, folder: Path, chance: random.Random, signals: Sequence[Any]
) -> tuple[int, list[str]]:
    """Start a run and end it, up to three times, then let it complete; return how many processes
    were ended, and what is wrong at the end."""
    count = 0
    for _ in range(chance.choice([1, 1, 2, 3])):
        fresh = chance.random() < 0.1
        child = started(name, folder, fresh)
        moment = chance.uniform(0, 1.1 * whole.seconds + fresh)
        if ended(child, time.monotonic() + moment) is not None:
            break
        number = chance.choice(list(signals))
        os.kill(child, number)
        status = ended(child, time.monotonic() + SECONDS)
        if status == 0:  # the signal came at the very end
            break
        if status not in (-number, 1 if number == signal.SIGINT else -number):
            return count, [f"status {status} after {number}: {(folder / 'said').read_text()}"]
        count += 1
    began = time.monotonic()
    wrong = complete(name, folder)
    if wrong:
        return count, [wrong]
    if not count:
        whole.seconds = min(whole.seconds, max(0.1, time.monotonic() - began))
    found = json.loads((folder / long_runs.OUTCOME).read_text())
    return count, long_runs.problems(folder, whole.outcome, found)


def tested(kills: int, seed: int, names: Sequence[str], signals: Sequence[Any]) -> list[str]:
    """End at least `kills` processes; return the faults found."""
    chance, counts = random.Random(seed), collections.Counter[str]()
    faults: list[str] = []
    whole: dict[str, Whole] = {}
    with tempfile.TemporaryDirectory() as place:
        number = 0
        while counts.total() < kills:
            name = names[number % len(names)]
            if name not in whole:
                whole[name] = Whole(name, Path(place) / name)
            folder = Path(place) / f"{number}"
            folder.mkdir()
            count, wrong = trial(name, whole[name], folder, chance, signals)
            counts[name] += count
            faults += [f"{number} {name}: {each}" for each in wrong]
            for each in wrong:
                print(f"{number} {name}: {each}", flush=True)
            number += 1
    print(f"{counts.total()} processes were ended in {number} runs: {dict(counts)}, "
          f"{len(faults)} faults", flush=True)  # fmt: skip
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", nargs="+", default=list(long_runs.RUNS))
    parser.add_argument("--all-signals", action="store_true", help="also SIGTERM and SIGINT")
    given = parser.parse_args()
    signals = SIGNALS if given.all_signals else SIGNALS[:1]
    sys.exit(bool(tested(given.kills, given.seed, given.runs, signals)))


if __name__ == "__main__":
    main()
