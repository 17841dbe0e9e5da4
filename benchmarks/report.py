"""What a person reads of a run: ratios, as tables in the terminal and in RESULTS.md.

A result is one JSON object: `about` (label -> text), and per case `samples` (contestant -> list of
samples), `failures` and `missing` (contestant -> why).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import cases, contestants
from benchmarks.cases import Case, Metric
from benchmarks.contestants import BASELINE

Result = dict[str, Any]
Samples = dict[str, list[dict[str, float]]]

HEADER = ("contestant", "min", "median", "max", "times Lamina: median", "min", "max")

HOW = (
    "Each table is of one run. In a case of steps the contestants are resident processes asked "
    "in turn, A B C A B C, so that whatever else the machine does falls on all of them; a figure "
    "is the mean over the steps of one turn. In a case of whole programs each sample is a fresh "
    "process, in the same order. A ratio is the contestant's figure by Lamina's in the same round: "
    "above 1, Lamina is ahead. float32 throughout. README.md in this folder says how to run it."
)


def rows(metric: Metric, samples: Samples) -> Iterator[tuple[str, ...]]:
    """One row a contestant: its figures in the metric's unit, and its ratios to the baseline."""
    for name, taken in samples.items():
        values = [sample[metric.key] * metric.scale for sample in taken]
        yield (label(name), *spread(values), *ratios(metric, name, samples))


def label(name: str) -> str:
    """A contestant's name as a person knows it."""
    return contestants.BY_NAME[name].label


def spread(values: list[float]) -> tuple[str, str, str]:
    """Least, median and greatest."""
    return figure(min(values)), figure(statistics.median(values)), figure(max(values))


def ratios(metric: Metric, name: str, samples: Samples) -> tuple[str, str, str]:
    """The contestant by the baseline, round by round: median, least, greatest; else blank."""
    if not metric.compared or BASELINE not in samples:
        return "", "", ""
    pairs = zip(samples[name], samples[BASELINE], strict=False)
    values = [mine[metric.key] / base[metric.key] for mine, base in pairs]
    least, median, greatest = spread(values)
    return median, least, greatest


def figure(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.{2 if abs(value) >= 1 else 3}f}"


def heading(case: Case, metric: Metric) -> str:
    """What a table shows: the case, the quantity and its unit."""
    quantity = f"{metric.label}, {metric.unit}" if metric.unit else metric.label
    return f"{case.title} ({quantity})"


def notes(outcome: Result) -> Iterator[str]:
    """Who took no part, and why."""
    for name, modules in outcome["missing"].items():
        yield f"{label(name)}: not installed here ({', '.join(modules)})"
    for name, why in outcome["failures"].items():
        yield f"{contestants.BY_NAME[name].label if name in contestants.BY_NAME else name}: {why}"


def tables(result: Result) -> Iterator[tuple[Case, Metric, list[tuple[str, ...]], list[str]]]:
    """Every table of a result, in the order of `cases.CASES`: its rows, and its case's notes."""
    for case in cases.CASES:
        if case.name in result["cases"]:
            outcome = result["cases"][case.name]
            for metric in case.metrics:
                yield case, metric, list(rows(metric, outcome["samples"])), list(notes(outcome))


def show(result: Result, console: Console) -> None:
    """Prints every table of a result."""
    for case, metric, body, remarks in tables(result):
        goal = f"goal: {metric.goal}" if metric.goal else None
        table = Table(
            title=heading(case, metric), caption="\n".join(filter(None, [goal, *remarks]))
        )
        for number, column in enumerate(HEADER):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in body:
            table.add_row(*row)
        console.print(table)


def markdown(result: Result) -> str:
    """RESULTS.md: the machine and versions, then every table."""
    lines = ["# Lamina beside its peers: figures of one run", "", HOW, ""]
    lines += [f"- {name}: {text}" for name, text in result["about"].items()]
    for case, metric, body, remarks in tables(result):
        lines += ["", f"## {heading(case, metric)}", ""]
        lines += [f"Goal: {metric.goal}.", ""] if metric.goal else []
        lines += ["| " + " | ".join(cells) + " |" for cells in (HEADER, RULE, *body)]
        lines += [""] if remarks else []
        lines += [f"- {remark}" for remark in remarks]
    return "\n".join(lines) + "\n"


RULE = ("---", *["---:"] * (len(HEADER) - 1))
