"""`keras.losses`: the names of `lamina.losses`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import namespaces
from lamina.losses import *  # noqa: F403

if not TYPE_CHECKING:  # mypy does not see the list, and takes all names
    from lamina.losses import __all__ as __all__

namespaces.declare(__name__)
