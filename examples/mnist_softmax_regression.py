"""The smallest network that reads digits: one layer, ten outputs, softmax (second lecture).

Each output is a weighted sum of the 784 pixels, so the ten rows of weights can be looked at as
images. Reaches about 92% on MNIST.

    python examples/mnist_softmax_regression.py [--epochs 5]
"""

import argparse

import lamina as lm


def main(epochs: int = 5) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255.0
    x_test = x_test.reshape(-1, 784) / 255.0

    lm.set_seed(1)
    model = lm.Sequential([lm.Input(shape=(784,)), lm.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    model.fit(x_train, y_train, epochs=epochs)
    _, accuracy = model.evaluate(x_test, y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    main(parser.parse_args().epochs)
