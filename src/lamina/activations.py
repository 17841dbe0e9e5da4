"""Activation functions by the names, arguments and defaults of Keras 3.

Most are the operations of the same name. `softmax` and `sigmoid` results remember what they were
computed from, so that a cross-entropy after them is computed from the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina import configuration, namespaces
from lamina.annotations import ActivationLike, ArrayLike
from lamina.configuration import (
    NAMED_FUNCTIONS,
    Configurable,
    arguments_of,
    own_object,
    plain,
)
from lamina.errors import ArgumentError, describe, unknown_name
from lamina.floatx import with_floatx
from lamina.operations import elementwise, neural, piecewise, probabilities
from lamina.operations.ranges import output_range_of, returns
from lamina.tensor import Tensor, as_tensor

celu = with_floatx(neural.celu)
elu = with_floatx(neural.elu)
exponential = with_floatx(neural.exponential)
glu = with_floatx(neural.glu)
hard_shrink = with_floatx(piecewise.hard_shrink)
hard_sigmoid = with_floatx(piecewise.hard_sigmoid)
hard_silu = with_floatx(piecewise.hard_silu)
hard_tanh = with_floatx(piecewise.hard_tanh)
leaky_relu = with_floatx(neural.leaky_relu)
linear = with_floatx(neural.linear)
log_sigmoid = with_floatx(probabilities.log_sigmoid)
log_softmax = with_floatx(probabilities.log_softmax)
mish = with_floatx(neural.mish)
relu6 = with_floatx(neural.relu6)
selu = with_floatx(neural.selu)
sigmoid = with_floatx(probabilities.sigmoid)
silu = with_floatx(neural.silu)
soft_shrink = with_floatx(piecewise.soft_shrink)
softmax = with_floatx(probabilities.softmax)
softplus = with_floatx(probabilities.softplus)
softsign = with_floatx(neural.softsign)
sparse_plus = with_floatx(neural.sparse_plus)
sparse_sigmoid = with_floatx(piecewise.sparse_sigmoid)
sparsemax = with_floatx(probabilities.sparsemax)
squareplus = with_floatx(neural.squareplus)
tanh_shrink = with_floatx(piecewise.tanh_shrink)
threshold = with_floatx(neural.threshold)


@returns("any")
@with_floatx
def tanh(x: ArrayLike) -> Tensor:
    """Hyperbolic tangent: sinh(x) / cosh(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.tanh([-1000.0, 0.0, 1000.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    return elementwise.tanh(x)


@returns("any")
@with_floatx
def relu(
    x: ArrayLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Tensor:
    """Rectifier: max(x, 0), with an optional slope, maximum and threshold.

        max_value                            if x >= max_value
        x                                    if threshold <= x < max_value
        negative_slope * (x - threshold)     otherwise

    Args:
        x: tensor or array-like.
        negative_slope: slope below the threshold.
        max_value: largest result; None sets no limit.
        threshold: value below which the slope applies.

    Example:
        >>> import lamina as lm
        >>> lm.activations.relu([-2.0, 2.0, 9.0], max_value=6.0).tolist()
        [0.0, 2.0, 6.0]
    """
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


@returns("any")
@with_floatx
def gelu(x: ArrayLike, approximate: bool = False) -> Tensor:
    """Gaussian error linear unit: x * P(X <= x) for X ~ N(0, 1).

    Args:
        x: tensor or array-like.
        approximate: use x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) instead.

    Example:
        >>> import lamina as lm
        >>> lm.activations.gelu([-10.0, 0.0, 10.0]).tolist()
        [-0.0, 0.0, 10.0]

    Source: Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    return neural.gelu(x, approximate=approximate)


@returns("any")
@with_floatx
def gelu_approximate(x: ArrayLike) -> Tensor:
    """Gaussian error linear unit with a tanh in place of the error function, as GPT-2 has it.

        x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> round(lm.activations.gelu_approximate(1.0).item(), 4)
        0.8412

    Source: Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    return neural.gelu(x, approximate=True)


swish, hard_swish = silu, hard_silu

# fmt: off
_FUNCTIONS: list[Callable[..., Tensor]] = [
    celu, elu, exponential, gelu, gelu_approximate, glu, hard_shrink, hard_sigmoid, hard_silu,
    hard_tanh, leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu,
    soft_shrink, softmax, softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus,
    tanh, tanh_shrink, threshold,
]
# fmt: on
_BY_NAME = {f.__name__: f for f in _FUNCTIONS}
_ALIASES = {"swish": silu, "hard_swish": hard_silu}
for function in _FUNCTIONS:
    function.__module__ = __name__  # where `pickle` finds it
NAMED_FUNCTIONS.update({f: name for name, f in _BY_NAME.items()})
# the operations of the same name and defaults; gelu has another default
for _module in (neural, piecewise, probabilities):
    for _name in _BY_NAME.keys() & vars(_module).keys() - {"gelu", "tanh"}:
        NAMED_FUNCTIONS[vars(_module)[_name]] = _name
NAMED_FUNCTIONS[elementwise.tanh] = "tanh"


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
        arguments = arguments_of(instance)
        if self.name in instance.__dict__ and self.name in arguments:
            arguments[self.name] = value
        instance.__dict__[self.name] = get(value)


def get(identifier: ActivationLike) -> Callable[..., Any]:
    """Return the activation of a name or configuration.

    Args:
        identifier: None (linear), a name such as "relu", a function, a layer, or the configuration
            of a layer.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> lm.activations.get("relu")([-1.0, 1.0]).tolist()
        [0.0, 1.0]
    """
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


def output_range(activation: ActivationLike) -> str | None:
    """Return the declared range of what an activation returns.

    "distribution" stands for probabilities that sum to 1, "probabilities" for numbers from 0 to 1,
    and "any" for all others. A function of a user declares it as an attribute:
    `f.output_range = "probabilities"`.

    Args:
        activation: name, function or layer; None is unknown.

    Returns:
        str | None: None if the range is unknown.

    Example:
        >>> import lamina as lm
        >>> lm.activations.output_range("softmax"), lm.activations.output_range(lm.nn.relu)
        ('distribution', 'any')
    """
    if isinstance(activation, str):
        activation = own_object(activation) or _BY_NAME.get(activation) or _ALIASES.get(activation)
    return output_range_of(activation)


def serialize(activation: ActivationLike) -> Any:
    """Return the name of an activation, or the configuration of a layer.

    Args:
        activation: function from `lamina.activations`, or layer.

    Raises:
        ArgumentError: for a function without a name in Lamina.

    Example:
        >>> import lamina as lm
        >>> lm.activations.serialize(lm.activations.relu)
        'relu'
    """
    return plain(activation, "activation")


def deserialize(
    config: Mapping[str, Any] | str | None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the activation that `serialize` described.

    Args:
        config: name or configuration that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Raises:
        UnknownNameError: for an unknown name.

    Example:
        >>> import lamina as lm
        >>> lm.activations.deserialize("relu")([-1.0, 1.0]).tolist()
        [0.0, 1.0]
    """
    if isinstance(config, Mapping):
        return configuration.deserialize(config, custom_objects)
    with configuration.custom_object_scope(custom_objects):
        return get(config)


__all__ = [*sorted([*_BY_NAME, *_ALIASES]), "get", "output_range", "serialize", "deserialize"]

namespaces.declare(__name__)
