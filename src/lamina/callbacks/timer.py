"""Timer: the time of epochs and steps, and a limit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from lamina.arguments import FLAG, Checks, number
from lamina.callbacks.base import Callback, Logs
from lamina.errors import ArgumentError
from lamina.training.options import Every


def _seconds(owner: str, name: str, given: Any) -> float | None:
    """Return a duration in seconds; None stays."""
    if given is None:
        return None
    if isinstance(given, timedelta):
        return number(owner, name, given.total_seconds(), 0)
    if isinstance(given, str):
        found = Every.of(owner, given).seconds
        if found is None:
            raise ArgumentError(
                f"{owner}: {name}: expected seconds, a timedelta or a duration such as '90s', "
                f"'30m' or '12h', got {given!r}"
            )
        return found
    return number(owner, name, given, 0)


class Timer(Callback):
    """A callback that measures epochs and steps, and ends training after a limit.

    The limit is tested whenever native code returns, at most about a tenth of a second or one step
    late; the epoch then ends like any other, with validation and the hooks of all callbacks. A
    training that is resumed from a checkpoint continues the count.

    `epochs` lists the seconds of each epoch, validation included; `validation` those of each
    validation; `steps` is the number of steps, `seconds_per_step` their mean time, without
    validation and callbacks between epochs; `elapsed` the seconds since the begin of training.

    Args:
        max_time: limit: seconds, a `timedelta`, or a duration such as "90s", "30m" or "12h"; None
            sets none.
        verbose: print a line when the limit ends training.

    Raises:
        ArgumentError: for another `max_time`.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> timer = lm.callbacks.Timer(max_time="10m")
        >>> x, y = lm.ones((64, 2)), lm.zeros((64, 1))
        >>> history = model.fit(x, y, epochs=3, verbose=0, callbacks=[timer])
        >>> len(timer.epochs), timer.steps, timer.elapsed < 600
        (3, 6, True)
    """

    each_batch = False
    argument_checks: ClassVar[Checks] = {"max_time": _seconds, "verbose": FLAG}

    def __init__(
        self, max_time: float | str | timedelta | None = None, verbose: bool = True
    ) -> None:
        super().__init__()
        self.max_time, self.verbose = _seconds("Timer", "max_time", max_time), verbose
        self._clear()

    def _clear(self) -> None:
        self.epochs: list[float] = []
        self.validation: list[float] = []
        self.steps, self._training = 0, 0.0
        self._before = 0.0  # seconds of the training that this one continues
        self._began = self._epoch_began = time.perf_counter()
        self._last = (0, self._began)  # steps of this epoch so far, and the time
        self._validation_began = 0.0
        self._runs = False

    @property
    def elapsed(self) -> float:
        """Seconds since the begin of training, also before an interruption."""
        return self._before + (time.perf_counter() - self._began if self._runs else 0.0)

    @property
    def seconds_per_step(self) -> float:
        """Mean seconds of a step; 0 before the first."""
        return self._training / self.steps if self.steps else 0.0

    def get_state(self) -> dict[str, Any]:
        return {
            "epochs": list(self.epochs),
            "validation": list(self.validation),
            "steps": self.steps,
            "training": self._training,
            "elapsed": self.elapsed,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.epochs, self.validation = list(state["epochs"]), list(state["validation"])
        self.steps, self._training = int(state["steps"]), float(state["training"])
        self._before = float(state["elapsed"])

    # ---- hooks ---------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._clear()
        self._runs = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._before, self._runs = self.elapsed, False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_began = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._last = (batch, time.perf_counter())

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        first, began = self._last
        self._training += time.perf_counter() - began
        self.steps += batch + 1 - first
        if self.max_time is not None and self.elapsed >= self.max_time:
            self.model.stop_training = True

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._validation_began = time.perf_counter()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self._runs:
            self.validation.append(time.perf_counter() - self._validation_began)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epochs.append(time.perf_counter() - self._epoch_began)
        if self.max_time is not None and self.elapsed >= self.max_time:
            if self.verbose:
                print(f"Timer: {self.max_time:g} s have passed, training stops")
            self.model.stop_training = True
