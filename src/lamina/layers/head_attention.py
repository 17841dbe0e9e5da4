"""Attention in heads: projections, masks of queries and keys, and a cache for streams.

The base of `MultiHeadAttention` and `GroupQueryAttention`.
"""

from __future__ import annotations

import math
from typing import Any

from lamina import operations as ops
from lamina.arguments import integer
from lamina.errors import ArgumentError
from lamina.ir.types import bool_
from lamina.layers._base.attention_axes import AttentionOverAxes
from lamina.layers._base.attention_checks import check_masks, check_parts
from lamina.layers._base.layer import Layer
from lamina.layers._base.projection import Projection
from lamina.layers._base.spec import InputSpec
from lamina.layers._base.streaming import Streaming, refused
from lamina.layers.attention import _as_mask, causal_mask, masked_softmax
from lamina.layers.regularization import Dropout
from lamina.operations import linear_algebra, masks
from lamina.operations.creation import iota
from lamina.tensor import Tensor
from lamina.transforms.attention import attention


def window_mask(queries: Any, keys: Any, width: int) -> Tensor:
    """Return a mask (queries, keys), True if a key is less than `width` steps from the query."""
    return ops.abs(iota((queries, 1), 0) - iota((1, keys), 1)) < width


class HeadAttention(Layer):
    """Base class of attention in heads, of which several may share their keys and values."""

    supports_masking = True

    def _settle(
        self,
        num_heads: int,
        key_heads: int,
        key_dim: int,
        value_dim: int,
        dropout: float,
        seed: Any,
        sliding_window: int | None,
        use_gate: bool,
        options: dict[str, Any],
    ) -> None:
        """Keep the arguments that both layers have."""
        self.num_heads, self.key_heads = num_heads, key_heads
        self.key_dim, self.value_dim = key_dim, value_dim
        own = type(self).__name__
        if sliding_window is not None:
            integer(own, "sliding_window", sliding_window, 1)
        self.sliding_window, self.use_gate = sliding_window, bool(use_gate)
        self.output_features: Any = None
        self.attention_axes: tuple[int, ...] | None = None
        self.dropout = Dropout(dropout, seed=seed, name="dropout", dtype=self.dtype_policy)
        self._options = options

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        if value_shape is None:
            raise ArgumentError(
                f"{self._label()}: takes query and value, and key if it is not the value",
                hint="for self-attention: layer(x, x)",
            )
        features = query_shape[-1] if self.output_features is None else self.output_features
        outer = tuple(features) if isinstance(features, (list, tuple)) else (features,)
        key_shape = value_shape if key_shape is None else key_shape
        heads, groups = self.num_heads, self.key_heads
        query = (query_shape[-1],)
        self.query = self._projection("query", query, (heads, self.key_dim))
        self.key = self._projection("key", (key_shape[-1],), (groups, self.key_dim))
        self.value = self._projection("value", (value_shape[-1],), (groups, self.value_dim))
        self.gate = None
        if self.use_gate:
            self.gate = self._projection("gate", query, (heads, self.value_dim))
        self.attention_output = self._projection("attention_output", (heads, self.value_dim), outer)
        for each in (self.query, self.key, self.value, self.gate, self.attention_output):
            if each is not None:
                each.build(None)
        self.input_spec = InputSpec(min_ndim=3, axes={-1: query_shape[-1]})

    @property
    def query_dense(self) -> Projection:
        """The layer of the queries."""
        return self.query

    @property
    def key_dense(self) -> Projection:
        """The layer of the keys."""
        return self.key

    @property
    def value_dense(self) -> Projection:
        """The layer of the values."""
        return self.value

    @property
    def output_dense(self) -> Projection:
        """The layer of the outputs."""
        return self.attention_output

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
        if query.ndim > 3:
            call = AttentionOverAxes(self._label(), self.attention_axes, query, value, key)
            arguments: list[Any] = [
                *call.parts,
                *call.masks(query_mask, value_mask, key_mask, attention_mask),
                *(return_attention_scores, training, use_causal_mask),
            ]
            return call.restored(self.call(*arguments))
        check_parts(self._label(), query, value, key, compared=False)
        given = {"value_mask": value_mask, "key_mask": key_mask, "attention_mask": attention_mask}
        check_masks(self._label(), query, key, query_mask=query_mask, **given)
        keys = self.key(key)
        there = _combined(query_mask, value_mask, key_mask, attention_mask)
        values = self.value(value)
        if not return_attention_scores:
            return self._without_scores(query, keys, values, there, training, use_causal_mask)
        if use_causal_mask:
            there = masks.both(there, causal_mask(query.shape[1], keys.shape[1]))
        if self.sliding_window is not None:
            there = masks.both(
                there, window_mask(query.shape[1], keys.shape[1], self.sliding_window)
            )
        return self._attend(query, keys, values, there, training, return_attention_scores)

    def _without_scores(
        self, query: Tensor, keys: Tensor, values: Tensor, there: Any, training: bool, causal: bool
    ) -> Tensor:
        """Return the output of projected keys and values; no scores are kept for the gradient."""
        queries, keys, values = self._heads(query, keys, values)
        heads = attention(
            *(queries, keys, values, there),
            causal=causal,
            window=self.sliding_window,
            dropout=self.dropout.drawn(training),
        )
        return self._output(query, heads)

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
        batch, length, heads = stream.batch, stream.most, self.key_heads
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
        if self.sliding_window is not None:
            near = ops.arange(length, dtype="int32") > place - self.sliding_window
            there = ops.logical_and(there, ops.expand_dims(near, 0))
        seen = _combined(query_mask, there, None, None)
        return self._attend(query, keys, values, seen, training, return_attention_scores)

    def _attend(
        self, query: Tensor, keys: Tensor, values: Tensor, there: Any, training: bool, scored: bool
    ) -> Any:
        """Return the output of projected keys and values, and the weights if requested."""
        queries, keys, values = self._heads(query, keys, values)
        # (batch, steps, heads, features): heads are a batch of products
        scores = linear_algebra.contract(queries, keys, ((3,), (3,)), ((0, 2), (0, 2)))
        weights = self.dropout(masked_softmax(scores, there), training=training)
        means = linear_algebra.contract(weights, values, ((3,), (1,)), ((0, 1), (0, 2)))
        outputs = self._output(query, ops.swapaxes(means, 1, 2))
        return (outputs, weights) if scored else outputs

    def _heads(self, query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        """Return scaled queries, keys and values of all heads, (batch, steps, heads, features)."""
        queries = self.query(query) * (1 / math.sqrt(self.key_dim))
        if self.key_heads != self.num_heads:
            count = self.num_heads // self.key_heads
            keys, values = (ops.repeat(x, count, axis=2) for x in (keys, values))
        return queries, keys, values

    def _output(self, query: Tensor, heads: Tensor) -> Tensor:
        """Return the gated heads, projected."""
        if self.gate is not None:
            heads = heads * ops.sigmoid(self.gate(query))
        return self.attention_output(heads)


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
