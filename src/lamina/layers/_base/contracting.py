"""Contracting, the base class of layers that multiply their inputs with a kernel.

The kernel is seen as a matrix (rows, columns) whose rows are summed over.
"""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.dtype_policies import QuantizedFloat8DTypePolicy
from lamina.layers._base import calibrated_weights, float8_products
from lamina.layers._base.integer_weights import IntegerWeight
from lamina.layers._base.quantizable import Quantizable
from lamina.quantizers.configs import Calibrated, QuantizationConfig
from lamina.quantizers.scaling import Quantizer
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.gradients import custom_gradient
from lamina.variables import Variable

MODES = ("int8", "int4", "float8", "gptq", "awq")
_GROUPED = ("kernel_scale", "kernel_zero", "g_idx")
_ORDER: dict[str | None, tuple[str, ...]] = {
    None: ("kernel", "bias"),
    "int8": ("kernel", "bias", "kernel_scale"),
    "int4": ("kernel", "bias", *_GROUPED),
    "float8": (
        *("kernel", "bias", "inputs_scale", "inputs_amax_history", "kernel_scale"),
        *("kernel_amax_history", "outputs_grad_scale", "outputs_grad_amax_history"),
    ),
    "gptq": ("bias", "quantized_kernel", *_GROUPED),
    "awq": ("bias", "quantized_kernel", "kernel_scale", "kernel_zero", "awq_scales", "g_idx"),
}


def exact_dtype(terms: int) -> str:
    """Return a dtype in which a sum of this many products of two int8 is exact: float32, whose
    products are the fastest, holds all integers up to 2^24."""
    bound = terms * 128**2
    return "float32" if bound <= 2**24 else "int32" if bound < 2**31 else "int64"


class Contracting(Quantizable):
    """Base class of layers with a product of inputs and kernel, which may be quantized.

    Integers of 8 bits are multiplied and summed without rounding, see `exact_dtype`.
    """

    is_gptq_calibrated: bool = False
    is_awq_calibrated: bool = False
    _integers: IntegerWeight | None = None
    kernel_scale: Variable
    kernel_zero: Variable
    _kernel_shape: tuple[int, ...]
    _inputs_ndim: int

    # ---- to be defined by subclasses -----------------------------------------------------------
    def _contract(self, inputs: Any, kernel: Any) -> Tensor:
        """Return the product."""
        raise NotImplementedError

    def _inputs_gradient(self, g: Tensor, kernel: Tensor) -> Tensor:
        """Return the gradient of the inputs for that of the product."""
        raise NotImplementedError

    def _summed_rows(self) -> tuple[int, ...]:
        """Return the axes of the kernel that the product sums over."""
        raise NotImplementedError

    def _summed_inputs(self) -> tuple[int, ...]:
        """Return the axes of the inputs that the product sums over."""
        raise NotImplementedError

    def _kernel_scale_as_output(self, columns: Tensor) -> Tensor:
        """Return an array of columns so that it broadcasts to the product."""
        raise NotImplementedError

    def _inputs_scale_as_output(self, scale: Tensor) -> Tensor:
        """Return a scale of the inputs so that it broadcasts to the product."""
        raise NotImplementedError

    def _stored_scale_shape(self) -> tuple[int, ...]:
        """Return the shape of the scale of integers of 8 bits."""
        raise NotImplementedError

    # ---- the kernel as a matrix ----------------------------------------------------------------
    @property
    def _matrix_shape(self) -> tuple[int, int]:
        rows = columns = 1
        for axis, extent in enumerate(self._kernel_shape):
            if axis in self._summed_rows():
                rows *= extent
            else:
                columns *= extent
        return rows, columns

    def _order(self) -> tuple[int, ...]:
        summed = self._summed_rows()
        return (*summed, *(k for k in range(len(self._kernel_shape)) if k not in summed))

    def _as_matrix(self, kernel: Any) -> Tensor:
        order = self._order()
        moved = kernel if order == tuple(sorted(order)) else ops.permute_dims(kernel, order)
        return ops.reshape(moved, self._matrix_shape)

    def _as_kernel(self, matrix: Tensor) -> Tensor:
        order = self._order()
        moved = ops.reshape(matrix, [self._kernel_shape[k] for k in order])
        back = sorted(range(len(order)), key=order.__getitem__)
        return moved if order == tuple(sorted(order)) else ops.permute_dims(moved, back)

    # ---- quantization --------------------------------------------------------------------------
    def _build_quantized(self, mode: str, config: QuantizationConfig | None) -> None:
        self._take_inputs_quantizer(config, mode)
        rows, columns = self._matrix_shape
        if mode == "float8":
            default = QuantizedFloat8DTypePolicy.default_amax_history_length
            length = getattr(self._policy, "amax_history_length", default)
            float8_products.build(self, length)
        elif mode in calibrated_weights.MODES:
            given: Any = config if isinstance(config, Calibrated) else self._policy
            self.weight_bits, self.group_size = given.weight_bits, given.group_size
            calibrated_weights.build(self, rows, columns, mode, self.weight_bits, self.group_size)
            if "_kernel" not in vars(self):  # nothing else can fill it than a file
                self.is_gptq_calibrated, self.is_awq_calibrated = mode == "gptq", mode == "awq"
        else:
            bits, block = (8, None) if mode == "int8" else (4, self._block(config))
            weight = IntegerWeight("kernel", "_kernel", (rows, columns), 0, bits, block)
            if bits == 8:
                weight.build(self, self._kernel_shape, self._stored_scale_shape())
            else:
                weight.build(self)
            self._integers = weight

    def _fill(self, config: QuantizationConfig) -> None:
        mode, chosen = config.mode, config.weight_quantizer
        if mode not in ("int8", "int4"):
            self._build_quantized(mode, config)
            return
        kernel = as_tensor(self._drop("_kernel")._read())
        self._build_quantized(mode, config)
        self._assign_kernel(kernel, chosen)

    def _assign_kernel(self, kernel: Tensor, chosen: Quantizer | None) -> None:
        """Assign the integers that stand for a kernel of floats."""
        assert self._integers is not None
        if chosen is None:
            integers, scale, zero = self._integers.quantized(self._as_matrix(kernel), None)
        else:  # whose axes are those of the kernel
            found, scale = chosen(kernel)
            ones = [1 if k in self._summed_rows() else n for k, n in enumerate(kernel.shape)]
            scale = ops.broadcast_to(scale, ones)
            ready = (self._as_matrix(found), ops.reshape(scale, (1, -1)))
            integers, scale, zero = self._integers.quantized(None, lambda _: ready)
        if self._integers.bits == 8:
            integers = self._as_kernel(integers)
            scale = ops.reshape(self._kernel_scale_as_output(scale), self._stored_scale_shape())
        self._held().assign(integers)  # type: ignore[union-attr]
        self.kernel_scale.assign(scale)
        if zero is not None:
            self.kernel_zero.assign(zero)

    def _absorb(self, a: Any, b: Any, factor: float) -> None:
        if self._integers is None:
            super()._absorb(a, b, factor)
            return
        config = self.quantization_config
        kernel = self._float_kernel() + factor * ops.matmul(as_tensor(a), as_tensor(b))
        self._assign_kernel(kernel, None if config is None else config.weight_quantizer)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The order of the layer's own weights by mode, for `save_own_variables`."""
        return {mode: list(names) for mode, names in _ORDER.items()}

    @property
    def _int4_block_size(self) -> int | None:
        given = getattr(self.quantization_config, "block_size", None)
        return given if self._integers is None or given == -1 else self._integers.block

    # ---- the product ---------------------------------------------------------------------------
    def _product(self, inputs: Tensor) -> Tensor:
        """Return the product of the inputs with the weight as it is kept."""
        mode = self.quantization_mode if self._is_quantized else None
        if mode is None:
            return self._contract(inputs, self._adapted())
        if mode == "float8":
            if self.lora_enabled:
                raise NotImplementedError(f"{self._label()}: float8 has no low-rank adaptation")
            return float8_products.product(self, inputs, self._held(), self._contract)
        if self._integers is not None:
            y = self._integer_product(inputs)
        elif self._is_calibrated():
            columns = self._matrix_shape[1]
            kernel = self._as_kernel(calibrated_weights.values(self, columns, mode))
            y = self._contract(inputs, kernel)
        else:
            y = self._contract(inputs, self._held())
        if self.lora_enabled:
            y = y + self._contract_low_rank(inputs, *self._low_rank())
        return as_tensor(y, self._compute_dtype)

    def _contract_low_rank(self, inputs: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return self._contract(inputs, ops.matmul(a, b))

    def _is_calibrated(self) -> bool:
        return self.is_gptq_calibrated or self.is_awq_calibrated

    def _float_kernel(self) -> Tensor:
        """Return the kernel that the integers stand for."""
        assert self._integers is not None
        if self._integers.bits == 8:
            kernel = as_tensor(self._held().read(), self._compute_dtype)  # type: ignore[union-attr]
            scale = self._columns(self.kernel_scale.read())
            return self._as_kernel(self._as_matrix(kernel) / as_tensor(scale, self._compute_dtype))
        return self._as_kernel(self._integers.values(self))

    def _columns(self, stored: Tensor) -> Tensor:
        """Return the scale of integers of 8 bits as an array of the matrix's columns."""
        return ops.reshape(stored, (-1,))

    def _integer_product(self, inputs: Tensor) -> Tensor:
        weight, dtype = self._integers, self._compute_dtype
        assert weight is not None

        @custom_gradient
        def product(x: Tensor) -> Any:
            def rule(g: Tensor) -> Tensor:
                return self._inputs_gradient(g, self._float_kernel())

            if weight.block is not None or (weight.bits == 4 and self.inputs_quantizer is None):
                return self._contract(x, self._float_kernel()), rule
            scale = as_tensor(self.kernel_scale.read())
            scale = scale if weight.bits == 8 else self._kernel_scale_as_output(scale)
            kernel = self._as_kernel(weight.integers(self)) if weight.bits == 4 else self._held()
            kernel = as_tensor(kernel)  # type: ignore[arg-type]
            if self.inputs_quantizer is None:
                return self._contract(x, as_tensor(kernel, dtype)) / scale, rule
            integers, own = self.inputs_quantizer(x, axis=self._summed_inputs())  # type: ignore[call-arg]
            wide = exact_dtype(weight.shape[0])
            y = self._contract(ops.astype(integers, wide), ops.astype(kernel, wide))
            scale = scale * self._inputs_scale_as_output(own)
            return as_tensor(as_tensor(y, scale.dtype) / scale, dtype), rule

        return product(inputs)  # type: ignore[no-any-return]

    def _adapted_shape(self) -> tuple[int, ...]:
        return self._kernel_shape

    def _shown_weight(self) -> Any:
        """Return the kernel: integers of 4 bits unpacked, and with its adaptation as floats."""
        if self._is_calibrated():
            return calibrated_weights.integers(self, self._matrix_shape[1])
        if self._integers is None:
            return super()._shown_weight()
        if self.lora_enabled:
            a, b = self._low_rank()
            return self._float_kernel() + ops.matmul(a, b)
        return (
            self._as_kernel(self._integers.integers(self))
            if self._integers.bits == 4
            else (self._held())
        )
