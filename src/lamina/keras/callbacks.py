"""`keras.callbacks`: the names of `lamina.callbacks`."""

from lamina import namespaces
from lamina.callbacks import *  # noqa: F403
from lamina.callbacks import __all__ as __all__
from lamina.elsewhere import CALLBACKS

namespaces.declare(__name__, instead=CALLBACKS)
