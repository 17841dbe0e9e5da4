"""`keras.mixed_precision`: layers that compute in 16 bits and keep their weights in float32."""

from __future__ import annotations

from lamina import namespaces
from lamina.dtype_policies import DTypePolicy
from lamina.keras.config import dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

namespaces.declare(__name__)
