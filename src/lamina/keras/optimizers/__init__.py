"""`keras.optimizers`: the names of `lamina.optimizers`."""

from lamina import namespaces
from lamina.optimizers import *  # noqa: F403
from lamina.optimizers import __all__ as __all__

namespaces.declare(__name__)
