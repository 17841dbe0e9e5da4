"""GPT-2: a language model, which predicts each token from those before it.

The scores of the next token are products with the same table that embeds tokens.

Source: Radford et al. (2019), Language models are unsupervised multitask learners. Perplexity on
WikiText-103, without training on it: small 37.50, medium 26.37, large 22.05, XL 17.48.
"""

from __future__ import annotations

from functools import partial

from lamina.annotations import PathLike
from lamina.layers import (
    Add,
    Dropout,
    Input,
    LayerNormalization,
    PositionEmbedding,
    ReversibleEmbedding,
    TransformerDecoder,
)
from lamina.models.model import Model
from lamina.zoo.transformer_weights import Arrays, dense, norm, thirds, without_prefix
from lamina.zoo.weights import arrays_of_torch, assign_weights


def GPT2(
    depth: int = 12,
    width: int = 768,
    heads: int = 12,
    vocabulary: int = 50257,
    positions: int = 1024,
    dropout: float = 0.1,
    weights: PathLike | None = None,
    name: str = "gpt2",
) -> Model:
    """Return GPT-2, by default the small one of 124 million parameters.

    Args:
        depth: number of blocks.
        width: features of each token.
        heads: heads of attention; they divide the width.
        vocabulary: number of tokens.
        positions: largest number of steps.
        dropout: rate of dropout in training.
        weights: path of a file with weights, or of a folder of Hugging Face; None gives random
            ones.
        name: name of the model.

    Shapes:
        (batch, steps) integers -> (batch, steps, vocabulary), logits of the next token

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.GPT2(depth=2, width=32, heads=4, vocabulary=100, positions=64)
        >>> model(lm.asarray([[4, 20, 7]])).shape
        (1, 3, 100)

    Source: Radford et al. (2019), Language models are unsupervised multitask learners.
    """
    tokens = Input((None,), dtype="int32", name="tokens")
    embedding = ReversibleEmbedding(vocabulary, width, embeddings_initializer="normal", name="wte")
    x = embedding(tokens)
    x = Add(name="embeddings")([x, PositionEmbedding(positions, "normal", name="wpe")(x)])
    x = Dropout(dropout, name="drop")(x)
    for n in range(depth):
        x = TransformerDecoder(
            4 * width,
            heads,
            dropout=dropout,
            activation="gelu_approximate",
            normalize_first=True,
            name=f"h_{n}",
        )(x)
    x = LayerNormalization(epsilon=1e-5, name="ln_f")(x)
    model = Model(tokens, embedding(x, reverse=True), name=name)
    if weights is not None:
        arrays = arrays_of_torch(weights)
        if arrays is None:
            model.load_weights(weights)
        else:
            assign_weights(model, _from_hugging_face(arrays, depth), weights)
    return model


def _from_hugging_face(arrays: Arrays, depth: int) -> Arrays:
    arrays = without_prefix(arrays, "transformer.")
    found = {
        "wte/embeddings": arrays["wte.weight"],
        "wpe/position_embeddings": arrays["wpe.weight"],
        **norm(arrays, "ln_f", "ln_f"),
    }
    conv1d = partial(dense, arrays, transpose=False)
    for n in range(depth):
        module, layer = f"h.{n}", f"h_{n}"
        attention = f"{layer}/self_attention"
        kernel, bias = (arrays[f"{module}.attn.c_attn.{kind}"] for kind in ("weight", "bias"))
        found.update(
            {
                **thirds(kernel, bias, attention),
                **conv1d(f"{module}.attn.c_proj", f"{attention}/attention_output"),
                **norm(arrays, f"{module}.ln_1", f"{layer}/self_attention_norm"),
                **norm(arrays, f"{module}.ln_2", f"{layer}/feedforward_norm"),
                **conv1d(f"{module}.mlp.c_fc", f"{layer}/feedforward_in"),
                **conv1d(f"{module}.mlp.c_proj", f"{layer}/feedforward_out"),
            }
        )
    return found


def GPT2Medium(weights: PathLike | None = None, name: str = "gpt2_medium") -> Model:
    """Return GPT-2, medium: 24 blocks, 354,823,168 parameters.

    Args:
        weights: path of a file with weights, or of a folder of Hugging Face; None gives random
            ones.
        name: name of the model.

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.GPT2Medium("gpt2-medium")  # doctest: +SKIP
    """
    return GPT2(24, 1024, 16, weights=weights, name=name)


def GPT2Large(weights: PathLike | None = None, name: str = "gpt2_large") -> Model:
    """Return GPT-2, large: 36 blocks, 774,030,080 parameters.

    Args:
        weights: path of a file with weights, or of a folder of Hugging Face; None gives random
            ones.
        name: name of the model.

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.GPT2Large("gpt2-large")  # doctest: +SKIP
    """
    return GPT2(36, 1280, 20, weights=weights, name=name)


def GPT2XL(weights: PathLike | None = None, name: str = "gpt2_xl") -> Model:
    """Return GPT-2, XL: 48 blocks, 1,557,611,200 parameters.

    Args:
        weights: path of a file with weights, or of a folder of Hugging Face; None gives random
            ones.
        name: name of the model.

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.GPT2XL("gpt2-xl")  # doctest: +SKIP
    """
    return GPT2(48, 1600, 25, weights=weights, name=name)
