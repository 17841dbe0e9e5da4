"""Callback: an object whose methods training calls, and that may stop it; and CallbackList."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from lamina import arguments
from lamina.arguments import FLAG, Checks, Integer, Number, OneOf, Text, check_arguments
from lamina.configuration import constructor_arguments
from lamina.errors import StateError
from lamina.training.protocol import Finisher, StepGuard

Logs = dict[str, float]


def check_state(owner: str, given: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raise StateError for a state with other names than the current one, or values of another
    kind: a state may come from a file that was changed by hand."""
    wrong = [name for name in given if name not in current]
    wrong += [name for name in current if name in given and not _alike(given[name], current[name])]
    if wrong:
        raise StateError(
            f"{owner}: the restored state holds {', '.join(map(repr, wrong))} (expected what "
            "get_state returns)",
            hint="was the file changed by hand? Begin another run in another folder",
        )


def _alike(given: Any, current: Any) -> bool:
    if current is None:  # a number or arrays, later
        return not isinstance(given, (str, bool, Mapping))
    if isinstance(current, (float, np.ndarray, np.generic)):
        return type(given) in (float, int) or isinstance(given, (np.ndarray, np.generic))
    return type(given) is type(current)


class Callback:
    """The base class of all callbacks: a subclass defines the hooks that it needs.

    `model` is the model in training, `params` a dictionary with "epochs", "steps" and "verbose".
    Setting `self.model.stop_training = True` ends `fit` after this batch or epoch;
    `stop_evaluating` ends `evaluate` and `stop_predicting` ends `predict` after this batch.

    `fit` runs many batches in one native call. Hooks on batches make it return to Python after each
    batch, which costs time; a subclass whose batch hooks may be called less often sets `each_batch
    = False`, or `batches_between = 100` to be called at least after every 100 batches. A subclass
    with `comes_last = True` is called after all others, so that in its `on_epoch_end`
    `self.model.training_state()` includes what they did.

    Example:
        >>> import lamina as lm
        >>> class Stop(lm.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         self.model.stop_training = logs["loss"] < 0.1
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = lm.zeros((4, 2)), lm.zeros((4, 1))
        >>> model.fit(x, y, epochs=9, verbose=0, callbacks=[Stop()]).epoch
        [0]
    """

    _given: Mapping[str, Any]  # the arguments it was made with

    each_batch = True
    batches_between = 1  # calls of the batch hooks, with each_batch; `fit` may call more often
    comes_last = False  # after all others, `History` included
    places: ClassVar[tuple[str, ...]] = ()  # arguments that say where it writes or sends
    guard: StepGuard | None = None  # called around each native call of `fit`
    finish: Finisher | None = None  # called at the end of `fit`, with the source of batches
    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("append", "restore_best_weights", "save_best_only"), FLAG),
        **dict.fromkeys(("cooldown", "patience", "start_from_epoch"), Integer(0)),
        **dict.fromkeys(("factor", "min_delta", "min_lr"), Number()),
        **dict.fromkeys(("filename", "filepath"), arguments.path),
        **dict.fromkeys(("monitor", "mode", "separator"), Text()),
        "save_weights_only": FLAG,
        "schedule": arguments.function,
        "verbose": OneOf((0, 1, 2, "auto")),
    }

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        given = constructor_arguments(cls, args, kwargs)
        check_arguments(cls, given)
        callback = super().__new__(cls)
        callback._given = given
        return callback

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Set the model in training as `self.model`.

        Args:
            model: model in training.
        """
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Set the parameters of training as `self.params`.

        Args:
            params: dictionary with "epochs", "steps" and "verbose".
        """
        self.params = dict(params)

    # ---- state ---------------------------------------------------------------------------------
    def get_state(self) -> dict[str, Any]:
        """Return what the callback remembers from epoch to epoch, as plain values and arrays; part
        of `Model.training_state`."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Remember what `get_state` returned; called after `on_train_begin`.

        Args:
            state: dictionary that `get_state` returned.

        Raises:
            StateError: for a callback of Lamina, if the state holds something else.
        """
        if self._is_own:
            check_state(type(self).__name__, state, self.get_state())
        vars(self).update(state)

    @property
    def _is_own(self) -> bool:
        """True for a class of Lamina."""
        return type(self).__module__.startswith(__package__ or "lamina.callbacks")

    def description(self) -> dict[str, Any] | None:
        """Return class name and arguments, of a class of Lamina whose arguments are plain values;
        None for others, which only code can make."""
        plain = (bool, int, float, str, type(None))
        if not self._is_own or not all(isinstance(value, plain) for value in self._given.values()):
            return None
        return {"class_name": type(self).__name__, "config": dict(self._given)}

    # ---- fit -----------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run before the first epoch.

        Args:
            logs: metrics so far, by name.
        """

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run after the last epoch.

        Args:
            logs: metrics so far, by name.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run before each epoch.

        Args:
            epoch: number of the epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after each epoch, validation included.

        Args:
            epoch: number of the epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each batch of training; an older name of `on_train_batch_begin`.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each batch of training; an older name of `on_train_batch_end`.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each batch of training.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each batch of training.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """
        self.on_batch_end(batch, logs)

    # ---- evaluate and predict ------------------------------------------------------------------
    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Run before evaluation or validation.

        Args:
            logs: metrics so far, by name.
        """

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Run after evaluation or validation.

        Args:
            logs: metrics so far, by name.
        """

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each batch of evaluation.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each batch of evaluation.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Run before `predict`.

        Args:
            logs: metrics so far, by name.
        """

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Run after `predict`.

        Args:
            logs: metrics so far, by name.
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each batch of `predict`.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each batch of `predict`.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics so far, by name.
        """
