"""The policies of layers with quantized weights: the quantization, and the policy of its source."""

from __future__ import annotations

from typing import Any, ClassVar

from lamina.arguments import is_integer
from lamina.dtype_policies.policy import DTypePolicy
from lamina.errors import ArgumentError, describe

__all__ = [
    "QUANTIZATION_MODES",
    "AWQDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
]

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer whose weights are quantized.

    Args:
        mode: "int8", "int4", "float8", "gptq" or "awq".
        source_name: name of the policy of the layer before; None is the policy that is in effect.

    Raises:
        ArgumentError: for another mode, and for "int8" of a layer that computes in float16.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.QuantizedDTypePolicy("int8", "float32").name
        'int8_from_float32'
    """

    _source_name: str | None

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        super().__init__(source_name)
        if mode not in QUANTIZATION_MODES:
            raise ArgumentError(
                f"{type(self).__name__}: unknown mode (expected one of {QUANTIZATION_MODES}, got "
                f"{describe(mode)})"
            )
        refuse_float16(type(self).__name__, mode, self.compute_dtype)
        self._source_name, self._quantization_mode = self._name, mode

    @property
    def name(self) -> str:
        """ "int8_from_float32"."""
        return f"{self._text()}_from_{self._name}"

    @property
    def quantization_mode(self) -> str | None:
        """The quantization of the weights."""
        return self._quantization_mode

    def _text(self) -> str:
        """The quantization with its numbers."""
        return self._quantization_mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal policy."""
        return {"mode": self._text(), "source_name": self._source_name}

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and getattr(other, "name", None) == self.name

    __hash__ = DTypePolicy.__hash__


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer whose products have factors of 8 bits, float8_e4m3fn, and gradients of
    8 bits, float8_e5m2.

    Args:
        mode: "float8".
        source_name: name of the policy of the layer before; None is the policy that is in effect.
        amax_history_length: number of steps whose largest absolute values give the scale.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32").name
        'float8_from_float32'
    """

    default_amax_history_length: ClassVar[int] = 1024

    def __init__(
        self, mode: str, source_name: str | None = None, amax_history_length: int = 1024
    ) -> None:
        super().__init__(mode, source_name)
        if not is_integer(amax_history_length):
            raise TypeError(
                "QuantizedFloat8DTypePolicy: invalid amax_history_length (expected an integer, got "
                f"{describe(amax_history_length)})"
            )
        self._amax_history_length = int(amax_history_length)

    @property
    def amax_history_length(self) -> int:
        """The number of steps whose largest absolute values give the scale."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal policy."""
        return {**super().get_config(), "amax_history_length": self._amax_history_length}

    def __eq__(self, other: object) -> bool:
        length = getattr(other, "amax_history_length", None)
        return super().__eq__(other) and length == self._amax_history_length

    __hash__ = DTypePolicy.__hash__


class Int4DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer with weights of 4 bits.

    Args:
        mode: "int4/128": 4 bits, and a scale for each 128 weights of a column; "int4/-1" for one
            scale a column.
        source_name: name of the policy of the layer before; None is the policy that is in effect.

    Raises:
        ArgumentError: the mode has another form.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.Int4DTypePolicy("int4/128", "float32").block_size
        128
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        own, (self.block_size,) = _numbers(type(self), "int4", mode, ("block_size",))
        super().__init__(own, source_name)
        self.mode = own

    def _text(self) -> str:
        return f"int4/{self.block_size}"


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer whose weights were rounded by GPTQ.

    Args:
        mode: "gptq/4/128": 4 bits (2, 3, 4 or 8), and a scale for each 128 weights of a column;
            "gptq/4/-1" for one scale a column.
        source_name: name of the policy of the layer before; None is the policy that is in effect.

    Raises:
        ArgumentError: the mode has another form.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.GPTQDTypePolicy("gptq/4/128", "float32").weight_bits
        4

    Source: Frantar et al. (2023), GPTQ: accurate post-training quantization for generative
    pre-trained transformers.
    """

    method: ClassVar[str] = "gptq"
    bits: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        numbers = ("weight_bits", "group_size")
        own, (self.weight_bits, self.group_size) = _numbers(type(self), self.method, mode, numbers)
        if self.weight_bits not in self.bits:
            raise ArgumentError(
                f"{type(self).__name__}: invalid weight_bits (expected one of {self.bits}, got "
                f"{self.weight_bits})"
            )
        super().__init__(own, source_name)
        self.mode = own

    def _text(self) -> str:
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"


class AWQDTypePolicy(GPTQDTypePolicy):
    """The policy of a layer whose weights were scaled and rounded by AWQ.

    Args:
        mode: "awq/4/128": 4 bits, and a scale for each 128 weights of a column; "awq/4/-1" for one
            scale a column.
        source_name: name of the policy of the layer before; None is the policy that is in effect.

    Raises:
        ArgumentError: the mode has another form.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.AWQDTypePolicy("awq/4/128", "float32").group_size
        128

    Source: Lin et al. (2024), AWQ: activation-aware weight quantization for on-device LLM
    compression and acceleration.
    """

    method, bits = "awq", (4,)


def refuse_float16(owner: str, mode: str | None, compute_dtype: str) -> None:
    """Raise for int8 of a layer that computes in float16, whose range the integers' sums leave."""
    if mode == "int8" and compute_dtype == "float16":
        raise ArgumentError(
            f"{owner}: int8 needs a computation in another dtype than float16, which the sums of "
            "integers overflow",
            hint="use 'mixed_bfloat16' or 'float32'",
        )


def _numbers(
    cls: type, method: str, mode: str, names: tuple[str, ...]
) -> tuple[str, tuple[int, ...]]:
    """Return the method and the numbers of a mode such as "gptq/4/128"; the last one counts weights
    of a group, or is -1."""
    expected = "/".join((method, *(f"<{name}>" for name in names)))
    own, *rest = mode.split("/") if isinstance(mode, str) else ["", ""]
    try:
        numbers = tuple(int(each) for each in rest)
    except ValueError:
        numbers = ()
    if own != method or len(numbers) != len(names) or numbers[-1] < -1 or numbers[-1] == 0:
        raise ArgumentError(
            f"{cls.__name__}: invalid mode (expected {expected!r} with integers, the last positive "
            f"or -1, got {describe(mode)})"
        )
    return own, numbers
