"""LambdaCallback: hooks given as functions."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.base import Callback
from lamina.errors import unknown_name


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
                raise unknown_name("hook of LambdaCallback", name, known)
            if function is not None:
                setattr(self, name, function)
