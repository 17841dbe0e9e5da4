"""History: what `fit` returns, the figures of each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.callbacks.base import Callback, Logs


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

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4f}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs{': last ' if last else ''}{last}>"
