"""Conditions that a weight is brought back to after every update; equations as in Keras 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina.arguments import Checks, Integers, Number
from lamina.configuration import Configurable, serialize
from lamina.operations import elementwise, reductions
from lamina.registry import Registry
from lamina.tensor import Tensor, as_tensor

EPSILON = 1e-7  # Keras's: keeps the norm of a weight of zeros from dividing by zero

Axis = int | Sequence[int]


class Constraint(Configurable):
    """A function from a weight to one of equal shape that keeps a condition. Subclass it and
    define `__call__(w)`."""

    family = "lamina.constraints"
    argument_checks: ClassVar[Checks] = {
        "axis": Integers(alone=True, optional=True),
        "max_value": Number(0),
        "min_value": Number(0),
        "rate": Number(0, 1),
    }

    def __call__(self, w: Any) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define __call__(w)")


def _norms(w: Tensor, axis: Axis) -> Tensor:
    axes = tuple(axis) if isinstance(axis, Sequence) else axis
    return elementwise.sqrt(reductions.sum(elementwise.square(w), axis=axes, keepdims=True))


class MaxNorm(Constraint):
    """Norms along `axis` are at most `max_value`: w * min(norm, max_value) / (norm + 1e-7).

    For a Dense kernel (inputs, units) axis 0 takes the norm of each unit's incoming weights.

    Args:
        axis: axis to work along; negative numbers count from the end.
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        return w * (elementwise.minimum(norms, self.max_value) / (norms + EPSILON))


class MinMaxNorm(Constraint):
    """Norms along `axis` go towards [min_value, max_value]; with rate 1 they get there at once.

    w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (norm + 1e-7)

    Args:
        axis: axis to work along; negative numbers count from the end.
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        self.min_value, self.max_value = min_value, max_value
        self.rate, self.axis = rate, axis

    def __call__(self, w: Any) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        within = elementwise.clip(norms, self.min_value, self.max_value)
        desired = within * self.rate + norms * (1 - self.rate)
        return w * (desired / (norms + EPSILON))


class NonNeg(Constraint):
    """No weight is negative: max(w, 0)."""

    def __call__(self, w: Any) -> Tensor:
        return elementwise.maximum(as_tensor(w), 0)


class UnitNorm(Constraint):
    """Norms along `axis` are 1: w / (norm + 1e-7).

    Args:
        axis: axis to work along; negative numbers count from the end.
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        w = as_tensor(w)
        return w / (_norms(w, self.axis) + EPSILON)


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_REGISTRY = Registry("constraint", Constraint.family, [MaxNorm, MinMaxNorm, NonNeg, UnitNorm])


def get(identifier: Any) -> Any:
    """The constraint meant by None, a name ("max_norm", "min_max_norm", "non_neg", "unit_norm"), a
    written object, or a function of a weight. Raises UnknownNameError for an unknown name.

    Args:
        identifier: name, configuration, object of the class, or function.
    """
    return _REGISTRY.get(identifier)


def deserialize(config: Any) -> Any:
    """The constraint that `serialize` wrote down.

    Args:
        config: dictionary that `get_config` returned.
    """
    return get(config)


__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
