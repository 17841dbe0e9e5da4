"""`keras.layers`: the names of `lamina.layers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamina import layers, namespaces
from lamina.elsewhere import LAYERS
from lamina.layers import *  # noqa: F403

if not TYPE_CHECKING:  # mypy does not see the list, and takes all names
    from lamina.layers import __all__ as __all__


def serialize(layer: Any) -> dict[str, Any]:  # type: ignore[no-redef]
    """Return a layer as JSON data: `lamina.layers.serialize`."""
    return layers.serialize(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:  # type: ignore[no-redef]
    """Return the layer that `serialize` described: `lamina.layers.deserialize`."""
    return layers.deserialize(config, custom_objects)


namespaces.declare(__name__, {}, LAYERS)
