"""The child's side of a trials case: `python -m benchmarks.worker CONTESTANT WORK BATCH STEPS`.

The protocol is one JSON object a line. The child says `{"ready": seconds it took}`; for each line
`trial` it does its steps twice, the second time counts, and it answers `{"seconds", "idle_share",
"witness"}`; the end of its input ends it. Where results are compared and not timed, each trial is
done once.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TextIO

from benchmarks.contestants import BY_NAME
from benchmarks.networks import CHECKING

WARM_UP_TURNS = 2


def private_output() -> TextIO:
    """A channel to the parent that a framework's own prints cannot spoil: they go to stderr."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return channel


def main(contestant: str, work: str, batch: str, steps: str) -> None:
    """Prepares, then serves trials until its input ends."""
    channel = private_output()
    began = time.perf_counter()
    trial = BY_NAME[contestant].table()[work](int(batch), int(steps))
    checking = bool(os.environ.get(CHECKING))
    for _ in range(0 if checking else WARM_UP_TURNS):
        trial()
    print(json.dumps({"ready": time.perf_counter() - began}), file=channel)
    rested, rested_cpu = time.perf_counter(), time.process_time()
    for _ in sys.stdin:
        woken, woken_cpu = time.perf_counter(), time.process_time()
        if not checking:
            trial()  # not counted: it fetches data and threads back from where the others sent them
        start = time.perf_counter()
        witness = trial()
        end = time.perf_counter()
        answer = {
            "seconds": (end - start) / int(steps),
            "idle_share": (woken_cpu - rested_cpu) / (woken - rested),
            "witness": float(witness),
        }
        print(json.dumps(answer), file=channel)
        rested, rested_cpu = time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main(*sys.argv[1:])
