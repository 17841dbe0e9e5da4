"""Damaged and hostile states of trainings, and descriptions of runs: see `mutations`."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lamina as lm
from lamina.callbacks import CallbackList
from lamina.models import resuming
from lamina.models.fitting import session_of
from lamina.saving import safetensors, states
from lamina.training.checkpoints import RUN, Checkpoints
from lamina.training.options import Every
from lamina.training.state import callbacks_in

Change = Callable[[bytes, random.Random], bytes]
NEWEST = "state-99999999.state"


def watchers(folder: Path) -> list[Any]:
    return [
        lm.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        lm.callbacks.ReduceLROnPlateau("val_loss", patience=1),
        lm.callbacks.CSVLogger(str(folder / "log.csv")),
        lm.callbacks.TensorBoard(str(folder / "board")),
        lm.callbacks.ModelCheckpoint(str(folder / "best.lamina"), save_best_only=True),
    ]


class Runs:
    """One training on the disk, and copies of its files to change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(40, 4)).astype("float32"), rng.integers(0, 3, 40)
        layers = [lm.layers.Dense(5, "relu"), lm.layers.BatchNormalization(),
                  lm.layers.Dropout(0.3), lm.layers.Dense(3, "softmax")]  # fmt: skip
        self.model = lm.Sequential([lm.Input((4,)), *layers])
        loss = "sparse_categorical_crossentropy"
        self.model.compile(lm.optimizers.Adam(0.01), loss, metrics=["accuracy"])
        self.model.fit(x, y, epochs=2, validation_split=0.2, seed=1, verbose=0, every="epoch",
                       callbacks=watchers(self.folder), checkpoint=self.folder)  # fmt: skip
        self.state = max(self.folder.glob("state-*.state")).read_bytes()
        self.described = (self.folder / RUN).read_bytes()
        for path in self.folder.glob("*.state"):
            path.unlink()
        self.weights = self.model.get_weights()

    def read_state(self, path: str, is_damaged: bool) -> None:
        """Restore a state, the only one in its folder, as `fit` does."""
        warnings.simplefilter("ignore")
        checkpoints = Checkpoints(self.folder, Every(epochs=True))
        state = checkpoints.newest()
        assert state is not None
        session = session_of(self.model)
        assert session is not None
        trainee = self.model._trainee
        checkpoints.restore(session, trainee, state)
        session.continue_from(trainee, state)
        callbacks = CallbackList(watchers(self.folder), add_history=True, model=self.model)
        callbacks.on_train_begin()
        callbacks.restore(callbacks_in(state) or ())
        assert not is_damaged, "a change of a state was not found"

    def read_description(self, path: str) -> None:
        """Make what `lamina.resume` makes of the description of a run."""
        run = resuming._run(self.folder)
        resuming._callbacks(self.folder, run["callbacks"])


def state(changed_value: Callable[[Any, random.Random], Any]) -> Change:
    """Changes of a value or an array of a state, which is sealed again."""

    def change(content: bytes, chance: random.Random) -> bytes:
        arrays, metadata = safetensors.read(content)
        if chance.randrange(4):
            described = changed_value(json.loads(metadata["state"]), chance)
            metadata["state"] = json.dumps(described)
        else:
            name = chance.choice(list(arrays))
            other = chance.choice(list(arrays))
            shape = chance.choice([(), (0,), (3, 5), (1, 1, 1), arrays[name].shape])
            kind = chance.choice(["float32", "float64", "int8", "bool", "uint32"])
            nan = np.full_like(arrays[name], np.nan, "float32")
            arrays[name] = chance.choice([np.zeros(shape, kind), arrays[other], nan])
            if not chance.randrange(3):
                del arrays[other]
        kept = {"kind": states.FORMAT, "state": metadata["state"]}
        return safetensors.write_with_checksum(arrays, kept)

    return change


def description(changed_value: Callable[[Any, random.Random], Any]) -> Change:
    """Changes of a value in the description of a run; among them callbacks that write elsewhere."""

    def change(content: bytes, chance: random.Random) -> bytes:
        run = json.loads(content)
        if not chance.randrange(3):
            place = chance.choice(["/etc/evil", "../evil.lamina", "{epoch!s:.>2.0}/evil.lamina",
                                   "http://example.com", "{loss.__class__}.lamina"])  # fmt: skip
            kind, name = chance.choice(
                [("CSVLogger", "filename"), ("ModelCheckpoint", "filepath"),
                 ("TensorBoard", "log_dir"), ("BackupAndRestore", "backup_dir"),
                 ("RemoteMonitor", "root"), ("NaNGuard", "filepath"), ("Callback", "x"),
                 ("LambdaCallback", "on_epoch_end"), ("CallbackList", "callbacks")]
            )  # fmt: skip
            run["callbacks"].append({"class_name": kind, "config": {name: place}})
        else:
            run = changed_value(run, chance)
        return json.dumps(run).encode()

    return change
