"""Streaming: processing of one step at a time instead of a whole sequence.

Within `streaming(context)` each call of a layer is a call for one step: inputs (batch, 1, ...).
A class says
by its attribute `streams` which of three kinds its layers are.

    "each_step"    `call` treats each step separately, and is correct as it is; a layer with an
                   `axis` only if that is the axis of the features
    "state"        defines `call_streaming(stream, ...)`, which reads its state with
                   `stream.state(layer, begin)` and stores it for the next step
    "no"           all others, which cannot be streamed: ArgumentError with their name

A class that defines `call_streaming` is of the second kind. One that redefines `call` is of the
third unless it says otherwise: what is true of the class that it inherits from may not be true of
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from lamina import context, tree
from lamina.errors import ArgumentError
from lamina.ir.types import int32
from lamina.layers._base import building
from lamina.variables import Variable

KINDS = ("each_step", "state", "no")


class Streaming:
    """A stream in progress: the index of the step, and the state of each layer.

    length: number of steps that attention can access; None if unspecified.
    """

    def __init__(self, batch: int, length: int | None) -> None:
        self.batch, self.length = batch, length
        self.most = length  # steps after which no further can come
        self.position = Variable(np.int32(0), trainable=False, dtype=int32, name="position")
        self.states: dict[str, Any] = {}
        self.first: dict[str, Any] = {}  # what they were before the first step
        self._called: dict[str, int] = {}

    def state(self, layer: Any, begin: Callable[[], Any]) -> State:
        """Return the state of this call of the layer: a nest of tensors, `begin()` before the first
        step."""
        path = layer.path.split("/", 1)[-1]  # below the model
        count = self._called[path] = self._called.get(path, 0) + 1
        key = path if count == 1 else f"{path}:{count}"
        if key not in self.states:
            with building.outside_traces():
                first = tree.map_structure(lambda t: t.numpy(), begin())
            self.first[key] = first
            self.states[key] = tree.map_structure(
                lambda a: Variable(a, trainable=False, name=key), first
            )
        return State(self.states[key])

    def at_most(self, steps: int) -> None:
        """Limit the number of steps of the stream."""
        self.most = steps if self.most is None else min(self.most, steps)


class State:
    """The state of a layer: read at each step, and stored for the next."""

    def __init__(self, variables: Any) -> None:
        self.variables = variables

    def read(self) -> Any:
        return tree.map_structure(lambda v: v.read(), self.variables)

    def keep(self, new: Any) -> None:
        pairs = zip(tree.leaves(self.variables), tree.leaves(new), strict=True)
        for variable, tensor in pairs:
            variable.assign(tensor)


@contextmanager
def streaming(stream: Streaming | None) -> Iterator[None]:
    """Context in which layers process one step per call; None restores whole sequences."""
    if stream is not None:
        stream._called.clear()
    with context.entered(stream=stream):
        yield


def settle(cls: type) -> None:
    """Determine `streams` of a new class of layers, or raise ArgumentError for an unknown value."""
    own = vars(cls)
    if "streams" not in own:
        if "call_streaming" in own:
            cls.streams = "state"  # type: ignore[attr-defined]
        elif "call" in own:
            cls.streams = "no"  # type: ignore[attr-defined]
    elif own["streams"] not in KINDS:
        raise ArgumentError(
            f"{cls.__name__}: invalid streams (expected one of {', '.join(map(repr, KINDS))}, got "
            f"{own['streams']!r})",
            hint='write streams = "each_step" if `call` treats each step separately',
        )


def call_of(layer: Any) -> Callable[..., Any]:
    """Return the layer's `call`, or its replacement in a stream or in a file of another format."""
    current = context.current()
    if current.replacement is not None:
        return current.replacement(layer) or layer.call
    stream = current.stream
    if stream is None:
        return layer.call
    if layer.streams == "state":
        return partial(layer.call_streaming, stream)
    if layer.streams == "each_step" and _is_last(layer):
        return layer.call
    owner = next(c for c in type(layer).__mro__ if "call" in vars(c))
    if owner.__module__.startswith("lamina."):
        raise refused(layer, "it needs other steps than the one that comes, and keeps none of them")
    raise refused(layer, f"what {owner.__name__}.call does with several steps is not known")


def _is_last(layer: Any) -> bool:
    """Return True if the layer works along the axis of the features, or along none."""
    axis = getattr(layer, "axis", -1)
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    shape = layer._build_shape
    last = len(shape) - 1 if shape and not isinstance(shape[0], (tuple, list)) else 2
    return all(a in (-1, last) for a in axes if isinstance(a, int))


def refused(layer: Any, why: str) -> ArgumentError:
    """Return the error for a layer that cannot be streamed."""
    return ArgumentError(
        f"{layer._label()} cannot be streamed: {why}",
        hint="recurrent layers, causal convolutions, MultiHeadAttention with use_causal_mask, and "
        "layers that treat each step separately can; a custom class that does so sets "
        "streams = 'each_step'",
    )
