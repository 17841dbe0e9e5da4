"""`keras.metrics`: the names of `lamina.metrics`."""

from lamina.metrics import *  # noqa: F403
from lamina.metrics import __all__ as __all__
