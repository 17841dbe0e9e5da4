"""ShallowVGGNet as a Keras program with progress bar: `python -m ....vgg_epoch CONTESTANT ROWS`.

Images of CIFAR-10's shape; prints the seconds of `fit`, compiling included.
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.data import classes
from benchmarks.frameworks.keras_networks import vgg
from benchmarks.scripts.lecture import IMPORTS
from benchmarks.worker import private_output


def main(contestant: str, rows: str) -> None:
    """One epoch of a number of images in batches of 32; CIFAR-10 has 50,000."""
    channel = private_output()
    keras = IMPORTS[contestant]().keras
    x, y = classes(int(rows), (32, 32, 3))
    model = vgg(keras)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    history = model.fit(x, y, batch_size=32, epochs=1)
    seconds = time.perf_counter() - began
    answer = {"fit": seconds, "accuracy": float(history.history["accuracy"][-1])}
    print(json.dumps(answer), file=channel)


if __name__ == "__main__":
    main(*sys.argv[1:])
