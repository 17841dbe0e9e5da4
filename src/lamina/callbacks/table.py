"""CSVLogger: the figures of each epoch as a row of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamina.annotations import PathLike
from lamina.callbacks.base import Callback, Logs
from lamina.errors import warn
from lamina.files import read_text, write_whole

MISSING = "NA"  # in a row, of what that epoch did not measure


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

    places = ("filename",)

    def __init__(self, filename: PathLike, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = Path(filename), separator, append
        self._rows: list[list[str]] = []  # of the file, the first with the names
        self._is_whole = True  # the file holds all rows

    def on_train_begin(self, logs: Logs | None = None) -> None:
        text = read_text(self.filename) if self.append and self.filename.exists() else ""
        self._rows = list(csv.reader(io.StringIO(text), delimiter=self.separator))
        if not text.endswith("\n"):  # empty, or the last row was cut off
            self._replace()

    def get_state(self) -> dict[str, Any]:
        return {"rows": [list(row) for row in self._rows]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self._rows = [[str(value) for value in row] for row in state["rows"]]
        self._replace()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        figures = {"epoch": epoch, **(logs or {})}
        names = self._rows[0] if self._rows else []
        new = [name for name in figures if name not in names]
        if new:
            names = names + new
            earlier = [row + [MISSING] * (len(names) - len(row)) for row in self._rows[1:]]
            self._rows = [names, *earlier]
        self._rows.append([str(figures.get(name, MISSING)) for name in names])
        try:
            if new or not self._is_whole:
                self._replace()
            else:
                self._append(self._rows[-1])
        except OSError as error:
            if self._is_whole:
                warn(f"CSVLogger: {error}; training continues, and the rows are kept")
            self._is_whole = False

    def _append(self, row: list[str]) -> None:
        with self.filename.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator).writerow(row)

    def _replace(self) -> None:
        """Write all rows, whole or not at all."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator).writerows(self._rows)
        write_whole(self.filename, text.getvalue().encode())
        self._is_whole = True
