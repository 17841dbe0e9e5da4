"""`keras.dtype_policies`: the dtypes of layers."""

from lamina import namespaces
from lamina.dtype_policies import *  # noqa: F403
from lamina.dtype_policies import __all__ as _all

__all__ = [name for name in _all if name != "current"]

namespaces.declare(__name__)
