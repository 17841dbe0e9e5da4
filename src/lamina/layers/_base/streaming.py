"""Streaming: processing of one step at a time instead of a whole sequence.

Within `streaming(context)` each call of a layer is a call for one step: inputs (batch, 1, ...).
There are three kinds of layers.

    stateless per step     `call` is correct as it is: those of EACH_STEP_ALONE, models, and classes
                           with `streams = True`
    stateful               defines `call_streaming(stream, ...)`, which reads its state with
                           `stream.state(layer, begin)` and stores it for the next step
    needs later steps      all others, which cannot be streamed: ArgumentError with their name
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from lamina import tree
from lamina.errors import ArgumentError
from lamina.ir.types import int32
from lamina.layers._base import building
from lamina.tensor import Variable

EACH_STEP_ALONE = {
    *("Activation", "ActivityRegularization", "BatchNormalization", "Dense", "ELU", "Embedding"),
    *("Identity", "InputLayer", "LayerNormalization", "LeakyReLU", "Masking", "Merge", "Noise"),
    *("Normalization", "Projection", "RMSNormalization", "ReLU", "Rescaling", "Softmax"),
    *("TransformerDecoder", "TransformerEncoder", "TokenAndPositionEmbedding"),
    *("UnitNormalization", "Wrapper"),
}  # the classes that define `call`; of those with an `axis`, if it is the last


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


class _Local(threading.local):
    stream: Streaming | None = None


_LOCAL = _Local()


@contextmanager
def streaming(stream: Streaming | None) -> Iterator[None]:
    """Context in which layers process one step per call; None restores whole sequences."""
    before, _LOCAL.stream = _LOCAL.stream, stream
    if stream is not None:
        stream._called.clear()
    try:
        yield
    finally:
        _LOCAL.stream = before


def call_of(layer: Any) -> Callable[..., Any]:
    """Return the layer's `call`, or its replacement in a stream."""
    stream = _LOCAL.stream
    if stream is None:
        return layer.call
    if hasattr(layer, "call_streaming"):
        return partial(layer.call_streaming, stream)
    if streams(layer):
        return layer.call
    raise refused(layer, "it needs other steps than the one that comes, and keeps none of them")


def streams(layer: Any) -> bool:
    """Return True if `call` of the layer treats each step separately."""
    if layer.streams is not None:
        return bool(layer.streams)
    owner = next(c for c in type(layer).__mro__ if "call" in vars(c))
    return (
        owner.__name__ in EACH_STEP_ALONE
        and owner.__module__.startswith("lamina.")
        and _is_last(layer)
    )


def _is_last(layer: Any) -> bool:
    """Return True if the layer works along the axis of the features, or along none."""
    axis = getattr(layer, "axis", -1)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shape = layer._build_shape
    last = len(shape) - 1 if shape and not isinstance(shape[0], (tuple, list)) else 2
    return all(a in (-1, last) for a in axes)


def refused(layer: Any, why: str) -> ArgumentError:
    """Return the error for a layer that cannot be streamed."""
    return ArgumentError(
        f"{layer._label()} cannot be streamed: {why}",
        hint="recurrent layers, causal convolutions, MultiHeadAttention with use_causal_mask, and "
        "layers that look at each step by itself can; a class of your own that does so says "
        "streams = True",
    )
