"""MNIST read row by row: an LSTM sees 28 rows of 28 pixels, one after the other, and then decides.

Reaches about 98.5% in six epochs.

    python examples/mnist_by_rows.py [--epochs 6]
"""

import argparse

import lamina as lm


def main(epochs: int = 6) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()
    x_train, x_test = x_train / 255.0, x_test / 255.0  # (pictures, 28 steps, 28 features)

    lm.set_seed(1)
    model = lm.Sequential(
        [
            lm.Input(shape=(28, 28)),
            lm.layers.LSTM(128),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    model.fit(x_train, y_train, epochs=epochs, validation_split=0.1)
    _, accuracy = model.evaluate(x_test, y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    main(parser.parse_args().epochs)
