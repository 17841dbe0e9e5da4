"""LeNet-5 (LeCun et al. 1998): two convolutions, two poolings, three dense layers, on MNIST.

Written as today: ReLU and the largest of each window in the place of tanh and averages, every
filter of the second convolution sees all maps, the output is a softmax, the rate falls along half
a cosine. Reaches 99% on MNIST.

    python examples/lenet5.py [--epochs 12]
"""

import argparse

import numpy as np

import lamina as lm


def network() -> lm.Sequential:
    """28x28 pixels to 10 digits, 61,706 weights."""
    return lm.Sequential(
        [
            lm.Input(shape=(28, 28, 1)),
            lm.layers.Conv2D(6, 5, padding="same", activation="relu"),
            lm.layers.MaxPooling2D(2),
            lm.layers.Conv2D(16, 5, activation="relu"),
            lm.layers.MaxPooling2D(2),
            lm.layers.Flatten(),
            lm.layers.Dense(120, activation="relu"),
            lm.layers.Dense(84, activation="relu"),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )


def main(epochs: int = 12) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()
    x_train = (x_train[..., None] / 255.0).astype(np.float32)
    x_test = (x_test[..., None] / 255.0).astype(np.float32)

    lm.set_seed(1)
    model = network()
    steps = epochs * -(-len(x_train) // 64)
    rate = lm.schedules.CosineDecay(2e-3, steps)
    model.compile(lm.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    model.fit(x_train, y_train, batch_size=64, epochs=epochs)
    _, accuracy = model.evaluate(x_test, y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    main(parser.parse_args().epochs)
