"""The command line: `python -m benchmarks [CASE ...]`; `--help` says what it takes."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import cases, check, contestants, environment, programs, report, trials
from benchmarks.cases import Case
from benchmarks.contestants import Contestant
from benchmarks.report import Result

RESULTS, TABLES = (
    environment.ROOT / "benchmarks/results.json",
    environment.ROOT / "benchmarks/RESULTS.md",
)
QUICK = 3

RUN = {"trials": trials.run, "program": programs.run}


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line's words, read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help="a case, or the beginning of several; all if none")
    add("--contestants", help="names, separated by commas; all that are installed if not given")
    add("--rounds", type=int, help="samples of each contestant; each case has its own number")
    add("--quick", action="store_true", help=f"at most {QUICK} rounds: a look, not a measurement")
    add("--steps", type=int, help="steps a trial; each case has its own number")
    add("--rows", type=int, help="rows of data for programs that take a part of an epoch")
    add("--threads", type=int, default=2, help="cores and threads for every contestant (default 2)")
    add("--note", help="a remark to keep with the results, such as what else the machine did")
    add("--json", type=Path, help="write every sample to this file, after each case")
    add("--merge", action="store_true", help="keep the cases that the file has from earlier runs")
    add("--markdown", type=Path, help="write the tables to this file, as RESULTS.md is")
    add(
        "--results",
        action="store_true",
        help=f"--merge into {RESULTS.name}, and write {TABLES.name}",
    )
    add("--show", type=Path, metavar="JSON", help="run nothing; show an earlier run's file")
    add("--check", action="store_true", help="time nothing; compare the contestants' first results")
    add("--list", action="store_true", help="list cases and contestants, and who is missing")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> Result:
    """Does what the command line says; returns the result."""
    options, console = arguments(words), Console(width=None if sys.stdout.isatty() else 110)
    if options.results:
        options.json, options.markdown, options.merge = RESULTS, TABLES, True
    sys.path[:0] = environment.search_path()
    if options.list:
        return listing(console)
    if options.check:
        return checked(options, console)
    result = json.loads(options.show.read_text()) if options.show else measure(options, console)
    if options.show:
        report.show(result, console)
    if options.markdown:
        options.markdown.write_text(report.markdown(result))
    return result


@contextlib.contextmanager
def workshop(threads: int) -> Iterator[Path]:
    """A folder for caches and logs, and this process on as many cores as there are threads."""
    folder = tempfile.TemporaryDirectory(prefix="lamina-benchmarks-", ignore_cleanup_errors=True)
    with folder as home, environment.pinned(threads):
        yield Path(home)


def measure(options: argparse.Namespace, console: Console) -> Result:
    """Runs the chosen cases, showing each when it is done."""
    result = beginning(options)
    with workshop(options.threads) as home:
        for case in chosen(options.cases):
            console.print(f"[dim]{case.name}: {case.title}[/dim]")
            result["limits"] = environment.limits(result["limits"])
            result["cases"][case.name] = outcome = one(case, options, home)
            report.show({**result, "cases": {case.name: outcome}}, console)
            if options.json:
                options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    return result


def beginning(options: argparse.Namespace) -> Result:
    """A result without cases, or with those of an earlier run that it is to be merged with."""
    about = environment.describe(options.threads)
    if not (options.merge and options.json and options.json.exists()):
        return {"about": about, "limits": {}, "cases": {}}
    result = json.loads(options.json.read_text())
    for name in ("machine", "threads"):
        if result["about"][name] != about[name]:
            there, here = result["about"][name], about[name]
            sys.exit(f"{options.json} is of other {name}, {there}; here it is {here}: no --merge")
    return {**result, "about": about}


def checked(options: argparse.Namespace, console: Console) -> Result:
    """Compares first results in each chosen case that has steps."""
    with workshop(options.threads) as home:
        for case in [case for case in chosen(options.cases) if case.kind == "trials"]:
            console.print(f"{case.name}: {case.title}", highlight=False)
            for line in check.run(case, present(case, options), options.threads, home):
                console.print("  " + line, highlight=False)
    return {"about": {}, "limits": {}, "cases": {}}


def chosen(names: list[str]) -> list[Case]:
    """The cases whose names begin with one of `names`."""
    picked = [case for case in cases.CASES if case.name.startswith(tuple(names or [""]))]
    if not picked:
        known = ", ".join(cases.BY_NAME)
        sys.exit(f"no case begins with {' or '.join(names)}; there are: {known}")
    return picked


def entered(case: Case, options: argparse.Namespace) -> list[Contestant]:
    """The case's contestants whom the command line does not leave out."""
    wanted = options.contestants.split(",") if options.contestants else case.contestants
    return [contestants.BY_NAME[name] for name in case.contestants if name in wanted]


def present(case: Case, options: argparse.Namespace) -> list[Contestant]:
    """Those of them who are installed."""
    return [row for row in entered(case, options) if not row.missing]


def one(case: Case, options: argparse.Namespace, home: Path) -> Result:
    """One case: when it ran and how long, its samples, and who gave none."""
    for name in ("steps", "rows"):
        if getattr(options, name) and name in case.arguments:
            case.arguments[name] = getattr(options, name)
    rounds = options.rounds or (min(QUICK, case.rounds) if options.quick else case.rounds)
    moment, began = environment.moment(), time.perf_counter()
    if options.note:
        moment["note"] = options.note
    samples, failures = RUN[case.kind](case, present(case, options), rounds, options.threads, home)
    return {
        "run": moment,
        "arguments": case.arguments,
        "seconds": time.perf_counter() - began,
        "samples": rounded(samples),
        "failures": failures,
        "missing": {row.name: row.missing for row in entered(case, options) if row.missing},
    }


def rounded(samples: report.Samples) -> report.Samples:
    """Six digits of every figure, so that files stay small."""
    return {
        name: [{key: float(f"{value:.6g}") for key, value in sample.items()} for sample in taken]
        for name, taken in samples.items()
    }


def listing(console: Console) -> Result:
    """Prints the two tables of the harness."""
    for case in cases.CASES:
        console.print(f"{case.name:18} {case.title}", highlight=False)
    console.print()
    for row in contestants.CONTESTANTS:
        state = f"not installed: {', '.join(row.missing)}" if row.missing else "installed"
        console.print(f"{row.name:18} {row.label:36} {state}", highlight=False)
    return {"about": {}, "limits": {}, "cases": {}}


if __name__ == "__main__":
    main()
