"""The networks in layers, for those who speak Keras: Keras itself, and Lamina.

Each is written once, and given the module to build it with: `keras`, or `lamina.keras`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from benchmarks import networks

Namespace = Any
"""What holds `Sequential`, `Model`, `Input` and `layers`."""
Build = Callable[[Namespace], Any]
ORDERED = "part_"
"""What the names of layers begin with where only names tell their order."""


def mlp(keras: Namespace) -> Any:
    """The lecture's network, 784-512-10."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def dense(keras: Namespace) -> Any:
    """Wide dense layers, 4096-4096-4096-1000."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4096,)),
            layers.Dense(4096, activation="relu"),
            layers.Dense(4096, activation="relu"),
            layers.Dense(1000, activation="softmax"),
        ]
    )


def vgg(keras: Namespace) -> Any:
    """ShallowVGGNet as the lecture prints it, with batch normalization and dropout."""
    return _vgg(keras, norms=True)


def vgg_plain(keras: Namespace) -> Any:
    """ShallowVGGNet's convolutions, pooling and dense layers alone."""
    return _vgg(keras, norms=False)


def _vgg(keras: Namespace, norms: bool) -> Any:
    layers = keras.layers

    def normalized(layer: Any) -> list[Any]:
        return [layer, *[layers.BatchNormalization() for _ in range(norms)]]

    def thinned(layer: Any, rate: float) -> list[Any]:
        return [layer, *[layers.Dropout(networks.dropout(rate)) for _ in range(norms)]]

    def convolved(filters: int) -> list[Any]:
        return normalized(layers.Conv2D(filters, 3, padding="same", activation="relu"))

    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            *convolved(32),
            *convolved(32),
            *thinned(layers.MaxPooling2D(2), 0.25),
            *convolved(64),
            *convolved(64),
            *thinned(layers.MaxPooling2D(2), 0.25),
            layers.Flatten(),
            *normalized(layers.Dense(512, activation="relu")),
            *[layers.Dropout(networks.dropout(0.5)) for _ in range(norms)],
            layers.Dense(10, activation="softmax"),
        ]
    )


def resnet18(keras: Namespace) -> Any:
    """ResNet-18 in its form for small images: a 3x3 convolution begins, and no pooling."""
    layers, units = keras.layers, itertools.count(10)

    def unit(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
        name = f"{ORDERED}{next(units)}"
        if strides > 1 and size > 1:  # one row and column on each side, as with other strides
            x = layers.ZeroPadding2D(1)(x)
        options = {"padding": "valid" if strides > 1 else "same", "use_bias": False}
        x = layers.Conv2D(filters, size, strides, name=f"{name}_convolution", **options)(x)
        name = f"{name}_normalization"
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)

    def block(x: Any, filters: int, strides: int = 1) -> Any:
        y = layers.Activation("relu")(unit(x, filters, 3, strides))
        y = unit(y, filters)
        around = x if strides == 1 else unit(x, filters, 1, strides)
        return layers.Activation("relu")(layers.Add()([y, around]))

    inputs = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(unit(inputs, 64))
    for number, filters in enumerate((64, 128, 256, 512)):
        x = block(block(x, filters, 2 if number else 1), filters)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(10, activation="softmax", name=f"{ORDERED}{next(units)}_dense")(x)
    return keras.Model(inputs, x)


def _rows(layer: str, units: int, shape: tuple[int, int]) -> Build:
    """A recurrent layer, and a dense one on its last output."""

    def build(keras: Namespace) -> Any:
        parts = [getattr(keras.layers, layer)(units), keras.layers.Dense(10, activation="softmax")]
        return keras.Sequential([keras.Input(shape), *parts])

    return build


def _decoder(name: str) -> Build:
    """A language model in Lamina's own blocks; Keras itself has none."""
    sizes = networks.DECODERS[name]

    def build(lamina: Namespace) -> Any:
        layers, width = lamina.layers, sizes.width
        tokens = lamina.Input((sizes.context,), dtype="int32")
        x = layers.TokenAndPositionEmbedding(sizes.vocabulary, sizes.context, width)(tokens)
        for _ in range(sizes.layers):
            x = layers.TransformerDecoder(
                4 * width, sizes.heads, activation="gelu", normalize_first=True
            )(x)
        x = layers.LayerNormalization(epsilon=1e-5)(x)
        return lamina.Model(tokens, layers.Dense(sizes.vocabulary, activation="softmax")(x))

    return build


def vit(lamina: Namespace) -> Any:
    """The vision Transformer; its positions are a layer that Keras itself lacks."""
    layers, width = lamina.layers, networks.VIT_WIDTH
    patch, steps = networks.VIT_PATCH, (networks.VIT_SIDE // networks.VIT_PATCH) ** 2

    def dense(x: Any, units: int, rate: float) -> Any:
        return layers.Dropout(networks.dropout(rate))(layers.Dense(units, activation="gelu")(x))

    inputs = lamina.Input((networks.VIT_SIDE, networks.VIT_SIDE, 3))
    x = layers.Reshape((steps, width))(layers.Conv2D(width, patch, strides=patch)(inputs))
    x = layers.Add()([x, layers.PositionEmbedding(steps)(x)])
    for _ in range(networks.VIT_LAYERS):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        rate = networks.dropout(0.1)
        y = layers.MultiHeadAttention(networks.VIT_HEADS, width, dropout=rate)(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, dense(dense(y, 2 * width, 0.1), width, 0.1)])
    x = layers.Flatten()(layers.LayerNormalization(epsilon=1e-5)(x))
    x = layers.Dropout(networks.dropout(0.5))(x)
    for units in networks.VIT_HEAD:
        x = dense(x, units, 0.5)
    return lamina.Model(inputs, layers.Dense(10, activation="softmax")(x))


BOTH: dict[str, Build] = {
    "mlp": mlp,
    "dense": dense,
    "vgg": vgg,
    "vgg_plain": vgg_plain,
    "resnet18": resnet18,
    "lstm": _rows("LSTM", 128, (28, 28)),
    "lstm_1000": _rows("LSTM", 128, (1000, 28)),
    "gru": _rows("GRU", 256, (100, 64)),
}
"""What can be built of layers that both have."""
LAMINA: dict[str, Build] = {
    **BOTH,
    **{name: _decoder(name) for name in networks.DECODERS},
    "vit": vit,
}


def built(name: str, keras: Namespace) -> Any:
    """The network, with the weights that everyone begins with."""
    model = LAMINA[name](keras)
    weights = networks.BY_NAME[name].weights()
    for variable, weight in zip(_variables(model), weights, strict=True):
        variable.assign(weight.reshape(tuple(variable.shape)))  # heads are a separate axis
    return model


def _variables(model: Any) -> list[Any]:
    """Weights in the order in which the network was written, for branches by their names."""
    named = [layer for layer in model.layers if layer.name.startswith(ORDERED)]
    if not named:
        return model.trainable_variables
    ordered = sorted(named, key=lambda layer: layer.name)
    return [variable for layer in ordered for variable in layer.trainable_variables]
