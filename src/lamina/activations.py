"""Activation functions by the names, arguments and defaults of Keras 3.

Most are the operations of the same name. `softmax` and `sigmoid` results remember what they were
computed from, so that a cross-entropy after them is computed from the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.configuration import NAMED_FUNCTIONS, Configurable, deserialize, own_object, plain
from lamina.errors import ArgumentError, describe, unknown_name
from lamina.operations import elementwise, neural
from lamina.operations.elementwise import tanh
from lamina.operations.neural import (
    celu,
    elu,
    exponential,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from lamina.tensor import Tensor, as_tensor


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """max(x, 0); in general max_value where x >= max_value, x where threshold <= x < max_value, and
    negative_slope * (x - threshold) below."""
    x = as_tensor(x)
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return neural.relu(x)
    above = (
        elementwise.where(elementwise.greater(x, threshold), x, 0) if threshold else neural.relu(x)
    )
    if max_value is not None:
        above = elementwise.minimum(above, max_value)
    if negative_slope:
        above = above - neural.relu(threshold - x) * negative_slope
    return above


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x * P(X <= x) for X ~ N(0, 1); `approximate` takes a tanh for it (Hendrycks et al. 2016)."""
    return neural.gelu(x, approximate=approximate)


swish, hard_swish = silu, hard_silu

# fmt: off
_FUNCTIONS: list[Callable[..., Tensor]] = [
    celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu,
    linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax,
    softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink,
    threshold,
]
# fmt: on
_BY_NAME = {f.__name__: f for f in _FUNCTIONS}
_ALIASES = {"swish": silu, "hard_swish": hard_silu}
NAMED_FUNCTIONS.update({f: name for name, f in _BY_NAME.items()})
NAMED_FUNCTIONS[neural.relu] = "relu"


class ActivationAttribute:
    """An attribute that holds an activation: whatever `get` takes may be assigned at any time, None
    for none, and is what the object's configuration says from then on."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        if self.name not in instance.__dict__:
            raise AttributeError(f"{owner.__name__} has no attribute {self.name!r} yet")
        return instance.__dict__[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        if self.name in instance.__dict__ and self.name in instance._arguments:
            instance._arguments[self.name] = value
        instance.__dict__[self.name] = get(value)


def get(identifier: Any) -> Callable[..., Any]:
    """The function meant by None (linear), a name ("relu"), a function, a layer, or a layer that
    was written down. Raises UnknownNameError for an unknown name."""
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        found = own_object(identifier) or _BY_NAME.get(identifier) or _ALIASES.get(identifier)
        if found is None:
            raise unknown_name("activation", identifier, {**_BY_NAME, **_ALIASES})
        return found
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Configurable):
        return identifier()  # type: ignore[return-value]
    if callable(identifier):
        return identifier
    raise ArgumentError(f"activation: {describe(identifier)} is neither a name nor a function")


def serialize(activation: Any) -> Any:
    """The name of an activation; a layer as plain JSON data. Raises ArgumentError for a function
    that has no name in Lamina."""
    return plain(activation, "activation")


__all__ = [*sorted([*_BY_NAME, *_ALIASES]), "get", "serialize", "deserialize"]
