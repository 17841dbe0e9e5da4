"""Callback: what is told of the course of training, and may stop it. CallbackList tells many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from lamina import arguments
from lamina.arguments import FLAG, Checks, Integer, Number, OneOf, Text, check_arguments
from lamina.configuration import constructor_arguments
from lamina.errors import ArgumentError, StateError, describe

Logs = dict[str, float]

_TRAIN_BATCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")


class Callback:
    """The base class of all callbacks: a subclass defines the hooks that it needs.

    `model` is the model in training, `params` a dictionary with "epochs", "steps" and "verbose".
    Setting `self.model.stop_training = True` ends `fit` after this batch or epoch;
    `stop_evaluating` ends `evaluate` and `stop_predicting` ends `predict` after this batch.

    `fit` runs many batches in one native call. Hooks on batches make it return to Python after each
    batch, which costs time; a subclass whose batch hooks may be called less often sets `each_batch
    = False`. A subclass with `comes_last = True` is called after all others, so that in its
    `on_epoch_end` `self.model.training_state()` includes what they did.

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

    each_batch = True
    comes_last = False  # after all others, `History` included
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
        check_arguments(cls, constructor_arguments(cls, args, kwargs))
        return super().__new__(cls)

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

    # ---- what an interrupted training continues with -------------------------------------------
    def get_state(self) -> dict[str, Any]:
        """Return what the callback remembers from epoch to epoch, as plain values and arrays; part
        of `Model.training_state`."""
        return {}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Remember what `get_state` returned; called after `on_train_begin`.

        Args:
            state: dictionary that `get_state` returned.
        """
        vars(self).update(state)

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


class CallbackList:
    """A list of callbacks whose hooks are called together, in order.

    Args:
        callbacks: a Callback, or several; None is no callback.
        model: model in training, given to each callback.
        last: further callback, called after the others; None adds none.
        **params: parameters of training, given to each callback.

    Raises:
        ArgumentError: for an object that is not a Callback.

    Example:
        >>> import lamina as lm
        >>> callbacks = lm.callbacks.CallbackList([lm.callbacks.History()])
        >>> callbacks.tell("on_train_begin")
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        model: Any = None,
        last: Callback | None = None,
        **params: Any,
    ) -> None:
        if callbacks is not None and not isinstance(callbacks, (Callback, Iterable)):
            raise ArgumentError(
                f"callbacks: expected a list of Callback objects, got {describe(callbacks)}",
                hint="callbacks=[EarlyStopping(patience=3)]",
            )
        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        for each in given:
            if not isinstance(each, Callback):
                raise ArgumentError(
                    f"callbacks: {describe(each)} is no Callback",
                    hint="give objects such as EarlyStopping(patience=3), or your own subclass of "
                    "lamina.callbacks.Callback",
                )
        self.callbacks: list[Callback] = [c for c in given if not c.comes_last]
        self.callbacks += [last] if last is not None else []
        self.callbacks += [c for c in given if c.comes_last]
        self.may_change_model = bool(given)
        for each in self.callbacks:
            each.set_model(model)
        self.set_params(params)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Set the parameters of training of all callbacks.

        Args:
            params: dictionary with "epochs", "steps" and "verbose".
        """
        for each in self.callbacks:
            each.set_params(params)

    def tell(self, hook: str, *args: Any) -> None:
        """Call a hook of all callbacks, in order.

        Args:
            hook: name of the hook, such as "on_epoch_begin".
            *args: arguments of the hook.
        """
        for each in self.callbacks:
            getattr(each, hook)(*args)

    def states(self) -> list[dict[str, Any]]:
        """Return the class and state of each callback, in order."""
        return [{"class": type(c).__name__, "state": c.get_state()} for c in self.callbacks]

    def restore(self, states: Sequence[Any]) -> None:
        """Set the state of each callback.

        Args:
            states: list that `states` returned.

        Raises:
            StateError: if they belong to other callbacks.
        """
        classes = [type(each).__name__ for each in self.callbacks]
        given = [each["class"] for each in states]
        if classes != given:
            raise StateError(
                f"fit: the restored training has the callbacks {', '.join(given)}, got "
                f"{', '.join(classes)}",
                hint="give fit callbacks of the same classes in the same order",
            )
        for each, kept in zip(self.callbacks, states, strict=True):
            each.set_state(kept["state"])

    @property
    def each_train_batch(self) -> bool:
        """True if a callback needs a call after each batch of training."""
        return self._each(_TRAIN_BATCH)

    @property
    def each_test_batch(self) -> bool:
        """True if a callback needs a call after each batch of evaluation."""
        return self._each(_TEST_BATCH)

    def _each(self, hooks: Iterable[str]) -> bool:
        return any(c.each_batch and any(_defines(c, h) for h in hooks) for c in self.callbacks)


def _defines(callback: Callback, hook: str) -> bool:
    own = getattr(callback, hook)
    return getattr(own, "__func__", own) is not getattr(Callback, hook)


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        **hooks: function for each hook, by the hook's name.

    Raises:
        UnknownNameError: for a name that is not a hook.

    Example:
        >>> import lamina as lm
        >>> printer = lm.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> printer.on_epoch_end(3, {})
        3
    """

    def __init__(self, **hooks: Any) -> None:
        super().__init__()
        known = [name for name in dir(Callback) if name.startswith("on_")]
        for name, function in hooks.items():
            if name not in known:
                from lamina.errors import unknown_name

                raise unknown_name("hook of LambdaCallback", name, known)
            if function is not None:
                setattr(self, name, function)
