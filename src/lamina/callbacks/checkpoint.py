"""ModelCheckpoint: writes the model, or its weights, after epochs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamina.annotations import PathLike
from lamina.callbacks.base import Callback, Logs, check_state
from lamina.callbacks.intervals import Interval
from lamina.callbacks.monitor import Monitor
from lamina.distribution.processes import process_index
from lamina.errors import ArgumentError
from lamina.saving.names import check_name


class ModelCheckpoint(Callback):
    """A callback that saves the model, or its weights, after epochs or batches.

    Args:
        filepath: path of the file; {epoch} and names in the logs are replaced, as in
            "at-{epoch:02d}-{val_loss:.3f}.lamina".
        monitor: name in the logs of the quantity to watch, such as "val_loss".
        verbose: 0 prints nothing, 1 a line when the callback acts.
        save_best_only: save only if `monitor` improves on the best value so far.
        save_weights_only: write the weights (.safetensors) instead of the model (.lamina).
        mode: "min" if smaller is better, "max" if larger, "auto" decides by the name.
        save_freq: "epoch", or the number of batches between two files.
        initial_value_threshold: value to improve on at first, with `save_best_only`; None takes
            any.

    Raises:
        ArgumentError: if the name of the file asks for a metric that the logs do not hold.

    Example:
        >>> import lamina as lm
        >>> save = lm.callbacks.ModelCheckpoint("at-{epoch:02d}.lamina", save_best_only=True)
        >>> save.save_best_only
        True
    """

    places = ("filepath",)

    def __init__(
        self,
        filepath: PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__()
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(
                f"ModelCheckpoint: save_freq is {save_freq!r}, expected 'epoch' or a number of "
                "batches"
            )
        check_name(filepath, save_weights_only)  # now, not after the first epoch
        self.filepath, self.verbose = str(filepath), verbose
        self.monitor = Monitor(monitor, mode)
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq, self.best = save_freq, initial_value_threshold
        self.each_batch = save_freq != "epoch"
        self.batches_between = save_freq if isinstance(save_freq, int) else 1
        self._epoch, self._batches = 0, Interval(self.batches_between if self.each_batch else None)

    def get_state(self) -> dict[str, Any]:
        counts = self._batches.get_state()
        return {"best": self.best, "epoch": self._epoch, "batches": counts}

    def set_state(self, state: Mapping[str, Any]) -> None:
        check_state("ModelCheckpoint", state, self.get_state())
        self.best, self._epoch = state["best"], state["epoch"]
        self._batches.set_state(state["batches"])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._batches.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.passes(batch):
            self._save_if_due(logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save_if_due(logs)

    def _save_if_due(self, logs: Logs | None) -> None:
        value = None
        if self.save_best_only:
            value = self.monitor.value(logs, "ModelCheckpoint", self.params)
            if value is None or not self.monitor.is_better(value, self.best):
                return
        self._save(logs or {})
        self.best = self.best if value is None else value

    def _save(self, logs: Logs) -> None:
        try:
            path = Path(self.filepath.format(epoch=self._epoch + 1, **logs))
        except KeyError as error:
            raise ArgumentError(
                f"ModelCheckpoint: the file name {self.filepath!r} asks for {error}, which is not "
                f"in the logs; they hold {', '.join(sorted(logs))}"
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose and process_index() == 0:
            print(f"Epoch {self._epoch + 1}: saved to {path}")
