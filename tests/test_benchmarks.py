"""The benchmark harness works with Lamina alone: it measures, skips who is missing, and reports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def harness(*words):
    """Runs `python -m benchmarks` from the root of the checkout; returns what it printed."""
    command = [sys.executable, "-m", "benchmarks", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def run(tmp_path):
    """Runs a case at a tiny size; returns its outcome and the tables written."""

    def measure(case, contestants):
        samples, tables = tmp_path / "run.json", tmp_path / "RESULTS.md"
        sizes = ("--rounds", 2, "--steps", 3, "--contestants", contestants)
        harness(case, *sizes, "--json", samples, "--markdown", tables)
        return json.loads(samples.read_text())["cases"][case], tables.read_text()

    return measure


@pytest.mark.parametrize("case", ["mlp-32", "predict-one", "warm-start"])
def test_lamina_alone_is_measured(run, case):
    outcome, tables = run(case, "lamina")
    assert outcome["failures"] == {}
    assert len(outcome["samples"]["lamina"]) == 2
    assert "| Lamina |" in tables


def test_contestants_are_compared_within_a_round(run):
    outcome, tables = run("predict-one", "lamina,numpy")
    assert set(outcome["samples"]) == {"lamina", "numpy"}
    row = next(line for line in tables.splitlines() if line.startswith("| NumPy by hand |"))
    ratio = outcome["samples"]["numpy"][0]["seconds"] / outcome["samples"]["lamina"][0]["seconds"]
    assert any(float(cell) == pytest.approx(ratio, rel=0.02) for cell in row.split("|")[5:8])


def test_the_list_names_every_case_and_contestant():
    listed = harness("--list")
    for name in ("mlp-512", "lecture-first", "keras-tensorflow", "torch-compile"):
        assert name in listed


def test_an_unknown_case_is_told_the_known_ones():
    command = [sys.executable, "-m", "benchmarks", "mlq"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "mlp-32" in done.stderr
