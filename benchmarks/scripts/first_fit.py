"""The first `fit` of ResNet-50, 224x224: `python -m ....first_fit CONTESTANT BATCH`.

Prints the seconds that a `fit` of three steps takes longer than the same `fit` again: recording,
compiling or loading, and the import of the compiler. Of Lamina only: the network is its zoo's.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np

from benchmarks.worker import private_output

STEPS, SIDE, CLASSES = 3, 224, 1000


def main(contestant: str, batch: str) -> None:
    """Fits twice."""
    channel = private_output()
    import lamina as lm

    assert contestant == "lamina", contestant
    rng, rows = np.random.default_rng(0), STEPS * int(batch)
    x = rng.normal(size=(rows, SIDE, SIDE, 3)).astype(np.float32)
    y = rng.integers(0, CLASSES, rows)
    model = lm.zoo.ResNet50(weights=None)
    model.compile("adam", "sparse_categorical_crossentropy")
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        model.fit(x, y, batch_size=int(batch), verbose=0)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"compile": seconds[0] - seconds[1]}), file=channel)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
