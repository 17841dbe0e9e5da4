"""`keras.initializers`: the names of `lamina.initializers`, with the arguments of Keras."""

from __future__ import annotations

from typing import Any

from lamina import initializers, namespaces
from lamina.initializers import *  # noqa: F403
from lamina.initializers import __all__ as __all__


def serialize(initializer: Any) -> Any:  # type: ignore[no-redef]
    """Return an initializer as JSON data: `lamina.initializers.serialize`."""
    return initializers.serialize(initializer)


namespaces.declare(__name__)
