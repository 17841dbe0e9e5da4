"""Forward-forward (Hinton 2022): learning without a backward pass through the network.

Every layer has a separate goal: the sum of its squared activities should be above a threshold for
digits with the right label, and below it for digits with a wrong one. The label is written into the
first ten pixels. Before a layer the length of the input is removed, so that the next layer cannot
read the goodness of the one before. No gradient crosses a layer. A test digit is tried with all ten
labels, and the label with the most goodness wins. The paper's network has four layers of 2,000
units and 60 epochs with 1.36% errors on MNIST; PyTorch's example has two of 500, 1,000 steps on one
batch and no figure. Here: two layers of 500 units, Adam, wrong labels drawn again in every epoch.

    python examples/vision/forward_forward_2022.py [--quick] [--figure forward_forward_2022.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "test errors, %": ("1.36 (a larger network, 60 epochs)", ".2f"),
    "of the first layer alone, %": ("not published", ".2f"),
}
SMALL = {"epochs": 4, "seeds": 1, "samples": 5000, "units": 200}
THRESHOLD = 2.0


class GoodnessLayer(lm.layers.Layer):
    """relu(W x / rms(x) + b), with a separate loss; its inputs carry no gradient."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.dense = lm.layers.Dense(units, activation="relu")

    def call(self, inputs):
        x = lm.stop_gradient(inputs)
        length = lm.sqrt(lm.mean(x**2, axis=-1, keepdims=True))
        return self.dense(x / (length + 1e-4))


def goodness(activities):
    """Mean squared activity of each sample: (batch, units) -> (batch,)."""
    return lm.mean(activities**2, axis=-1)


class ForwardForward(lm.Model):
    """The goodness of each layer for digits with labels: (batch, 784) -> (batch, layers)."""

    def __init__(self, units: int, layers: int = 2):
        super().__init__()
        self.parts = [GoodnessLayer(units) for _ in range(layers)]

    def call(self, x):
        found = []
        for part in self.parts:
            x = part(x)
            found.append(goodness(x))
        return lm.stack(found, axis=-1)


def layer_losses(is_right, found):
    """Sum over layers of log(1 + exp(-+(goodness - threshold))): each has its own gradient."""
    sign = 2 * is_right - 1
    return lm.sum(lm.nn.softplus(-sign * (found - THRESHOLD)), axis=-1)


def labeled(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Digits with the label as a one-hot code in the first ten pixels."""
    x = x.copy()
    x[:, :10] = np.eye(10, dtype="float32")[labels]
    return x


def train(x, y, units: int, epochs: int, rng) -> lm.Model:
    """Train on right and wrong labels, drawn again in each epoch."""
    model = ForwardForward(units)
    model.compile(lm.optimizers.Adam(1e-3), layer_losses)
    is_right = np.repeat([[1.0, 1.0], [0.0, 0.0]], len(x), axis=0)  # for each of the two layers
    for _ in range(epochs):
        wrong = (y + rng.integers(1, 10, len(y))) % 10
        both = np.concatenate([labeled(x, y), labeled(x, wrong)])
        model.fit(both, is_right, batch_size=128, verbose=0)
    return model


def scores(model: lm.Model, x: np.ndarray) -> np.ndarray:
    """Goodness (samples, label, layers) for each label."""
    found = [
        model.predict(labeled(x, np.full(len(x), k)), batch_size=500, verbose=0) for k in range(10)
    ]
    return np.stack(found, axis=1)


def draw(found: np.ndarray, y: np.ndarray, path: str) -> None:
    """Draw the goodness of right and of wrong labels, for each layer."""
    from matplotlib.figure import Figure

    right = np.eye(10, dtype=bool)[y]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for k, axes in enumerate(figure.subplots(1, found.shape[-1])):
        for chosen, name, color in (
            (right, "right label", "#2e7d32"),
            (~right, "wrong", "#c8382b"),
        ):
            axes.hist(found[chosen][:, k], 60, density=True, alpha=0.6, label=name, color=color)
        axes.axvline(THRESHOLD, color="gray", linestyle=":")
        axes.set(title=f"layer {k + 1}", xlabel="goodness", yticks=[])
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 15,
    seeds: int = 2,
    samples: int | None = None,
    units: int = 500,
    path: str | None = None,
) -> dict[str, list[float]]:
    """Train with each seed; return the errors in percent."""
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = (a[:samples].reshape(-1, 784).astype("float32") / 255 for a in (x, x_test))
    y, y_test = y[:samples].astype(int), y_test[:samples].astype(int)
    both, first = [], []
    for seed in range(seeds):
        lm.set_seed(seed)
        model = train(x, y, units, epochs, np.random.default_rng(seed))
        found = scores(model, x_test)
        both.append(100 * float((found.sum(axis=-1).argmax(axis=1) != y_test).mean()))
        first.append(100 * float((found[..., 0].argmax(axis=1) != y_test).mean()))
    if path:
        draw(found, y_test, path)
    return dict(zip(FIGURES, (both, first), strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 epochs on 5,000 digits")
    parser.add_argument("--figure", help="write an image of the goodness here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):8.2f}")
