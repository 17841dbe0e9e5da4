"""Memory of a training step: `python -m ....memory CONTESTANT WORK BATCH`.

Prints the most resident memory while steps run, after everything is compiled, and by how much that
is more than the framework took when it was imported.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.contestants import BY_NAME
from benchmarks.scripts.rebuild import resident_bytes
from benchmarks.worker import private_output

PEAK, FORGET = "VmHWM:", "5"
"""Linux: the line of /proc/self/status with the peak, and the file that resets the peak."""


def peak_bytes() -> int:
    """The most resident memory since the peak was last forgotten."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(PEAK)]
    return int(line.split()[1]) * 1024


def main(contestant: str, work: str, batch: str) -> None:
    """Two trials of two steps for the compilers, two that count."""
    channel = private_output()
    prepare = BY_NAME[contestant].table()[work]
    for name in BY_NAME[contestant].needs:
        import_module(name)
    imported = resident_bytes()
    trial = prepare(int(batch), 2)
    for _ in range(2):
        trial()
    Path("/proc/self/clear_refs").write_text(FORGET)
    for _ in range(2):
        trial()
    peak = peak_bytes()
    print(json.dumps({"steps_bytes": peak, "own_bytes": peak - imported}), file=channel)
    channel.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
