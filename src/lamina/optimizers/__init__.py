"""Optimizers: Keras 3's names, arguments, defaults and update rules, by object or name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.errors import ArgumentError, describe
from lamina.optimizers import schedules
from lamina.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from lamina.optimizers.adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from lamina.optimizers.base import Optimizer
from lamina.optimizers.momentum import SGD, Lion
from lamina.registry import Registry

REGISTRY = Registry("optimizer", Optimizer.family)
for _optimizer in (
    *(SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, Adafactor, Lamb),
):
    REGISTRY.add_class(_optimizer, _optimizer.__name__.lower())


def get(identifier: Any) -> Optimizer:
    """The optimizer of that name or configuration; an Optimizer is given back as it is.

    Raises UnknownNameError, with the nearest known names, for an unknown one.

    Args:
        identifier: name, configuration, object of the class, or function.
    """
    found = REGISTRY.get(identifier)
    if not isinstance(found, Optimizer):
        raise ArgumentError(f"{describe(identifier)} is no optimizer", hint="for example 'adam'")
    return found


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """A configuration of an optimizer, without its state, for `deserialize`."""
    return REGISTRY.serialize(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """The optimizer that `serialize` wrote down.

    Args:
        config: dictionary that `get_config` returned.
        custom_objects: dictionary from name to class or function of the caller's own.
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
    "schedules",
    "get",
    "serialize",
    "deserialize",
]
