"""`keras.mixed_precision`: policies and loss scaling by the names of older programs."""

from lamina import namespaces
from lamina.dtype_policies import DTypePolicy
from lamina.keras.config import dtype_policy, set_dtype_policy
from lamina.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy

namespaces.declare(__name__)
