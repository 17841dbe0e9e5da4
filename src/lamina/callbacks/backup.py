"""BackupAndRestore: training that continues where a crash ended it."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lamina.callbacks.base import Callback, Logs
from lamina.errors import ArgumentError, FileFormatError
from lamina.files import write_whole

FILE = "training_state.npz"


class BackupAndRestore(Callback):
    """A callback that writes the state of training, and continues from it after a crash.

    The file holds what `Model.training_state` returns. A program that is started again, with a
    model of the same layers whose weights exist, the same data and the same callbacks, continues
    in the middle of its `fit` as if nothing had happened. At the end of training the file is
    deleted.

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

    comes_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ArgumentError("BackupAndRestore: expected a folder as backup_dir, got nothing")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(
                f"BackupAndRestore: save_freq is {save_freq!r}, expected 'epoch' or a number of "
                "batches"
            )
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.each_batch = save_freq != "epoch"
        self._batches, self._ended = 0, False

    @property
    def _file(self) -> Path:
        return Path(self.backup_dir) / FILE

    def get_state(self) -> dict[str, Any]:
        return {"_batches": self._batches}

    def set_model(self, model: Any) -> None:
        """Set the model in training, and let it continue from the file, if there is one.

        Args:
            model: model in training.
        """
        super().set_model(model)
        if self._file.is_file():
            model.restore_training_state(read(self._file))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._ended = False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if isinstance(self.save_freq, int) and self._batches % self.save_freq == 0:
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
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, written(self.model.training_state()))


# ---- the file ----------------------------------------------------------------------------------
def written(state: Any) -> bytes:
    """Return a nest of arrays and plain values as the content of a file: the nest as JSON, in which
    {"array": k} stands for array k."""
    arrays: list[np.ndarray] = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, dict):
            return {"dict": {str(key): plain(each) for key, each in value.items()}}
        return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value

    text = json.dumps(plain(state)).encode()
    named = {str(k): array for k, array in enumerate(arrays)}
    content = io.BytesIO()
    np.savez(content, nest=np.frombuffer(text, np.uint8), **named)  # type: ignore[arg-type]
    return content.getvalue()


def read(path: Path) -> Any:
    """Return the nest that a file holds. Raises FileFormatError for a damaged file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        nest = json.loads(arrays.pop("nest").tobytes())
        return _restored(nest, arrays)
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"{path}: is not the state of a training, or damaged: {error}",
            hint="delete it to begin anew",
        ) from error


def _restored(nest: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(nest, list):
        return [_restored(each, arrays) for each in nest]
    if not isinstance(nest, dict):
        return nest
    if "array" in nest:
        return arrays[str(nest["array"])]
    return {key: _restored(each, arrays) for key, each in nest["dict"].items()}
