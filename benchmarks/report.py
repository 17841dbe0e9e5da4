"""The report of a run: ratios, as tables in the terminal and in RESULTS.md.

A result is one JSON object: `about` (label -> text), and per case `samples` (contestant -> list of
samples), `failures` and `missing` (contestant -> why), `run` (when, at which commit),
`arguments`, the `seconds` that it took; and `limits`, the most that the machine was seen to do.
"""

from __future__ import annotations

import re
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
    "Each table is of one run, named below it. In a case of steps the contestants are resident "
    "processes asked alternately, A B C A B C, so that other work of the machine slows all of "
    "them; a figure is the mean over the steps of one trial. In a case of whole programs each "
    "sample is a fresh process, in the same order. A ratio is the contestant's figure by Lamina's "
    "in the same round: above 1, Lamina is ahead. float32 throughout. README.md in this folder "
    "says how to run it."
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
    least, median, greatest = spread(pairwise(metric, name, samples))
    return median, least, greatest


def pairwise(metric: Metric, name: str, samples: Samples) -> list[float]:
    """The contestant by the baseline in each round."""
    pairs = zip(samples[name], samples[BASELINE], strict=False)
    return [mine[metric.key] / base[metric.key] for mine, base in pairs]


def figure(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.{2 if abs(value) >= 1 else 3}f}"


def heading(case: Case, metric: Metric) -> str:
    """The heading of a table: the case, the quantity and its unit."""
    quantity = f"{metric.label}, {metric.unit}" if metric.unit else metric.label
    return f"{case.title} ({quantity})"


def verdict(metric: Metric, samples: Samples) -> Iterator[str]:
    """The goal, and, where it is a ratio to the fastest peer, that ratio."""
    if metric.goal:
        yield f"Goal: {metric.goal}."
    if metric.bar and (found := best_peer(metric, samples)):
        name, ratio = found
        reached = "reached" if ratio >= metric.bar else "not reached"
        goal = (
            f"{figure(metric.bar)} times ahead of the best peer" if metric.bar > 1 else "the best"
        )
        yield f"Goal: {goal}. {label(name)}: {figure(ratio)} ({reached})."


def best_peer(metric: Metric, samples: Samples) -> tuple[str, float] | None:
    """The peer nearest to Lamina, or before it, and the median of the ratios."""
    names = [name for name in samples if not name.startswith(BASELINE)]
    if not names or BASELINE not in samples:
        return None
    medians = {name: statistics.median(pairwise(metric, name, samples)) for name in names}
    name = min(medians, key=medians.__getitem__)
    return name, medians[name]


def floor(case: Case, outcome: Result, limits: dict[str, float]) -> Iterator[str]:
    """The least work of the case, the least time for that here, and how near Lamina comes."""
    least = case.least
    if not least or not limits:
        return
    computing = least.work / limits["gflops"] / 1e9
    moving = least.bytes / limits["gigabytes"] / 1e9
    seconds, scale = max(computing, moving), case.metrics[0].scale
    limit = "arithmetic" if computing >= moving else "memory"
    yield (
        f"At least {figure(least.work / 1e6)} MFLOP and {figure(least.bytes / 1e6)} MB: "
        f"{figure(seconds * scale)} {case.metrics[0].unit} here, by {limit}."
    )
    if taken := outcome["samples"].get(BASELINE):
        share = seconds / min(sample["seconds"] for sample in taken)
        yield f"Lamina's best trial reaches {share:.0%} of that."


def ran(outcome: Result) -> str:
    """The date of a case's run, its commit, the load of the machine, and the time it took."""
    run = outcome["run"]
    words = f"{run['date']}, Lamina {run['Lamina']}, load {run['load']}, {run['scheduling']}"
    remark = f"; {run['note']}" if "note" in run else ""
    sizes = ", ".join(f"{name} {value}" for name, value in outcome["arguments"].items())
    return f"Run {words}, {outcome['seconds']:.0f} s{remark}. {sizes.capitalize()}".rstrip()


def notes(outcome: Result) -> Iterator[str]:
    """Contestants without results, and the reasons."""
    if outcome["missing"]:
        yield f"Not installed here: {', '.join(map(label, outcome['missing']))}."
    for name, why in outcome["failures"].items():
        yield f"{contestants.BY_NAME[name].label if name in contestants.BY_NAME else name}: {why}"


def tables(result: Result) -> Iterator[tuple[Case, Metric, Result]]:
    """Every table of a result, in the order of `cases.CASES`: case, metric, and the outcome."""
    for case in cases.CASES:
        if case.name in result["cases"]:
            for metric in case.metrics:
                yield case, metric, result["cases"][case.name]


def remarks(case: Case, metric: Metric, outcome: Result, limits: dict[str, float]) -> Iterator[str]:
    """Remarks below a table; those on the whole case below its first one."""
    yield from verdict(metric, outcome["samples"])
    if metric is case.metrics[0]:
        yield from floor(case, outcome, limits)
        yield from notes(outcome)
        yield ran(outcome)


def show(result: Result, console: Console) -> None:
    """Prints every table of a result."""
    for case, metric, outcome in tables(result):
        caption = "\n".join(remarks(case, metric, outcome, result["limits"]))
        table = Table(title=heading(case, metric), caption=caption)
        for number, column in enumerate(HEADER):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in rows(metric, outcome["samples"]):
            table.add_row(*row)
        console.print(table)


def markdown(result: Result) -> str:
    """RESULTS.md: the machine and versions, then every table."""
    lines = ["# Lamina compared with its peers", "", HOW, "", *summary(result), ""]
    lines += [f"- {name}: {text}" for name, text in result["about"].items()]
    lines += [limits_of(result["limits"]), f"- time for all of it: {duration(result)} minutes"]
    for case, metric, outcome in tables(result):
        body = rows(metric, outcome["samples"])
        lines += ["", f"## {heading(case, metric)}", ""]
        lines += ["| " + " | ".join(cells) + " |" for cells in (HEADER, RULE, *body)]
        lines += [
            "",
            *(f"- {remark}" for remark in remarks(case, metric, outcome, result["limits"])),
        ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def summary(result: Result) -> Iterator[str]:
    """One row for each goal that is a ratio: the case, the goal, the best peer and the ratio."""
    yield "| work | goal | best peer | ratio | |"
    yield "| --- | ---: | --- | ---: | --- |"
    for case, metric, outcome in tables(result):
        found = best_peer(metric, outcome["samples"])
        if metric.bar and found:
            name, ratio = found
            mark = "reached" if ratio >= metric.bar else "**not reached**"
            cells = (heading(case, metric), figure(metric.bar), label(name), figure(ratio))
            yield f"| {' | '.join(cells)} | {mark} |"


def limits_of(limits: dict[str, float]) -> str:
    """The machine's limits, from which floors are reckoned."""
    if not limits:
        return ""
    arithmetic, memory = limits["gflops"], limits["gigabytes"]
    return f"- limits: {arithmetic:.0f} GFLOP/s, {memory:.0f} GB/s from the last cache"


def duration(result: Result) -> int:
    """Minutes that all cases took together."""
    return round(sum(outcome["seconds"] for outcome in result["cases"].values()) / 60)


RULE = ("---", *["---:"] * (len(HEADER) - 1))
