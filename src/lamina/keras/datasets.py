"""`keras.datasets`: the names of `lamina.data.datasets`."""

from lamina.data.datasets import *  # noqa: F403
from lamina.data.datasets import __all__ as __all__
