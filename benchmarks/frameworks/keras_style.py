"""The contestants that speak Keras: Keras itself on its three backends, and Lamina.

Each network is written once and given the module to build it with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.contestants import Prepare, Turn
from benchmarks.data import classes

Namespace = Any
"""What holds `Sequential`, `Input` and `layers`: the module `keras`, or `lamina.keras`."""


def mlp(keras: Namespace) -> Any:
    """The lecture's network, 784-512-10."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def vgg(keras: Namespace) -> Any:
    """ShallowVGGNet: two pairs of 3x3 convolutions, pooled, then two dense layers."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lstm(keras: Namespace) -> Any:
    """A picture read row by row."""
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((28, 28)), layers.LSTM(128), layers.Dense(10, activation="softmax")]
    )


def compiled(network: Callable[[Namespace], Any], keras: Namespace, **options: Any) -> Any:
    """The network, built and compiled with Adam and the cross-entropy of labels."""
    model = network(keras)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", **options)
    return model


def fitting(
    load: Callable[[], Namespace],
    network: Callable[[Namespace], Any],
    shape: tuple[int, ...],
    options: Callable[[int], dict[str, Any]],
    batch: int,
    steps: int,
) -> Turn:
    """A turn is one epoch of `fit`, in the order of the data, silent."""
    model = compiled(network, load(), **options(steps))
    x, y = classes(batch * steps, shape)

    def turn() -> float:
        history = model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)
        return history.history["loss"][-1]

    return turn


def stepping(
    load: Callable[[], Namespace],
    network: Callable[[Namespace], Any],
    shape: tuple[int, ...],
    batch: int,
    steps: int,
) -> Turn:
    """A turn calls `train_on_batch` in a loop: a step, and what it costs to come back to Python."""
    model = compiled(network, load())
    x, y = classes(batch * steps, shape)
    batches = list(zip(np.split(x, steps), np.split(y, steps), strict=True))

    def turn() -> float:
        for inputs, labels in batches:
            loss = model.train_on_batch(inputs, labels)
        return float(np.ravel(loss)[0])

    return turn


def predicting(load: Callable[[], Namespace], batch: int, steps: int) -> Turn:
    """A turn calls `predict` on one row after another."""
    model = mlp(load())
    rows = np.split(classes(batch * steps, (784,))[0], steps)

    def turn() -> float:
        for row in rows:
            result = model.predict(row, verbose=0)
        return float(np.asarray(result).sum()) / batch

    return turn


def calling(load: Callable[[], Namespace], batch: int, steps: int) -> Turn:
    """A turn calls the model itself on one row after another."""
    model = mlp(load())
    rows = np.split(classes(batch * steps, (784,))[0], steps)

    def turn() -> float:
        for row in rows:
            result = np.asarray(model(row))
        return float(result.sum()) / batch

    return turn


def load_keras() -> Namespace:
    """Keras, on the backend that its environment names."""
    import keras

    return keras


def load_lamina() -> Namespace:
    """Lamina under the names of Keras."""
    import lamina

    return lamina.keras


def keras_options(steps: int) -> dict[str, Any]:
    """Keras's own faster form, several steps a call, on the backends that know it (not PyTorch)."""
    if load_keras().backend.backend() == "torch":
        return {}
    return {"steps_per_execution": min(steps, 20)}


def no_options(_: int) -> dict[str, Any]:
    """Lamina needs to be told nothing."""
    return {}


SHAPES = {mlp: (784,), vgg: (32, 32, 3), lstm: (28, 28)}


def _table(prepare: Callable[..., Turn], load: Callable[[], Namespace], *more: Any) -> dict:
    return {
        network.__name__: partial(prepare, load, network, shape, *more)
        for network, shape in SHAPES.items()
    }


KERAS: dict[str, Prepare] = {
    **_table(fitting, load_keras, keras_options),
    "predict": partial(predicting, load_keras),
}
KERAS_CALL: dict[str, Prepare] = {"predict": partial(calling, load_keras)}
LAMINA: dict[str, Prepare] = {
    **_table(fitting, load_lamina, no_options),
    "predict": partial(predicting, load_lamina),
}
LAMINA_STEP: dict[str, Prepare] = _table(stepping, load_lamina)
