"""`keras.layers`: the names of `lamina.layers`."""

from lamina.layers import *  # noqa: F403
from lamina.layers import __all__ as __all__
