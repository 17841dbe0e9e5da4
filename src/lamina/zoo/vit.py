"""Vision Transformer: an image as a sequence of patches of 16 x 16 pixels.

A learned vector for the class is the first step of the sequence; what becomes of it is classified.

Sources: Dosovitskiy et al. (2021), An image is worth 16 x 16 words: transformers for image
recognition at scale, arXiv:2010.11929. Top-1 accuracy on ImageNet, trained before on
ImageNet-21k, images of 384 x 384: ViT-B/16 83.97%, ViT-L/16 85.15%. Touvron et al. (2021), Training
data-efficient image transformers, arXiv:2012.12877, for the sizes Ti (72.2%) and S (79.8%).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ActivationLike, PathLike
from lamina.errors import ShapeError
from lamina.layers import (
    Add,
    Conv2D,
    Dense,
    Dropout,
    Layer,
    LayerNormalization,
    PositionEmbedding,
    Reshape,
    TransformerEncoder,
)
from lamina.models.model import Model
from lamina.tensor import Tensor
from lamina.zoo.parts import Network, Options, Shape, described
from lamina.zoo.transformer_weights import Arrays, dense, norm, thirds
from lamina.zoo.weights import assign_weights


class ClassToken(Layer):
    """A learned vector in front of each sequence.

    Shapes:
        (batch, steps, features) -> (batch, steps + 1, features)

    Example:
        >>> import lamina as lm
        >>> from lamina.zoo.vit import ClassToken
        >>> ClassToken()(lm.zeros((2, 4, 8))).shape
        (2, 5, 8)
    """

    family = "lamina.zoo"

    def build(self, input_shape: Any) -> None:
        self.token = self.add_weight(name="token", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        batch, _, features = inputs.shape
        token = ops.broadcast_to(self.token.read(), (batch, 1, features))
        return ops.concat([ops.astype(token, inputs.dtype), inputs], axis=1)


class FirstStep(Layer):
    """The first step of each sequence.

    Shapes:
        (batch, steps, features) -> (batch, features)

    Example:
        >>> import lamina as lm
        >>> from lamina.zoo.vit import FirstStep
        >>> FirstStep()(lm.zeros((2, 5, 8))).shape
        (2, 8)
    """

    family = "lamina.zoo"

    def call(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0]


def _vit(o: Options, patch: int, depth: int, width: int, heads: int) -> Model:
    inputs = o.images(224, patch, flat=True)
    size = [n for n in inputs.shape[1:3] if isinstance(n, int)]
    if len(size) < 2 or any(n % patch for n in size):
        raise ShapeError(
            f"{o.name}: images of shape {tuple(inputs.shape[1:])} (expected a known height and "
            f"width that {patch} divides)",
            hint="pass input_shape=(224, 224, 3)",
        )
    x = Conv2D(width, patch, strides=patch, name="conv_proj")(inputs)
    count = (size[0] // patch) * (size[1] // patch)
    x = ClassToken(name="class_token")(Reshape((count, width), name="patches")(x))
    positions = PositionEmbedding(count + 1, initializer="normal", name="pos_embedding")(x)
    x = Dropout(0.0, name="dropout")(Add(name="tokens")([x, positions]))
    for n in range(depth):
        x = TransformerEncoder(
            4 * width,
            heads,
            activation="gelu",
            layer_norm_epsilon=1e-6,
            normalize_first=True,
            name=f"encoder_layer_{n}",
        )(x)
    x = LayerNormalization(epsilon=1e-6, name="ln")(x)
    if o.include_top:
        x = Dense(o.classes, o.classifier_activation, name="head")(FirstStep(name="class")(x))
    elif o.pooling is not None:
        x = FirstStep(name="class")(x)
    model = Model(inputs, x, name=o.name)
    if o.weights is not None and o.arrays is not None:
        assign_weights(model, _from_torchvision(o.arrays, depth), o.weights)
    elif o.weights is not None:
        model.load_weights(o.weights)
    return model


def _from_torchvision(arrays: Arrays, depth: int) -> Arrays:
    found = {
        "conv_proj/kernel": np.moveaxis(arrays["conv_proj.weight"], (0, 1), (-1, -2)),
        "conv_proj/bias": arrays["conv_proj.bias"],
        "class_token/token": arrays["class_token"],
        "pos_embedding/position_embeddings": arrays["encoder.pos_embedding"],
        **norm(arrays, "encoder.ln", "ln"),
    }
    if "heads.head.weight" in arrays:
        found.update(dense(arrays, "heads.head", "head"))
    for n in range(depth):
        module, layer = f"encoder.layers.encoder_layer_{n}", f"encoder_layer_{n}"
        attention = f"{layer}/self_attention"
        found.update(
            thirds(
                arrays[f"{module}.self_attention.in_proj_weight"].T,
                arrays[f"{module}.self_attention.in_proj_bias"],
                attention,
            )
        )
        old = f"{module}.mlp.linear_1.weight" in arrays
        first, last = ("linear_1", "linear_2") if old else ("0", "3")
        found.update(
            {
                **dense(
                    arrays, f"{module}.self_attention.out_proj", f"{attention}/attention_output"
                ),
                **norm(arrays, f"{module}.ln_1", f"{layer}/self_attention_norm"),
                **norm(arrays, f"{module}.ln_2", f"{layer}/feedforward_norm"),
                **dense(arrays, f"{module}.mlp.{first}", f"{layer}/feedforward_in"),
                **dense(arrays, f"{module}.mlp.{last}", f"{layer}/feedforward_out"),
            }
        )
    return found


def _sized(
    public: str, title: str, parameters: int, patch: int, depth: int, width: int, heads: int
) -> Network:
    default_name = public.lower()

    def make(
        include_top: bool = True,
        weights: PathLike | None = None,
        input_tensor: Tensor | None = None,
        input_shape: Shape | None = (224, 224, 3),
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        name: str = default_name,
    ) -> Model:
        o = Options(
            name,
            include_top,
            weights,
            input_tensor,
            input_shape,
            pooling,
            classes,
            classifier_activation,
        )
        return _vit(o, patch, depth, width, heads)

    source = "Dosovitskiy et al. (2021), arXiv:2010.11929"
    return described(make, public, title, parameters, source)


ViTTi16 = _sized("ViTTi16", "ViT-Ti/16", 5717416, 16, 12, 192, 3)
ViTS16 = _sized("ViTS16", "ViT-S/16", 22050664, 16, 12, 384, 6)
ViTB16 = _sized("ViTB16", "ViT-B/16", 86567656, 16, 12, 768, 12)
ViTB32 = _sized("ViTB32", "ViT-B/32", 88224232, 32, 12, 768, 12)
ViTL16 = _sized("ViTL16", "ViT-L/16", 304326632, 16, 24, 1024, 16)
