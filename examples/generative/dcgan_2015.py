"""Deep convolutional GAN (Radford, Metz, Chintala 2015): two networks in a contest draw digits.

The generator makes an image of 100 random numbers by transposed convolutions; the discriminator
says whether an image is real. Each step trains both: the discriminator to tell, the generator to be
taken for real. Recipe of the paper: no pooling and no dense hidden layers, batch normalization (not
next to the images), ReLU in the generator and LeakyReLU(0.2) in the discriminator, Adam 0.0002 with
beta_1 0.5, weights from N(0, 0.02^2). MNIST in place of faces and bedrooms, with a quarter of the
features. The paper's test of what the discriminator has learned: a linear classifier on its
features (82.8% on CIFAR-10). Here it gets 1,000 labels, and is compared with the same classifier on
pixels and on the features of a discriminator that was never trained.

    python examples/generative/dcgan_2015.py [--quick] [--figure dcgan_2015.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "linear classifier on features, %": ("82.8 (CIFAR-10)", ".1f"),
    "the same without training, %": ("not published", ".1f"),
    "the same on pixels, %": ("not published", ".1f"),
}
SMALL = {"epochs": 1, "samples": 256, "features": 8}
CODE, BATCH = 100, 64


def networks(features: int) -> tuple[lm.Sequential, lm.Sequential]:
    """Generator (batch, CODE) -> (batch, 28, 28, 1) from -1 to 1, and discriminator -> logits."""
    layers, normal = lm.layers, lm.initializers.RandomNormal(stddev=0.02)

    def up(count, strides, **kwargs):
        return layers.Conv2DTranspose(
            count, 4, strides, padding="same", kernel_initializer=normal, **kwargs
        )

    def down(count):
        return layers.Conv2D(count, 4, 2, padding="same", kernel_initializer=normal)

    generator = lm.Sequential(
        [
            lm.Input((CODE,)),
            layers.Dense(7 * 7 * 2 * features, use_bias=False, kernel_initializer=normal),
            layers.Reshape((7, 7, 2 * features)),
            layers.BatchNormalization(),
            layers.ReLU(),
            up(features, 2, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            up(1, 2, activation="tanh"),
        ],
        name="generator",
    )
    discriminator = lm.Sequential(
        [
            lm.Input((28, 28, 1)),
            down(features),
            layers.LeakyReLU(negative_slope=0.2),
            down(2 * features),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dense(1, kernel_initializer=normal),
        ],
        name="discriminator",
    )
    return generator, discriminator


class Contest(lm.Model):
    """Trains a generator and a discriminator on real images."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.losses_of = [lm.metrics.Mean(name=n) for n in ("discriminator", "generator")]

    def compile(self):
        super().compile()
        self.optimizers = [lm.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]

    def train_step(self, real):
        code = lm.keras.random.normal((real.shape[0], CODE))
        crossentropy = lm.losses.BinaryCrossentropy(from_logits=True)

        def told():
            found = self.discriminator(real, training=True)
            fake = self.discriminator(self.generator(code, training=True), training=True)
            return crossentropy(lm.ones_like(found), found) + crossentropy(
                lm.zeros_like(fake), fake
            )

        def fooled():
            fake = self.discriminator(self.generator(code, training=True), training=True)
            return crossentropy(lm.ones_like(fake), fake)

        logs = {}
        parts = (self.discriminator, self.generator)
        for loss, part, optimizer, mean in zip(
            (told, fooled), parts, self.optimizers, self.losses_of, strict=True
        ):
            with lm.GradientTape() as tape:
                value = loss()
            slopes = tape.gradient(value, part.trainable_variables)
            optimizer.apply_gradients(zip(slopes, part.trainable_variables, strict=True))
            mean.update_state(value)
            logs[mean.name] = mean.result()
        return logs


def classified(features: np.ndarray, y: np.ndarray, test: np.ndarray, y_test) -> float:
    """Accuracy of a linear classifier with 1,000 labels, %."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    model = lm.Sequential([lm.Input(features.shape[1:]), lm.layers.Dense(10)])
    loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lm.optimizers.AdamW(1e-3, weight_decay=0.1), loss, metrics=["accuracy"])
    model.fit((features - mean) / scale, y, batch_size=50, epochs=30, verbose=0)
    result = model.evaluate((test - mean) / scale, y_test, verbose=0, return_dict=True)
    return 100 * result["accuracy"]


def features_of(discriminator: lm.Sequential, x: np.ndarray) -> np.ndarray:
    """The inputs of the discriminator's last layer."""
    trunk = lm.Sequential(discriminator.layers[:-1])
    return trunk.predict(x, batch_size=250, verbose=0)


def draw(generator, codes: np.ndarray, path: str) -> None:
    """Draw new digits, and the way from one code to another in each row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    shares = np.linspace(0, 1, 10)[:, None, None]
    between = (1 - shares) * codes[:10] + shares * codes[10:20]
    for axes, code, title in (
        (left, codes, "new digits"),
        (right, between.swapaxes(0, 1).reshape(-1, CODE), "from one code to another"),
    ):
        x = generator.predict(code.astype("float32"), verbose=0)[..., 0]
        tiles = x.reshape(10, 10, 28, 28).transpose(0, 2, 1, 3).reshape(280, 280)
        axes.imshow(tiles, cmap="gray_r")
        axes.set(title=title, xticks=[], yticks=[])
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 4, samples: int = 20_000, features: int = 32, path: str | None = None
) -> dict[str, float]:
    """Train; return the accuracies of linear classifiers in percent."""
    lm.set_seed(1)
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = (a[..., None].astype("float32") / 127.5 - 1 for a in (x, x_test))
    generator, discriminator = networks(features)
    given, labels = x[:1000], y[:1000]
    before = features_of(discriminator, given), features_of(discriminator, x_test)
    contest = Contest(generator, discriminator)
    contest.compile()
    contest.fit(x[:samples], batch_size=BATCH, epochs=epochs, verbose=0)
    after = features_of(discriminator, given), features_of(discriminator, x_test)
    pixels = tuple(a.reshape(len(a), -1) for a in (given, x_test))
    if path:
        draw(generator, np.random.default_rng(0).normal(size=(100, CODE)), path)
    values = [classified(a, labels, b, y_test) for a, b in (after, before, pixels)]
    return dict(zip(FIGURES, values, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on 256 digits")
    parser.add_argument("--figure", help="write an image of digits here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:38}{value:8.1f}")
