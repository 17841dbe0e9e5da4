"""`keras.regularizers`: the names of `lamina.regularizers`, with the arguments of Keras."""

from __future__ import annotations

from typing import Any

from lamina import namespaces, regularizers
from lamina.regularizers import *  # noqa: F403
from lamina.regularizers import __all__ as __all__


def serialize(regularizer: Any) -> Any:  # type: ignore[no-redef]
    """Return a regularizer as JSON data: `lamina.regularizers.serialize`."""
    return regularizers.serialize(regularizer)


namespaces.declare(__name__)
