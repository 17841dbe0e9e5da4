"""`keras.layers`: the names of `lamina.layers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import namespaces
from lamina.elsewhere import LAYERS
from lamina.layers import *  # noqa: F403

if not TYPE_CHECKING:  # mypy does not see the list, and takes all names
    from lamina.layers import __all__ as __all__

namespaces.declare(__name__, {}, LAYERS)
