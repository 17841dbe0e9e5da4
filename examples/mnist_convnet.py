"""The convolutional network of PyTorch's MNIST example, with its training, in Lamina.

Two convolutions, a pooling, two dense layers, dropout between; Adadelta, whose rate falls to 0.7
of itself after each epoch (https://github.com/pytorch/examples/tree/main/mnist). Reaches about 99%
on MNIST.

    python examples/mnist_convnet.py [--epochs 14]
"""

import argparse

import numpy as np

import lamina as lm

MEAN, STDDEV = 0.1307, 0.3081  # of MNIST's pixels, from 0 to 1


def network() -> lm.Sequential:
    """28x28 pixels to 10 digits, 1,199,882 weights."""
    return lm.Sequential(
        [
            lm.Input(shape=(28, 28, 1)),
            lm.layers.Conv2D(32, 3, activation="relu"),
            lm.layers.Conv2D(64, 3, activation="relu"),
            lm.layers.MaxPooling2D(2),
            lm.layers.Dropout(0.25),
            lm.layers.Flatten(),
            lm.layers.Dense(128, activation="relu"),
            lm.layers.Dropout(0.5),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )


def images(x: np.ndarray) -> np.ndarray:
    """Pixels as the network takes them: (images, 28, 28, 1), mean 0, standard deviation 1."""
    return ((x[..., None] / 255.0 - MEAN) / STDDEV).astype(np.float32)


def main(epochs: int = 14) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()

    lm.set_seed(1)
    model = network()
    optimizer = lm.optimizers.Adadelta(learning_rate=1.0, rho=0.9, epsilon=1e-6)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    slower = lm.callbacks.LearningRateScheduler(lambda epoch, rate: 0.7**epoch)
    model.fit(images(x_train), y_train, batch_size=64, epochs=epochs, callbacks=[slower])
    _, accuracy = model.evaluate(images(x_test), y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=14)
    main(parser.parse_args().epochs)
