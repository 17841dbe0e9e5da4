"""Trainings of a second with everything that a state must hold, for tests that interrupt them.

    python tests/long_runs.py NAME FOLDER [PAUSE]

trains the run of this name with checkpoints in FOLDER, or continues it, and writes its outcome to
FOLDER/outcome.json. Standard output says when the training has begun.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lamina as lm

L = lm.layers
OUTCOME = "outcome.json"


# ---- networks and data -------------------------------------------------------------------------
def images(rows: int = 160) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, rows)
    x = rng.normal(size=(rows, 8, 8, 1)) + 0.3 * y[:, None, None, None]
    return x.astype("float32"), y


def convolutional() -> Any:
    return lm.Sequential(
        [
            lm.Input((8, 8, 1)),
            L.RandomFlip(),
            L.RandomTranslation(0.1, 0.1),
            L.Conv2D(4, 3, activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dropout(0.3),
            L.Dense(3, "softmax"),
        ]
    )


def dense() -> Any:
    return lm.Sequential(
        [
            lm.Input((8, 8, 1)),
            L.RandomFlip("horizontal"),
            L.Flatten(),
            L.GaussianNoise(0.1),
            L.Dense(16, "relu"),
            L.BatchNormalization(),
            L.Dropout(0.4),
            L.Dense(3, "softmax"),
        ]
    )


def recurrent() -> Any:
    layers = [lm.Input((8, 8, 1)), L.Reshape((8, 8)), L.LSTM(6, dropout=0.2), L.Dense(3, "softmax")]
    return lm.Sequential(layers)


def arrays() -> dict[str, Any]:
    x, y = images()
    return {"x": x, "y": y, "batch_size": 8, "validation_split": 0.2}


def weighted() -> dict[str, Any]:
    x, _ = images()
    weights = np.linspace(0.5, 2, len(x)).astype("float32")
    return {**arrays(), "sample_weight": weights, "class_weight": {0: 2.0}, "validation_freq": 2}


def batches() -> dict[str, Any]:
    """A data set that augments in Python, with a separate generator for each element."""
    x, y = images()

    def augmented(image: Any, label: Any) -> tuple[Any, Any]:
        return np.roll(image, int(image[0, 0, 0] * 10) % 3, 1), label

    data = lm.data.Dataset.from_tensor_slices((x[:128], y[:128])).shuffle(64, seed=5).map(augmented)
    return {"x": data.batch(8), "validation_data": (x[128:], y[128:])}


@dataclass(frozen=True)
class Run:
    """One training: the network, the data and arguments of `fit`, the optimizer, the interval."""

    network: Callable[[], Any]
    data: Callable[[], dict[str, Any]]
    optimizer: Callable[[], Any]
    every: str | int
    epochs: int = 8


def few() -> dict[str, Any]:
    x, y = images(40)
    return {"x": x, "y": y, "batch_size": 8, "validation_split": 0.2}


RUNS = {
    "convolutional": Run(convolutional, arrays, lambda: lm.optimizers.Adam(0.01), 3),
    "dense": Run(dense, weighted, lambda: lm.optimizers.SGD(0.05, momentum=0.9), "0.02s", 12),
    "recurrent": Run(recurrent, arrays, lambda: lm.optimizers.Adam(0.01, use_ema=True), 1, 5),
    "batches": Run(dense, batches, lambda: lm.optimizers.AdamW(0.01, clipnorm=1.0), 5),
    "epochs": Run(convolutional, arrays, lambda: lm.optimizers.RMSprop(0.003), "epoch", 12),
}  # fmt: skip
SHORT = Run(dense, few, lambda: lm.optimizers.Adam(0.01), 3, 3)


class Pause(lm.callbacks.Callback):
    """Time in each batch for something to happen to the process; and word of the beginning."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds

    def get_state(self) -> dict[str, Any]:
        return {}

    def on_train_begin(self, logs: Any = None) -> None:
        print("begun", flush=True)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.seconds:
            time.sleep(self.seconds)


def train(
    name: str, folder: Path, checkpoint: bool = True, pause: float = 0.0, look: bool = True
) -> dict[str, Any]:
    """Train a run, or continue it, and return its outcome; with `look`, also its files."""
    run = RUNS.get(name, SHORT)
    lm.set_seed(1)
    model = run.network()
    loss = "sparse_categorical_crossentropy"
    model.compile(run.optimizer(), loss, metrics=["accuracy"])
    kept = [
        lm.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
        lm.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.05),
        lm.callbacks.CSVLogger(folder / "log.csv"),
        lm.callbacks.TensorBoard(folder / "board", update_freq=4),
        lm.callbacks.ModelCheckpoint(folder / "best.lamina", save_best_only=True),
        Pause(pause),
    ]
    options: dict[str, Any] = {}
    if checkpoint:
        options = {"checkpoint": folder / "run", "every": run.every, "resume": True}
    found = model.fit(**run.data(), epochs=run.epochs, seed=3, verbose=0, callbacks=kept, **options)
    result = outcome(model, found)
    return {**result, **written(folder)} if look else result


# ---- what came of it ---------------------------------------------------------------------------
def outcome(model: Any, history: Any) -> dict[str, Any]:
    """Weights, the optimizer's state and history, to compare bit by bit."""
    bits = b"".join(v.numpy().tobytes() for v in (*model.weights, *model.optimizer.variables))
    found = {
        "bits": hashlib.sha256(bits).hexdigest(),
        "history": history.history,
        "epoch": history.epoch,
    }
    return dict(json.loads(json.dumps(found)))


def written(folder: Path) -> dict[str, Any]:
    """Return what callbacks wrote."""
    return {
        "csv": (folder / "log.csv").read_text(),
        "curves": curves(folder / "board"),
        "best": hashlib.sha256((folder / "best.lamina").read_bytes()).hexdigest(),
    }


def curves(folder: Path) -> dict[str, list[str]]:
    """The events of each run without their times; of a file that a restart from the beginning left,
    which holds no value that a later one lacks, nothing."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*/events*"), key=lambda each: each.stat().st_mtime_ns):
        events = [content[9:].hex() for content in records(path.read_bytes())]
        before = found.get(path.parent.name, [])
        lost = [event for event in before if event not in events]
        assert not lost, f"{path.parent}: values are in two files"
        found[path.parent.name] = events
    return {run: [hashlib.sha256(e.encode()).hexdigest() for e in found[run]] for run in found}


def records(content: bytes) -> list[bytes]:
    """The contents of the records of an event file, which must be whole."""
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        assert at + length + 16 <= len(content), "an event file ends within a record"
        found.append(content[at + 12 : at + 12 + length])
        at += length + 16
    return found


def problems(folder: Path, expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return differences from the outcome of an uninterrupted run, and files left over."""
    lines = [f"{name} differs" for name in expected if expected[name] != found.get(name)]
    rows = [json.loads(line) for line in (folder / "run/history.jsonl").read_text().splitlines()]
    if [row["epoch"] for row in rows] != expected["epoch"]:
        lines.append(f"history.jsonl has the epochs {[row['epoch'] for row in rows]}")
    elif [row["loss"] for row in rows] != expected["history"]["loss"]:
        lines.append("history.jsonl has other losses")
    left = [str(each) for each in folder.rglob("*.tmp")]
    return lines + [f"{each} was left" for each in left]


def main(arguments: list[str] | None = None) -> None:
    name, place, *pause = sys.argv[1:] if arguments is None else arguments
    folder = Path(place)
    found = train(name, folder, pause=float(pause[0]) if pause else 0.0)
    written = folder / f"{OUTCOME}.new"
    written.write_text(json.dumps(found))
    os.replace(written, folder / OUTCOME)


if __name__ == "__main__":
    main()
