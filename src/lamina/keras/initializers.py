"""`keras.initializers`: the names of `lamina.initializers`, with the arguments of Keras."""

from __future__ import annotations

from lamina import namespaces
from lamina.initializers import *  # noqa: F403
from lamina.initializers import __all__ as __all__

namespaces.declare(__name__)
