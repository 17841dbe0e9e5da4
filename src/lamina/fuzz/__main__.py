"""`python -m lamina.fuzz`: random programs through the compiler until the time is up.

    --seconds 60      how long             --seed 0      where to begin: the programs follow from it
    --programs 100    how many at most     --threads 2   numbers of threads, such as 1,2,3
    --only 0:17       one program

Each program's seed is written to the journal before it runs, so that a crash of the process can be
laid at its door: `--only` runs that program again. A failure is shrunk, printed with its seed, and
makes the exit status 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from lamina.fuzz.check import Failure, check
from lamina.fuzz.generate import Case, generate
from lamina.fuzz.shrink import shrink
from lamina.ir.text import to_text


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; the exit status is 1 where a program failed."""
    options = _parser().parse_args(arguments)
    threads = tuple(int(t) for t in options.threads.split(","))
    if options.only:
        return _report(options.only, threads)
    stop = time.monotonic() + options.seconds
    number = failures = 0
    while number < options.programs and time.monotonic() < stop and failures < options.most:
        seed = f"{options.seed}:{number}"
        if options.journal:
            options.journal.write_text(f"{seed}\n")
        failures += _report(seed, threads)
        number += 1
    print(f"{number} programs from seed {options.seed}, {failures} failed")
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lamina.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--programs", type=int, default=10**9)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", help="the seed of one program, such as 0:17")
    parser.add_argument("--threads", default="1,2,3")
    parser.add_argument("--most", type=int, default=5, help="failures after which it ends")
    parser.add_argument("--journal", type=Path, help="file that names the program being run")
    return parser


def _report(seed: str, threads: tuple[int, ...]) -> int:
    case = generate(seed)
    failure = check(case, threads=threads)
    if failure is None:
        return 0
    print(describe(*shrunk(case, failure, threads)), flush=True)
    return 1


def shrunk(case: Case, failure: Failure, threads: tuple[int, ...]) -> tuple[Case, Failure]:
    """The smallest case that fails in the same way, and how it does."""
    found = {id(case): failure}

    def fails(smaller: Case) -> bool:
        new = check(smaller, threads=threads)
        if new is None or new.kind != failure.kind:
            return False
        found[id(smaller)] = new
        return True

    small = shrink(case, fails)
    return small, found[id(small)]


def describe(case: Case, failure: Failure) -> str:
    """The seed, the program as text, and what is wrong with its result."""
    updates = f"updates {case.updates}; " if case.updates else ""
    head = f"FAILED {case.seed} ({case.lane} lane): {failure.kind}\n{failure.message}"
    return f"{head}\n{updates}shapes {[a.shape for a in case.arrays]}\n{to_text(case.graph)}\n"


if __name__ == "__main__":
    sys.exit(main())
