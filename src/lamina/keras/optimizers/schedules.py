"""`keras.optimizers.schedules`: the names of `lamina.schedules`."""

from lamina import namespaces
from lamina.schedules import *  # noqa: F403
from lamina.schedules import __all__ as __all__

namespaces.declare(__name__)
