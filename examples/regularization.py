"""Regularization on few real data: the gap between training and test, for eight remedies.

A large network learns 1,000 digits of MNIST by heart: its training loss goes to 0 while its test
loss rises. The same network is trained with L2 and L1 penalties, dropout, batch normalization,
early stopping and augmented images, and a smaller network without any of them. All get the same
data, number of epochs and seeds; the strengths are usual values, not tuned on the test data.
Before that, networks of 1 to 1024 hidden units show under- and overfitting.

    python examples/regularization.py [--quick] [--figure regularization.png] [--sizes sizes.png]
"""

import argparse
from dataclasses import dataclass, field

import numpy as np

import lamina as lm

EPOCHS, SAMPLES, SEEDS = 50, 1000, (0, 1, 2)
CURVE = 2000  # test images on which the curves are measured; the table is on all
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # hidden units, for under- and overfitting
NEAR_ZERO = 1e-3  # a weight of smaller magnitude counts as 0


@dataclass
class Result:
    """The runs of one remedy: histories, and per seed the final losses and accuracies."""

    weights: int
    histories: list = field(default_factory=list)
    train: list = field(default_factory=list)  # (loss, accuracy) of each seed
    test: list = field(default_factory=list)
    zeros: list = field(default_factory=list)  # share of the first kernel that is near 0

    def mean(self, part: str, number: int) -> float:
        return float(np.mean([values[number] for values in getattr(self, part)]))


def network(
    units: int = 512,
    penalty: lm.regularizers.Regularizer | None = None,
    dropout: float = 0.0,
    normalize: bool = False,
    augment: bool = False,
) -> lm.Sequential:
    """Two hidden layers for images of 28x28, with what is asked for."""
    model = lm.Sequential([lm.Input((28, 28, 1))])
    if augment:  # up to 10 degrees, 2 pixels; in training only
        model.add(lm.layers.RandomRotation(10 / 360, fill_mode="constant"))
        model.add(lm.layers.RandomTranslation(2 / 28, 2 / 28, fill_mode="constant"))
    model.add(lm.layers.Flatten())
    for _ in range(2):
        model.add(lm.layers.Dense(units, kernel_regularizer=penalty))
        if normalize:
            model.add(lm.layers.BatchNormalization())
        model.add(lm.layers.ReLU())
        if dropout:
            model.add(lm.layers.Dropout(dropout))
    model.add(lm.layers.Dense(10, activation="softmax"))
    return model


REMEDIES = {
    "none (large network)": {},
    "smaller network": {"units": 16},
    "L2 penalty": {"penalty": lm.regularizers.L2(1e-3)},
    "L1 penalty": {"penalty": lm.regularizers.L1(1e-4)},
    "dropout": {"dropout": 0.5},
    "batch normalization": {"normalize": True},
    "early stopping": {},
    "augmentation": {"augment": True},
    "augmentation, dropout": {"augment": True, "dropout": 0.5},
}


class Gap(lm.callbacks.Callback):
    """Measures loss and accuracy on training and test data after each epoch, both as predictions:
    the figures of `fit` include penalties, dropout and augmented images."""

    each_batch = False

    def __init__(self, train: tuple, test: tuple) -> None:
        super().__init__()
        self.data = {"": train, "val_": test}
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        for prefix, (x, y) in self.data.items():
            loss, accuracy = scores(self.model, x, y)
            self.history.setdefault(f"{prefix}loss", []).append(loss)
            self.history.setdefault(f"{prefix}accuracy", []).append(accuracy)


def scores(model: lm.Model, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Cross-entropy without penalties, and accuracy."""
    p = model.predict(x, batch_size=500, verbose=0)
    loss = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-7)).mean()
    return float(loss), float((p.argmax(axis=1) == y).mean())


def run(name: str, train: tuple, test: tuple, epochs: int, seed: int, result: Result) -> None:
    """Train one network, and add its losses and accuracies to the result."""
    lm.set_seed(seed)
    model = network(**REMEDIES[name])
    model.compile("adam", "sparse_categorical_crossentropy")
    gap, held_out = Gap(train, (test[0][:CURVE], test[1][:CURVE])), {}
    callbacks: list = [gap]
    if name == "early stopping":  # by a fifth of the training data, not by the test data
        held_out = {"validation_split": 0.2}
        callbacks.append(lm.callbacks.EarlyStopping(patience=5, restore_best_weights=True))
    model.fit(*train, epochs=epochs, verbose=0, callbacks=callbacks, **held_out)
    result.weights = model.count_params()
    result.histories.append(gap.history)
    result.train.append(scores(model, *train))
    result.test.append(scores(model, *test))
    first = next(v for name, v in model.named_weights().items() if name.endswith("kernel"))
    result.zeros.append(float((np.abs(first.numpy()) < NEAR_ZERO).mean()))


def by_size(train: tuple, test: tuple, epochs: int, seeds: tuple, sizes: tuple) -> np.ndarray:
    """(sizes, seeds, 4): loss and accuracy on training data, then on test data, of networks of two
    layers with this number of units each."""
    found = np.zeros((len(sizes), len(seeds), 4))
    for row, column in np.ndindex(found.shape[:2]):
        lm.set_seed(seeds[column])
        model = network(sizes[row])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(*train, epochs=epochs, verbose=0)
        found[row, column] = *scores(model, *train), *scores(model, *test)
    return found


def table_of_sizes(found: np.ndarray, sizes: tuple) -> str:
    """Means over the seeds, one line a size."""
    lines = [f"{'units':>6}  {'loss':>6} {'test':>6}  {'accuracy':>8} {'test':>6}"]
    for size, (loss, accuracy, tested, right) in zip(sizes, found.mean(axis=1), strict=True):
        lines.append(
            f"{size:6}  {loss:6.3f} {tested:6.3f}  {100 * accuracy:7.1f}% {100 * right:5.1f}%"
        )
    return "\n".join(lines)


def draw_sizes(found: np.ndarray, sizes: tuple, path: str) -> None:
    """Losses and errors over the number of units (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    errors = found * [1, -100, 1, -100] + [0, 100, 0, 100]
    for axes, number, name in zip(panels, (0, 1), ("loss", "error, %"), strict=True):
        for part, color, style, label in (
            (number, "#8a8f98", "s--", "training"),
            (number + 2, "#1f6fb4", "o-", "test"),
        ):
            values = errors[..., part]
            axes.fill_between(
                sizes, values.min(axis=1), values.max(axis=1), color=color, alpha=0.2, linewidth=0
            )
            axes.plot(sizes, values.mean(axis=1), style, color=color, label=label, markersize=5)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, sizes, fontsize=8)
        axes.minorticks_off()
        axes.set(xlabel="units in each hidden layer", ylabel=name, ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def data(samples: int) -> tuple[tuple, tuple]:
    """The first images of MNIST to train with, and all test images."""
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = ((each[..., None] / 255).astype(np.float32) for each in (x, x_test))
    return (x[:samples], y[:samples]), (x_test, y_test)


def table(found: dict[str, Result]) -> str:
    """Means over the seeds, one line a remedy."""
    lines = [
        f"{'':22} {'weights':>8}  {'loss':>6} {'test':>6}  {'accuracy':>8} {'test':>6}  {'gap':>5}"
        f"  {'near 0':>6}"
    ]
    for name, r in found.items():
        accuracy, tested = 100 * r.mean("train", 1), 100 * r.mean("test", 1)
        lines.append(
            f"{name:22} {r.weights:8,}  {r.mean('train', 0):6.3f} {r.mean('test', 0):6.3f}"
            f"  {accuracy:7.1f}% {tested:5.1f}%  {accuracy - tested:5.1f}"
            f"  {100 * np.mean(r.zeros):5.1f}%"
        )
    return "\n".join(lines)


def draw(found: dict[str, Result], path: str) -> None:
    """The losses over the epochs of the first seed, a panel for each remedy (needs matplotlib)."""
    runs = {name: r.histories[0] for name, r in found.items()}
    figure = lm.plot.history(runs, metrics="loss", separate=True)
    for axes in figure.axes:
        axes.set_yscale("log")
        for line in axes.lines:
            line.set_marker("")
    figure.legends[0].texts[1].set_text("test")
    figure.savefig(path, dpi=110)


def main(
    epochs: int = EPOCHS,
    samples: int = SAMPLES,
    seeds: tuple = SEEDS,
    path: str | None = None,
    path_of_sizes: str | None = None,
    sizes: tuple = SIZES,
) -> dict[str, Result]:
    """Train every network with every seed; print the tables and return the results of remedies."""
    train, test = data(samples)
    measured = by_size(train, test, epochs, seeds, sizes)
    print(table_of_sizes(measured, sizes), end="\n\n")
    if path_of_sizes:
        draw_sizes(measured, sizes, path_of_sizes)
    found = {}
    for name in REMEDIES:
        found[name] = Result(0)
        for seed in seeds:
            run(name, train, test, epochs, seed, found[name])
    print(table(found))
    if path:
        draw(found, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="15 epochs, one seed")
    parser.add_argument("--figure", help="write the curves of the remedies here")
    parser.add_argument("--sizes", help="write the losses by the number of units here")
    arguments = parser.parse_args()
    small = (15, SAMPLES, (0,)) if arguments.quick else (EPOCHS, SAMPLES, SEEDS)
    main(*small, arguments.figure, arguments.sizes)
