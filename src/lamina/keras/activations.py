"""`keras.activations`: the names of `lamina.activations`."""

from lamina import namespaces
from lamina.activations import *  # noqa: F403
from lamina.activations import __all__ as __all__

namespaces.declare(__name__)
