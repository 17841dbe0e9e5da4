"""A program of one or several processes, run by test_larger_distribution.py: trains a network of
tools/count_exchanges.py on all devices; process 0 writes the losses to the file named."""

import json
import os
import sys
from pathlib import Path

import numpy as np

import lamina as lm
from lamina.distribution import DataParallel, initialize, process_index, set_distribution

sys.path.append(str(Path(__file__).parents[1] / "tools"))
from count_exchanges import NETWORKS

if "LAMINA_PROCESS" in os.environ:
    initialize(timeout=300)
set_distribution(DataParallel())
lm.set_seed(1)
shape, parts = NETWORKS[sys.argv[1]]()
model = lm.Sequential([lm.Input(shape), *parts])
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
y = rng.integers(0, 10, 512)
x = rng.normal(size=(512, *shape)).astype("f") + y.reshape(-1, *[1] * len(shape)).astype("f") / 4
history = model.fit(x, y, batch_size=64, epochs=3, verbose=0, seed=3)
if process_index() == 0:
    Path(sys.argv[2]).write_text(json.dumps(history.history["loss"]))
