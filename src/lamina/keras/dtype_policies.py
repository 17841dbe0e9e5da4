"""`keras.dtype_policies`: the dtypes of layers."""

from lamina import namespaces
from lamina.dtype_policies import *  # noqa: F403
from lamina.dtype_policies import __all__ as _all

__all__ = [name for name in _all if name != "current"]

_INT8 = "QuantizedDTypePolicy('int8', ...): the only quantization is to int8"
namespaces.declare(
    __name__,
    instead={
        "AWQDTypePolicy": _INT8,
        "GPTQDTypePolicy": _INT8,
        "Int4DTypePolicy": _INT8,
        "QuantizedFloat8DTypePolicy": _INT8,
    },
)
