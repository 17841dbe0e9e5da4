"""Quantizable, the base class of layers whose weights `quantize` replaces.

A class lists the methods that it knows in `quantization_modes`, and defines

    _build_quantized(config)      make the Variables of the method
    _fill(config)                 compute their values from the weight of floats, and drop that

A layer that is made with the policy of a method, such as dtype="int8_from_float32", makes the
Variables in `build`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lamina import dtype_policies
from lamina.dtype_policies import QUANTIZATION_MODES
from lamina.dtype_policies.quantized import refuse_float16
from lamina.errors import ArgumentError, NotBuiltError, StateError
from lamina.layers._base.low_rank import LowRank
from lamina.quantizers.configs import (
    Int4QuantizationConfig,
    QuantizationConfig,
    resolved_config,
)
from lamina.quantizers.scaling import AbsMaxQuantizer, Quantizer
from lamina.variables import Variable


class Quantizable(LowRank):
    """Base class of layers with weights that can be kept as integers, or rounded to 8 bits."""

    quantization_modes: ClassVar[tuple[str, ...]] = ()
    quantization_config: QuantizationConfig | None = None
    inputs_quantizer: Quantizer | None = None
    _is_quantized: bool = False

    # ---- the interface of Keras ----------------------------------------------------------------
    def quantize(
        self,
        mode: str | None = None,
        type_check: bool = True,
        config: QuantizationConfig | None = None,
    ) -> None:
        """Replace the weight by a quantized one. Call it after training, and before `compile`.

        Args:
            mode: "int8", "int4", "float8", "gptq" or "awq"; None is the mode of `config`.
            type_check: raise for a class that derives from one of Lamina's, whose `call` may use
                the weight otherwise.
            config: quantizers of weights and inputs; None is the default of the mode.

        Raises:
            NotBuiltError: the layer has no weights yet.
            StateError: it is quantized already.
            ArgumentError: for an unknown mode, or int8 of a layer that computes in float16.
            NotImplementedError: the class does not know the mode.

        Example:
            >>> import lamina as lm
            >>> layer = lm.layers.Dense(4)
            >>> layer.build((None, 8))
            >>> layer.quantize("int8")
            >>> layer.kernel.dtype, layer.dtype_policy.name
            (lamina.int8, 'int8_from_float32')
        """
        self._check_quantize(mode if config is None else None)
        if type_check and "quantization_modes" not in vars(type(self)):
            raise NotImplementedError(
                f"{self._label()}: {type(self).__name__} defines no quantization; "
                "type_check=False uses that of its base class"
            )
        resolved = resolved_config(mode, config)
        self._check_quantize(resolved.mode)
        if resolved.mode not in self.quantization_modes:
            raise NotImplementedError(
                f"{self._label()}: no quantization {resolved.mode!r} (expected one of "
                f"{self.quantization_modes})"
            )
        self.quantization_config = self._arguments["quantization_config"] = resolved
        self._fill(resolved)
        self._is_quantized = True
        if self.quantization_mode is None:
            name = f"{resolved.policy()}_from_{self._policy.name}"
            self._settle_dtype(dtype_policies.get(name), type(self).__name__)
        self._weights_changed()

    def quantized_build(self, input_shape: Any, mode: str, config: Any = None) -> None:
        """Make the Variables of a quantization, with zeros.

        Args:
            input_shape: accepted for Keras: the shape of the weight.
            mode: "int8", "int4", "float8", "gptq" or "awq".
            config: description of the quantization; None takes what the dtype policy says.

        Raises:
            NotImplementedError: the class does not know the mode.
        """
        self._need_mode(mode)
        self._build_quantized(mode, config)
        self._is_quantized = True

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of the quantized layer.

        Args:
            *args: positional arguments of `call`.
            **kwargs: keyword arguments of `call`.

        Raises:
            NotImplementedError: the layer is not quantized.
        """
        self._need_mode(self.quantization_mode)
        return self.call(*args, **kwargs)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The order of the layer's own weights by mode, for `save_own_variables`."""
        raise NotImplementedError

    def _ordered_variables(self) -> list[Variable]:
        names = self.variable_serialization_spec[self.quantization_mode]
        held = [vars(self).get(place) for name in names for place in (f"_{name}", name)]
        return [each for each in held if isinstance(each, Variable)]

    # ---- to be defined by subclasses -----------------------------------------------------------
    def _build_quantized(self, mode: str, config: QuantizationConfig | None) -> None:
        """Make the Variables of a mode."""

    def _fill(self, config: QuantizationConfig) -> None:
        """Replace the weight of floats by that of the description."""

    # ---- shared --------------------------------------------------------------------------------
    def _check_quantize(self, mode: str | None) -> None:
        if not self.built:
            raise NotBuiltError(
                f"{self._label()}: quantize needs the weights, which are made by the first call, "
                "or by build(input_shape)"
            )
        if self._is_quantized:
            raise StateError(f"{self._label()}: is quantized already, {self._policy.name!r}")
        if mode is not None and mode not in QUANTIZATION_MODES:
            raise ArgumentError(
                f"{self._label()}: unknown quantization mode (expected one of "
                f"{QUANTIZATION_MODES}, got {mode!r})"
            )
        refuse_float16(self._label(), mode, self.compute_dtype)

    def _need_mode(self, mode: str | None) -> None:
        if mode not in self.quantization_modes:
            raise NotImplementedError(
                f"{self._label()}: unknown quantization mode (expected one of "
                f"{self.quantization_modes}, got {mode!r})"
            )

    def _set_policy(self, value: Any) -> None:
        before = self.quantization_mode
        super()._set_policy(value)
        after = self.quantization_mode
        if after is None or after == before or not self.built or self._is_quantized:
            return
        if after in ("gptq", "awq"):
            raise ArgumentError(
                f"{self._label()}: {after} needs samples, which a dtype policy does not have",
                hint=f"layer.quantize({after!r}, config=...)",
            )
        self.quantize(after)

    dtype_policy = type(LowRank.dtype_policy)(LowRank._get_policy, _set_policy)

    def _quantized_in_build(self) -> bool:
        """Make the Variables that the policy asks for, at the begin of `build`. Return whether the
        weight of floats is not needed."""
        mode = self.quantization_mode
        if mode is None:
            return False
        self.quantized_build(None, mode, self.quantization_config)
        return mode != "float8"

    def _block(self, config: QuantizationConfig | None) -> int | None:
        """Return the number of weights of a block, of 4 bits."""
        if isinstance(config, Int4QuantizationConfig):
            return config.block
        block = getattr(self._policy, "block_size", -1)
        return None if block == -1 else block

    def _take_inputs_quantizer(self, config: QuantizationConfig | None, mode: str) -> None:
        """Keep the quantizer of the inputs; without a description it is the default of the mode."""
        default = AbsMaxQuantizer() if mode == "int8" else None
        self.inputs_quantizer = default if config is None else config.activation_quantizer

    def _drop(self, attribute: str) -> Any:
        """Remove a Variable from the layer, and return it."""
        variable = vars(self).pop(attribute)
        self._weights = [each for each in self._weights if each is not variable]
        return variable
