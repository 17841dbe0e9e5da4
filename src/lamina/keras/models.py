"""`keras.models`: the names of `lamina.models`."""

from lamina import namespaces
from lamina.models import *  # noqa: F403
from lamina.models import __all__ as __all__

namespaces.declare(__name__)
