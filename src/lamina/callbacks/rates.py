"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina.callbacks.base import Callback, Logs, check_state
from lamina.callbacks.monitor import Monitor
from lamina.errors import RangeError


def _rate(model: Any) -> float:
    return float(np.asarray(model.optimizer.learning_rate))


class LearningRateScheduler(Callback):
    """A callback that sets the learning rate before each epoch.

    Args:
        schedule: function (epoch, rate) or (epoch) that returns the learning rate.
        verbose: 0 prints nothing, 1 a line when the callback acts.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile(lm.optimizers.SGD(1.0), "mse")
        >>> halve = lm.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        >>> x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        >>> model.fit(x, y, epochs=2, verbose=0, callbacks=[halve]).history["learning_rate"]
        [0.5, 0.25]
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        takes_rate = len(inspect.signature(self.schedule).parameters) > 1
        rate = float(self.schedule(*((epoch, _rate(self.model)) if takes_rate else (epoch,))))
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {rate:.4g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate(self.model)


class ReduceLROnPlateau(Callback):
    """A callback that reduces the learning rate when a metric no longer improves.

    Args:
        monitor: name in the logs of the quantity to watch, such as "val_loss".
        factor: factor of the learning rate, in (0, 1).
        patience: number of epochs without improvement before a reduction.
        verbose: 0 prints nothing, 1 a line when the callback acts.
        mode: "min" if smaller is better, "max" if larger, "auto" decides by the name.
        min_delta: smallest change that counts as an improvement.
        cooldown: number of epochs to wait after a reduction.
        min_lr: lower bound of the learning rate.

    Raises:
        RangeError: if factor is not between 0 and 1.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile(lm.optimizers.SGD(1.0), "mse")
        >>> reduce = lm.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1)
        >>> x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        >>> model.fit(x, y, epochs=2, verbose=0, callbacks=[reduce]).history["learning_rate"]
        [1.0, 1.0]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 < factor < 1:
            raise RangeError(f"ReduceLROnPlateau: factor is {factor}, expected between 0 and 1")
        self.monitor = Monitor(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait, self.cooldown_counter = 0, 0
        self.best: float | None = None

    def get_state(self) -> dict[str, Any]:
        return {"wait": self.wait, "cooling": self.cooldown_counter, "best": self.best}

    def set_state(self, state: Mapping[str, Any]) -> None:
        check_state("ReduceLROnPlateau", state, self.get_state())
        self.wait, self.cooldown_counter = state["wait"], state["cooling"]
        self.best = state["best"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.monitor.value(logs, "ReduceLROnPlateau", self.params)
        if logs is not None:
            logs["learning_rate"] = _rate(self.model)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter, self.wait = self.cooldown_counter - 1, 0
        if self.monitor.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        rate = _rate(self.model)
        if rate <= self.min_lr:
            return
        self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
        self.wait, self.cooldown_counter = 0, self.cooldown
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate falls to {_rate(self.model):.4g}")
