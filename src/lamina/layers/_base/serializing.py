"""Layers as JSON data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import configuration
from lamina.layers._base.layer import Layer


def serialize(layer: Layer) -> dict[str, Any]:
    """Return a layer as JSON data: the path of its class and its configuration.

    Args:
        layer: layer to describe, without its weights.

    Example:
        >>> import lamina as lm
        >>> lm.layers.serialize(lm.layers.Flatten())["class_name"]
        'Flatten'
    """
    return configuration.serialize(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the layer that `serialize` described, with new weights.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class or function of the caller's own.

    Raises:
        UnknownNameError: the class is not known.

    Example:
        >>> import lamina as lm
        >>> written = lm.layers.serialize(lm.layers.Dense(3, activation="relu"))
        >>> lm.layers.deserialize(written).units
        3
    """
    return configuration.deserialize(config, custom_objects)
