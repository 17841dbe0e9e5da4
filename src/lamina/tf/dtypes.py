"""`tf.dtypes`: dtypes, and conversion between them."""

from lamina.ir.types import DType, bfloat16, bool_, float16, float32, float64, int32, int64, uint8
from lamina.operations import cast
from lamina.operations.dtypes import result_type
from lamina.string_tensor import string
from lamina.tf.naming import public

__all__ = ["DType", "bfloat16", "cast", "float16", "float32", "float64", "int32", "int64"]
__all__ += ["result_type", "string", "uint8"]


def as_dtype(type_value: object) -> object:
    """Return the dtype of a name or NumPy dtype."""
    from lamina.tf import own as lm

    return string if type_value in (str, "string") else lm.dtype(type_value)


public(__name__, {"as_dtype": as_dtype, "bool": bool_})
