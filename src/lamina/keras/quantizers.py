"""`keras.quantizers`: weights and inputs of layers as integers."""

from __future__ import annotations

from lamina import namespaces
from lamina.quantizers import *  # noqa: F403
from lamina.quantizers import __all__ as __all__

namespaces.declare(__name__)
