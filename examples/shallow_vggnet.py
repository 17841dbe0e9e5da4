"""ShallowVGGNet, the lectures' convolutional network: its class as printed there, and its training.

Pairs of 3x3 convolutions, each followed by batch normalization, then a pooling that halves rows
and columns and doubles the filters behind it (Simonyan & Zisserman 2014). Trained here on the
digits that come with the package, 8x8 pixels, or on MNIST, 28x28.

    python examples/shallow_vggnet.py [--epochs 12] [--data mnist]
"""

import argparse

import numpy as np

import lamina as tf


# fmt: off
class ShallowVGGNet:
    @staticmethod
    def build(width, height, depth, classes):
        model = tf.keras.models.Sequential()
        inputShape = (height, width, depth)
        chanDim = -1
        model.add(tf.keras.layers.Conv2D(32, (3, 3), padding="same", input_shape=inputShape, activation='relu'))  # noqa: E501
        model.add(tf.keras.layers.BatchNormalization(axis=chanDim))
        model.add(tf.keras.layers.Conv2D(32, (3, 3), padding="same", activation='relu'))
        model.add(tf.keras.layers.BatchNormalization(axis=chanDim))
        model.add(tf.keras.layers.MaxPooling2D(pool_size=(2, 2)))
        model.add(tf.keras.layers.Dropout(0.25))
        model.add(tf.keras.layers.Conv2D(64, (3, 3), padding="same", activation='relu'))
        model.add(tf.keras.layers.BatchNormalization(axis=chanDim))
        model.add(tf.keras.layers.Conv2D(64, (3, 3), padding="same", activation='relu'))
        model.add(tf.keras.layers.BatchNormalization(axis=chanDim))
        model.add(tf.keras.layers.MaxPooling2D(pool_size=(2, 2)))
        model.add(tf.keras.layers.Dropout(0.25))
        model.add(tf.keras.layers.Flatten())
        model.add(tf.keras.layers.Dense(512, activation='relu'))
        model.add(tf.keras.layers.BatchNormalization())
        model.add(tf.keras.layers.Dropout(0.5))
        model.add(tf.keras.layers.Dense(classes, activation='softmax'))
        return model
# fmt: on


def images(name: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A data set of grey pictures by name, as (pictures, rows, columns, 1), from 0 to 1."""
    (x_train, y_train), (x_test, y_test) = getattr(tf.datasets, name).load_data()
    most = float(x_train.max())
    scaled = [(x[..., None] / most).astype(np.float32) for x in (x_train, x_test)]
    return (scaled[0], y_train), (scaled[1], y_test)


def main(epochs: int = 12, data: str = "digits", batch_size: int = 16) -> float:
    """Train and test; returns the test accuracy.

    Moving statistics follow slowly (momentum 0.99): after fewer than a thousand steps what counts
    in a test is still partly what they began with, and accuracy in tests is far below training.
    """
    (x_train, y_train), (x_test, y_test) = images(data)

    tf.set_seed(1)
    _, height, width, depth = x_train.shape
    model = ShallowVGGNet.build(width, height, depth, classes=10)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs)
    _, accuracy = model.evaluate(x_test, y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--data", default="digits", choices=["digits", "mnist", "fashion_mnist"])
    options = parser.parse_args()
    main(options.epochs, options.data)
