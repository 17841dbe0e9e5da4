"""Multi-head attention: projections, masks of queries and keys, and a cache for streams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import constraints, initializers, regularizers
from lamina import operations as ops
from lamina.errors import ArgumentError
from lamina.ir.types import bool_
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.attention_checks import check_masks, check_parts
from lamina.layers._base.layer import Layer
from lamina.layers._base.spec import InputSpec
from lamina.layers._base.streaming import Streaming, refused
from lamina.layers.attention import _as_mask, causal_mask, masked_softmax
from lamina.layers.regularization import Dropout
from lamina.operations import linear_algebra, masks
from lamina.tensor import Tensor

__all__ = ["MultiHeadAttention"]


class Projection(Layer):
    """Dense layer over several axes: the last axes of the inputs times a kernel, plus a bias.

    Inputs (..., *inner), kernel (*inner, *outer), bias (*outer), outputs (..., *outer).
    """

    streams = "each_step"

    def __init__(
        self,
        inner: Sequence[int],
        outer: Sequence[int],
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inner, self.outer = tuple(inner), tuple(outer)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any = None) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.inner, *self.outer),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=self.outer,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Tensor) -> Tensor:
        count = len(self.inner)
        axes = tuple(range(inputs.ndim - count, inputs.ndim))
        x = ops.astype(inputs, self._compute_dtype)
        product = ops.tensordot(x, self.kernel, axes=(axes, tuple(range(count))))
        return product if self.bias is None else product + self.bias


class MultiHeadAttention(Layer):
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
        attention_axes: must be None or 1, the axis of the steps; accepted for compatibility with
            Keras.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
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

    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = positive_integer("MultiHeadAttention", "num_heads", num_heads)
        self.key_dim = positive_integer("MultiHeadAttention", "key_dim", key_dim)
        value_dim = key_dim if value_dim is None else value_dim
        self.value_dim = positive_integer("MultiHeadAttention", "value_dim", value_dim)
        if attention_axes not in (None, 1, (1,), [1]):
            raise ArgumentError("MultiHeadAttention: attention runs over axis 1, the steps")
        self.output_features = output_shape
        self.dropout = Dropout(dropout, seed=seed, name="dropout", dtype=self.dtype_policy)
        self._options = {
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        if value_shape is None:
            raise ArgumentError(
                f"{self._label()}: takes query and value, and key if it is not the value",
                hint="for self-attention: layer(x, x)",
            )
        features = query_shape[-1] if self.output_features is None else self.output_features
        outer = tuple(features) if isinstance(features, (list, tuple)) else (features,)
        key_shape = value_shape if key_shape is None else key_shape
        heads = self.num_heads
        self.query = self._projection("query", (query_shape[-1],), (heads, self.key_dim))
        self.key = self._projection("key", (key_shape[-1],), (heads, self.key_dim))
        self.value = self._projection("value", (value_shape[-1],), (heads, self.value_dim))
        self.attention_output = self._projection("attention_output", (heads, self.value_dim), outer)
        for each in (self.query, self.key, self.value, self.attention_output):
            each.build(None)
        self.input_spec = InputSpec(ndim=3, axes={-1: query_shape[-1]})

    def _projection(self, name: str, inner: Any, outer: Any) -> Projection:
        return Projection(inner, outer, **self._options, name=name, dtype=self.dtype_policy)

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        check_parts(self._label(), query, value, key, compared=False)
        given = {"value_mask": value_mask, "key_mask": key_mask, "attention_mask": attention_mask}
        check_masks(self._label(), query, key, query_mask=query_mask, **given)
        keys = self.key(key)
        there = _combined(query_mask, value_mask, key_mask, attention_mask)
        if use_causal_mask:
            there = masks.both(there, causal_mask(query.shape[1], keys.shape[1]))
        return self._attend(
            query, keys, self.value(value), there, training, return_attention_scores
        )

    def call_streaming(
        self,
        stream: Streaming,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Process one query; keep the keys and values of all steps, at most `stream.length`.

        Args:
            stream: stream in progress.
            query: one query, (batch, 1, features).
            value: must be `query`: only self-attention can be streamed.
            key: must be None or `query`.
            query_mask: mask of the query.
            value_mask: mask of the value.
            key_mask: mask of the key.
            attention_mask: mask of the step, (batch, 1, 1).
            return_attention_scores: also return the weights.
            training: True in training.
            use_causal_mask: must be True: later keys are unknown in a stream.
        """
        if not use_causal_mask or value is not query or (key is not None and key is not query):
            raise refused(self, "its queries see later steps, or another sequence")
        if stream.most is None:
            raise refused(self, "the number of steps is unknown: give stream(length=...)")
        batch, length, heads = stream.batch, stream.most, self.num_heads
        stream.at_most(length)

        def begin() -> Any:
            keys = ops.zeros((batch, length, heads, self.key_dim), dtype=self._compute_dtype)
            values = ops.zeros((batch, length, heads, self.value_dim), dtype=self._compute_dtype)
            return keys, values, ops.zeros((batch, length), dtype=bool_)

        kept = stream.state(self, begin)
        keys, values, there = kept.read()
        now = _combined(None, value_mask, key_mask, attention_mask)
        now = ops.ones((batch, 1), dtype=bool_) if now is None else now[:, 0, 0]
        place = stream.position.read()
        keys = ops.dynamic_update_slice(keys, self.key(value), (0, place, 0, 0))
        values = ops.dynamic_update_slice(values, self.value(value), (0, place, 0, 0))
        there = ops.dynamic_update_slice(there, now, (0, place))
        kept.keep((keys, values, there))
        seen = _combined(query_mask, there, None, None)
        return self._attend(query, keys, values, seen, training, return_attention_scores)

    def _attend(
        self, query: Tensor, keys: Tensor, values: Tensor, there: Any, training: bool, scored: bool
    ) -> Any:
        """Return the output of projected keys and values, and the weights if requested."""
        queries = self.query(query) * (1 / math.sqrt(self.key_dim))
        # (batch, steps, heads, features): heads are a batch of products
        scores = linear_algebra.contract(queries, keys, ((3,), (3,)), ((0, 2), (0, 2)))
        weights = self.dropout(masked_softmax(scores, there), training=training)
        means = linear_algebra.contract(weights, values, ((3,), (1,)), ((0, 1), (0, 2)))
        outputs = self.attention_output(ops.swapaxes(means, 1, 2))
        return (outputs, weights) if scored else outputs


def _combined(query_mask: Any, value_mask: Any, key_mask: Any, mask: Any) -> Tensor | None:
    """Return all masks combined, broadcastable to (batch, heads, queries, keys)."""
    found = _as_mask(mask)
    if found is not None and found.ndim == 3:
        found = ops.expand_dims(found, 1)
    for each, axes in ((query_mask, (1, 3)), (value_mask, (1, 2)), (key_mask, (1, 2))):
        if each is not None:
            known: Any = _as_mask(each)
            found = masks.both(found, ops.expand_dims(known, axes))
    return found
