"""Descriptions of a quantization: the method, and the quantizers of weights and inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from lamina.arguments import Checks, Integer, Number, OneOf, is_integer
from lamina.configuration import Configurable, plain
from lamina.dtype_policies import QUANTIZATION_MODES
from lamina.errors import ArgumentError, describe
from lamina.quantizers.scaling import INT4_RANGE, AbsMaxQuantizer, Quantizer

__all__ = [
    "AWQConfig",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "resolved_config",
]


class QuantizationConfig(Configurable):
    """Base class of descriptions of a quantization.

    A subclass defines `mode`.

    Args:
        weight_quantizer: Quantizer of the weights; None is that of the layer.
        activation_quantizer: Quantizer of the inputs; None leaves them as floats.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.Int8QuantizationConfig().mode
        'int8'
    """

    family = "lamina.quantizers"

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | None = None,
    ) -> None:
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self) -> str:
        """The method: "int8", "int4", "float8", "gptq" or "awq"."""
        raise NotImplementedError("QuantizationConfig: a subclass defines mode")

    def policy(self) -> str:
        """Return the method with its numbers, as policies name it: "int4/128"."""
        return self.mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal description, as plain JSON data."""
        quantizers = ("weight_quantizer", "activation_quantizer")
        return {name: plain(getattr(self, name), name) for name in quantizers}


class Int8QuantizationConfig(QuantizationConfig):
    """Weights of 8 bits, and inputs of 8 bits for the product.

    Args:
        weight_quantizer: Quantizer of the weights to int8; None takes the largest absolute value of
            each column.
        activation_quantizer: Quantizer of the inputs; "default" takes the largest absolute value of
            each row, None leaves the inputs as floats.

    Raises:
        ArgumentError: the weights' quantizer has another dtype.

    Example:
        >>> import lamina as lm
        >>> config = lm.quantizers.Int8QuantizationConfig(activation_quantizer=None)
        >>> config.mode
        'int8'
    """

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | str | None = "default",
    ) -> None:
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, activation_quantizer)  # type: ignore[arg-type]
        _need_int8(self)

    @property
    def mode(self) -> str:
        """ "int8"."""
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Weights of 4 bits.

    Args:
        weight_quantizer: Quantizer of the weights to integers from -8 to 7; None takes the largest
            absolute value of each column. Needs `block_size=None`.
        activation_quantizer: Quantizer of the inputs; "default" and None leave them as floats.
            Needs `block_size=None`.
        block_size: number of weights of a column with a common scale and zero point; None or -1 for
            one scale a column.

    Raises:
        ArgumentError: a quantizer has another range, or there are blocks as well.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.Int4QuantizationConfig(block_size=64).mode
        'int4'
    """

    argument_checks: ClassVar[Checks] = {"block_size": Integer(-1, optional=True)}

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | str | None = "default",
        block_size: int | None = 128,
    ) -> None:
        inputs = None if activation_quantizer == "default" else activation_quantizer
        super().__init__(weight_quantizer, inputs)  # type: ignore[arg-type]
        if block_size == 0:
            raise ArgumentError(
                "Int4QuantizationConfig: invalid block_size (expected a positive integer, -1 or "
                "None, got 0)"
            )
        self.block_size = block_size
        has_own = weight_quantizer is not None or inputs is not None
        if has_own and block_size is not None and block_size > 0:
            raise ArgumentError(
                f"Int4QuantizationConfig: blocks have no quantizers (got block_size={block_size})",
                hint="set block_size=None, or leave the quantizers out",
            )
        given = getattr(weight_quantizer, "value_range", None)
        if weight_quantizer is not None and tuple(given or ()) != INT4_RANGE:
            raise ArgumentError(
                f"Int4QuantizationConfig: invalid value_range of the weights' quantizer (expected "
                f"{INT4_RANGE}, got {given})"
            )
        _need_int8(self)

    @property
    def mode(self) -> str:
        """ "int4"."""
        return "int4"

    @property
    def block(self) -> int | None:
        """The number of weights of a block; None for one scale a column."""
        return None if self.block_size == -1 else self.block_size

    def policy(self) -> str:
        return f"int4/{self.block or -1}"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal description, as plain JSON data."""
        return {**super().get_config(), "block_size": self.block_size}


class Float8QuantizationConfig(QuantizationConfig):
    """Products whose factors and gradients are rounded to floats of 8 bits, in training too.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.Float8QuantizationConfig().mode
        'float8'
    """

    def __init__(self) -> None:
        super().__init__()

    @property
    def mode(self) -> str:
        """ "float8"."""
        return "float8"

    def get_config(self) -> dict[str, Any]:
        """Return no arguments."""
        return {}


class Calibrated(QuantizationConfig):
    """Base class of methods that round weights by what samples show."""

    _sources: ClassVar[tuple[str, ...]] = ("dataset", "tokenizer")
    weight_bits: int
    group_size: int

    def __init__(self) -> None:
        super().__init__()

    def _take(self, given: Mapping[str, Any]) -> None:
        """Keep the arguments as attributes, and check the size of groups."""
        vars(self).update({name: value for name, value in given.items() if name[0] != "_"})
        if not is_integer(self.group_size) or self.group_size < -1 or self.group_size == 0:
            raise ArgumentError(
                f"{type(self).__name__}: invalid group_size (expected a positive integer or -1, "
                f"got {describe(self.group_size)})"
            )

    def policy(self) -> str:
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    dtype_policy_string = policy

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal description, without the samples."""
        names = self._arguments.keys() - {*self._sources, "quantization_layer_structure"}
        config = {name: getattr(self, name) for name in self._arguments if name in names}
        return {**dict.fromkeys(self._sources), **config, "quantization_layer_structure": None}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        return cls(**config)


class GPTQConfig(Calibrated):
    """GPTQ: weights are rounded one input at a time, and the remaining ones corrected by what the
    samples show of the error.

    Args:
        dataset: samples: texts for `tokenizer`, or arrays of inputs.
        tokenizer: function from a text to numbers; None for arrays.
        weight_bits: number of bits: 2, 3, 4 or 8.
        num_samples: number of samples.
        per_channel: one scale for each column; False for one in all.
        sequence_length: number of steps of a sample.
        hessian_damping: part of the mean diagonal that is added to the diagonal of the Hessian.
        group_size: number of weights of a column with a common scale and zero point; -1 for one
            scale a column.
        symmetric: ranges that are symmetric about 0.
        activation_order: round the weights of the largest inputs first.
        quantization_layer_structure: dictionary of the layers before the blocks and of the blocks,
            "pre_block_layers" and "sequential_blocks"; None asks the model.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.GPTQConfig(None, None, weight_bits=4).dtype_policy_string()
        'gptq/4/128'

    Source: Frantar et al. (2023), GPTQ: accurate post-training quantization for generative
    pre-trained transformers.
    """

    argument_checks: ClassVar[Checks] = {
        "weight_bits": OneOf((2, 3, 4, 8)),
        "num_samples": Integer(1),
        "sequence_length": Integer(1),
        "hessian_damping": Number(0, 1),
    }

    def __init__(
        self,
        dataset: Any,
        tokenizer: Callable[..., Any] | None,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        super().__init__()
        self._take(self._arguments)

    @property
    def mode(self) -> str:
        """ "gptq"."""
        return "gptq"


class AWQConfig(Calibrated):
    """AWQ: inputs that the samples show as large are scaled, so that the rounding of their weights
    matters less.

    Args:
        dataset: samples: texts for `tokenizer`, or arrays of inputs.
        tokenizer: function from a text to numbers; None for arrays.
        weight_bits: number of bits: 4.
        num_samples: number of samples.
        sequence_length: number of steps of a sample.
        group_size: number of weights of a column with a common scale and zero point; -1 for one
            scale a column.
        num_grid_points: number of exponents that are tried.
        quantization_layer_structure: dictionary of the layers before the blocks and of the blocks,
            "pre_block_layers" and "sequential_blocks"; None asks the model.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.AWQConfig(None, None).dtype_policy_string()
        'awq/4/128'

    Source: Lin et al. (2024), AWQ: activation-aware weight quantization for on-device LLM
    compression and acceleration.
    """

    argument_checks: ClassVar[Checks] = {
        "weight_bits": OneOf((4,)),
        "num_samples": Integer(1),
        "sequence_length": Integer(1),
        "num_grid_points": Integer(1),
    }

    def __init__(
        self,
        dataset: Any,
        tokenizer: Callable[..., Any] | None,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        super().__init__()
        self._take(self._arguments)

    @property
    def mode(self) -> str:
        """ "awq"."""
        return "awq"


DEFAULTS = {
    "int8": Int8QuantizationConfig,
    "int4": Int4QuantizationConfig,
    "float8": Float8QuantizationConfig,
}


def resolved_config(mode: str | None, config: Any) -> QuantizationConfig:
    """Return the description of a quantization of which the mode, the description or both are
    given."""
    if isinstance(config, str):
        mode, config = config, None
    if mode is not None and mode not in QUANTIZATION_MODES:
        raise ArgumentError(
            f"quantize: unknown mode (expected one of {QUANTIZATION_MODES}, got {describe(mode)})"
        )
    if config is None:
        if mode is None:
            raise ArgumentError("quantize: give a mode, such as 'int8', or a config")
        if mode not in DEFAULTS:
            name = "GPTQConfig" if mode == "gptq" else "AWQConfig"
            raise ArgumentError(f"quantize: {mode!r} needs config={name}(...)")
        return DEFAULTS[mode]()
    if not isinstance(config, QuantizationConfig):
        raise ArgumentError(
            f"quantize: config: expected a QuantizationConfig, got {describe(config)}"
        )
    if mode is not None and config.mode != mode:
        raise ArgumentError(f"quantize: mode is {mode!r}, and that of config {config.mode!r}")
    if config.mode not in QUANTIZATION_MODES:
        raise ArgumentError(
            f"quantize: unknown mode of config (expected one of {QUANTIZATION_MODES}, got "
            f"{config.mode!r})"
        )
    return config


def _need_int8(config: QuantizationConfig) -> None:
    dtype = getattr(config.weight_quantizer, "output_dtype", "int8")
    if dtype != "int8":
        raise ArgumentError(
            f"{type(config).__name__}: invalid output_dtype of the weights' quantizer (expected "
            f"'int8', got {dtype!r})"
        )
