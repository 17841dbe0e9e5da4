"""history.jsonl: the metrics of each completed epoch, a line each, in the folder of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lamina.errors import warn
from lamina.files import write_whole


class EpochLines:
    """The file of lines. Lines that the disk refuses are kept and written with the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending = b""
        self._length = 0  # of the lines that were written completely
        self._warned = False

    def begin(self, epochs: int) -> None:
        """Keep the lines of the first epochs: a restored state has not completed the others.

        Raises:
            OSError: if the file cannot be read or written.
        """
        content = self.path.read_bytes() if self.path.exists() else b""
        lines = content.decode(errors="replace").splitlines()
        kept = "".join(f"{line}\n" for line in lines if 0 <= _epoch_of(line) < epochs).encode()
        if kept != content:
            write_whole(self.path, kept)
        self._length = len(kept)

    def add(self, epoch: int, step: int, logs: Mapping[str, object]) -> None:
        """Append the line of an epoch; warn once if the disk refuses it."""
        self._pending += json.dumps({"epoch": epoch, "step": step, **plain(logs)}).encode() + b"\n"
        try:
            self.write()
        except OSError as error:
            if not self._warned:
                warn(f"fit: {error}; training continues, and the lines are kept")
            self._warned = True

    def write(self, sync: bool = False) -> None:
        """Append what is pending; with `sync`, wait until all lines are on the disk."""
        if not self._pending and not (sync and self._length and self.path.exists()):
            return
        with open(self.path, "r+b" if self.path.exists() else "xb") as file:
            end = file.seek(0, os.SEEK_END)
            if self._length < end:  # an error cut something off
                file.truncate(self._length)
                file.seek(self._length)
            file.write(self._pending)
            file.flush()
            if sync:
                os.fsync(file.fileno())
            self._length = file.tell()
        self._pending, self._warned = b"", False


def _epoch_of(line: str) -> int:
    """The epoch of a line; -1 for one that was cut off."""
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return -1


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """Metrics or arguments as values of JSON."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return [[_plain(k), _plain(v)] for k, v in value.items()]
    return value.item() if isinstance(value, np.generic) else value
