"""Building a layer: its `build` runs once, in its own scope, and outside of every trace."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lamina.layers import frames
from lamina.locks import MAKING
from lamina.tensor import LOCAL


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
