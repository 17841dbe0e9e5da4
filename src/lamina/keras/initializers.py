"""`keras.initializers`: the names of `lamina.initializers`."""

from lamina.initializers import *  # noqa: F403
from lamina.initializers import __all__ as __all__
