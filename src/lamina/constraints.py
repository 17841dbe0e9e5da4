"""Conditions that a weight is brought back to after every update; equations as in Keras 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lamina import namespaces
from lamina.annotations import ConstraintLike
from lamina.arguments import Checks, Integers, Number
from lamina.configuration import Configurable
from lamina.operations import elementwise, reductions
from lamina.registry import Registry
from lamina.tensor import Tensor, as_tensor

EPSILON = 1e-7  # Keras's: keeps the norm of a weight of zeros from dividing by zero

Axis = int | Sequence[int]


class Constraint(Configurable):
    """The base class of all constraints: a subclass defines `__call__(w)`, a weight of equal shape.

    Example:
        >>> import lamina as lm
        >>> class AtMostOne(lm.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return lm.minimum(w, 1.0)
        >>> AtMostOne()([0.5, 2.0]).tolist()
        [0.5, 1.0]
    """

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
    """Upper bound of norms along `axis`: w * min(norm, max_value) / (norm + 1e-7).

    Args:
        max_value: largest norm.
        axis: axis or axes along which norms are taken; 0 is right for a Dense kernel (inputs,
            units), where it gives the norm of each unit's incoming weights.

    Example:
        >>> import lamina as lm
        >>> w = lm.constraints.MaxNorm(1.0)(lm.asarray([[3.0], [4.0]]))
        >>> [round(v, 3) for v in w.numpy().ravel().tolist()]
        [0.6, 0.8]
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        return w * (elementwise.minimum(norms, self.max_value) / (norms + EPSILON))


class MinMaxNorm(Constraint):
    """Bounds of norms along `axis`, reached at once or at a rate.

        w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (norm + 1e-7)

    Args:
        min_value: smallest norm.
        max_value: largest norm.
        rate: fraction of the way to the bound that one update goes, in [0, 1].
        axis: axis or axes along which norms are taken; 0 for a Dense kernel (inputs, units).

    Example:
        >>> import lamina as lm
        >>> w = lm.constraints.MinMaxNorm(max_value=1.0, rate=0.5)(lm.asarray([[3.0], [4.0]]))
        >>> [round(v, 3) for v in w.numpy().ravel().tolist()]
        [1.8, 2.4]
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
    """Weights of at least 0: max(w, 0).

    Example:
        >>> import lamina as lm
        >>> lm.constraints.NonNeg()(lm.asarray([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Tensor:
        return elementwise.maximum(as_tensor(w), 0)


class UnitNorm(Constraint):
    """Norms of 1 along `axis`: w / (norm + 1e-7).

    Args:
        axis: axis or axes along which norms are taken; 0 for a Dense kernel (inputs, units).

    Example:
        >>> import lamina as lm
        >>> w = lm.constraints.UnitNorm()(lm.asarray([[3.0], [4.0]]))
        >>> [round(v, 3) for v in w.numpy().ravel().tolist()]
        [0.6, 0.8]
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Tensor:
        w = as_tensor(w)
        return w / (_norms(w, self.axis) + EPSILON)


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_REGISTRY = Registry("constraint", Constraint.family, [MaxNorm, MinMaxNorm, NonNeg, UnitNorm])


def get(identifier: ConstraintLike) -> Any:
    """Return the constraint of a name or configuration.

    Args:
        identifier: None, a name ("max_norm", "min_max_norm", "non_neg", "unit_norm"), a
            configuration, a Constraint, or a function of a weight.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> type(lm.constraints.get("non_neg")).__name__
        'NonNeg'
    """
    return _REGISTRY.get(identifier)


def serialize(constraint: ConstraintLike) -> Any:
    """Return a constraint as JSON data, for `deserialize`.

    Args:
        constraint: constraint to describe.

    Example:
        >>> import lamina as lm
        >>> lm.constraints.serialize(lm.constraints.MaxNorm(3.0))["class_name"]
        'MaxNorm'
    """
    return _REGISTRY.serialize(constraint)


def deserialize(
    config: Mapping[str, Any] | str | None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the constraint that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Example:
        >>> import lamina as lm
        >>> config = lm.constraints.serialize(lm.constraints.MaxNorm(3.0))
        >>> lm.constraints.deserialize(config).max_value
        3.0
    """
    return _REGISTRY.deserialize(config, custom_objects) if config is not None else None


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

namespaces.declare(__name__)
