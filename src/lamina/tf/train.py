"""`tf.train`: Variables of several objects in one file, and messages of samples."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from lamina.errors import FileFormatError, StateError
from lamina.files import make_folder, write_whole
from lamina.saving import safetensors
from lamina.string_tensor import StringTensor
from lamina.tf import own as lm
from lamina.tf.naming import public
from lamina.tf.variables import Module


def _path(prefix: Any) -> Path:
    name = StringTensor(prefix).item() if isinstance(prefix, StringTensor) else os.fspath(prefix)
    return Path(name)


def _variables(value: Any, place: str, found: dict[str, Any]) -> dict[str, Any]:
    """Variables by their places in a nest of models, optimizers, modules and containers."""
    if isinstance(value, lm.Variable):
        found[place] = value
    elif isinstance(value, (lm.Layer, Module)):
        variables = value.weights if isinstance(value, lm.Layer) else value.variables
        for k, each in enumerate(variables):
            found[f"{place}/{k}"] = each
    elif isinstance(value, lm.optimizers.Optimizer):
        for k, each in enumerate(value.variables):
            found[f"{place}/{k}"] = each
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            _variables(value[key], f"{place}/{key}", found)
    elif isinstance(value, (list, tuple)):
        for k, each in enumerate(value):
            _variables(each, f"{place}/{k}", found)
    return found


class Checkpoint:
    """Variables of models, optimizers and Variables, saved to and restored from a file.

    Args:
        root: object whose Variables are saved without a name.
        **kwargs: objects by name.

    Example:
        >>> import tempfile
        >>> import lamina.tf as tf
        >>> v = tf.Variable(1.0)
        >>> checkpoint = tf.train.Checkpoint(v=v)
        >>> path = checkpoint.save(tempfile.mkdtemp() + "/ckpt")
        >>> v = v.assign(5.0)
        >>> _ = checkpoint.restore(path)
        >>> v.numpy().item()
        1.0
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._objects = dict(kwargs) if root is None else {"root": root, **kwargs}
        self.save_counter = lm.Variable(0, trainable=False, name="save_counter")
        vars(self).update(kwargs)

    def _found(self) -> dict[str, Any]:
        return _variables(self._objects, "", {"/save_counter": self.save_counter})

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Write a file, and return its path without the ending."""
        path = _path(file_prefix)
        make_folder(path.parent)
        arrays = {name: v.numpy() for name, v in self._found().items()}
        content = safetensors.write_with_checksum(arrays, {})
        write_whole(path.with_name(path.name + ".safetensors"), content)
        return str(path)

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Write a numbered file, note it as the latest of its folder, and return its path."""
        self.save_counter.assign_add(1)
        prefix = _path(file_prefix)
        written = self.write(f"{prefix}-{int(self.save_counter.numpy())}")
        _note(prefix.parent, [written])
        return written

    def restore(self, save_path: Any, options: Any = None) -> _Status:
        """Assign the Variables of a file; None assigns nothing, as for a first run."""
        if save_path is None:
            return _Status([], [])
        path = _path(save_path)
        file = path.with_name(path.name + ".safetensors")
        if not file.exists():
            raise FileNotFoundError(f"tf.train.Checkpoint: {file} does not exist")
        self._build()
        held, own = _arrays(file), self._found()
        for name in held.keys() & own.keys():
            if held[name].shape != own[name].shape:
                raise FileFormatError(
                    f"tf.train.Checkpoint: {name} has shape {held[name].shape} in {file} "
                    f"(expected {own[name].shape})"
                )
            own[name].assign(held[name])
        return _Status(sorted(held.keys() - own.keys()), sorted(own.keys() - held.keys()))

    def read(self, save_path: Any, options: Any = None) -> _Status:
        """Assign the Variables of a file that `write` made."""
        return self.restore(save_path)

    def _build(self) -> None:
        """Make the Variables of optimizers, if there are models whose weights they belong to."""
        models = [m for m in self._objects.values() if isinstance(m, lm.Layer)]
        weights = [w for m in models for w in m.trainable_weights]
        for each in self._objects.values():
            if isinstance(each, lm.optimizers.Optimizer) and weights and not each.built:
                each.build(weights)


class _Status:
    """The names that a file and the objects do not share."""

    def __init__(self, unused: list[str], missing: list[str]) -> None:
        self.unused, self.missing = unused, missing

    def assert_consumed(self) -> _Status:
        """Raise StateError unless file and objects hold the same Variables."""
        if self.unused or self.missing:
            raise StateError(
                f"tf.train.Checkpoint: only in the file: {self.unused}; not in it: {self.missing}",
                hint="call the model once before, so that its weights exist",
            )
        return self

    def assert_existing_objects_matched(self) -> _Status:
        """Raise StateError unless the file holds all Variables of the objects."""
        if self.missing:
            raise StateError(f"tf.train.Checkpoint: not in the file: {self.missing}")
        return self

    def expect_partial(self) -> _Status:
        """Return this status."""
        return self


def _arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        return safetensors.read(file.read_bytes())[0]
    except ValueError as error:
        raise FileFormatError(f"tf.train.Checkpoint: {file}: is damaged: {error}") from error


def _note(folder: Path, paths: list[str]) -> None:
    text = json.dumps({"paths": [Path(p).name for p in paths]})
    write_whole(folder / "checkpoint.json", text.encode())


def _noted(folder: Path) -> list[str]:
    """The paths of the checkpoints that a folder notes, all in the folder."""
    file = folder / "checkpoint.json"
    try:
        names = json.loads(file.read_text())["paths"] if file.exists() else []
        if not all(name == Path(name).name for name in names):
            raise ValueError("a name of another folder")
    except (ValueError, LookupError, TypeError) as error:
        raise FileFormatError(
            f"tf.train: {file}: is damaged: {error}", hint="remove it, and restore a file by name"
        ) from error
    return [str(folder / name) for name in names]


def latest_checkpoint(checkpoint_dir: Any, latest_filename: Any = None) -> str | None:
    """Return the path of the latest file in a folder; None if there is none."""
    return next(reversed(_noted(_path(checkpoint_dir))), None)


class CheckpointManager:
    """Files of a Checkpoint in a folder, of which the latest are kept.

    Args:
        checkpoint: the Checkpoint.
        directory: folder of the files.
        max_to_keep: number of files; None keeps all.
        checkpoint_name: beginning of their names.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: Any = None,
        checkpoint_name: str = "ckpt",
        **_: Any,
    ) -> None:
        self._checkpoint, self._folder = checkpoint, _path(directory)
        self._most, self._prefix = max_to_keep, self._folder / checkpoint_name
        self.checkpoints = _noted(self._folder)

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the latest file."""
        return self.checkpoints[-1] if self.checkpoints else None

    def save(self, checkpoint_number: Any = None, **_: Any) -> str:
        """Write a file, and remove those that are too many."""
        counter = self._checkpoint.save_counter
        counter.assign_add(1)
        number = int(counter.numpy() if checkpoint_number is None else checkpoint_number)
        self.checkpoints.append(self._checkpoint.write(f"{self._prefix}-{number}"))
        old = self.checkpoints[: -self._most] if self._most else []
        self.checkpoints = self.checkpoints[len(old) :]
        _note(self._folder, self.checkpoints)
        for path in old:
            Path(f"{path}.safetensors").unlink(missing_ok=True)
        return self.checkpoints[-1]

    def restore_or_initialize(self) -> str | None:
        """Restore the latest file, if there is one, and return its path."""
        self._checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


public(
    __name__,
    None,
    {"lamina.tf.records": "BytesList Example Feature Features FloatList Int64List"},
    {
        "AdamOptimizer": "keras.optimizers.Adam",
        "GradientDescentOptimizer": "keras.optimizers.SGD",
        "Saver": "tf.train.Checkpoint",
        "ExponentialMovingAverage": "optimizers have use_ema=True",
        "SequenceExample": "tf.train.Example",
    },
)
