"""LiveCurves: training curves that are drawn again while a model trains."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lamina.arguments import number
from lamina.callbacks import Callback
from lamina.callbacks.base import Logs
from lamina.plot import style
from lamina.plot.curves import history
from lamina.training.progress import is_notebook


class LiveCurves(Callback):
    """A callback that draws the curves of `lm.plot.history` after each epoch, in place.

    In a notebook the figure is one output of the cell, which is replaced. Elsewhere there is no
    output, and the figure is written to `path`, if it is given; an image viewer that watches the
    file shows it. Drawing takes about a tenth of a second, so a figure follows the previous
    one after `every` seconds at the earliest, which bounds the cost; the last epoch is always
    drawn.

    Args:
        metrics: names without "val_"; None takes all but the learning rate.
        every: least number of seconds between two figures.
        title: title of the figure; None for none.
        path: file that each figure is saved to; its ending is the format. None saves nothing.

    Raises:
        ArgumentError: when training begins, if `path` cannot be written.
        MissingExtraError: when training begins, if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> curves = lm.plot.LiveCurves()
        >>> x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        >>> history = model.fit(x, y, epochs=3, verbose=0, callbacks=[curves])
        >>> len(curves.history["loss"])
        3
    """

    each_batch = False

    def __init__(
        self,
        metrics: str | Sequence[str] | None = None,
        every: float = 1.0,
        title: str | None = None,
        path: style.Path | None = None,
    ) -> None:
        super().__init__()
        self.metrics, self.title, self.path = metrics, title, path
        self.every = number("LiveCurves", "every", every, 0)
        self.history: dict[str, list[float]] = {}
        self.drawn = 0  # figures so far
        self._handle: Any = None
        self._next = 0.0
        self._waiting = False

    def get_state(self) -> dict[str, Any]:
        return {"history": {name: list(values) for name, values in self.history.items()}}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.history = {name: list(values) for name, values in state["history"].items()}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        style.need_path(
            style.figure("LiveCurves", 1, 1), self.path
        )  # errors before the first epoch
        self.history, self._handle, self._next, self._waiting = {}, None, 0.0, False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self._waiting = True
        if time.monotonic() >= self._next:
            self._draw()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._waiting:
            self._draw()

    def _draw(self) -> None:
        shown = is_notebook(sys.stdout)
        if shown or self.path is not None:
            figure = history(self.history, self.metrics, self.title, self.path)
            if shown:
                self._show(figure)
            self.drawn += 1
        self._next = time.monotonic() + self.every
        self._waiting = False

    def _show(self, figure: Any) -> None:
        """Replace the figure in the output of the cell."""
        content = {"image/png": style.png(figure), "text/plain": repr(figure)}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
