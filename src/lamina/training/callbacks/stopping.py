"""Callbacks that end training early: no more progress, or no number any more."""

from __future__ import annotations

import math
from typing import Any

from lamina.training.callbacks.base import Callback, Logs
from lamina.training.callbacks.monitor import Monitor


class EarlyStopping(Callback):
    """Stops when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    mode: "min", "max", or "auto" (by the name). baseline: a value that has to be beaten.
    restore_best_weights: go back to the weights of the best epoch. start_from_epoch: epochs before
    it are not looked at. Raises UnknownNameError where the logs hold no such quantity.

    Args:
        verbose: 0 prints nothing, 1 a progress line for each epoch.
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

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: Any = None

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
    """Stops when the loss is NaN or infinite; looked at whenever native code returns."""

    each_batch = False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"TerminateOnNaN: the loss is {loss} at batch {batch + 1}, training stops")
            self.model.stop_training = True
