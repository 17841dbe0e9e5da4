"""`python -m lamina.fuzz`: random programs through the compiler until the time is up.

    --seconds 60      how long             --seed 0      where to begin: the programs follow from it
    --programs 100    how many at most     --threads 2   numbers of threads, such as 1,2,3
    --only 0:17       one program          --vote        compare all engines, xla where jax is
    --bisect 0:17     the first optional pass of the compiler with which this program fails
    --coverage        how many of the programs each pass changes; none of them runs
    --eager           with thresholds at which every pass does the most that it may; two programs of
                      three have no blocked reductions, since these are in no row-parallel loop

Each program's seed is written to the journal before it runs, so that a crash of the process can be
laid at its door: `--only` runs that program again. A failure is shrunk, printed with its seed, and
makes the exit status 1. All programs are compiled in one process, and after every other
one an earlier one is compiled again: its text must not have changed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from lamina.engines.llvm.target.target import using
from lamina.engines.llvm.tools.dump import SILENT, Log
from lamina.fuzz.bisect_passes import culprit
from lamina.fuzz.check import Failure, check, eager_target
from lamina.fuzz.coverage import coverage, table
from lamina.fuzz.generate import Case, generate
from lamina.fuzz.history import History
from lamina.fuzz.shrink import shrink
from lamina.fuzz.voting import check_votes
from lamina.ir.text import to_text

COVERED = 150  # programs of --coverage, unless --programs says fewer
Check = Callable[[Case], Failure | None]


def main(arguments: list[str] | None = None, log: Log = SILENT) -> int:
    """Run the tool; the exit status is 1 if a program failed. The log receives what the passes
    report on each program."""
    options = _parser().parse_args(arguments)
    if options.coverage:
        seeds = (f"{options.seed}:{k}" for k in range(min(options.programs, COVERED)))
        print(table(coverage(map(generate, seeds), options.eager)))
        return 0
    threads = tuple(int(t) for t in options.threads.split(","))
    if options.bisect:
        with _thresholds(options.bisect, options.eager):
            found = culprit(generate(options.bisect), threads)
        print(f"{options.bisect} {found if found is not None else 'does not fail'}")
        return 0 if found is None else 1
    also = [check_votes] if options.vote else []
    if options.only:
        with _thresholds(options.only, options.eager):
            return _report(options.only, threads, also)
    return _run(options, threads, [*also, History(log).failure])


def _run(options: argparse.Namespace, threads: tuple[int, ...], also: Sequence[Check]) -> int:
    """Programs until the time, their number or the failures are enough."""
    stop = time.monotonic() + options.seconds
    number = failures = 0
    while number < options.programs and time.monotonic() < stop and failures < options.most:
        seed = f"{options.seed}:{number}"
        if options.journal:
            options.journal.write_text(f"{seed}\n")
        with _thresholds(seed, options.eager):
            failures += _report(seed, threads, also)
        number += 1
    print(f"{number} programs from seed {options.seed}, {failures} failed")
    return 1 if failures else 0


def _thresholds(seed: str, eager: bool) -> AbstractContextManager[None]:
    return using(eager_target(seed)) if eager else nullcontext()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lamina.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--programs", type=int, default=10**9)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", help="the seed of one program, such as 0:17")
    parser.add_argument("--bisect", help="the seed of a program whose failing pass to name")
    parser.add_argument("--coverage", action="store_true", help="count what each pass changes")
    parser.add_argument("--eager", action="store_true", help="every pass does the most it may")
    parser.add_argument("--threads", default="1,2,3")
    parser.add_argument("--most", type=int, default=5, help="failures after which it ends")
    parser.add_argument("--vote", action="store_true", help="compare the results of all engines")
    parser.add_argument("--journal", type=Path, help="file that names the program being run")
    return parser


def _report(seed: str, threads: tuple[int, ...], also: Sequence[Check] = ()) -> int:
    """Check one program, first by running it and then in further ways; 1 if it fails."""
    case = generate(seed)
    checks: list[Check] = [partial(check, threads=threads), *also]
    for each in checks:
        failure = each(case)
        if failure is not None:
            print(describe(*shrunk(case, failure, each)), flush=True)
            return 1
    return 0


def shrunk(case: Case, failure: Failure, again: Check) -> tuple[Case, Failure]:
    """The smallest case that fails in the same way, and how it does."""
    found = {id(case): failure}

    def fails(smaller: Case) -> bool:
        new = again(smaller)
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
