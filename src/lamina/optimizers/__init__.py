"""Optimizers: Keras 3's names, arguments, defaults and update rules, by object or name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import namespaces
from lamina.errors import ArgumentError, describe
from lamina.optimizers import schedules
from lamina.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from lamina.optimizers.adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from lamina.optimizers.base import Optimizer, OptimizerLike
from lamina.optimizers.momentum import SGD, Lion
from lamina.optimizers.muon import Muon
from lamina.optimizers.schedule_free import ScheduleFreeAdamW
from lamina.optimizers.wrappers import LossScaleOptimizer, MultiOptimizer, OptimizerMap
from lamina.registry import Registry

REGISTRY = Registry("optimizer", Optimizer.family)
for _optimizer in (
    *(SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, Adafactor, Lamb),
    *(Muon, ScheduleFreeAdamW, LossScaleOptimizer, MultiOptimizer),
):
    REGISTRY.add_class(_optimizer, _optimizer.__name__.lower())


def get(identifier: OptimizerLike) -> Optimizer:
    """Return the optimizer of a name or configuration; an Optimizer is returned unchanged.

    Args:
        identifier: name such as "adam", configuration from `serialize`, or Optimizer.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> lm.optimizers.get("adam").learning_rate.numpy().item() < 0.0011
        True
    """
    found = REGISTRY.get(identifier)
    if not isinstance(found, Optimizer):
        raise ArgumentError(
            f"expected an optimizer or its name, got {describe(identifier)}",
            hint="for example 'adam'",
        )
    return found


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return the configuration of an optimizer, without its state, for `deserialize`.

    Args:
        optimizer: Optimizer to describe.

    Example:
        >>> import lamina as lm
        >>> lm.optimizers.serialize(lm.optimizers.SGD(0.5))["class_name"]
        'SGD'
    """
    return REGISTRY.serialize(optimizer)


def deserialize(
    config: Mapping[str, Any] | str, custom_objects: Mapping[str, Any] | None = None
) -> Optimizer:
    """Return the optimizer that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Example:
        >>> import lamina as lm
        >>> config = lm.optimizers.serialize(lm.optimizers.SGD(momentum=0.5))
        >>> lm.optimizers.deserialize(config).momentum
        0.5
    """
    return REGISTRY.deserialize(config, custom_objects)


__all__ = [
    "Optimizer",
    "SGD",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Lion",
    "Ftrl",
    "Adafactor",
    "Lamb",
    "Muon",
    "ScheduleFreeAdamW",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "OptimizerMap",
    "schedules",
    "get",
    "serialize",
    "deserialize",
]

namespaces.declare(__name__)
