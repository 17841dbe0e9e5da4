"""ReversibleEmbedding: a table of vectors that also gives the scores of all its rows."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.annotations import ConstraintLike, DTypeLike, InitializerLike, RegularizerLike
from lamina.arguments import Checks, Number
from lamina.ir import types
from lamina.layers._base.contracting import exact_dtype
from lamina.layers._base.integer_weights import IntegerWeight
from lamina.layers._base.options import TableOptions
from lamina.layers.embedding import Embedding
from lamina.quantizers.configs import QuantizationConfig
from lamina.quantizers.scaling import AbsMaxQuantizer
from lamina.tensor import Tensor
from lamina.variables import Variable

__all__ = ["ReversibleEmbedding"]


class ReversibleEmbedding(Embedding):
    """Table of learned vectors for the input of a language model and, with `reverse=True`, for the
    scores of its output.

        layer(numbers) -> vectors, layer(vectors, reverse=True) -> vectors @ embeddings^T

    Args:
        input_dim: number of rows of the table.
        output_dim: length of the vectors.
        tie_weights: use the table in both directions; False makes a second one for the scores,
            `reverse_embeddings` (output_dim, input_dim).
        embeddings_initializer: initializer of the table of embeddings.
        embeddings_regularizer: regularizer of the table of embeddings.
        embeddings_constraint: constraint applied to the table after each update.
        mask_zero: treat index 0 as padding and create a mask from it.
        reverse_dtype: dtype of the scores; None is that of the layer.
        logit_soft_cap: bound c of the scores, c tanh(scores / c); None sets none.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) integers -> (batch, ..., output_dim)
        reverse: (batch, ..., output_dim) -> (batch, ..., input_dim)

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.ReversibleEmbedding(1000, 64)
        >>> layer(layer(lm.asarray([[4, 20, 7]])), reverse=True).shape
        (1, 3, 1000)

    Source: Press and Wolf (2017), Using the output embedding to improve language models.
    """

    argument_checks: ClassVar[Checks] = {"logit_soft_cap": Number(above=0, optional=True)}
    quantization_modes = ("int8", "int4")
    _reverse_integers: IntegerWeight | None = None
    reverse_embeddings: Variable
    reverse_embeddings_scale: Variable
    reverse_embeddings_zero: Variable

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: DTypeLike = None,
        logit_soft_cap: float | None = None,
        **kwargs: Unpack[TableOptions],
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.supports_masking = True  # the scores have the mask of the vectors
        self.tie_weights, self.logit_soft_cap = bool(tie_weights), logit_soft_cap
        self.reverse_dtype = None if reverse_dtype is None else types.dtype(reverse_dtype)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights and self._reverse_integers is None:
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings",
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        if not reverse:
            return super().call(inputs)
        dtype = self.reverse_dtype or self._compute_dtype
        vectors = ops.astype(inputs, dtype)
        if self._integers is not None:
            scores = self._integer_scores(vectors)
        elif self.tie_weights:
            table = ops.astype(ops.asarray(self._adapted()), dtype)
            scores = ops.tensordot(vectors, table, axes=((-1,), (1,)))
        else:
            table = ops.astype(self.reverse_embeddings.read(), dtype)
            scores = ops.tensordot(vectors, table, axes=((-1,), (0,)))
        if self.logit_soft_cap is None:
            return scores
        return ops.tanh(scores / self.logit_soft_cap) * self.logit_soft_cap

    # ---- quantization --------------------------------------------------------------------------
    def _build_quantized(self, mode: str, config: QuantizationConfig | None) -> None:
        super()._build_quantized(mode, config)
        assert self._integers is not None
        default = AbsMaxQuantizer(-1)
        self.inputs_quantizer = default if config is None else config.activation_quantizer
        if not self.tie_weights:
            name, shape = "reverse_embeddings", (self.output_dim, self.input_dim)
            bits, block = self._integers.bits, self._integers.block
            self._reverse_integers = IntegerWeight(name, name, shape, 0, bits, block, packed=0)
            self._reverse_integers.build(self)

    def _fill(self, config: QuantizationConfig) -> None:
        reverse = None if self.tie_weights else self._drop("reverse_embeddings").numpy()
        super()._fill(config)
        weight = self._reverse_integers
        if weight is None or reverse is None:
            return
        chosen = None if config.weight_quantizer is None else config.weight_quantizer
        integers, scale, zero = weight.quantized(ops.asarray(reverse), chosen)
        self.reverse_embeddings.assign(integers)
        self.reverse_embeddings_scale.assign(scale)
        if zero is not None:
            self.reverse_embeddings_zero.assign(zero)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The order of the layer's own weights by mode, for `save_own_variables`."""
        order = super().variable_serialization_spec
        if not self.tie_weights:
            more = [f"reverse_embeddings{end}" for end in ("", "_scale", "_zero")]
            for mode, count in ((None, 1), ("int8", 2), ("int4", 3)):
                order[mode] += more[:count]
        return order

    def _integer_scores(self, vectors: Tensor) -> Tensor:
        """Return the scores by a table of integers."""
        weight = self._reverse_integers or self._integers
        assert weight is not None
        if self.inputs_quantizer is None or weight.block is not None or self.lora_enabled:
            table = ops.asarray(self.embeddings) if self.lora_enabled else weight.values(self)
            table = ops.astype(table, vectors.dtype)
            return ops.matmul(vectors, table if weight.axis == 0 else ops.matrix_transpose(table))
        integers, own = self.inputs_quantizer(vectors, axis=-1)  # type: ignore[call-arg]
        wide = exact_dtype(self.output_dim)
        table = ops.astype(weight.integers(self), wide)
        table = table if weight.axis == 0 else ops.matrix_transpose(table)
        sums = ops.matmul(ops.astype(integers, wide), table)
        return ops.astype(sums, vectors.dtype) / (own * ops.astype(weight.scale(self), own.dtype))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return a mask, True at nonzero integers, if `mask_zero`; that of the vectors for scores.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        is_numbers = ops.asarray(inputs).ndim and not ops.asarray(inputs).dtype.is_float
        return super().compute_mask(inputs, mask) if is_numbers else mask
