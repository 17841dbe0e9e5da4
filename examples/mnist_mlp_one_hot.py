"""The network of mnist_mlp.py with one-hot labels: a row of ten numbers, 1 at the digit, else 0.

The loss is then `categorical_crossentropy`; what is learned is the same.

    python examples/mnist_mlp_one_hot.py [--epochs 5]
"""

import argparse

import lamina as lm


def main(epochs: int = 5) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255.0
    x_test = x_test.reshape(-1, 784) / 255.0
    y_train = lm.data.to_categorical(y_train, 10)
    y_test = lm.data.to_categorical(y_test, 10)

    lm.set_seed(1)
    model = lm.Sequential(
        [
            lm.Input(shape=(784,)),
            lm.layers.Dense(512, activation="relu"),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs)
    _, accuracy = model.evaluate(x_test, y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    main(parser.parse_args().epochs)
