"""`keras.losses`: the names of `lamina.losses`."""

from lamina import namespaces
from lamina.losses import *  # noqa: F403
from lamina.losses import __all__ as __all__

namespaces.declare(__name__)
