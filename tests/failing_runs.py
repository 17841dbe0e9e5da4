"""Trainings on a disk whose k-th operation fails or ends the process, for every k.

    python tests/failing_runs.py                     every k of every kind of `failing_disk.KINDS`
    python tests/failing_runs.py --every 7 --kinds end power

Of a training with checkpoints, log, curves and files of models. Whatever happens, the training goes
on and ends with the bits of one that nothing disturbed, or ends with an error that names a file;
and it continues from its last state, on a disk that works, to the same end.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import failing_disk
import long_runs
from lamina.errors import LaminaError

CLEAR = "ended with an error that names a file"
SAME = ("bits", "history", "epoch")  # what the disk does not change of a training that continues


def in_a_process(compute: Callable[[], Any]) -> tuple[int, Any]:
    """The status of a forked process, and what `compute` returned there."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(receiver)
            with os.fdopen(sender, "w") as file:
                json.dump(compute(), file)
            status = 0
        except BaseException:  # noqa: BLE001  it is shown, and the process ends
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(sender)
    with os.fdopen(receiver) as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(text) if text else None


def trained(folder: Path, disk: failing_disk.Disk | None = None) -> dict[str, Any]:
    """Train the short run, or continue it; return the outcome, or the error that ended it."""
    with warnings.catch_warnings(record=True) as said, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            with disk or contextlib.nullcontext():
                found = long_runs.train("short", folder, look=False)
        except (OSError, LaminaError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
    names = [] if disk is None else disk.names
    reads = 0 if disk is None else disk.reads
    return {**found, "warnings": [str(w.message) for w in said], "names": names, "reads": reads}


def whole(folder: Path) -> dict[str, Any]:
    """The outcome of the run, with the names of its operations."""
    status, found = in_a_process(lambda: trained(folder, failing_disk.Disk(folder)))
    assert status == 0 and "error" not in found, found
    return {**found, **long_runs.written(folder)}


def half_way(folder: Path, expected: dict[str, Any]) -> None:
    """Train the run until an operation in its second half ends the process."""
    at = 2 * len(expected["names"]) // 3
    status, _ = in_a_process(lambda: trained(folder, failing_disk.Disk(folder, at, "end")))
    assert status == failing_disk.STATUS


def trial(kind: str, at: int, folder: Path, expected: dict[str, Any]) -> tuple[str, list[str]]:
    """Let one operation fail, then continue on a disk that works: what happened, and what is
    wrong."""
    if kind == "read":
        half_way(folder, expected)
    status, first = in_a_process(lambda: trained(folder, failing_disk.Disk(folder, at, kind)))
    wrong = []
    if status == failing_disk.STATUS:
        happened = "the process ended"
    elif first is None:
        return "crashed", [f"ended with status {status}"]
    elif "error" in first:
        happened = CLEAR
        if str(folder) not in first["error"]:
            wrong.append(f"the error names no file: {first['error']}")
    else:
        happened = "went on"
        wrong += [f"{name} differs" for name in SAME if first[name] != expected[name]]
    status, again = in_a_process(lambda: trained(folder))
    if status or "error" in again:
        return happened, [*wrong, f"it cannot be continued: {again or status}"]
    found = {**again, **long_runs.written(folder)}
    compared = {name: expected[name] for name in (*SAME, "csv", "curves", "best")}
    return happened, wrong + long_runs.problems(folder, compared, found)


def tested(kinds: Sequence[str], every: int, first: int = 1) -> Iterator[tuple[str, list[str]]]:
    """Yield the outcome of each operation, and the faults found."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "whole").mkdir()
        expected = whole(Path(place) / "whole")
        (Path(place) / "begun").mkdir()
        half_way(Path(place) / "begun", expected)
        expected["reads"] = whole(Path(place) / "begun")["reads"]
        names = expected["names"]
        print(f"{len(names)} operations, {expected['reads']} reads: "
              f"{dict(collections.Counter(name.split()[0] for name in names))}")  # fmt: skip
        for kind in kinds:
            most = expected["reads"] if kind == "read" else len(names)
            for at in range(first, most + 1, every):
                folder = Path(place) / f"{kind}-{at}"
                folder.mkdir()
                happened, wrong = trial(kind, at, folder, expected)
                name = f"read {at}" if kind == "read" else names[at - 1]
                yield happened, [f"{kind} {at} ({name}): {each}" for each in wrong]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=list(failing_disk.KINDS))
    given = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    faults = 0
    for happened, wrong in tested(given.kinds, given.every, given.first):
        counts[happened] += 1
        faults += bool(wrong)
        for each in wrong:
            print(each, flush=True)
    print(f"{counts.total()} trainings: {dict(counts)}, {faults} with a fault")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
