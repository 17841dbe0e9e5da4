"""`keras.models`: the names of `lamina.models`."""

from lamina.models import *  # noqa: F403
from lamina.models import __all__ as __all__
