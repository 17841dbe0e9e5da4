"""The contestants that speak Keras: Keras itself on its three backends, and Lamina."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.contestants import Prepare, Trial
from benchmarks.data import examples, witness
from benchmarks.frameworks import keras_networks
from benchmarks.frameworks.keras_networks import Namespace
from benchmarks.networks import BY_NAME

Load = Callable[[], Namespace]


def compiled(network: str, keras: Namespace, **options: Any) -> Any:
    """The network, built and compiled with Adam and the cross-entropy of labels."""
    model = keras_networks.built(network, keras)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", **options)
    return model


def fitting(
    load: Load,
    options: Callable[[int], dict[str, Any]],
    network: str,
    batch: int,
    steps: int,
) -> Trial:
    """A trial is one epoch of `fit`, in the order of the data, silent."""
    model = compiled(network, load(), **options(steps))
    x, y = examples(BY_NAME[network], batch * steps)

    def trial() -> float:
        history = model.fit(x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)
        return history.history["loss"][-1]

    return trial


def stepping(load: Load, network: str, batch: int, steps: int) -> Trial:
    """A trial calls `train_on_batch` in a loop: a step, and the cost of returning to Python."""
    model = compiled(network, load())
    x, y = examples(BY_NAME[network], batch * steps)
    batches = list(zip(np.split(x, steps), np.split(y, steps), strict=True))

    def trial() -> float:
        for inputs, labels in batches:
            loss = model.train_on_batch(inputs, labels)
        return float(np.ravel(loss)[0])

    return trial


def predicting(load: Load, network: str, batch: int, steps: int) -> Trial:
    """A trial calls `predict` on one batch after another."""
    model = keras_networks.built(network, load())
    batches = np.split(examples(BY_NAME[network], batch * steps)[0], steps)

    def trial() -> float:
        for rows in batches:
            result = model.predict(rows, batch_size=batch, verbose=0)
        return witness(result)

    return trial


def calling(load: Load, network: str, batch: int, steps: int) -> Trial:
    """A trial calls the model itself on one batch after another."""
    model = keras_networks.built(network, load())
    batches = np.split(examples(BY_NAME[network], batch * steps)[0], steps)

    def trial() -> float:
        for rows in batches:
            result = np.asarray(model(rows))
        return witness(result)

    return trial


def streaming(batch: int, steps: int) -> Trial:
    """Lamina's `stream`: one time step a call, the state kept from call to call."""
    keras, network = load_lamina(), BY_NAME["stream"]
    features = network.inputs[-1]
    model = keras.Sequential([keras.Input((None, features)), keras.layers.LSTM(network.classes)])
    for variable, weight in zip(model.trainable_variables, network.weights(), strict=True):
        variable.assign(weight)
    rows = [row[:, 0] for row in np.split(examples(network, batch * steps)[0], steps)]
    stream = model.stream(batch)

    def trial() -> float:
        stream.reset()
        for row in rows:
            result = stream.step(row)
        return witness(result)

    return trial


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


PREDICTED = ("mlp", "vgg")
"""The networks whose inference is measured, under `predict-NETWORK`."""


def _predictions(prepare: Callable[..., Trial], load: Load) -> dict[str, Prepare]:
    return {f"predict-{network}": partial(prepare, load, network) for network in PREDICTED}


KERAS: dict[str, Prepare] = {
    **{name: partial(fitting, load_keras, keras_options, name) for name in keras_networks.BOTH},
    **_predictions(predicting, load_keras),
}
KERAS_CALL: dict[str, Prepare] = _predictions(calling, load_keras)
LAMINA: dict[str, Prepare] = {
    **{name: partial(fitting, load_lamina, no_options, name) for name in keras_networks.LAMINA},
    **_predictions(predicting, load_lamina),
    "stream": streaming,
}
LAMINA_STEP: dict[str, Prepare] = {
    name: partial(stepping, load_lamina, name) for name in keras_networks.LAMINA
}
