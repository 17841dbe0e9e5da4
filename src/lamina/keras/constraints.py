"""`keras.constraints`: the names of `lamina.constraints`, with the arguments of Keras."""

from __future__ import annotations

from typing import Any

from lamina import constraints, namespaces
from lamina.constraints import *  # noqa: F403
from lamina.constraints import __all__ as __all__


def serialize(constraint: Any) -> Any:  # type: ignore[no-redef]
    """Return a constraint as JSON data: `lamina.constraints.serialize`."""
    return constraints.serialize(constraint)


namespaces.declare(__name__)
