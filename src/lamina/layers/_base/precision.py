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
from lamina.errors import DTypeError, UnknownNameError, describe
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
    _policies: DTypePolicyMap | None = None  # of which the path chooses one

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

    @property
    def quantization_mode(self) -> str | None:
        """The quantization of the weights, such as "int8"; None without."""
        return self._policy.quantization_mode

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: Any = None
    ) -> None:
        """Replace the weights by quantized ones; defined by layers that can.

        Args:
            mode: "int8", "int4", "float8", "gptq" or "awq"; None is the mode of `config`.
            type_check: raise for a class that derives from one of Lamina's.
            config: quantizers of weights and inputs; None is the default of the mode.

        Raises:
            NotImplementedError: the layer has no quantization.
        """
        raise NotImplementedError(f"{self._label()}: {type(self).__name__} has no quantization")

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the Variables of a quantization; defined by layers that have one.

        Args:
            input_shape: shape of the weight.
            mode: "int8", "int4", "float8", "gptq" or "awq".

        Raises:
            NotImplementedError: the layer has no quantization.
        """
        self.quantize(mode)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of the quantized layer; defined by layers that have one.

        Args:
            *args: positional arguments of `call`.
            **kwargs: keyword arguments of `call`.

        Raises:
            NotImplementedError: the layer has no quantization.
        """
        self.quantize(self.quantization_mode)

    def _settle_by_path(self) -> None:
        """Take the policy that a map of the layer, or of one that holds it, has for the path, which
        is known now. A key may have the names of further layers in front."""
        path, holder = self.path, self
        while holder is not None and holder._policies is None:
            holder = holder._parent() if holder._parent is not None else None  # type: ignore[assignment]
        if holder is not None and holder._policies is not None:
            policies = holder._policies
            ends = [key for key in policies if key == path or key.endswith(f"/{path}")]
            if ends or holder is self:
                own, found = self._policies, policies[ends[0] if ends else path]
                self._settle_dtype(found, type(self).__name__)
                self._policies = own

    def _written_policy(self) -> dict[str, Any]:
        """Return the policy as JSON data: a map, if sublayers are quantized."""
        inside = self._flatten_layers()[1:]
        quantized = {each.path: each._policy for each in inside if each.quantization_mode}
        if not quantized:
            return dtype_policies.serialize(self._policy)
        return dtype_policies.serialize(DTypePolicyMap(self._policy, quantized))

    def _settle_dtype(self, dtype: Any, owner: str) -> None:
        """Accept the argument `dtype` of the constructor."""
        try:
            policy = dtype_policies.get(dtype)
        except (DTypeError, UnknownNameError) as error:
            raise type(error)(f"{owner}: {error.message}", hint=f"dtype is {NAMES}") from None
        self._policies = policy if isinstance(policy, DTypePolicyMap) else None
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
