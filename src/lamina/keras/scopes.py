"""Contexts of Keras that name Variables, choose a device, or trade time for memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, Self, TypeVar

from lamina import context
from lamina.arguments import one_of
from lamina.distribution.device_names import devices
from lamina.errors import ArgumentError, describe, unknown_name

P = ParamSpec("P")
R = TypeVar("R")
MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class name_scope:
    """A context whose name comes before the paths of Variables that are made in it.

    Args:
        name: name of the scope, without "/".

    Example:
        >>> from lamina import keras
        >>> with keras.name_scope("outer"), keras.name_scope("inner"):
        ...     v = keras.Variable(0.0, name="v")
        >>> v.path
        'outer/inner/v'
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name or "/" in name:
            raise ArgumentError(f"name_scope: expected a name without '/', got {describe(name)}")
        self.name = name

    def __enter__(self) -> Self:
        scope = (*context.current().name_scope, self.name)
        self._entered = context.entered(name_scope=scope)
        self._entered.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._entered.__exit__(*error)


@contextmanager
def device(device_name: str) -> Iterator[None]:
    """Context for a device that programs run on. Values are on the host, and a program runs where
    its engine runs: only a name of that device is accepted.

    Args:
        device_name: such as "cpu:0", or "gpu:0" with the xla engine.

    Raises:
        UnknownNameError: for an unknown device.

    Example:
        >>> from lamina import keras
        >>> with keras.device("cpu"):
        ...     v = keras.Variable(1.0)
    """
    kind, _, number = str(device_name).lower().removeprefix("/").partition(":")
    if kind == "device":  # "/device:GPU:0"
        kind, _, number = number.partition(":")
    known = devices()
    if kind != "cpu" and f"{kind}:{number or 0}" not in known:
        raise unknown_name("device", device_name, ["cpu", *known])
    yield


def remat(f: Callable[P, R]) -> Callable[P, R]:
    """Return a function that computes the same as f.

    Keras computes what is inside again in the backward pass, to save memory. Lamina's compiler
    decides by itself which values it stores and which it computes again.

    Args:
        f: function of tensors.

    Example:
        >>> import lamina as lm
        >>> from lamina import keras
        >>> keras.remat(lm.exp)(0.0).item()
        1.0
    """

    @functools.wraps(f)
    def same(*args: P.args, **kwargs: P.kwargs) -> R:
        return f(*args, **kwargs)

    return same


class RematScope:
    """A context that asks for `remat` of layers; the compiler decides by itself (see `remat`).

    Args:
        mode: "full", "activations", "larger_than", "list_of_layers" or None.
        output_size_threshold: number of elements for "larger_than".
        layer_names: names of layers for "list_of_layers".

    Example:
        >>> from lamina import keras
        >>> with keras.RematScope("full"):
        ...     layer = keras.layers.Dense(2)
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: Sequence[str] | None = None,
    ) -> None:
        self.mode = one_of("RematScope", "mode", mode, MODES)
        self.output_size_threshold, self.layer_names = output_size_threshold, layer_names or []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        return None
