"""Builds, fits and deletes a network many times: `python -m ....rebuild CONTESTANT MODELS SECONDS`.

Prints by how much resident memory grew after the first tenth, which fills caches and pools, in all
and for each model.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from benchmarks.contestants import BY_NAME, Prepare
from benchmarks.worker import private_output

STATEMENT = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Memory in use now; where the system does not tell, the highest so far, a bound on it."""
    import resource

    if STATEMENT.exists():
        return int(STATEMENT.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def rebuild(prepare: Prepare) -> int:
    """One life of a network: four batches of 32."""
    trial = prepare(32, 4)
    trial()
    del trial
    gc.collect()
    return resident_bytes()


def main(contestant: str, models: str, seconds: str) -> None:
    """Stops early, after `seconds`, for those who would take all day."""
    channel = private_output()
    prepare = BY_NAME[contestant].table()["mlp"]
    settled, deadline = max(1, int(models) // 10), time.monotonic() + float(seconds)
    sizes = [rebuild(prepare) for _ in range(settled)]
    while len(sizes) < int(models) and time.monotonic() < deadline:
        sizes.append(rebuild(prepare))
    growth, lives = sizes[-1] - sizes[settled - 1], max(1, len(sizes) - settled)
    answer = {"models": len(sizes), "growth_bytes": growth, "growth_each": growth / lives}
    print(json.dumps(answer), file=channel)


if __name__ == "__main__":
    main(*sys.argv[1:])
