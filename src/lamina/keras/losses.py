"""`keras.losses`: the names of `lamina.losses`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamina import losses, namespaces
from lamina.losses import *  # noqa: F403

if not TYPE_CHECKING:  # mypy does not see the list, and takes all names
    from lamina.losses import __all__ as __all__


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:  # type: ignore[no-redef]
    """Return the loss that `serialize` described: `lamina.losses.deserialize`."""
    return losses.deserialize(name, custom_objects)


namespaces.declare(__name__)
