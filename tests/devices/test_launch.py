"""`lamina launch`: two processes train one model; the one that fails is named."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from engine_names import needs_jax
from lamina.cli import main
from paths import TESTS
from small_networks import trained, trained_on_a_dataset

PROGRAM = str(TESTS / "several_processes.py")


def launched(*arguments, processes="2", devices="4"):
    command = [sys.executable, "-m", "lamina", "launch", "--processes", processes]
    return subprocess.run(
        [*command, "--devices", devices, PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "LAMINA_CACHE": "0"},
    )


@needs_jax
def test_two_processes_of_four_devices_train_as_one_device_does(tmp_path):
    done = launched(str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    losses, model, x = trained("perceptron")
    assert (found["processes"], found["devices"], found["loaded"]) == (2, 8, True)
    np.testing.assert_allclose(found["losses"], losses, rtol=1e-5)
    np.testing.assert_allclose(found["predictions"], model.predict(x[:16], verbose=0), atol=1e-5)
    assert len(found["resumed"]) == 3
    assert found["files"][:2] == ["final.state", "history.jsonl"]
    np.testing.assert_allclose(found["of a dataset"], trained_on_a_dataset("perceptron"), rtol=1e-5)
    assert found["read"] == [8, 8, 8, 8, 12] * 2  # half of 16; 12 cannot be divided among 8 devices
    slot = abs(model.optimizer.variables[2].numpy()).sum()
    np.testing.assert_allclose(found["slot"], slot, rtol=1e-4)


@needs_jax
def test_the_process_that_fails_is_named_and_the_others_are_ended():
    done = launched(devices="1")
    assert done.returncode == 3
    assert "lamina launch: process 1 ended with 3" in done.stderr


def test_launch_gives_each_process_its_arguments_and_its_number(tmp_path, capfd):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys; words = [sys.argv[1:], os.environ['LAMINA_PROCESS'], "
        "os.environ['LAMINA_PROCESSES']]; os.write(1, (' '.join(map(str, words)) + '\\n').encode())"
    )
    assert main(["launch", "--processes", "2", str(program), "--epochs", "3"]) == 0
    lines = sorted(capfd.readouterr().out.splitlines())
    assert lines == ["['--epochs', '3'] 0 2", "['--epochs', '3'] 1 2"]


def test_several_hosts_need_the_address_of_the_coordinator(capsys):
    assert main(["launch", "--total", "4", "--processes", "2", "program.py"]) == 1
    assert "--coordinator HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "x"])
def test_launch_needs_at_least_one_process(number, capsys):
    with pytest.raises(SystemExit):
        main(["launch", "--processes", number, "program.py"])
    assert "is not a whole number from 1" in capsys.readouterr().err
