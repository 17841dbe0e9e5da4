"""Small runs of the example programs that are in folders, with what holds for all of them."""

import ast
import runpy
from pathlib import Path

import numpy as np

from paths import EXAMPLES

CONSTANTS = {"FIGURES", "SMALL"}


def run_small(name: str, image: Path) -> dict:
    """Run a program such as "history/elman_1990" at its small size; return its figures."""
    names = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    assert names.keys() >= CONSTANTS
    found = names["main"](**names["SMALL"], path=str(image))
    assert list(found) == list(names["FIGURES"])
    for value in found.values():
        assert isinstance(value, str) or np.ndim(value) < 2
    assert image.stat().st_size > 10_000
    return {name: value if isinstance(value, str) else mean(value) for name, value in found.items()}


def mean(value) -> float:
    """A number; of several runs the mean, of bools the share of successes."""
    return float(np.mean(value))


def command_line(source: str) -> str:
    """The docstring's command: an indented line that starts with python."""
    text = ast.get_docstring(ast.parse(source)) or ""
    return next((line.strip() for line in text.splitlines() if line.startswith("    python ")), "")
