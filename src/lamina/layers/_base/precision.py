"""The dtypes of a layer: of its weights, of its computation, and of its inputs after conversion.

Layers of mixed precision ("mixed_bfloat16", "mixed_float16") keep float32 weights. A call converts
floating inputs to the 16-bit dtype, and weights when they are read: `frames.entered` tells
Variables in which dtype. So optimizers see float32, and `call` of a layer is written once for all
dtypes. Statistics, such as those of normalizations, are computed in at least 32 bits.
"""

from __future__ import annotations

from typing import Any

from lamina import dtype_policies
from lamina.dtype_policies import DTypePolicy, DTypePolicyMap
from lamina.errors import DTypeError, describe
from lamina.ir import types
from lamina.layers._base import propagation, symbolic
from lamina.layers._base.attributes import replaceable
from lamina.layers._base.tracking import Tracked
from lamina.tensor import Tensor, as_tensor, bind

NAMES = "'float32', 'float64', 'mixed_bfloat16', 'mixed_float16', 'bfloat16' or 'float16'"


class Precise(Tracked):
    """The attributes of Layer that its `dtype` argument decides."""

    autocast: bool = True  # convert floating inputs, and weights that are read, to `compute_dtype`
    _dtype: types.DType
    _compute_dtype: types.DType
    _policy: DTypePolicy

    @property
    def dtype(self) -> str:
        """The dtype of the weights: "float32"."""
        return self._dtype.name

    @replaceable
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self._dtype.name

    @replaceable
    def compute_dtype(self) -> str:
        """The dtype of the computation, of floating inputs after conversion, and of outputs."""
        return self._compute_dtype.name

    def _get_policy(self) -> DTypePolicy:
        """The DTypePolicy of the layer, from its argument `dtype`; assignable before the weights
        exist. Sublayers take it as their argument `dtype`."""
        return self._policy

    def _set_policy(self, value: Any) -> None:
        self._settle_dtype(value, type(self).__name__)

    dtype_policy = replaceable(_get_policy, _set_policy)

    def _settle_dtype(self, dtype: Any, owner: str) -> None:
        """Accept the argument `dtype` of the constructor."""
        try:
            policy = dtype_policies.get(dtype)
        except DTypeError as error:
            raise DTypeError(f"{owner}: {error.message}", hint=f"dtype is {NAMES}") from None
        if isinstance(policy, DTypePolicyMap):
            policy = policy[self.name]
        dtypes = types.dtype(policy.compute_dtype), types.dtype(policy.variable_dtype)
        if not all(each.is_float for each in dtypes):
            raise DTypeError(
                f"{owner}: dtype must be floating (expected such as 'float32', got "
                f"{describe(dtype)})",
                hint=f"dtype is {NAMES}",
            )
        self._policy = policy
        self._compute_dtype, self._dtype = dtypes

    def _autocast_dtype(self) -> types.DType | None:
        """Return the dtype in which calls of the layer read weights, None if it is their own."""
        compute = self._compute_dtype
        return compute if self.autocast and compute != self._dtype else None

    def _cast(self, tensor: Tensor) -> Tensor:
        """Return a floating input in the dtype of the computation."""
        if not self.autocast or not tensor.dtype.is_float or tensor.dtype == self._compute_dtype:
            return tensor
        if tensor._value is None and isinstance(tensor, symbolic.SymbolicTensor):
            return tensor  # cast when values come, inside `call`'s own trace
        return propagation.like(tensor, bind("convert", tensor, dtype=self._compute_dtype))

    def _wide(self, tensor: Any) -> Tensor:
        """Return a tensor in a dtype of at least 32 bits, for statistics and positions."""
        return as_tensor(as_tensor(tensor), types.promote(self._compute_dtype, types.float32))
