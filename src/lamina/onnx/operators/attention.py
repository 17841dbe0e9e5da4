"""Attention with caches and masks, rotary embeddings, causal convolution with a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import activations
from lamina import operations as ops
from lamina.ir import types
from lamina.onnx.operators.windows import convolve, with_bias
from lamina.onnx.rows import operator
from lamina.onnx.tensors import dtype_of
from lamina.tensor import Tensor, as_tensor

NOT_ATTENDED = -np.inf


def _heads(x: Any, count: int | None) -> Tensor:
    """(batch, heads, steps, size) of (batch, steps, heads * size)."""
    x = as_tensor(x)
    if x.ndim == 4 or count is None:
        return x
    batch, steps, width = x.shape
    return ops.permute_dims(ops.reshape(x, (batch, steps, count, width // count)), (0, 2, 1, 3))


def _additive(mask: Any, dtype: Any, keys: int) -> Tensor:
    """A mask to be added to scores, with as many keys; keys beyond it are not attended."""
    mask = as_tensor(mask)
    if mask.dtype.kind == "b":
        mask = ops.where(mask, as_tensor(0, dtype), as_tensor(NOT_ATTENDED, dtype))
    missing = keys - int(mask.shape[-1])
    if missing > 0:
        pairs = [(0, 0)] * (mask.ndim - 1) + [(0, missing)]
        mask = ops.pad(mask, pairs, constant_values=NOT_ATTENDED)
    return mask


@operator("Attention", since=23)
def attention(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    past_key: Any = None,
    past_value: Any = None,
    nonpad_kv_seqlen: Any = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    left_window_size: int = -1,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    right_window_size: int = -1,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """softmax(q k^T scale + mask) v; the keys and values with the past ones; the scores.

    Queries without a key that they may attend have the result zero.
    """
    is_flat = as_tensor(q).ndim == 3
    query, key, value = _heads(q, q_num_heads), _heads(k, kv_num_heads), _heads(v, kv_num_heads)
    dtype = query.dtype
    before = 0
    if past_key is not None:
        before = int(as_tensor(past_key).shape[2])
        key = ops.concat([as_tensor(past_key), key], axis=2)
        value = ops.concat([as_tensor(past_value), value], axis=2)
    present = key, value
    steps, keys = int(query.shape[2]), int(key.shape[2])
    lengths = None if nonpad_kv_seqlen is None else as_tensor(nonpad_kv_seqlen, types.int64)
    offset: Any = before
    if lengths is not None and past_key is None:
        offset = ops.reshape(lengths, (-1, 1, 1, 1)) - steps
    bias = _bias(dtype, steps, keys, offset, bool(is_causal), (left_window_size, right_window_size))
    if attn_mask is not None:
        bias = bias + _additive(attn_mask, dtype, keys)
    if lengths is not None:
        line = as_tensor(np.arange(keys, dtype=np.int64))
        alive = line < ops.reshape(lengths, (-1, 1, 1, 1))
        bias = bias + ops.where(alive, as_tensor(0, dtype), as_tensor(NOT_ATTENDED, dtype))
    repeats = int(query.shape[1]) // int(key.shape[1])
    if repeats > 1:
        key, value = ops.repeat(key, repeats, axis=1), ops.repeat(value, repeats, axis=1)
    factor = 1 / np.sqrt(int(query.shape[3])) if scale is None else scale
    root = as_tensor(float(np.sqrt(factor)), dtype)
    scores = ops.matmul(query * root, (key * root).mT)
    if softcap > 0:
        scores = ops.tanh(scores / softcap) * softcap
    shown = scores
    scores = scores + bias
    if qk_matmul_output_mode == 2:
        shown = scores
    if softmax_precision is not None:
        scores = as_tensor(scores, dtype_of(softmax_precision, "the precision of Attention"))
    dead = ops.isinf(ops.max(bias, axis=-1, keepdims=True))
    weights = activations.softmax(ops.where(dead, as_tensor(0, scores.dtype), scores), -1)
    weights = as_tensor(ops.where(dead, as_tensor(0, weights.dtype), weights), dtype)
    if qk_matmul_output_mode == 3:
        shown = weights
    found = ops.matmul(weights, value)
    if is_flat:
        found = ops.permute_dims(found, (0, 2, 1, 3))
        found = ops.reshape(found, (*found.shape[:2], -1))
    return (found, *present, as_tensor(shown, dtype))


def _bias(
    dtype: Any, steps: int, keys: int, offset: Any, causal: bool, window: tuple[int, int]
) -> Tensor:
    """0 where a query may attend a key, else minus infinity; query i is at offset + i."""
    rows = as_tensor(np.arange(steps, dtype=np.int64)[:, None])
    columns = as_tensor(np.arange(keys, dtype=np.int64))
    ahead = columns - (rows + offset)
    allowed = ops.ones((steps, keys), dtype=types.bool_)
    left, right = window
    if causal:
        allowed = allowed & (ahead <= 0)
    if left >= 0:
        allowed = allowed & (ahead >= -left)
    if right >= 0:
        allowed = allowed & (ahead <= right)
    return ops.where(allowed, as_tensor(0, dtype), as_tensor(NOT_ATTENDED, dtype))


@operator("RotaryEmbedding", since=23)
def rotary_embedding(
    x: Any,
    cos_cache: Any,
    sin_cache: Any,
    position_ids: Any = None,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> Tensor:
    """Pairs of features turned by angles that grow with the position."""
    x = as_tensor(x)
    shape = x.shape
    if x.ndim == 4:
        x = ops.permute_dims(x, (0, 2, 1, 3))
    else:
        x = ops.reshape(x, (*shape[:2], num_heads, shape[2] // num_heads))
    width = rotary_embedding_dim or int(x.shape[3])
    turned, rest = x[..., :width], x[..., width:]
    cos, sin = as_tensor(cos_cache), as_tensor(sin_cache)
    if position_ids is not None:
        cos, sin = (ops.take(c, as_tensor(position_ids), axis=0) for c in (cos, sin))
    cos, sin = cos[:, :, None], sin[:, :, None]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
        pairs = ops.stack([cos * a - sin * b, sin * a + cos * b], axis=-1)
        turned = ops.reshape(pairs, turned.shape)
    else:
        a, b = turned[..., : width // 2], turned[..., width // 2 :]
        turned = ops.concat([cos * a - sin * b, sin * a + cos * b], axis=-1)
    found = ops.concat([turned, rest], axis=-1)
    if len(shape) == 4:
        return ops.permute_dims(found, (0, 2, 1, 3))
    return ops.reshape(found, shape)


@operator("CausalConvWithState", since=27)
def causal_conv_with_state(
    x: Any, w: Any, bias: Any = None, past_state: Any = None, *, activation: str = "none"
) -> tuple[Tensor, Tensor]:
    """A depthwise convolution of the past and the present steps; the steps that the next needs."""
    x, w = as_tensor(x), as_tensor(w)
    batch, channels, _ = x.shape
    reach = int(w.shape[2]) - 1
    past = ops.zeros((batch, channels, reach), dtype=x.dtype)
    whole = ops.concat([past if past_state is None else as_tensor(past_state), x], axis=2)
    found = with_bias(convolve(whole, w, (1,), [(0, 0)], (1,), int(channels)), bias)
    if activation in ("silu", "swish"):
        found = as_tensor(activations.silu(as_tensor(found, types.float32)), x.dtype)
    return found, whole[:, :, whole.shape[2] - reach :]


@operator("SwiGLU", since=28)
def swiglu(a: Any, b: Any, *, alpha: float = 1.0) -> Tensor:
    a = as_tensor(a)
    return a * activations.sigmoid(alpha * a) * as_tensor(b)
