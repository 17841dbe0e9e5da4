"""History: what `fit` returns, the figures of each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from lamina import notebook
from lamina.callbacks.base import Callback, Logs
from lamina.callbacks.monitor import Monitor


class History(Callback):
    """A callback that records the metrics of each epoch; `fit` returns one.

    `history` is a dictionary from metric to a list with one value for each epoch, `epoch` the list
    of the epochs' numbers, `params` the parameters of `fit`.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(lm.zeros((4, 2)), lm.zeros((4, 1)), epochs=2, verbose=0)
        >>> history.history["loss"]
        [0.0, 0.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def get_state(self) -> dict[str, Any]:
        history = {name: list(values) for name, values in self.history.items()}
        return {"history": history, "epoch": list(self.epoch)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.history = {name: list(values) for name, values in state["history"].items()}
        self.epoch = list(state["epoch"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []
        if self.model is not None:
            self.model.history = self

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.model = None  # the model holds its history: no circle that keeps both alive

    def _repr_html_(self) -> str:
        """The history as notebooks show it: a row with small curves for each metric."""
        rows = [self._row(name) for name in self._metrics()]
        parts = [notebook.heading("History", f"{len(self.epoch)} epochs")]
        if rows:
            best = ["best"] if any(row[3] for row in rows) else []
            validated = ["validation", *best] if best else []
            heads = ["", "", "training", *validated]
            cells = [row[: len(heads)] for row in rows]
            parts.append(notebook.raw_table(heads, cells, range(2, 5)))
        return "".join(parts)

    def _metrics(self) -> list[str]:
        """The metrics of one number, without "val_"."""
        found = [n for n, values in self.history.items() if values and np.ndim(values[0]) == 0]
        return list(dict.fromkeys(name.removeprefix("val_") for name in found))

    def _row(self, name: str) -> list[str]:
        """Name, curves, last values, and the best value of the validation with its epoch."""
        training, validation = self.history.get(name, []), self.history.get(f"val_{name}", [])
        shown = [notebook.value_text(float(v[-1])) if v else "" for v in (training, validation)]
        best = ""
        if any(v == v for v in validation):
            sign = Monitor(name).sign
            place = max(
                range(len(validation)),
                key=lambda k: sign * validation[k] if validation[k] == validation[k] else -np.inf,
            )
            number = self.epoch[place] if len(self.epoch) == len(validation) else place
            best = f"{notebook.value_text(float(validation[place]))} (epoch {number + 1})"
        return [escape(name), notebook.curves(training, validation), *shown, best]

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4f}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs{': last ' if last else ''}{last}>"
