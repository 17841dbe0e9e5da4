"""ShallowVGGNet, the lectures' convolutional network: its class as printed there, and its training.

Pairs of 3x3 convolutions, each followed by batch normalization, then a pooling that halves rows
and columns and doubles the filters behind it (Simonyan & Zisserman 2014). Trained on the digits
that come with the package, 8x8 pixels; on CIFAR-10 it reaches 81% in 15 epochs:

    python examples/shallow_vggnet.py [--epochs 12]
    python examples/shallow_vggnet.py --data cifar10 --epochs 15 --batch-size 64 --figures .
    python examples/shallow_vggnet.py --data photographs.zip/cifar10 ...
"""

import argparse
from pathlib import Path

import numpy as np

import lamina as tf

SETS = ["digits", "mnist", "fashion_mnist", "cifar10"]
SHOWN = 3  # the test image whose feature maps are drawn


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


Pair = tuple[np.ndarray, np.ndarray]


def images(data: str) -> tuple[Pair, Pair, list[str]]:
    """Training and test images, (images, rows, columns, channels), and what the classes are
    called. `data` names a data set, or a folder (or .zip file) in which are train/ and test/, and
    in these a folder of 32x32 images for each class."""
    if data in SETS:
        module = getattr(tf.datasets, data)
        (x_train, y_train), (x_test, y_test) = module.load_data()
        names = list(getattr(module, "CLASS_NAMES", map(str, range(10))))
        x_train, x_test = (x if x.ndim == 4 else x[..., None] for x in (x_train, x_test))
        return (x_train, y_train.ravel()), (x_test, y_test.ravel()), names
    parts = [
        tf.data.image_dataset_from_directory(f"{data}/{part}", image_size=(32, 32), shuffle=False)
        for part in ("train", "test")
    ]
    train, test = (part.arrays() for part in parts)
    return train, test, parts[0].class_names


def network(shape: tuple[int, ...], classes: int, most: float, flip: bool) -> tf.Sequential:
    """ShallowVGGNet behind what its images need: numbers from 0 to 1, and in training, where
    that makes no other image of it, every second one mirrored."""
    model = tf.keras.Sequential([tf.keras.Input(shape)])
    if flip:
        model.add(tf.keras.layers.RandomFlip("horizontal"))
    model.add(tf.keras.layers.Rescaling(1 / most))
    model.add(ShallowVGGNet.build(shape[1], shape[0], shape[2], classes))
    return model


def main(
    epochs: int = 12, data: str = "digits", batch_size: int = 16, folder: str | None = None
) -> float:
    """Train and test; returns the test accuracy. With a `folder`, draws into it.

    Moving statistics follow slowly (momentum 0.99): after fewer than a thousand steps what counts
    in a test is still partly what they began with, and accuracy in tests is far below training.
    """
    train, test, names = images(data)
    shape, most = train[0].shape[1:], float(train[0].max())

    tf.set_seed(1)
    model = network(shape, len(names), most, flip=shape[-1] == 3)
    rate = tf.schedules.CosineDecay(1e-3, epochs * -(-len(train[0]) // batch_size))
    adam = tf.keras.optimizers.Adam(rate)
    model.compile(optimizer=adam, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.layers[-1].summary()
    history = model.fit(*train, batch_size=batch_size, epochs=epochs, validation_data=test)
    if folder:
        draw(model, history, *test, names, Path(folder))
    _, accuracy = model.evaluate(*test)
    return accuracy


def draw(model: tf.Model, history, x: np.ndarray, y: np.ndarray, names: list[str], folder: Path):
    """Draw its training, the filters of the first layer, and outputs of layers for test images."""
    folder.mkdir(parents=True, exist_ok=True)
    plot, inner = tf.plot, model.layers[-1].name
    plot.history(history, path=folder / "shallow_vggnet.png")
    plot.filters(model, f"{inner}/conv2d", path=folder / "shallow_vggnet_filters.png")
    pooled = [f"{inner}/{name}" for name in ("conv2d", "max_pooling2d", "max_pooling2d_1")]
    plot.feature_maps(model, x[SHOWN], pooled, path=folder / "shallow_vggnet_maps.png")
    some = np.random.default_rng(0).permutation(len(x))[:1200]
    layers = [f"{inner}/{name}" for name in ("max_pooling2d_1", "dense")]
    found = {"pixels": x[some], **model.representations(x[some], layers)}
    path = folder / "shallow_vggnet_layers.png"
    plot.projection(found, y[some], names, method="tsne", path=path)
    plot.confusion(y, model.predict(x), names, path=folder / "shallow_vggnet_confusion.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--data", default="digits", help=f"{', '.join(SETS)}, or a folder")
    parser.add_argument("--figures", help="a folder to draw into")
    options = parser.parse_args()
    main(options.epochs, options.data, options.batch_size, options.figures)
