"""`keras.activations`: the names of `lamina.activations`, with the arguments of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import activations, namespaces
from lamina.activations import *  # noqa: F403
from lamina.activations import __all__ as __all__


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:  # type: ignore[no-redef]
    """Return what `serialize` described: `lamina.activations.deserialize`."""
    return activations.deserialize(config, custom_objects)


namespaces.declare(__name__)
