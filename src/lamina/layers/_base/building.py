"""Building layers: `build` runs once, in the scope of its layer and outside of all traces, and
creates the weights with their initial values."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import context, restoring
from lamina.errors import RangeError, ShapeError, StateError
from lamina.initializers.sources import drawing
from lamina.layers._base import frames
from lamina.locks import MAKING
from lamina.variables import Variable

ADDRESSES = 1 << 47  # bytes: what a process can address


def wrapped(build: Callable[..., None]) -> Callable[..., None]:
    """Return `build` of a class so that it runs inside the scope of the layer and marks it as
    built, also if called directly or through super()."""

    @functools.wraps(build)
    def once(self: Any, *shapes: Any, **named: Any) -> None:
        frame = frames.current()
        is_inside = frame is not None and frame.layer is self
        if is_inside and frame.is_build:  # type: ignore[union-attr]
            build(self, *shapes, **named)
            return
        with MAKING:
            if self._built:
                return
            self._settle_name()
            scope = frame.scope if is_inside else None  # type: ignore[union-attr]
            self._settle_by_path()
            with frames.entered(self, scope=scope) as frame, outside_traces():
                frame.is_build = True
                build(self, *shapes, **named)
            known = shapes or tuple(named.values())
            self._set_built(known[0] if len(known) == 1 else list(known))

    return once


@contextmanager
def outside_traces() -> Iterator[None]:
    """Context in which no program is recorded, so that weights are created immediately, and
    variables have their own dtypes."""
    with context.entered(traces=(), autocast=None):
        yield


def weight(
    layer: Any, name: str, shape: tuple[int, ...], dtype: Any, trainable: bool, make: Any
) -> Variable:
    """Return a new Variable initialized by `make`. While a file is loaded, random values are drawn
    only if the file has no values for the Variable."""
    scope = layer._scope()

    def drawn() -> Any:
        with outside_traces(), drawing(scope.key(name)):
            return make(shape, dtype=dtype)

    restoration = restoring.current()
    postpone = restoration is not None and getattr(make, "is_random", False)
    restoring.claim(layer._label(), f"the weight {name!r} of shape {shape}", *shape)
    _need_addresses(layer, name, shape, dtype)
    first = np.broadcast_to(np.zeros((), dtype.storage), shape) if postpone else drawn()
    variable = Variable(first, trainable=trainable, dtype=dtype, name=name)
    if restoration is not None and postpone:
        restoration.later(variable, drawn)
    return variable


def need_known(layer: Any, name: str, shape: tuple[Any, ...]) -> None:
    """Raise ShapeError for a weight whose shape depends on an extent that is not known."""
    if any(not isinstance(n, int) for n in shape):
        raise ShapeError(
            f"{layer._label()}: the weight {name!r} would have shape {shape}: it depends on an "
            "extent that is not known",
            hint="give this axis of the Input a size; only the batch, and axes that no weight "
            "depends on, may be None",
        )


def need_holder(trainable: bool) -> None:
    """Raise if no layer holds the weight, which would be recreated by each call and never
    trained."""
    frame = frames.stray() if trainable else None
    if frame is not None:
        layer, holder = type(frame.layer).__name__, frame.stray_in._label()
        raise StateError(
            f"{layer}: the call of {holder} makes weights that it does not keep: they would be "
            "others at every call, and never be trained",
            hint=f"make the layer in __init__, self.layer = {layer}(...), and call "
            "self.layer(x); lists and dicts of layers are fine",
        )


def _need_addresses(layer: Any, name: str, shape: tuple[int, ...], dtype: Any) -> None:
    size = math.prod(shape) * dtype.bits // 8
    if size > ADDRESSES:
        raise RangeError(
            f"{layer._label()}: the weight {name!r} of shape {shape} is too large for any memory "
            f"(expected at most {ADDRESSES:,} bytes, got {size:,})",
            hint="check the sizes that the layer was given, and the shape of its input",
        )
