"""The command line: `python -m benchmarks [CASE ...]`; `--help` says what it takes."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import cases, contestants, environment, programs, report, turns
from benchmarks.cases import Case
from benchmarks.contestants import Contestant
from benchmarks.report import Result

RUN = {"turns": turns.run, "program": programs.run}


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line's words, read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help="a case, or the beginning of several; all if none")
    add("--contestants", help="names, separated by commas; all that are installed if not given")
    add("--rounds", type=int, help="samples of each contestant; each case has its own number")
    add("--steps", type=int, help="steps a turn; each case has its own number")
    add("--threads", type=int, default=2, help="cores and threads for every contestant (default 2)")
    add("--note", help="a remark to keep with the results, such as what else the machine did")
    add("--json", type=Path, help="write every sample to this file, after each case")
    add("--markdown", type=Path, help="write the tables to this file, as RESULTS.md is")
    add("--show", type=Path, metavar="JSON", help="run nothing; show an earlier run's file")
    add("--list", action="store_true", help="list cases and contestants, and who is missing")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> Result:
    """Does what the command line says; returns the result."""
    options, console = arguments(words), Console(width=None if sys.stdout.isatty() else 110)
    sys.path[:0] = environment.search_path()
    if options.list:
        return listing(console)
    result = json.loads(options.show.read_text()) if options.show else measure(options, console)
    if options.show:
        report.show(result, console)
    if options.markdown:
        options.markdown.write_text(report.markdown(result))
    return result


def measure(options: argparse.Namespace, console: Console) -> Result:
    """Runs the chosen cases, showing each when it is done."""
    result: Result = {"about": environment.describe(options.threads), "cases": {}}
    if options.note:
        result["about"]["note"] = options.note
    folder = tempfile.TemporaryDirectory(prefix="lamina-benchmarks-")
    with folder as home, environment.pinned(options.threads):
        for case in chosen(options.cases):
            console.print(f"[dim]{case.name}: {case.title}[/dim]")
            result["cases"][case.name] = outcome = one(case, options, Path(home))
            report.show({"cases": {case.name: outcome}}, console)
            if options.json:
                options.json.write_text(json.dumps(result, indent=1))
    return result


def chosen(names: list[str]) -> list[Case]:
    """The cases whose names begin with one of `names`."""
    picked = [case for case in cases.CASES if case.name.startswith(tuple(names or [""]))]
    if not picked:
        known = ", ".join(cases.BY_NAME)
        sys.exit(f"no case begins with {' or '.join(names)}; there are: {known}")
    return picked


def one(case: Case, options: argparse.Namespace, home: Path) -> Result:
    """One case: its samples, and who gave none."""
    if options.steps and "steps" in case.arguments:
        case.arguments["steps"] = options.steps
    wanted = options.contestants.split(",") if options.contestants else case.contestants
    rows = [contestants.BY_NAME[name] for name in case.contestants if name in wanted]
    present: list[Contestant] = [row for row in rows if not row.missing]
    samples, failures = RUN[case.kind](
        case, present, options.rounds or case.rounds, options.threads, home
    )
    missing = {row.name: row.missing for row in rows if row.missing}
    return {"samples": samples, "failures": failures, "missing": missing}


def listing(console: Console) -> Result:
    """Prints the two tables of the harness."""
    for case in cases.CASES:
        console.print(f"{case.name:14} {case.title}", highlight=False)
    console.print()
    for row in contestants.CONTESTANTS:
        state = f"not installed: {', '.join(row.missing)}" if row.missing else "installed"
        console.print(f"{row.name:18} {row.label:36} {state}", highlight=False)
    return {"about": {}, "cases": {}}


if __name__ == "__main__":
    main()
