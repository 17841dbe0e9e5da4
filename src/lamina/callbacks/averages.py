"""SwapEMAWeights: running means of the weights in place of the weights, to evaluate and save."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.base import Callback, Logs
from lamina.errors import ArgumentError


class SwapEMAWeights(Callback):
    """A callback that evaluates and predicts with the running means of the weights.

    The optimizer of the model keeps them: `Adam(use_ema=True)`.

    Args:
        swap_on_epoch: also put the means into the model from the end of an epoch to the beginning
            of the next, for callbacks that save the model.

    Raises:
        ArgumentError: if the optimizer keeps no running means.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile(lm.optimizers.SGD(use_ema=True), "mse")
        >>> x, y = lm.ones((4, 2)), lm.zeros((4, 1))
        >>> swap = lm.callbacks.SwapEMAWeights()
        >>> history = model.fit(x, y, verbose=0, callbacks=[swap], validation_data=(x, y))

    Source: Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)
        self._are_means = False  # in the model

    def set_model(self, model: Any) -> None:
        """Set the model in training. Raises ArgumentError if its optimizer keeps no means.

        Args:
            model: model in training.
        """
        super().set_model(model)
        if model is not None and not self._optimizer.use_ema:
            raise ArgumentError(
                "SwapEMAWeights: the optimizer keeps no running means of the weights (expected "
                "use_ema=True)",
                hint="compile(Adam(use_ema=True), ...)",
            )

    @property
    def _optimizer(self) -> Any:
        optimizer = self.model.optimizer
        return getattr(optimizer, "inner_optimizer", optimizer)

    def _swap(self) -> None:
        for variable, slots in self._optimizer.slot_variables().items():
            weight, mean = variable.numpy(), slots["average"].numpy()
            variable.assign(mean)
            slots["average"].assign(weight)
        self._are_means = not self._are_means

    def _begin(self) -> None:
        if not self._are_means:
            self._swap()

    def _end(self) -> None:
        if self._are_means and not self.swap_on_epoch:
            self._swap()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch and self._are_means:
            self._swap()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._begin()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._are_means = False  # `fit` has put the means into the model

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._end()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end()
