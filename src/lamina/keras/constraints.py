"""`keras.constraints`: the names of `lamina.constraints`, with the arguments of Keras."""

from __future__ import annotations

from lamina import namespaces
from lamina.constraints import *  # noqa: F403
from lamina.constraints import __all__ as __all__

namespaces.declare(__name__)
