"""The example of a Transformer with divided weights, on 8 virtual devices and on one."""

import json
import os
import subprocess
import sys

import numpy as np

from engine_names import needs_jax
from paths import EXAMPLES

pytestmark = needs_jax
CALL = """
import json, runpy, sys
found = runpy.run_path(sys.argv[1])["main"](int(sys.argv[2]), 2, 256)
print(json.dumps(found))
"""


def losses(devices, along_model):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "LAMINA_CACHE": "0",
    }
    program = str(EXAMPLES / "tensor_parallel_transformer.py")
    done = subprocess.run(
        [sys.executable, "-c", CALL, program, str(along_model)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_divided_weights_have_the_losses_of_one_device():
    """Dropout among it: the same draws."""
    found = losses(8, 4)
    np.testing.assert_allclose(found, losses(1, 1), rtol=1e-5)
    assert found[1] < found[0]
