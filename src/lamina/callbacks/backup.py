"""BackupAndRestore: training that continues where a crash ended it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamina.callbacks.base import Callback, Logs, check_state
from lamina.callbacks.intervals import Interval
from lamina.errors import ArgumentError, describe, warn
from lamina.files import make_folder, write_whole
from lamina.saving import states

FILE = "training_state.safetensors"


class BackupAndRestore(Callback):
    """A callback that writes the state of training, and continues from it after a crash.

    The file holds what `Model.training_state` returns. A program that is started again, with a
    model of the same layers whose weights exist, the same data and the same callbacks, continues
    in the middle of its `fit` as if nothing had happened. At the end of training the file is
    deleted. `fit(checkpoint=folder)` does the same, and also compares data and arguments.

    Args:
        backup_dir: folder of the file.
        save_freq: "epoch", or the number of batches between two writings.
        double_checkpoint: also write at the end of epochs, with a number as `save_freq`.
        delete_checkpoint: delete the file at the end of training.

    Raises:
        ArgumentError: for another `save_freq`.
        NotBuiltError: if there is a file, and the model has no weights yet.

    Example:
        >>> import lamina as lm
        >>> import tempfile
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> backup = lm.callbacks.BackupAndRestore(tempfile.mkdtemp())
        >>> x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        >>> model.fit(x, y, epochs=2, verbose=0, callbacks=[backup]).epoch
        [0, 1]
    """

    places = ("backup_dir",)
    comes_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(backup_dir, (str, os.PathLike)) or not backup_dir:
            raise ArgumentError(
                f"BackupAndRestore: backup_dir: expected a folder, got {describe(backup_dir)}"
            )
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(
                f"BackupAndRestore: save_freq is {save_freq!r}, expected 'epoch' or a number of "
                "batches"
            )
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.each_batch = save_freq != "epoch"
        self.batches_between = save_freq if isinstance(save_freq, int) else 1
        self._batches = Interval(self.batches_between if self.each_batch else None)
        self._ended, self._warned = False, False

    @property
    def _file(self) -> Path:
        return Path(self.backup_dir) / FILE

    def get_state(self) -> dict[str, Any]:
        return {"batches": self._batches.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        check_state("BackupAndRestore", state, self.get_state())
        self._batches.set_state(state["batches"])

    def set_model(self, model: Any) -> None:
        """Set the model in training, and let it continue from the file, if there is one.

        Args:
            model: model in training.
        """
        super().set_model(model)
        if self._file.is_file():
            model.restore_training_state(states.unpack(self._file, self._file.read_bytes()))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._ended = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._batches.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.passes(batch):
            self._write()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._ended = epoch + 1 >= self.params.get("epochs", 0) or self.model.stop_training
        if self.save_freq == "epoch" or self.double_checkpoint:
            self._write()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._ended and self.delete_checkpoint:
            self._file.unlink(missing_ok=True)
            if not any(Path(self.backup_dir).iterdir()):
                shutil.rmtree(self.backup_dir, ignore_errors=True)

    def _write(self) -> None:
        """Write the state; if the disk refuses, training continues with one warning."""
        content = states.pack(self.model.training_state())
        try:
            make_folder(self._file.parent)
            write_whole(self._file, content)
        except OSError as error:
            if not self._warned:
                warn(f"BackupAndRestore: {error}; training continues, the last state is intact")
            self._warned = True
            return
        self._warned = False
