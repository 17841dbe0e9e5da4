"""The benchmark harness works with Lamina alone: it measures, skips who is missing, and reports."""

import json
import subprocess
import sys

import pytest

from paths import ROOT

sys.path.insert(0, str(ROOT))
from benchmarks import cases, check, environment, networks, report


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


@pytest.mark.parametrize("case", ["mlp-32", "warm-start"])
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
    assert report.figure(ratio) in [cell.strip() for cell in row.split("|")[5:8]]


def test_cases_run_later_are_merged_with_those_of_the_file(tmp_path):
    samples, tables = tmp_path / "run.json", tmp_path / "RESULTS.md"
    run = {"date": "yesterday", "Lamina": "abcdef0", "load": "0.1", "scheduling": "as any other"}
    earlier = {"run": run, "arguments": {}, "seconds": 60, "failures": {}, "missing": {}}
    earlier["samples"] = {"lamina": [{"seconds": 1.0}], "jax": [{"seconds": 1.7}]}
    about = environment.describe(threads=2)
    samples.write_text(json.dumps({"about": about, "limits": {}, "cases": {"mlp-32": earlier}}))
    common = ("--contestants", "numpy", "--json", samples, "--markdown", tables)
    harness("predict-one", "--quick", "--merge", *common)
    merged = json.loads(samples.read_text())["cases"]
    assert merged["mlp-32"] == earlier
    assert len(merged["predict-one"]["samples"]["numpy"]) == 3
    assert "Run yesterday, Lamina abcdef0" in tables.read_text()
    assert "| 1.60 | JAX, jit | 1.70 | reached |" in tables.read_text()


def test_contestants_with_other_results_are_reported():
    assert "agrees" in harness("predict-one", "--check", "--contestants", "lamina,numpy")
    found = {"lamina": [2.0, 1.0, 0.5], "torch": [2.0, 1.1, 0.5], "jax": [2.0, 1.001, 0.5]}
    verdicts = {line.split()[0]: line.split()[1] for line in check.compared(found)}
    assert verdicts == {"lamina": "agrees", "torch": "DIFFERS", "jax": "agrees"}


def test_the_fastest_peer_is_held_against_the_goal():
    times = {"lamina": [1.0, 1.0], "jax": [1.4, 1.6], "torch": [3.0, 3.0]}
    samples = {name: [{"seconds": each} for each in taken] for name, taken in times.items()}
    case = cases.BY_NAME["vgg-32"]
    (words,) = report.verdict(case.metrics[0], samples)
    assert "JAX, jit: 1.50 (reached)" in words
    least, share = report.floor(case, {"samples": samples}, {"gflops": 100.0, "gigabytes": 100.0})
    assert "5047 MFLOP" in least and "50.47 ms here, by arithmetic" in least
    assert "5%" in share


def test_floors_are_those_counted_by_hand():
    assert networks.BY_NAME["mlp"].size == 784 * 512 + 512 + 512 * 10 + 10
    products = 784 * 512 + 512 * 10
    assert networks.BY_NAME["mlp"].training_work(32) == 2 * 32 * (3 * products - 784 * 512)
    steps = 28 * (28 + 128) * 512 + 128 * 10
    assert networks.BY_NAME["lstm"].inference_work(1) == 2 * steps
    assert networks.BY_NAME["resnet18"].size == 11_173_962  # as PyTorch counts them


def test_the_list_names_every_case_and_contestant():
    listed = harness("--list")
    for name in ("mlp-512", "lecture-first", "keras-tensorflow", "torch-compile"):
        assert name in listed


def test_an_unknown_case_raises_with_the_known_cases():
    command = [sys.executable, "-m", "benchmarks", "mlq"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "mlp-32" in done.stderr


def test_the_costs_around_a_training_are_measured():
    options = ["--rounds", "1", "--network", "mlp", "--rows", "256"]
    command = [sys.executable, "-m", "benchmarks.scripts.run_costs", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    rows = done.stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["network", *["mlp"] * 5], done.stderr
