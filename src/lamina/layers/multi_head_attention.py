"""Multi-head attention, and attention whose heads share keys and values in groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from lamina import arguments
from lamina.annotations import ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import ArgumentError
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.options import LayerOptions, OwnPenalty
from lamina.layers.head_attention import HeadAttention
from lamina.seeding import SeedLike

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]


class MultiHeadAttention(HeadAttention):
    """Attention in several heads, each with learned projections.

        heads = softmax(query_h . key_h / sqrt(key_dim)) @ value_h
        output = heads @ kernel + bias

    A call accepts the masks `query_mask` (batch, queries), `value_mask` and `key_mask` (batch,
    keys), `attention_mask` (batch, queries, keys), and `use_causal_mask`, which excludes later
    keys. With `return_attention_scores` it also returns the weights (batch, heads, queries, keys).

    Args:
        num_heads: number of attention heads.
        key_dim: features of each head's queries and keys.
        value_dim: features of each head's values; None is `key_dim`.
        dropout: fraction of the attention weights set to 0 in training, in [0, 1).
        use_bias: add a learned bias.
        output_shape: features of the output; None is the features of the query.
        attention_axes: axis or axes of the inputs (batch, ..., features) that attention runs over;
            the others are treated like the batch. None is all between batch and features.
        sliding_window: steps w for attention to keys less than w steps away; None to all.
        flash_attention: accepted for compatibility with Keras; has no effect.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        use_gate: multiply the heads by sigmoid of a further projection of the query.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        query (batch, queries, features), value and key (batch, keys, features) -> (batch, queries,
            output_shape)

    Example:
        >>> import lamina as lm
        >>> x = lm.Input((7, 16))
        >>> lm.layers.MultiHeadAttention(num_heads=2, key_dim=8)(x, x).shape
        (batch, 7, 16)

    Source: Vaswani et al. (2017), Attention is all you need, section 3.2.2.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        own = "MultiHeadAttention"
        value_dim = key_dim if value_dim is None else value_dim
        sizes = {"num_heads": num_heads, "key_dim": key_dim, "value_dim": value_dim}
        heads, keys, values = (positive_integer(own, k, n) for k, n in sizes.items())
        self._settle(
            *(heads, heads, keys, values, dropout, seed, sliding_window, use_gate),
            {
                "use_bias": use_bias,
                "kernel_initializer": kernel_initializer,
                "bias_initializer": bias_initializer,
                "kernel_regularizer": kernel_regularizer,
                "bias_regularizer": bias_regularizer,
                "kernel_constraint": kernel_constraint,
                "bias_constraint": bias_constraint,
            },
        )
        for features in output_shape if isinstance(output_shape, (list, tuple)) else [output_shape]:
            if features is not None:
                positive_integer(own, "output_shape", features)
        self.output_features = output_shape
        if attention_axes is not None:
            axes = (
                tuple(attention_axes)
                if isinstance(attention_axes, (list, tuple))
                else (attention_axes,)
            )
            self.attention_axes = tuple(
                arguments.integer("MultiHeadAttention", "attention_axes", axis) for axis in axes
            )


class GroupQueryAttention(HeadAttention):
    """Attention in several heads, of which groups share their keys and values.

        heads = softmax(query_h . key_g / sqrt(head_dim)) @ value_g, g the group of head h

    A call accepts the masks of `MultiHeadAttention`.

    Args:
        head_dim: features of each head.
        num_query_heads: number of heads.
        num_key_value_heads: number of groups, a divisor of `num_query_heads`; 1 is multi-query
            attention.
        dropout: fraction of the attention weights set to 0 in training, in [0, 1).
        use_bias: add a learned bias.
        sliding_window: steps w for attention to keys less than w steps away; None to all.
        flash_attention: accepted for compatibility with Keras; has no effect.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        use_gate: multiply the heads by sigmoid of a further projection of the query.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        query (batch, queries, features), value and key (batch, keys, features) -> (batch, queries,
            features)

    Example:
        >>> import lamina as lm
        >>> x = lm.Input((7, 16))
        >>> lm.layers.GroupQueryAttention(8, num_query_heads=4, num_key_value_heads=2)(x, x).shape
        (batch, 7, 16)

    Source: Ainslie et al. (2023), GQA: training generalized multi-query transformer models from
        multi-head checkpoints.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: SeedLike = None,
        **kwargs: Unpack[OwnPenalty],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        own = "GroupQueryAttention"
        sizes = {"num_query_heads": num_query_heads, "num_key_value_heads": num_key_value_heads}
        heads, groups = (positive_integer(own, name, n) for name, n in sizes.items())
        if heads % groups:
            raise ArgumentError(
                f"{own}: num_query_heads must be divisible by num_key_value_heads (got {heads} and "
                f"{groups})"
            )
        self.head_dim = positive_integer(own, "head_dim", head_dim)
        self.num_query_heads, self.num_key_value_heads = heads, groups
        size = (self.head_dim, self.head_dim)
        self._settle(
            *(heads, groups, *size, dropout, seed, sliding_window, use_gate),
            {
                "use_bias": use_bias,
                "kernel_initializer": kernel_initializer,
                "bias_initializer": bias_initializer,
                "kernel_regularizer": kernel_regularizer,
                "bias_regularizer": bias_regularizer,
                "kernel_constraint": kernel_constraint,
                "bias_constraint": bias_constraint,
            },
        )
