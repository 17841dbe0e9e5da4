"""`keras.callbacks`: the names of `lamina.callbacks`."""

from lamina.callbacks import *  # noqa: F403
from lamina.callbacks import __all__ as __all__
