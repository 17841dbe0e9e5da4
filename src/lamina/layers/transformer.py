"""Transformer blocks, position encodings and embeddings.

Names and formulas are those of KerasHub. Blocks map (batch, steps, features) to the same shape.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from lamina import activations, initializers
from lamina import operations as ops
from lamina.annotations import ActivationLike, InitializerLike
from lamina.errors import RangeError, ShapeError
from lamina.ir.types import bool_, int32
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec
from lamina.layers._base.streaming import Streaming
from lamina.layers.core import Dense
from lamina.layers.embedding import Embedding
from lamina.layers.multi_head_attention import MultiHeadAttention
from lamina.layers.normalization import LayerNormalization
from lamina.layers.regularization import Dropout
from lamina.operations import limits, masks
from lamina.operations.creation import iota
from lamina.tensor import Tensor, as_tensor

__all__ = [
    "SinePositionEncoding",
    "PositionEmbedding",
    "TokenAndPositionEmbedding",
    "TransformerEncoder",
    "TransformerDecoder",
]


# ---- positions ---------------------------------------------------------------------------------
class SinePositionEncoding(Layer):
    """Sinusoidal position encoding, to be added to the inputs.

        sin(p / w^(i / d)) in even features i, cos of the same angle in the next odd feature

    p is the position, d the number of features and w = max_wavelength.

    Args:
        max_wavelength: largest wavelength divided by 2 pi, in steps.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, steps, features)

    Example:
        >>> import lamina as lm
        >>> x = lm.Input((7, 16))
        >>> (x + lm.layers.SinePositionEncoding()(x)).shape
        (batch, 7, 16)

    Source: Vaswani et al. (2017), Attention is all you need, section 3.5.
    """

    supports_masking = True
    input_spec = InputSpec(min_ndim=2)

    def __init__(self, max_wavelength: float = 10000.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = float(max_wavelength)

    def call_streaming(
        self, stream: Streaming, inputs: Tensor, start_index: int | Tensor = 0
    ) -> Tensor:
        """Process one step at its position in the stream.

        Args:
            stream: stream in progress.
            inputs: one step of the inputs, (batch, 1, ...).
            start_index: position of the first step of the stream.
        """
        return self.call(inputs, stream.position + start_index)

    def call(self, inputs: Tensor, start_index: int | Tensor = 0) -> Tensor:
        steps, features = inputs.shape[-2:]
        place = iota((steps, features), 0) + start_index
        feature = iota((steps, features), 1)
        even = self._wide(feature - feature % 2)
        rate = ops.power(self.max_wavelength, even / -features)
        angle = self._wide(place) * rate
        wave = ops.where(feature % 2 == 0, ops.sin(angle), ops.cos(angle))
        return ops.broadcast_to(ops.astype(wave, self._compute_dtype), inputs.shape)


class PositionEmbedding(Layer):
    """Learned vector for each position, to be added to the inputs.

    Args:
        sequence_length: maximum number of steps.
        initializer: initializer of the vectors.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, steps, features)

    Raises:
        ShapeError: the inputs have more steps than `sequence_length`.

    Example:
        >>> import lamina as lm
        >>> x = lm.Input((7, 16))
        >>> (x + lm.layers.PositionEmbedding(sequence_length=10)(x)).shape
        (batch, 7, 16)
    """

    supports_masking = True
    input_spec = InputSpec(min_ndim=2)

    def __init__(
        self,
        sequence_length: int,
        initializer: InitializerLike = "glorot_uniform",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.sequence_length = positive_integer(
            "PositionEmbedding", "sequence_length", sequence_length
        )
        self.initializer = initializers.get(initializer)

    def build(self, input_shape: Any) -> None:
        self.position_embeddings = self.add_weight(
            name="position_embeddings",
            shape=(self.sequence_length, input_shape[-1]),
            initializer=self.initializer,
        )

    def call_streaming(
        self, stream: Streaming, inputs: Tensor, start_index: int | Tensor = 0
    ) -> Tensor:
        """Process one step at its position in the stream.

        Args:
            stream: stream in progress.
            inputs: one step of the inputs, (batch, 1, ...).
            start_index: position of the first step of the stream.
        """
        stream.at_most(self.sequence_length)
        return self.call(inputs, stream.position + start_index)

    def call(self, inputs: Tensor, start_index: int | Tensor = 0) -> Tensor:
        steps = inputs.shape[-2]
        limits.at_most(steps, self.sequence_length, self._too_long)
        if isinstance(steps, int) and isinstance(start_index, int) and start_index == 0:
            rows = self.position_embeddings[:steps]
        else:
            rows = ops.take(self.position_embeddings, iota((steps,), 0) + start_index, axis=0)
        return ops.broadcast_to(rows, inputs.shape)

    def _too_long(self, steps: int) -> ShapeError:
        return ShapeError(
            f"{self._label()}: sequences of {steps} steps came, and it has positions for "
            f"{self.sequence_length}",
            hint=f"sequence_length must be at least {steps}, or cut the sequences",
        )


class TokenAndPositionEmbedding(Layer):
    """Sum of the embeddings of tokens and of their positions.

    Args:
        vocabulary_size: number of tokens.
        sequence_length: maximum number of steps.
        embedding_dim: length of the vectors.
        embeddings_initializer: initializer of the table of embeddings.
        mask_zero: treat index 0 as padding and create a mask from it.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps) integers -> (batch, steps, embedding_dim)

    Example:
        >>> import lamina as lm
        >>> lm.layers.TokenAndPositionEmbedding(1000, 10, 16)(lm.asarray([[4, 20, 7]])).shape
        (1, 3, 16)
    """

    streams = "each_step"
    supports_masking = True
    _data_dtype = int32

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        embedding_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        mask_zero: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.token_embedding = Embedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer,
            mask_zero=mask_zero,
            name="token_embedding",
            dtype=self.dtype_policy,
        )
        self.position_embedding = PositionEmbedding(
            sequence_length,
            embeddings_initializer,
            name="position_embedding",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Any) -> None:
        self.token_embedding.build(input_shape)
        self.position_embedding.build((*input_shape, self.token_embedding.output_dim))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return self.token_embedding.compute_mask(inputs, mask)

    def check_data(self, values: np.ndarray, first: int = 0) -> None:
        """Raise OutOfBoundsError for a token outside of the vocabulary.

        Args:
            values: array of integers, the samples first.
            first: row of the data set that the first row of `values` is.
        """
        self.token_embedding.check_data(values, first)

    def call(self, inputs: Tensor, start_index: int | Tensor = 0) -> Tensor:
        tokens = self.token_embedding(inputs)
        return tokens + self.position_embedding(tokens, start_index=start_index)


# ---- blocks ------------------------------------------------------------------------------------
class _Block(Layer):
    """Base class of transformer blocks: attention and feed-forward sublayers, each with a residual
    connection and a normalization before or after it."""

    supports_masking = True
    input_spec = InputSpec(ndim=3)

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: ActivationLike = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        normalize_first: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.intermediate_dim = positive_integer(owner, "intermediate_dim", intermediate_dim)
        self.num_heads = positive_integer(owner, "num_heads", num_heads)
        self.rate = float(dropout)
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = float(layer_norm_epsilon)
        self.normalize_first = bool(normalize_first)
        self._initial: dict[str, Any] = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "dtype": self.dtype_policy,
        }

    def _attention(self, name: str, shape: Any, other: Any) -> MultiHeadAttention:
        width = shape[-1]
        if width % self.num_heads:
            raise RangeError(
                f"{self._label()}: {width} features do not divide into {self.num_heads} heads"
            )
        layer = MultiHeadAttention(
            self.num_heads, width // self.num_heads, dropout=self.rate, name=name, **self._initial
        )
        layer.build(shape, other)
        return layer

    def _norm(self, name: str, shape: Any) -> LayerNormalization:
        layer = LayerNormalization(
            epsilon=self.layer_norm_epsilon, name=name, dtype=self.dtype_policy
        )
        layer.build(shape)
        return layer

    def _build_rest(self, shape: Any) -> None:
        """Build the feed-forward sublayer."""
        self.feedforward_norm = self._norm("feedforward_layer_norm", shape)
        self.feedforward_in = Dense(
            self.intermediate_dim, self.activation, name="feedforward_intermediate_dense",
            **self._initial,
        )  # fmt: skip
        self.feedforward_out = Dense(shape[-1], name="feedforward_output_dense", **self._initial)
        self.feedforward_in.build(shape)
        self.feedforward_out.build((*shape[:-1], self.intermediate_dim))
        self.dropout = Dropout(self.rate, name="dropout", dtype=self.dtype_policy)

    def _around(self, x: Tensor, norm: Any, part: Any, training: bool) -> Tensor:
        """Return norm(x + dropout(part(x))), or, with `normalize_first`, x +
        dropout(part(norm(x)))."""
        inside = part(norm(x) if self.normalize_first else x)
        y = x + self.dropout(inside, training=training)
        return y if self.normalize_first else norm(y)

    def _feedforward(self, x: Tensor) -> Tensor:
        return self.feedforward_out(self.feedforward_in(x))


class TransformerEncoder(_Block):
    """Transformer encoder block: self-attention and a feed-forward network of two Dense layers.

    A call accepts `padding_mask` (batch, steps), True at valid steps (None uses the mask of the
    inputs), and `attention_mask` (batch, queries, keys).

    Args:
        intermediate_dim: units of the hidden layer of the feed-forward network.
        num_heads: number of attention heads.
        dropout: fraction of the values set to 0 in training, in [0, 1).
        activation: name or function applied to the hidden layer.
        layer_norm_epsilon: epsilon of the layer normalizations.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        normalize_first: normalize the input of each sublayer (pre-norm, Xiong et al. 2020) instead
            of the sum with its output (post-norm).
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, steps, features)

    Example:
        >>> import lamina as lm
        >>> lm.layers.TransformerEncoder(32, num_heads=2)(lm.Input((7, 16))).shape
        (batch, 7, 16)

    Source: Vaswani et al. (2017), Attention is all you need, section 3.1.
    """

    streams = "each_step"

    def build(self, input_shape: Any) -> None:
        self.self_attention = self._attention("self_attention_layer", input_shape, input_shape)
        self.self_attention_norm = self._norm("self_attention_layer_norm", input_shape)
        self._build_rest(input_shape)

    def call(
        self,
        inputs: Tensor,
        padding_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        there = _key_mask(mask if padding_mask is None else padding_mask, attention_mask)

        def attend(x: Tensor) -> Any:
            return self.self_attention(x, x, attention_mask=there, training=training)

        x = self._around(inputs, self.self_attention_norm, attend, training)
        return self._around(x, self.feedforward_norm, self._feedforward, training)


class TransformerDecoder(_Block):
    """Transformer decoder block: causal self-attention, attention to an encoder, and a feed-forward
    network.

    Without `encoder_sequence` the block has no attention to an encoder and suits a language model.
    A call accepts the masks of `TransformerEncoder` for both sequences.

    Args:
        intermediate_dim: units of the hidden layer of the feed-forward network.
        num_heads: number of attention heads.
        dropout: fraction of the values set to 0 in training, in [0, 1).
        activation: name or function applied to the hidden layer.
        layer_norm_epsilon: epsilon of the layer normalizations.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        normalize_first: normalize the input of each sublayer (pre-norm, Xiong et al. 2020) instead
            of the sum with its output (post-norm).
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        decoder_sequence (batch, steps, features), optional encoder_sequence (batch, encoder steps,
            features) -> (batch, steps, features)

    Example:
        >>> import lamina as lm
        >>> lm.layers.TransformerDecoder(32, num_heads=2)(lm.Input((7, 16))).shape
        (batch, 7, 16)

    Source: Vaswani et al. (2017), Attention is all you need, section 3.1.
    """

    streams = "each_step"

    def build(self, decoder_sequence_shape: Any, encoder_sequence_shape: Any = None) -> None:
        shape, other = decoder_sequence_shape, encoder_sequence_shape
        self.self_attention = self._attention("self_attention", shape, shape)
        self.self_attention_norm = self._norm("self_attention_layer_norm", shape)
        self.cross_attention = None
        if other is not None:
            self.cross_attention = self._attention("cross_attention", shape, other)
            self.cross_attention_norm = self._norm("cross_attention_layer_norm", shape)
        self._build_rest(shape)

    def call(
        self,
        decoder_sequence: Tensor,
        encoder_sequence: Tensor | None = None,
        decoder_padding_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_padding_mask: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool = False,
        use_causal_mask: bool = True,
    ) -> Tensor:
        own = mask if decoder_padding_mask is None else decoder_padding_mask
        there = _key_mask(own, decoder_attention_mask)

        def attend(x: Tensor) -> Any:
            return self.self_attention(
                x, x, attention_mask=there, use_causal_mask=use_causal_mask, training=training
            )

        x = self._around(decoder_sequence, self.self_attention_norm, attend, training)
        if encoder_sequence is not None:
            x = self._cross(
                x, encoder_sequence, encoder_padding_mask, encoder_attention_mask, training
            )
        return self._around(x, self.feedforward_norm, self._feedforward, training)

    def _cross(
        self, x: Tensor, other: Tensor, padding: Any, attention: Any, training: bool
    ) -> Tensor:
        if self.cross_attention is None:
            raise ShapeError(
                f"{self._label()}: was built without an encoder's sequence, and one came",
                hint="call it with encoder_sequence from the first time on",
            )
        there = _key_mask(masks.mask_of(other) if padding is None else padding, attention)

        def attend(x: Tensor) -> Any:
            return self.cross_attention(x, other, attention_mask=there, training=training)  # type: ignore[misc]

        return self._around(x, self.cross_attention_norm, attend, training)


def _key_mask(padding: Any, attention: Any) -> Tensor | None:
    """Return both masks combined, (batch, queries or 1, keys)."""
    found = None if attention is None else as_tensor(as_tensor(attention), bool_)
    if padding is None:
        return found
    return masks.both(found, ops.expand_dims(as_tensor(as_tensor(padding), bool_), 1))
