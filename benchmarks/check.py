"""Do all contestants compute the same? Their first results, from the same weights, compared.

`python -m benchmarks --check` asks each contestant of a trials case for its first three results:
the losses of three steps on one small batch, dropout off, or three predictions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import trials
from benchmarks.cases import Case
from benchmarks.contestants import BASELINE, Contestant
from benchmarks.networks import CHECKING

TRIALS = 3
BATCH = 8
"""The largest number of examples: a few show the same."""
FIRST, LATER = 1e-4, 5e-3
"""The largest difference of a result from Lamina's, as a share of the first loss.

The first depends on the forward pass alone. Later ones also on what frameworks do differently:
PyTorch's LSTM has two biases that learn, and its batch normalization another variance; a wrong
gradient is farther off than that.
"""


def run(case: Case, contestants: list[Contestant], threads: int, home: Path) -> list[str]:
    """One line a contestant: its results, and whether they agree; the baseline is among them."""
    os.environ[CHECKING] = "1"
    small = {"batch": min(BATCH, int(case.arguments["batch"])), "steps": 1}
    try:
        one = replace(case, arguments=small, witness=(-float("inf"), float("inf")))
        samples, failures = trials.run(one, contestants, TRIALS, threads, home)
    finally:
        del os.environ[CHECKING]
    found = {name: [each["witness"] for each in taken] for name, taken in samples.items()}
    return [*compared(found), *(f"{name:18} failed: {why}" for name, why in failures.items())]


def compared(found: dict[str, list[float]]) -> Iterator[str]:
    """Each contestant's results compared with the baseline's."""
    expected = found.get(BASELINE) or next(iter(found.values()), [])
    for name, results in found.items():
        verdict = "agrees" if agree(results, expected) else "DIFFERS"
        yield f"{name:18} {verdict:8} " + "  ".join(f"{value:.6f}" for value in results)


def agree(results: list[float], expected: list[float]) -> bool:
    """Whether all results are near enough."""
    scale = max(abs(expected[0]), 1.0)
    bounds = [FIRST, *[LATER] * (len(expected) - 1)]
    rows = zip(results, expected, bounds, strict=True)
    return all(abs(result - wanted) <= bound * scale for result, wanted, bound in rows)
