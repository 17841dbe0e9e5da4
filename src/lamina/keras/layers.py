"""`keras.layers`: the names of `lamina.layers`."""

from lamina import namespaces
from lamina.layers import *  # noqa: F403
from lamina.layers import __all__ as __all__

namespaces.declare(__name__)
