"""Import, build, compile, one training step at batch 32: `python -m ....first_step CONTESTANT`."""

from __future__ import annotations

import os
import sys

from benchmarks.contestants import BY_NAME
from benchmarks.worker import private_output


def main(contestant: str) -> None:
    """Make the step, print it at once, and end without cleanup, which is not part of it."""
    channel = private_output()
    BY_NAME[contestant].table()["mlp"](32, 1)()
    print("{}", file=channel)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
