"""ResNet (He et al. 2015, "Deep residual learning for image recognition"), for small images.

A block computes what to add to its input: x + f(x), f being two 3x3 convolutions. The gradient
reaches every block along the sum, undiminished, however deep the network is. ResNet-18 has four
stages of two blocks; the first block of each later stage halves rows and columns by its stride and
doubles the filters, and its input comes to that shape by a 1x1 convolution (option B of section
3.3). For images of 32x32 the network begins with a 3x3 convolution, without the stride and the
pooling that 224x224 need.

    python examples/resnet.py
    python examples/resnet.py --data cifar10 --filters 64
"""

import argparse

import lamina as lm
from lamina.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    RandomFlip,
    RandomTranslation,
    Rescaling,
)


def convolution(x, filters: int, kernel: int = 3, strides: int = 1):
    """Convolution and batch normalization, which makes a bias of the convolution superfluous."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(
        Conv2D(
            filters,
            kernel,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(x)
    )


def block(x, filters: int, strides: int):
    """relu(x + f(x)): the basic block of figure 5, left."""
    inside = Activation("relu")(convolution(x, filters, strides=strides))
    inside = convolution(inside, filters)
    if strides != 1 or x.shape[-1] != filters:
        x = convolution(x, filters, kernel=1, strides=strides)
    return Activation("relu")(Add()([x, inside]))


def resnet(
    shape=(32, 32, 3), classes: int = 10, blocks=(2, 2, 2, 2), filters: int = 64
) -> lm.Model:
    """A residual network: `blocks` in each stage, `filters` in the first, twice as many in each
    further one. As written, ResNet-18 with 11,173,962 weights to train, and 9,600 moving
    statistics; blocks (3, 4, 6, 3) are ResNet-34."""
    inputs = lm.Input(shape)
    x = Activation("relu")(convolution(inputs, filters))
    for stage, count in enumerate(blocks):
        for number in range(count):
            strides = 2 if stage and not number else 1
            x = block(x, filters * 2**stage, strides)
    x = lm.layers.GlobalAveragePooling2D()(x)
    return lm.Model(inputs, lm.layers.Dense(classes, activation="softmax")(x), name="resnet")


def main(epochs: int = 20, filters: int = 8, data: str = "digits", batch_size: int = 32) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = getattr(lm.datasets, data).load_data()
    if x_train.ndim == 3:  # gray
        x_train, x_test = x_train[..., None], x_test[..., None]

    lm.set_seed(1)
    model = lm.Sequential([lm.Input(x_train.shape[1:]), Rescaling(1 / float(x_train.max()))])
    if data == "cifar10":  # images that may be mirrored and moved, as in section 4.2
        model.add(RandomFlip("horizontal"))
        model.add(RandomTranslation(0.125, 0.125, fill_mode="constant"))
    model.add(resnet(x_train.shape[1:], filters=filters))
    rate = lm.schedules.CosineDecay(2e-3, epochs * -(-len(x_train) // batch_size))
    model.compile(lm.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.layers[-1].summary()
    model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs)
    _, accuracy = model.evaluate(x_test, y_test)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--data", default="digits", choices=["digits", "cifar10"])
    options = parser.parse_args()
    main(options.epochs, options.filters, options.data)
