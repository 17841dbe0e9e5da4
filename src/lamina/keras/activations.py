"""`keras.activations`: the names of `lamina.activations`, with the arguments of Keras."""

from __future__ import annotations

from lamina import namespaces
from lamina.activations import *  # noqa: F403
from lamina.activations import __all__ as __all__

namespaces.declare(__name__)
