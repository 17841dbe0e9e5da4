"""Are minibatches of more than 32 samples bad? (Masters and Luschi 2018)

A network is trained on 10,000 digits of MNIST for the same number of epochs with batches of 8 to
512 samples and learning rates of 0.025 to 1.6, each with several seeds, by plain stochastic
gradient descent. A row of the table is a rate that stays constant, a diagonal a rate that grows in
proportion to the batch size; the best of each column compares batch sizes fairly. Then sizes above
32 are trained again with their best rate, for as many steps as 32 makes, which takes more epochs.

    python examples/batch_sizes.py [--quick] [--figure batch_sizes.png]
"""

import argparse
import time

import numpy as np

import lamina as lm

SIZES = (8, 16, 32, 64, 128, 256, 512)
RATES = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
BASE = 0.1  # the rate for 32 samples from which both rules begin
EPOCHS, SAMPLES, SEEDS = 10, 10_000, (0, 1, 2)


def network() -> lm.Sequential:
    """784 pixels to 10 digits with a hidden layer of 128 units; no batch normalization."""
    return lm.Sequential(
        [
            lm.Input((28, 28)),
            lm.layers.Flatten(),
            lm.layers.Dense(128, activation="relu"),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )


def data(samples: int) -> tuple[tuple, tuple]:
    """The first images of MNIST to train with, and all test images."""
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = ((each / 255).astype(np.float32) for each in (x, x_test))
    return (x[:samples], y[:samples]), (x_test, y_test)


def run(train: tuple, test: tuple, size: int, rate: float, epochs: int, seed: int) -> tuple:
    """The test accuracy after the last epoch, and the seconds of an epoch."""
    lm.set_seed(seed)
    model = network()
    model.compile(lm.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train[0][:size], train[1][:size], batch_size=size, verbose=0)  # compiles
    lm.set_seed(seed)
    model.set_weights(network().get_weights())
    begin = time.perf_counter()
    model.fit(*train, batch_size=size, epochs=epochs, verbose=0)
    seconds = (time.perf_counter() - begin) / epochs
    return model.evaluate(*test, batch_size=500, verbose=0)[1], seconds


def with_equal_steps(found: np.ndarray, data: tuple, epochs: int, seeds: tuple) -> np.ndarray:
    """Accuracies (sizes, seeds) of the best rate of each size, if sizes above 32 are trained for as
    many steps as 32."""
    best, again = found.mean(axis=2).argmax(axis=1), along(found, "best").copy()
    for k, size in enumerate(SIZES):
        if size > 32:
            longer = epochs * size // 32
            again[k] = [run(*data, size, RATES[best[k]], longer, seed)[0] for seed in seeds]
    return again


def along(found: np.ndarray, rule: str) -> np.ndarray:
    """The accuracies (sizes, seeds) of "constant" rates, of rates in proportion to the size
    ("linear"), or of the "best" rate of each size by its mean."""
    if rule == "best":
        return found[np.arange(len(SIZES)), found.mean(axis=2).argmax(axis=1)]
    start = RATES.index(BASE) - SIZES.index(32) if rule == "linear" else RATES.index(BASE)
    places = [start + k if rule == "linear" else start for k in range(len(SIZES))]
    return found[np.arange(len(SIZES)), places]


def table(found: np.ndarray, equal: np.ndarray, seconds: np.ndarray) -> str:
    """Test accuracies: a column for each batch size, a row for each rate; then rules and times."""
    lines = [f"{'test accuracy, %':24}" + "".join(f"{size:>7}" for size in SIZES)]
    rows = {f"rate {rate:g}": found[:, k] for k, rate in enumerate(RATES)}
    rows |= {f"{rule} rate": along(found, rule) for rule in ("constant", "linear", "best")}
    rows["best rate, equal steps"] = equal
    for name, values in rows.items():
        lines.append(f"{name:24}" + "".join(f"{100 * v:7.2f}" for v in values.mean(axis=1)))
    spread = 100 * along(found, "best").std(axis=1)
    lines.append(f"{'deviation over seeds':24}" + "".join(f"{v:7.2f}" for v in spread))
    lines.append(f"{'seconds an epoch':24}" + "".join(f"{v:7.3f}" for v in seconds))
    return "\n".join(lines)


def draw(found: np.ndarray, equal: np.ndarray, seconds: np.ndarray, path: str) -> None:
    """Accuracies by size and rule, accuracies by size and rate, seconds (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 0.9))
    styles = {
        "best": ("#1f6fb4", "o-"),
        "linear": ("#e07b1a", "s--"),
        "constant": ("#2f9e55", "^:"),
    }
    for rule, (color, style) in styles.items():
        values = 100 * along(found, rule)
        spread = values.min(axis=1), values.max(axis=1)
        left.fill_between(SIZES, *spread, color=color, alpha=0.15, linewidth=0)
        label = {"best": "best rate of each size", "linear": f"rate {BASE:g} · size / 32",
                 "constant": f"rate {BASE:g}"}[rule]  # fmt: skip
        left.plot(SIZES, values.mean(axis=1), style, color=color, label=label)
    more = [size >= 32 for size in SIZES]
    left.plot(np.array(SIZES)[more], 100 * equal.mean(axis=1)[more], "D-.", color="#6f747c",
              label="best rate, as many steps as 32")  # fmt: skip
    shown = np.concatenate([along(found, rule).mean(axis=1)[:-1] for rule in styles])
    left.set(ylabel="test accuracy, %", title="accuracy by batch size (band: seeds)")
    left.set_ylim(100 * shown.min() - 1.5, 100 * shown.max() + 0.7)
    left.legend(frameon=False)
    means = 100 * found.mean(axis=2).T
    low = np.quantile(means, 0.2)
    middle.imshow(means, cmap="cividis", vmin=low, origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(means):
        dark = value < (low + means.max()) / 2
        middle.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8,
                    color="white" if dark else "black")  # fmt: skip
    middle.set_xticks(range(len(SIZES)), SIZES)
    middle.set_yticks(range(len(RATES)), RATES)
    middle.set(ylabel="learning rate", title="test accuracy, %, by size and rate")
    right.plot(SIZES, seconds, "o-", color="#1f6fb4")
    right.set(ylabel="seconds", title="time of an epoch", ylim=(0, 1.15 * max(seconds)))
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, SIZES)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6")
    for axes in (left, middle, right):
        axes.set_xlabel("batch size")
    figure.savefig(path, dpi=110)


def main(
    epochs: int = EPOCHS, samples: int = SAMPLES, seeds: tuple = SEEDS, path: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train all; returns accuracies (sizes, rates, seeds), those with equal steps (sizes, seeds),
    and seconds (sizes,)."""
    train, test = data(samples)
    found = np.zeros((len(SIZES), len(RATES), len(seeds)))
    times = np.zeros_like(found)
    for place in np.ndindex(found.shape):  # seeds last, so that a slow minute meets all sizes
        size, rate, seed = (row[k] for row, k in zip((SIZES, RATES, seeds), place, strict=True))
        found[place], times[place] = run(train, test, size, rate, epochs, seed)
    seconds = np.median(times, axis=(1, 2))
    equal = with_equal_steps(found, (train, test), epochs, seeds)
    print(table(found, equal, seconds))
    if path:
        draw(found, equal, seconds, path)
    return found, equal, seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 images, 3 epochs, one seed")
    parser.add_argument("--figure", help="write the curves here")
    arguments = parser.parse_args()
    small = (3, 2000, (0,)) if arguments.quick else (EPOCHS, SAMPLES, SEEDS)
    main(*small, path=arguments.figure)
