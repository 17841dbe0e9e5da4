"""`keras.constraints`: the names of `lamina.constraints`."""

from lamina.constraints import *  # noqa: F403
from lamina.constraints import __all__ as __all__
