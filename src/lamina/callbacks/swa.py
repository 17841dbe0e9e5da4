"""StochasticWeightAveraging: the mean of the weights of several epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lamina.arguments import Checks, Integer, Number
from lamina.callbacks.base import Callback, Logs
from lamina.errors import warn
from lamina.training.statistics import recompute

if TYPE_CHECKING:
    from lamina.training.protocol import Trainable
    from lamina.training.session import Session
    from lamina.training.sources import Resident, Stream


class StochasticWeightAveraging(Callback):
    """A callback that ends training with the mean of the weights of several epochs.

    After each averaged epoch, mean <- mean + (weights - mean) / (n + 1). When training ends, the
    model takes the means, and the moving statistics of its batch normalization are computed again,
    as means over one pass through the data in the mode of training: those of single epochs do not
    belong to the mean weights. Validation during training sees the weights themselves. An
    exponential mean is `use_ema=True` of the optimizer with `SwapEMAWeights`.

    Args:
        start_epoch: first epoch, from 0, after which weights are averaged; a number below 1 is a
            share of all epochs. The paper starts after 75%.
        frequency: number of epochs between two averaged ones.
        learning_rate: constant learning rate from `start_epoch` on, large enough that the weights
            move; None leaves the rate as it is.

    Raises:
        StateError: for a learning rate where the optimizer follows a schedule.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> average = lm.callbacks.StochasticWeightAveraging(start_epoch=2)
        >>> x, y = lm.ones((4, 2)), lm.zeros((4, 1))
        >>> history = model.fit(x, y, epochs=5, verbose=0, callbacks=[average])
        >>> average.count
        3

    Source: Izmailov et al. (2018), Averaging weights leads to wider optima and better
    generalization, algorithm 1.
    """

    argument_checks: ClassVar[Checks] = {
        "start_epoch": Number(0),
        "frequency": Integer(1),
        "learning_rate": Number(0, optional=True),
    }

    def __init__(
        self,
        start_epoch: float = 0.75,
        frequency: int = 1,
        learning_rate: float | None = None,
    ) -> None:
        super().__init__()
        self.start_epoch, self.frequency = start_epoch, frequency
        self.learning_rate = learning_rate
        self.count = 0  # of averaged epochs
        self._means: list[np.ndarray] = []

    @property
    def _start(self) -> int:
        if self.start_epoch < 1:
            return int(self.start_epoch * self.params.get("epochs", 1))
        return int(self.start_epoch)

    def get_state(self) -> dict[str, Any]:
        return {"count": self.count, "means": [mean.copy() for mean in self._means]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.count = int(state["count"])
        self._means = [np.array(mean) for mean in state["means"]]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.count, self._means = 0, []
        self.finish = self._finish

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.learning_rate is not None and epoch >= self._start:
            self.model.optimizer.learning_rate = self.learning_rate

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self._start or (epoch - self._start) % self.frequency:
            return
        weights = [variable.numpy() for variable in self.model.trainable_weights]
        if not self._means:
            self._means = [weight.astype(np.float32) for weight in weights]
        for mean, weight in zip(self._means, weights, strict=True):
            mean += (weight.astype(np.float32) - mean) / np.float32(self.count + 1)
        self.count += 1

    def _finish(self, session: Session, model: Trainable, source: Resident | Stream) -> None:
        """Put the means into the model, and compute the statistics for them."""
        if not self.count:
            warn(
                f"StochasticWeightAveraging: training ended before epoch {self._start + 1}, so no "
                "weights were averaged, and the model keeps those of the last step"
            )
            return
        for variable, mean in zip(model.trainable_weights, self._means, strict=True):
            variable.assign(mean.astype(variable.numpy().dtype))
        recompute(session, model, source)
