"""Attention layers: weighted means of values, with weights computed from queries and keys.

    scores (queries, keys) -> softmax over the unmasked keys -> weights -> weights @ values

A mask is True at keys that count. If a query has no such key, its weights, its output and their
gradients are 0, never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina import operations as ops
from lamina.errors import ArgumentError, RangeError
from lamina.ir.types import bool_
from lamina.layers._base.attention_checks import check_masks, check_parts
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers.regularization import Dropout
from lamina.operations import linear_algebra, masks
from lamina.operations.creation import iota
from lamina.seeding import SeedLike
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import stop_gradient

__all__ = ["Attention", "AdditiveAttention"]


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the softmax over the last axis of the scores at which the mask is True; 0 elsewhere.

    The mask broadcasts to the scores (..., keys). A fully masked row gives zeros.
    """
    if mask is None:
        return ops.softmax(scores)
    seen = ops.where(mask, scores, -1e30)
    top = stop_gradient(ops.max(seen, -1, keepdims=True))
    powers = ops.where(mask, ops.exp(seen - top), 0.0)
    total = ops.sum(powers, -1, keepdims=True)
    return powers / ops.where(total == 0, 1.0, total)


def causal_mask(queries: Any, keys: Any) -> Tensor:
    """Return a mask (queries, keys), True if a key is not later than the query."""
    return iota((queries, 1), 0) >= iota((1, keys), 1)


def _as_mask(value: Any) -> Tensor | None:
    return None if value is None else as_tensor(as_tensor(value), bool_)


# ---- attention without heads -------------------------------------------------------------------
class _PlainAttention(Layer):
    """Base class of Attention and AdditiveAttention: [query, value, key], masks, dropout."""

    supports_masking = True

    def __init__(
        self,
        use_scale: bool,
        dropout: float = 0.0,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = bool(use_scale)
        self.seed = seed
        self.dropout = Dropout(dropout, seed=seed, name="dropout", dtype=self.dtype_policy)
        self.scale: Any = None

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the scores of queries and keys, (batch, queries, keys).

        Args:
            query: queries, (batch, queries, d).
            key: keys, (batch, keys, d).
        """
        raise TypeError(f"{type(self).__name__} must define scores(query, key)")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value, key = self._three(inputs)
        query_mask, value_mask = _pair(self, mask)
        check_masks(self._label(), query, key, query_mask=query_mask, value_mask=value_mask)
        scores = self.scores(query, key)
        there = None if value_mask is None else ops.expand_dims(value_mask, -2)
        if use_causal_mask:
            there = masks.both(there, causal_mask(*scores.shape[-2:]))
        weights = self.dropout(masked_softmax(scores, there), training=training)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = ops.where(ops.expand_dims(query_mask, -1), outputs, 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Sequence[Tensor], mask: Any = None) -> Tensor | None:
        """Return the mask of the queries.

        Args:
            inputs: [query, value] or [query, value, key].
            mask: [query_mask, value_mask], or None.
        """
        return mask[0] if isinstance(mask, (list, tuple)) else None

    def _three(self, inputs: Any) -> list[Tensor]:
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise ArgumentError(
                f"{self._label()}: takes a list, [query, value] or [query, value, key]",
                hint="for self-attention: layer([x, x])",
            )
        query, value, *rest = inputs
        key = rest[0] if rest else value
        check_parts(self._label(), query, value, key, compared=True)
        return [query, value, key]


def _pair(layer: Layer, mask: Any) -> tuple[Tensor | None, Tensor | None]:
    if mask is None:
        return None, None
    if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
        raise ArgumentError(f"{layer._label()}: mask is a list, [query_mask, value_mask]")
    return _as_mask(mask[0]), _as_mask(mask[1])


class Attention(_PlainAttention):
    """Dot-product attention.

        softmax(query . key) @ value

    Args:
        use_scale: multiply the scores by a learned scale.
        score_mode: "dot" for query . key, "concat" for scale * sum(tanh(query + key)).
        dropout: fraction of the attention weights set to 0 in training, in [0, 1).
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        [query (batch, queries, d), value (batch, keys, d), optional key (batch, keys, d)] ->
            (batch, queries, d); further axes after the batch belong to it
        mask: [query_mask (batch, queries), value_mask (batch, keys)]

    Example:
        >>> import lamina as lm
        >>> query, value = lm.Input((3, 8)), lm.Input((5, 8))
        >>> lm.layers.Attention()([query, value]).shape
        (batch, 3, 8)

    Source: Luong et al. (2015), Effective approaches to attention-based neural machine translation.
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(use_scale, dropout, seed, **kwargs)
        if score_mode not in ("dot", "concat"):
            raise RangeError(f"Attention: score_mode is 'dot' or 'concat', not {score_mode!r}")
        self.score_mode = score_mode

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.score_mode == "dot":
            batch, last = tuple(range(query.ndim - 2)), query.ndim - 1
            found = linear_algebra.contract(query, key, ((last,), (last,)), (batch, batch))
            return found if self.scale is None else found * self.scale
        both = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        both = both if self.scale is None else both * self.scale
        return ops.sum(ops.tanh(both), -1) * self.concat_score_weight


class AdditiveAttention(_PlainAttention):
    """Additive attention.

        softmax(sum(scale * tanh(query + key))) @ value

    Args:
        use_scale: multiply by a learned vector `scale` of shape (d,).
        dropout: fraction of the attention weights set to 0 in training, in [0, 1).
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        [query (batch, queries, d), value (batch, keys, d), optional key (batch, keys, d)] ->
            (batch, queries, d)
        mask: [query_mask (batch, queries), value_mask (batch, keys)]

    Example:
        >>> import lamina as lm
        >>> query, value = lm.Input((3, 8)), lm.Input((5, 8))
        >>> lm.layers.AdditiveAttention()([query, value]).shape
        (batch, 3, 8)

    Source: Bahdanau et al. (2015), Neural machine translation by jointly learning to align and
        translate.
    """

    def __init__(
        self,
        use_scale: bool = True,
        dropout: float = 0.0,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(use_scale, dropout, seed, **kwargs)

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            if not isinstance(input_shape, list):
                self._three(None)  # raises the error that says what to pass
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform"
            )

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        compared = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(compared if self.scale is None else compared * self.scale, -1)
