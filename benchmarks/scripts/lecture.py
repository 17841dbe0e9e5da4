"""The lecture's program, from import to evaluate: `python -m ....lecture CONTESTANT`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.worker import private_output


def lecture(tf: Any) -> float:
    """The program as the lecture prints it; `tf` is what its import line would have named."""
    mnist = tf.keras.datasets.mnist
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = x_train / 255.0, x_test / 255.0
    x_train = x_train.reshape(60000, 784)
    x_test = x_test.reshape(10000, 784)
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Dense(512, activation=tf.nn.relu, input_shape=(784,)),
            tf.keras.layers.Dense(10, activation=tf.nn.softmax),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=5)
    results = model.evaluate(x_test, y_test)
    return results[1]


def lamina() -> Any:
    """`import lamina as tf`."""
    import lamina as tf

    return tf


def tensorflow() -> Any:
    """`import tensorflow as tf`, the lecture's own line."""
    import tensorflow as tf

    trust_data_set()
    return tf


def keras() -> Any:
    """Keras without TensorFlow, under the names that the program uses."""
    import keras

    trust_data_set()
    return SimpleNamespace(keras=keras, nn=keras.activations)


def trust_data_set() -> None:
    """Lets Keras take the harness's mnist.npz, packed differently from the published one."""
    from keras.src.utils import file_utils

    file_utils.validate_file = lambda *_, **__: True


IMPORTS: dict[str, Callable[[], Any]] = {
    "lamina": lamina,
    "keras-tensorflow": tensorflow,
    "keras-jax": keras,
    "keras-torch": keras,
}


def main(contestant: str) -> None:
    """Runs the program and prints the accuracy it reached."""
    channel = private_output()
    print(json.dumps({"accuracy": float(lecture(IMPORTS[contestant]()))}), file=channel)


if __name__ == "__main__":
    main(*sys.argv[1:])
