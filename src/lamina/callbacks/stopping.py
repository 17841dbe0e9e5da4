"""Callbacks that end training early: no more progress, or no number any more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.callbacks.base import Callback, Logs
from lamina.callbacks.monitor import Monitor
from lamina.errors import StateError


class EarlyStopping(Callback):
    """A callback that stops training when a metric no longer improves.

    Args:
        monitor: name in the logs of the quantity to watch, such as "val_loss".
        min_delta: smallest change that counts as an improvement.
        patience: number of epochs without improvement after which training stops.
        verbose: 0 prints nothing, 1 a line when the callback acts.
        mode: "min" if smaller is better, "max" if larger, "auto" decides by the name.
        baseline: value that has to be improved on as well; None sets none.
        restore_best_weights: set the weights of the best epoch at the end.
        start_from_epoch: first epoch that is considered.

    Raises:
        UnknownNameError: if the logs do not hold `monitor`.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> stop = lm.callbacks.EarlyStopping(monitor="loss", patience=2)
        >>> x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        >>> model.fit(x, y, epochs=9, verbose=0, callbacks=[stop]).epoch
        [0, 1, 2]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.monitor = Monitor(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: Any = None

    def get_state(self) -> dict[str, Any]:
        names = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")
        return {name: vars(self)[name] for name in names}

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        weights = self.best_weights
        is_list = isinstance(weights, list) and all(isinstance(w, np.ndarray) for w in weights)
        if weights is not None and not is_list:
            raise StateError("EarlyStopping: the restored best_weights are not a list of arrays")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.monitor.value(logs, "EarlyStopping", self.params)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.monitor.is_better(value, self.best):
            self._note_best(epoch, value)
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _note_best(self, epoch: int, value: float) -> None:
        self.best, self.best_epoch = value, epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
        if self.baseline is None or self.monitor.is_better(value, self.baseline):
            self.wait = 0

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"EarlyStopping: epoch {self.stopped_epoch + 1} was the last")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            if self.verbose:
                print(f"EarlyStopping: weights are those of epoch {self.best_epoch + 1}")


class TerminateOnNaN(Callback):
    """A callback that stops training when the loss is NaN or infinite.

    The loss is checked whenever native code returns, not after each batch. `NaNGuard` also checks
    weights and optimizer, and names the operation from which the value came.

    Args:
        raise_error: raise StateError, a RuntimeError, instead of ending `fit`.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> stop = lm.callbacks.TerminateOnNaN()
        >>> history = model.fit(lm.ones((4, 2)), lm.ones((4, 1)), verbose=0, callbacks=[stop])
    """

    each_batch = False

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise StateError(
                    f"TerminateOnNaN: the loss is {loss} at batch {batch + 1}",
                    hint="try a smaller learning rate, or clip gradients (clipnorm=1.0)",
                )
            print(f"TerminateOnNaN: the loss is {loss} at batch {batch + 1}, training stops")
            self.model.stop_training = True
