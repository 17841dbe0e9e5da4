"""Embedding: a table of learned vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

import numpy as np

from lamina import constraints, context, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ArrayLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError, DTypeError, OutOfBoundsError
from lamina.ir.graph import Node
from lamina.ir.types import int32, promote
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.integer_weights import IntegerWeight
from lamina.layers._base.low_rank import AdaptedWeight
from lamina.layers._base.options import TableOptions
from lamina.layers._base.quantizable import Quantizable
from lamina.quantizers.configs import QuantizationConfig
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

__all__ = ["Embedding"]

# up to which number a dtype holds every whole one
EXACT = {"bfloat16": 2**8, "float16": 2**11, "float32": 2**24, "float64": 2**53}


class Embedding(Quantizable):
    """Table of learned vectors, looked up by integers from 0 to input_dim - 1.

    Weight: embeddings (input_dim, output_dim).

    Args:
        input_dim: number of rows of the table.
        output_dim: length of the vectors.
        embeddings_initializer: initializer of the table of embeddings.
        embeddings_regularizer: regularizer of the table of embeddings.
        embeddings_constraint: constraint applied to the table after each update.
        mask_zero: treat index 0 as padding and create a mask from it.
        weights: initial table, (input_dim, output_dim); None uses the initializer.
        lora_rank: rank of the product that adapts the frozen table, see `enable_lora`; None adapts
            nothing.
        lora_alpha: numerator of the factor of the product, alpha / rank; None is `lora_rank`.
        quantization_config: quantizer of a table with a quantized `dtype`, such as
            "int8_from_float32"; None takes the default.
        input_length: accepted for compatibility with Keras; has no effect.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) integers -> (batch, ..., output_dim)

    Raises:
        OutOfBoundsError: an integer is outside of the table; `fit`, `evaluate` and `predict` check
            data of the layer in advance. A compiled program uses the nearest row instead.

    Example:
        >>> import lamina as lm
        >>> lm.layers.Embedding(1000, 64)(lm.asarray([[4, 20, 7]])).shape
        (1, 3, 64)
    """

    streams = "each_step"
    autocast = False
    _data_dtype = int32
    adapted_weight = "embeddings"
    quantization_modes = ("int8", "int4")
    embeddings = AdaptedWeight()
    _integers: IntegerWeight | None = None
    _embeddings: Variable
    embeddings_scale: Variable
    embeddings_zero: Variable

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: ArrayLike | Sequence[ArrayLike] | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | None = None,
        input_length: int | None = None,
        **kwargs: Unpack[TableOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim = positive_integer("Embedding", "input_dim", input_dim)
        self.output_dim = positive_integer("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        self.quantization_config = quantization_config
        self._first_table = _table(self, weights)
        self._arguments.pop("weights", None)  # weights are saved as weights
        if self._first_table is not None:
            self.build()

    def build(self, input_shape: Any = None) -> None:
        if not self._quantized_in_build():
            self.embeddings = self.add_weight(
                name="embeddings",
                shape=(self.input_dim, self.output_dim),
                initializer=self.embeddings_initializer,
                regularizer=self.embeddings_regularizer,
                constraint=self.embeddings_constraint,
            )
        if self._first_table is not None:
            self._assign_table(self._first_table)
        self._adapt_if_asked()

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return a mask, True at nonzero integers, if `mask_zero`; otherwise None.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        return as_tensor(inputs) != 0 if self.mask_zero else None

    def call(self, inputs: Tensor) -> Tensor:
        numbers = self._whole(inputs)
        if numbers.is_traced:
            _note(inputs, self)
            numbers = ops.clip(numbers, 0, self.input_dim - 1)
        else:
            self.check_data(inputs.numpy())
        rows = self._rows(numbers)
        if self.lora_enabled:
            a, b = self._low_rank()
            rows = rows + ops.matmul(ops.take(a, numbers, axis=0), b)
        return as_tensor(rows, self._compute_dtype)

    # ---- quantization --------------------------------------------------------------------------
    def _build_quantized(self, mode: str, config: QuantizationConfig | None) -> None:
        bits, block = (8, None) if mode == "int8" else (4, self._block(config))
        shape = (self.input_dim, self.output_dim)
        self._integers = IntegerWeight("embeddings", "_embeddings", shape, 1, bits, block)
        self._integers.build(self)

    def _fill(self, config: QuantizationConfig) -> None:
        table = self._drop("_embeddings").numpy()
        self._build_quantized(config.mode, config)
        self._assign_table(table)

    def _assign_table(self, table: Any) -> None:
        """Assign a table of floats, in the form in which the layer keeps it."""
        if self._integers is None:
            self.embeddings.assign(table)
            return
        config = self.quantization_config
        chosen = None if config is None else config.weight_quantizer
        integers, scale, zero = self._integers.quantized(as_tensor(table), chosen)
        self._embeddings.assign(integers)
        self.embeddings_scale.assign(scale)
        if zero is not None:
            self.embeddings_zero.assign(zero)

    def _absorb(self, a: Any, b: Any, factor: float) -> None:
        if self._integers is None:
            super()._absorb(a, b, factor)
        else:
            product = factor * ops.matmul(as_tensor(a), as_tensor(b))
            self._assign_table(self._integers.values(self) + product)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The order of the layer's own weights by mode, for `save_own_variables`."""
        names = ["embeddings", "embeddings_scale", "embeddings_zero", "g_idx"]
        return {None: names[:1], "int8": names[:2], "int4": names}

    def _rows(self, numbers: Tensor) -> Tensor:
        """Return the rows of the table, without its adaptation."""
        weight = self._integers
        if weight is None:
            return ops.take(self._embeddings, numbers, axis=0)
        return weight.rows(self, numbers)

    def _adapted_shape(self) -> tuple[int, ...]:
        return self.input_dim, self.output_dim

    def _shown_weight(self) -> Any:
        """Return the table: integers of 4 bits unpacked, and with its adaptation as floats."""
        if self._integers is None:
            return super()._shown_weight()
        if self.lora_enabled:
            a, b = self._low_rank()
            return self._integers.values(self) + ops.matmul(a, b)
        return self._integers.integers(self) if self._integers.bits == 4 else self._embeddings

    def _whole(self, inputs: Tensor) -> Tensor:
        """Return the integers in a dtype that holds all row numbers. Raise DTypeError for floats
        that cannot represent all row numbers."""
        if inputs.dtype.is_integer:
            return as_tensor(inputs, promote(inputs.dtype, int32))
        if inputs.dtype.is_float and self.input_dim > EXACT[inputs.dtype.name]:
            raise DTypeError(
                f"{self._label()}: {inputs.dtype} holds whole numbers up to "
                f"{EXACT[inputs.dtype.name]:,} exactly, and the table has {self.input_dim:,} rows",
                hint="give the Input dtype='int32'",
            )
        return as_tensor(inputs, int32)

    def check_data(self, values: np.ndarray, first: int = 0) -> None:
        """Raise OutOfBoundsError for an integer outside of the table, with its position, and
        DTypeError for a fraction; positions count rows of the array `values` from `first`.

        Args:
            values: array of integers, the samples first.
            first: row of the data set that the first row of `values` is.
        """
        if values.size and values.dtype.kind == "f":
            self._check_whole(values)
        if not values.size or (values.min() >= 0 and values.max() < self.input_dim):
            return
        outside = (values < 0) | (values >= self.input_dim)
        place = tuple(int(k) for k in np.argwhere(outside)[0])
        number = values[place].item()
        position = (place[0] + first, *place[1:]) if place else ()
        shown = f"({', '.join(map(str, position))})"
        axes = {1: " (sample)", 2: " (sample, step)"}.get(len(place), "")
        raise OutOfBoundsError(
            f"{self._label()}: the number {number:g} at position {shown}{axes} of the inputs "
            f"is outside of the vocabulary, 0 to {self.input_dim - 1}",
            hint=f"input_dim must be larger than every number: at least {int(values.max()) + 1}"
            if values.max() >= self.input_dim
            else "numbers begin with 0; is -1 a mark for something unknown?",
        )

    def _check_whole(self, values: np.ndarray) -> None:
        broken = values != np.floor(values)
        if broken.any():
            place = tuple(int(k) for k in np.argwhere(broken)[0])
            raise DTypeError(
                f"{self._label()}: takes whole numbers, one for each word or thing; got "
                f"{values[place]:g} at position {place} of the inputs",
                hint="measured features need no Embedding: give them to the next layer directly",
            )


# ---- which tensors come -----------------------------------------------------------------------
@contextmanager
def watched() -> Iterator[list[tuple[Node, Embedding]]]:
    """Context that lists the lookups of tables as they are recorded."""
    seen: list[tuple[Node, Embedding]] = []
    with context.entered(lookups=seen):
        yield seen


def _note(inputs: Tensor, layer: Embedding) -> None:
    seen = context.current().lookups
    if seen is not None and inputs._node is not None:
        seen.append((inputs._node, layer))


def _table(layer: Embedding, weights: Any) -> np.ndarray | None:
    if weights is None:
        return None
    if isinstance(weights, (list, tuple)) and len(weights) == 1:
        weights = weights[0]
    table = np.asarray(weights)
    if table.shape != (layer.input_dim, layer.output_dim):
        raise ArgumentError(
            f"Embedding: weights of shape {table.shape} are not a table of "
            f"{layer.input_dim} rows of {layer.output_dim}"
        )
    return table
