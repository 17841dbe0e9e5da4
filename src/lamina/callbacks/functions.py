"""LambdaCallback: hooks given as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.callbacks.base import Callback
from lamina.errors import unknown_name


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: function (epoch, logs), run before each epoch.
        on_epoch_end: function (epoch, logs), run after each epoch.
        on_train_begin: function (logs), run before the first epoch.
        on_train_end: function (logs), run after the last epoch.
        on_train_batch_begin: function (batch, logs), run before each batch of training.
        on_train_batch_end: function (batch, logs), run after each batch of training.
        **hooks: function for each further hook, by the hook's name; others become attributes.

    Raises:
        UnknownNameError: for a name that begins like a hook and is none.

    Example:
        >>> import lamina as lm
        >>> printer = lm.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> printer.on_epoch_end(3, {})
        3
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Any,
    ) -> None:
        super().__init__()
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        known = [name for name in dir(Callback) if name.startswith("on_")]
        for name, function in hooks.items():
            if name not in known and name.startswith("on_"):
                raise unknown_name("hook of LambdaCallback", name, known)
            if function is not None:
                setattr(self, name, function)
