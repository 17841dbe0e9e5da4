"""Building a layer: its `build` runs once, in its own scope, and outside of every trace; weights
get their first values here."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import initializers, restoring
from lamina.layers import frames
from lamina.locks import MAKING
from lamina.tensor import LOCAL, Variable


def wrapped(build: Callable[..., None]) -> Callable[..., None]:
    """`build` as a class defines it, run once: inside the layer's scope, and noted afterwards. Also
    for whoever calls `build` directly, or through super()."""

    @functools.wraps(build)
    def once(self: Any, *shapes: Any, **named: Any) -> None:
        frame = frames.current()
        is_inside = frame is not None and frame.layer is self
        if is_inside and frame.is_build:  # type: ignore[union-attr]
            build(self, *shapes, **named)
            return
        with MAKING:
            if self.built:
                return
            self._settle_name()
            scope = frame.scope if is_inside else None  # type: ignore[union-attr]
            with frames.entered(self, scope=scope) as frame, outside_traces():
                frame.is_build = True
                build(self, *shapes, **named)
            self._set_built(shapes[0] if len(shapes) == 1 else list(shapes))

    return once


@contextmanager
def outside_traces() -> Iterator[None]:
    """Within: no program is being recorded. Weights are made at once, whoever asks for them."""
    traces, LOCAL.traces = LOCAL.traces, []
    try:
        yield
    finally:
        LOCAL.traces = traces


def weight(
    layer: Any, name: str, shape: tuple[int, ...], dtype: Any, trainable: bool, make: Any
) -> Variable:
    """A new Variable with the first values that the initializer `make` gives. While a file is read,
    random ones are drawn only if it turns out that the file has none for this Variable."""
    scope = layer._scope()

    def drawn() -> Any:
        with outside_traces(), initializers.drawing(scope.key(name)):
            return make(shape, dtype=dtype)

    restoration = restoring.current()
    postpone = restoration is not None and getattr(make, "is_random", False)
    restoring.claim(layer._label(), f"the weight {name!r} of shape {shape}", *shape)
    first = np.broadcast_to(np.zeros((), dtype.storage), shape) if postpone else drawn()
    variable = Variable(first, trainable=trainable, dtype=dtype, name=name)
    if restoration is not None and postpone:
        restoration.later(variable, drawn)
    return variable
