"""The cost of compiling a training step: `python -m ....compile_step CONTESTANT WORK BATCH`.

Prints the seconds that the first step takes longer than the third: recording, compiling, loading,
and importing whatever the compiler is.
"""

from __future__ import annotations

import json
import os
import sys
import time

from benchmarks.contestants import BY_NAME, Trial
from benchmarks.worker import private_output


def seconds(trial: Trial) -> float:
    """The seconds of one trial."""
    began = time.perf_counter()
    trial()
    return time.perf_counter() - began


def main(contestant: str, work: str, batch: str) -> None:
    """Takes three steps."""
    channel = private_output()
    trial = BY_NAME[contestant].table()[work](int(batch), 1)
    first, _, third = (seconds(trial) for _ in range(3))
    print(json.dumps({"compile": first - third}), file=channel)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
