"""`keras.callbacks`: the names of `lamina.training.callbacks`."""

from lamina.training.callbacks import *  # noqa: F403
from lamina.training.callbacks import __all__ as __all__
