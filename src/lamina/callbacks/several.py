"""CallbackList: the callbacks of one `fit`, `evaluate` or `predict`, called together."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from lamina.callbacks.base import Callback
from lamina.callbacks.history import History
from lamina.errors import ArgumentError, StateError, describe
from lamina.training.protocol import Finisher, StepGuard

_TRAIN_BATCH = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_TEST_BATCH = ("on_test_batch_begin", "on_test_batch_end")


class CallbackList:
    """A list of callbacks whose hooks are called together, in order.

    Args:
        callbacks: a Callback, or several; None means none.
        add_history: add a History at the end.
        add_progbar: accepted for Keras; `fit` draws its progress by itself.
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
        add_history: bool = False,
        add_progbar: bool = False,
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
                    f"callbacks: expected a Callback, got {describe(each)}",
                    hint="give objects such as EarlyStopping(patience=3), or your own subclass of "
                    "lamina.callbacks.Callback",
                )
        self._last = last
        self.costs: dict[str, float] = {}  # seconds that each hook has taken so far
        self.callbacks: list[Callback] = [c for c in given if not c.comes_last]
        if add_history and not any(isinstance(c, History) for c in given):
            last = last or History()
        self.callbacks += [last] if last is not None else []
        self.callbacks += [c for c in given if c.comes_last]
        self.may_change_model = bool(given)
        self.set_model(model)
        self.set_params(params)

    def __getattr__(self, name: str) -> Any:
        """Return a function that calls a hook of all callbacks: `callbacks.on_epoch_end(0)`."""
        if name.startswith("on_") and hasattr(Callback, name):
            return partial(self.tell, name)
        raise AttributeError(f"CallbackList has no attribute {name!r}")

    def append(self, callback: Callback) -> None:
        """Add a callback at the end.

        Args:
            callback: Callback to add.
        """
        self.callbacks.append(callback)

    def set_model(self, model: Any) -> None:
        """Set the model in training of all callbacks.

        Args:
            model: model in training.
        """
        for each in self.callbacks:
            each.set_model(model)

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
            began = time.perf_counter()
            getattr(each, hook)(*args)
            seconds = time.perf_counter() - began
            key = f"{type(each).__name__}.{hook}"
            self.costs[key] = self.costs.get(key, 0.0) + seconds

    @property
    def finishers(self) -> list[Finisher]:
        """The functions of callbacks that set the weights at the end of training."""
        return [c.finish for c in self.callbacks if c.finish is not None]

    @property
    def guards(self) -> list[StepGuard]:
        """The guards of steps that callbacks bring along."""
        return [c.guard for c in self.callbacks if c.guard is not None]

    def states(self) -> list[dict[str, Any]]:
        """Return the class and state of each callback, in order."""
        return [{"class": type(c).__name__, "state": c.get_state()} for c in self.callbacks]

    def descriptions(self) -> list[Any]:
        """Return class name and arguments of each callback that was given, as JSON; None for one
        that only code can express."""
        return [each.description() for each in self.callbacks if each is not self._last]

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
            try:
                each.set_state(kept["state"])
            except StateError:
                raise
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise StateError(
                    f"fit: the restored state of {type(each).__name__} cannot be used: "
                    f"{type(error).__name__}: {error}",
                    hint="was the file or the class changed? set_state has to take what get_state "
                    "returned",
                ) from error

    @property
    def each_train_batch(self) -> bool:
        """True if a callback needs a call after each batch of training."""
        return self.batches_between == 1

    @property
    def batches_between(self) -> int | None:
        """The number of batches of training after which a callback needs a call; None for any."""
        needed = [c.batches_between for c in self.callbacks if _needs(c, _TRAIN_BATCH)]
        return math.gcd(*needed) if needed else None

    @property
    def each_test_batch(self) -> bool:
        """True if a callback needs a call after each batch of evaluation."""
        return any(_needs(each, _TEST_BATCH) for each in self.callbacks)


def _needs(callback: Callback, hooks: Iterable[str]) -> bool:
    return callback.each_batch and any(_defines(callback, hook) for hook in hooks)


def _defines(callback: Callback, hook: str) -> bool:
    own = getattr(callback, hook)
    return getattr(own, "__func__", own) is not getattr(Callback, hook)
