"""`keras.optimizers`: the names of `lamina.optimizers`."""

from lamina.optimizers import *  # noqa: F403
from lamina.optimizers import __all__ as __all__
