"""Variational autoencoder (Kingma and Welling 2013): digits from a code of chosen distribution.

An encoder gives mean and variance of a code for each digit, a decoder makes the digit of a sample
of that normal distribution, and the loss is the bound on the log-likelihood in nats: cross-entropy
of the pixels plus the divergence of the code from N(0, 1). Network and training are those of
PyTorch's example: 784-400-20 and back, Adam 0.001, batches of 128, 10 epochs, whose test loss is
105 to 106. A second network with a code of 2 numbers shows the whole space of digits.

    python examples/generative/vae_2013.py [--quick] [--figure vae_2013.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "test loss, nats": ("105 to 106 (PyTorch's example)", ".1f"),
    "of it divergence of the code": ("about 25", ".1f"),
    "test loss with a code of 2 numbers": ("not published there", ".1f"),
}
SMALL = {"epochs": 1, "seeds": 1, "samples": 2000}
PIXELS, HIDDEN = 784, 400


class VariationalAutoencoder(lm.Model):
    """Digits (batch, 784) from 0 to 1 -> logits of the pixels (batch, 784)."""

    def __init__(self, code: int):
        super().__init__()
        dense = lm.layers.Dense
        self.encoder = dense(HIDDEN, activation="relu")
        self.mean, self.log_variance = dense(code), dense(code)
        self.decoder = lm.Sequential(
            [lm.Input((code,)), dense(HIDDEN, activation="relu"), dense(PIXELS)]
        )
        self.divergence = lm.metrics.Mean(name="divergence")

    def encoded(self, x):
        """Mean and log-variance of the code."""
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def call(self, x):
        mean, log_variance = self.encoded(x)
        noise = lm.keras.random.normal(mean.shape)
        bits = mean**2 + lm.exp(log_variance) - 1 - log_variance
        divergence = lm.mean(lm.sum(bits, axis=-1)) / 2
        self.add_loss(divergence)
        self.divergence.update_state(divergence)
        return self.decoder(mean + lm.exp(log_variance / 2) * noise)


def pixel_loss(x, logits):
    """Cross-entropy of all pixels of a digit, in nats."""
    return lm.sum(lm.nn.softplus(logits) - x * logits, axis=-1)


def train(x, x_test, code: int, epochs: int) -> tuple[lm.Model, float, float]:
    """Train; return the model, its loss on the test digits, and the divergence in it."""
    model = VariationalAutoencoder(code)
    model.compile("adam", pixel_loss)
    model.fit(x, x, batch_size=128, epochs=epochs, verbose=0)
    found = model.evaluate(x_test, x_test, batch_size=128, verbose=0, return_dict=True)
    return model, found["loss"], found["divergence"]


def draw(twenty, two, x_test: np.ndarray, path: str) -> None:
    """Draw digits and their reconstructions, new digits, and the space of two numbers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)

    def shown(axes, x, columns, title):
        tiles = x.reshape(-1, columns, 28, 28).transpose(0, 2, 1, 3).reshape(-1, columns * 28)
        axes.imshow(tiles, cmap="gray_r", vmin=0, vmax=1)
        axes.set(title=title, xticks=[], yticks=[])

    def decoded(model, code):
        return 1 / (1 + np.exp(-model.decoder.predict(code, verbose=0)))

    given = x_test[:50]
    again = 1 / (1 + np.exp(-twenty.predict(given, verbose=0)))
    pairs = np.stack([given.reshape(-1, 10, PIXELS), again.reshape(-1, 10, PIXELS)], axis=1)
    shown(left, pairs, 10, "test digits and their reconstructions")
    code = np.random.default_rng(0).normal(size=(100, 20)).astype("float32")
    shown(middle, decoded(twenty, code), 10, "new digits")
    line = np.linspace(-2, 2, 12)
    plane = np.stack(np.meshgrid(line, line[::-1]), axis=-1).reshape(-1, 2).astype("float32")
    shown(right, decoded(two, plane), 12, "a code of two numbers")
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 10, seeds: int = 2, samples: int | None = None, path: str | None = None
) -> dict[str, list[float]]:
    """Train with each seed; return the losses on the test digits."""
    (x, _), (x_test, _) = lm.datasets.mnist.load_data()
    x, x_test = (a[:samples].reshape(-1, PIXELS).astype("float32") / 255 for a in (x, x_test))
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        lm.set_seed(seed)
        twenty, loss, divergence = train(x, x_test, 20, epochs)
        two, loss_of_two, _ = train(x, x_test, 2, epochs)
        for column, value in zip(found.values(), (loss, divergence, loss_of_two), strict=True):
            column.append(value)
    if path:
        draw(twenty, two, x_test, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on 2,000 digits")
    parser.add_argument("--figure", help="write an image of digits here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):8.1f}")
