"""Without llvmlite everything runs on the numpy engine, and one line on stderr reports that."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["llvmlite"] = None  # importing it now fails, as where it is not installed
import numpy as np
import lamina as lm

square = lm.compile(lambda x: lm.sum(x * x))
assert square(lm.asarray([1.0, 2.0])).item() == 5.0

model = lm.keras.Sequential([lm.keras.layers.Dense(1, input_shape=(2,))])
model.compile(optimizer="sgd", loss="mse")
x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], np.float32)
before = model.evaluate(x, x.sum(1, keepdims=True), verbose=0)
model.fit(x, x.sum(1, keepdims=True), epochs=20, verbose=0)
assert model.evaluate(x, x.sum(1, keepdims=True), verbose=0) < before
print("done")
"""


def test_training_works_and_one_line_names_the_engine():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "done\n", done.stderr
    notices = done.stderr.splitlines()
    assert len(notices) == 1
    assert "llvmlite" in notices[0]
    assert "numpy engine" in notices[0]
