"""BERT: a transformer that reads a text in both directions; and MiniLM, a small one of its form.

Sources: Devlin et al. (2019), BERT: pre-training of deep bidirectional transformers for language
understanding, arXiv:1810.04805: GLUE 79.6 (base), 82.1 (large). Wang et al. (2020), MiniLM: deep
self-attention distillation for task-agnostic compression of pre-trained transformers,
arXiv:2002.10957.
"""

from __future__ import annotations

from lamina.annotations import PathLike
from lamina.layers import (
    Add,
    Dense,
    Dropout,
    Embedding,
    Input,
    LayerNormalization,
    PositionEmbedding,
    TransformerEncoder,
)
from lamina.models.model import Model
from lamina.zoo.transformer_weights import Arrays, dense, norm, without_prefix
from lamina.zoo.vit import FirstStep
from lamina.zoo.weights import arrays_of_torch, assign_weights


def BERT(
    depth: int = 12,
    width: int = 768,
    heads: int = 12,
    vocabulary: int = 30522,
    positions: int = 512,
    dropout: float = 0.1,
    weights: PathLike | None = None,
    name: str = "bert",
) -> Model:
    """Return BERT, by default the base model of 109 million parameters.

    The inputs are a dictionary of integers (batch, steps): `token_ids`, `padding_mask` (1 at
    tokens, 0 at padding) and `segment_ids` (0 in the first sentence, 1 in the second). The outputs
    are `sequence_output`, a vector for each token, and `pooled_output`, one for the text.

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
        three times (batch, steps) integers -> (batch, steps, width) and (batch, width)

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.BERT(depth=2, width=32, heads=4, vocabulary=100, positions=64)
        >>> ids = lm.asarray([[4, 20, 7]])
        >>> outputs = model({"token_ids": ids, "padding_mask": ids * 0 + 1, "segment_ids": ids * 0})
        >>> outputs["sequence_output"].shape, outputs["pooled_output"].shape
        ((1, 3, 32), (1, 32))

    Source: Devlin et al. (2019), arXiv:1810.04805.
    """
    inputs = {
        kind: Input((None,), dtype="int32", name=kind)
        for kind in ("token_ids", "padding_mask", "segment_ids")
    }
    x = Embedding(vocabulary, width, "normal", name="token_embedding")(inputs["token_ids"])
    segments = Embedding(2, width, "normal", name="segment_embedding")(inputs["segment_ids"])
    places = PositionEmbedding(positions, "normal", name="position_embedding")(x)
    x = Add(name="embeddings")([x, places, segments])
    x = LayerNormalization(epsilon=1e-12, name="embeddings_layer_norm")(x)
    x = Dropout(dropout, name="embeddings_dropout")(x)
    mask = inputs["padding_mask"] > 0
    for n in range(depth):
        x = TransformerEncoder(
            4 * width,
            heads,
            dropout=dropout,
            activation="gelu",
            layer_norm_epsilon=1e-12,
            name=f"layer_{n}",
        )(x, padding_mask=mask)
    pooled = Dense(width, "tanh", name="pooler")(FirstStep(name="first_token")(x))
    model = Model(inputs, {"sequence_output": x, "pooled_output": pooled}, name=name)
    if weights is not None:
        arrays = arrays_of_torch(weights)
        if arrays is None:
            model.load_weights(weights)
        else:
            assign_weights(model, _from_hugging_face(arrays, depth), weights)
    return model


def _from_hugging_face(arrays: Arrays, depth: int) -> Arrays:
    arrays = without_prefix(arrays, "bert.")
    found = {
        "token_embedding/embeddings": arrays["embeddings.word_embeddings.weight"],
        "segment_embedding/embeddings": arrays["embeddings.token_type_embeddings.weight"],
        "position_embedding/position_embeddings": arrays["embeddings.position_embeddings.weight"],
        **norm(arrays, "embeddings.LayerNorm", "embeddings_layer_norm"),
    }
    if "pooler.dense.weight" in arrays:
        found.update(dense(arrays, "pooler.dense", "pooler"))
    for n in range(depth):
        module, layer = f"encoder.layer.{n}", f"layer_{n}"
        attention = f"{layer}/self_attention"
        for kind in ("query", "key", "value"):
            found.update(dense(arrays, f"{module}.attention.self.{kind}", f"{attention}/{kind}"))
        output = f"{attention}/attention_output"
        found.update(
            {
                **dense(arrays, f"{module}.attention.output.dense", output),
                **norm(
                    arrays, f"{module}.attention.output.LayerNorm", f"{layer}/self_attention_norm"
                ),
                **norm(arrays, f"{module}.output.LayerNorm", f"{layer}/feedforward_norm"),
                **dense(arrays, f"{module}.intermediate.dense", f"{layer}/feedforward_in"),
                **dense(arrays, f"{module}.output.dense", f"{layer}/feedforward_out"),
            }
        )
    return found


def BERTLarge(weights: PathLike | None = None, name: str = "bert_large") -> Model:
    """Return BERT, large: 24 blocks, 335,141,888 parameters.

    Args:
        weights: path of a file with weights, or of a folder of Hugging Face; None gives random
            ones.
        name: name of the model.

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.BERTLarge("bert-large-uncased")  # doctest: +SKIP
    """
    return BERT(24, 1024, 16, weights=weights, name=name)


def MiniLM(weights: PathLike | None = None, name: str = "minilm") -> Model:
    """Return MiniLM-L6-H384: 6 blocks of 384 features, 22,713,216 parameters.

    Inputs and outputs are those of `BERT`. The mean of `sequence_output` over the tokens is the
    vector of a text in `all-MiniLM-L6-v2`.

    Args:
        weights: path of a file with weights, or of a folder of Hugging Face; None gives random
            ones.
        name: name of the model.

    Example:
        >>> import lamina as lm
        >>> lm.zoo.MiniLM().count_params()
        22713216

    Source: Wang et al. (2020), arXiv:2002.10957.
    """
    return BERT(6, 384, 12, weights=weights, name=name)
