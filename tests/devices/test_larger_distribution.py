"""Networks of the size of the lectures' on one device, on eight, and on two processes of four."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from engine_names import needs_jax
from paths import TESTS

pytestmark = [needs_jax, pytest.mark.long]
PROGRAM = str(TESTS / "larger_distributed.py")


def losses(name, path, devices, processes):
    command = [sys.executable, PROGRAM]
    if processes > 1:
        launch = ["-m", "lamina", "launch", "--processes", str(processes)]
        command = [sys.executable, *launch, "--devices", str(devices), PROGRAM]
    flag = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flag, "LAMINA_CACHE": "0"}
    done = subprocess.run(
        [*command, name, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text())


# The sensitivity of ShallowVGGNet to rounding: with inputs larger by the factor 1 + 2e-7 the losses
# of its three epochs on one device differ by 0.2%, 1.7% and 2.8%.
LATER = {"ShallowVGGNet": 0.02}


@pytest.mark.parametrize("name", ["MNIST MLP", "ShallowVGGNet", "LSTM", "Transformer"])
def test_losses_do_not_depend_on_devices_and_processes(name, tmp_path):
    """24 steps of Adam with dropout: the same draws; rounding of sums over the batch differs."""
    one = losses(name, tmp_path / "one.json", 1, 1)
    assert one[-1] < one[0]
    for devices, processes in ((8, 1), (4, 2)):
        found = losses(name, tmp_path / "more.json", devices, processes)
        print(name, devices, processes, max(abs(np.array(found) / one - 1)))
        np.testing.assert_allclose(found[0], one[0], rtol=1e-4)
        np.testing.assert_allclose(found, one, rtol=LATER.get(name, 1e-4))
