"""CSVLogger: the figures of each epoch as a row of a file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamina.annotations import PathLike
from lamina.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """A callback that appends the metrics of each epoch to a file of separated values.

    A metric that appears later (validation every other epoch) gets a column then. Rows are on disk
    at the end of each epoch.

    Args:
        filename: path of the file.
        separator: character between values.
        append: keep the rows that the file holds; False starts a new file.

    Example:
        >>> import lamina as lm
        >>> logger = lm.callbacks.CSVLogger("log.csv", append=True)
        >>> logger.separator
        ','
    """

    def __init__(self, filename: PathLike, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = Path(filename), separator, append
        self._names: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        rows = self._rows() if self.append and self.filename.exists() else []
        self._names = rows[0] if rows else []
        if not rows:
            self._write([], "w")

    def get_state(self) -> dict[str, Any]:
        return {"rows": self._rows() if self.filename.exists() else []}

    def set_state(self, state: Mapping[str, Any]) -> None:
        rows = [list(row) for row in state["rows"]]
        self._names = rows[0] if rows else []
        self._write(rows, "w")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        figures = {"epoch": epoch, **(logs or {})}
        new = [name for name in figures if name not in self._names]
        if new:
            self._names += new
            earlier = self._rows()[1:]
            filled = [row + [""] * (len(self._names) - len(row)) for row in earlier]
            self._write([self._names, *filled], "w")
        self._write([[figures.get(name, "") for name in self._names]], "a")

    def _rows(self) -> list[list[str]]:
        with self.filename.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file, delimiter=self.separator))

    def _write(self, rows: list[Any], mode: str) -> None:
        with self.filename.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator).writerows(rows)
