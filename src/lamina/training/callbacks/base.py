"""Callback: what is told of the course of training, and may stop it. CallbackList tells many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from lamina import arguments
from lamina.arguments import FLAG, Checks, Integer, Number, OneOf, Text, check_arguments
from lamina.configuration import constructor_arguments
from lamina.errors import ArgumentError, describe

Logs = dict[str, float]

_TRAIN_BATCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")


class Callback:
    """Derive from this and define the hooks that you need; the names are those of Keras.

    `model` is the model in training, `params` a dict with "epochs", "steps" and "verbose". `logs`
    are the figures so far, by name. Set `self.model.stop_training = True` to end `fit` after this
    batch or epoch, `stop_evaluating` to end `evaluate` and `stop_predicting` to end `predict` after
    this batch.

    `fit` runs many batches in one native call. Hooks on batches make it return to Python after
    each: that costs some time, and only callbacks that define one pay it. A subclass for which once
    in a while is enough sets `each_batch = False`.
    """

    each_batch = True
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
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        self.params = dict(params)

    # ---- fit -----------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)

    # ---- evaluate and predict ------------------------------------------------------------------
    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_begin(self, logs: Logs | None = None) -> None: ...
    def on_predict_end(self, logs: Logs | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...


class CallbackList:
    """Calls a hook of all callbacks, in order: `callbacks.tell("on_epoch_begin", epoch)`.

    Args:
        model: built model.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        model: Any = None,
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
        self.callbacks: list[Callback] = given
        for each in given:
            each.set_model(model)
            each.set_params(params)

    def tell(self, hook: str, *args: Any) -> None:
        for each in self.callbacks:
            getattr(each, hook)(*args)

    @property
    def each_train_batch(self) -> bool:
        """Whether one of them has to hear of each batch."""
        return self._each(_TRAIN_BATCH)

    @property
    def each_test_batch(self) -> bool:
        return self._each(_TEST_BATCH)

    def _each(self, hooks: Iterable[str]) -> bool:
        return any(c.each_batch and any(_defines(c, h) for h in hooks) for c in self.callbacks)


def _defines(callback: Callback, hook: str) -> bool:
    own = getattr(callback, hook)
    return getattr(own, "__func__", own) is not getattr(Callback, hook)


class LambdaCallback(Callback):
    """A callback made of functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: ...)`."""

    def __init__(self, **hooks: Any) -> None:
        super().__init__()
        known = [name for name in dir(Callback) if name.startswith("on_")]
        for name, function in hooks.items():
            if name not in known:
                from lamina.errors import unknown_name

                raise unknown_name("hook of LambdaCallback", name, known)
            if function is not None:
                setattr(self, name, function)
