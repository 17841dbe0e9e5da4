"""Trainings that are killed, or whose disk fails, at some of the moments that the programs
`killed_runs.py` and `failing_runs.py` try all of."""

import subprocess
import sys

import pytest

import failing_runs
import killed_runs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")


def said_by(program, *arguments):
    done = subprocess.run(
        [sys.executable, program.__file__, *arguments], capture_output=True, text=True, timeout=580
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout.splitlines()[-1]


def test_killed_trainings_end_with_the_bits_and_files_of_whole_ones():
    said = said_by(killed_runs, "--kills", "3", "--seed", "2", "--runs", "dense", "recurrent")
    assert said.endswith("0 faults")


@pytest.mark.parametrize("kind", ["error", "full", "end", "power", "read"])
def test_a_failing_operation_on_files_leaves_a_state_that_continues_to_the_same_end(kind):
    every = "2" if kind == "read" else "61"
    said = said_by(failing_runs, "--kinds", kind, "--every", every, "--first", "2")
    assert said.endswith("0 with a fault")
