"""ReversibleEmbedding: a table of vectors that also gives the scores of all its rows."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina.annotations import ConstraintLike, DTypeLike, InitializerLike, RegularizerLike
from lamina.arguments import Checks, Number
from lamina.ir import types
from lamina.layers._base.options import TableOptions
from lamina.layers.embedding import Embedding
from lamina.tensor import Tensor

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
        self.tie_weights, self.logit_soft_cap = bool(tie_weights), logit_soft_cap
        self.reverse_dtype = None if reverse_dtype is None else types.dtype(reverse_dtype)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
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
        if self.tie_weights:
            table = ops.astype(ops.asarray(self._adapted()), dtype)
            scores = ops.tensordot(vectors, table, axes=((-1,), (1,)))
        else:
            table = ops.astype(self.reverse_embeddings.read(), dtype)
            scores = ops.tensordot(vectors, table, axes=((-1,), (0,)))
        if self.logit_soft_cap is None:
            return scores
        return ops.tanh(scores / self.logit_soft_cap) * self.logit_soft_cap

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return a mask, True at nonzero integers, if `mask_zero`; that of the vectors for scores.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        is_numbers = ops.asarray(inputs).ndim and not ops.asarray(inputs).dtype.is_float
        return super().compute_mask(inputs, mask) if is_numbers else mask
