"""`keras.regularizers`: the names of `lamina.regularizers`, with the arguments of Keras."""

from __future__ import annotations

from lamina import namespaces
from lamina.regularizers import *  # noqa: F403
from lamina.regularizers import __all__ as __all__

namespaces.declare(__name__)
