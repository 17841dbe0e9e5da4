"""Bidirectional recurrent networks (Schuster and Paliwal 1997): past and future inputs are used.

The task is the first of their paper. The input is a stream of random numbers; the target at each
step is a weighted mean of the inputs from 10 steps before to 20 after it, the weights falling off
linearly. A network that reads forwards cannot know what comes, one that reads backwards not what
was. How large their error must be follows from the weights; a network that reads both ways has no
such limit. The paper plots the errors; the published figures are the limits.

    python examples/history/bidirectional_1997.py [--quick] [--figure bidirectional.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "squared error, forwards": ("at least 0.61 (theory)", ".3f"),
    "squared error, backwards": ("at least 0.30 (theory)", ".3f"),
    "squared error, both ways": ("lower than either", ".4f"),
}
SMALL = {"epochs": 4, "count": 200, "seeds": 1}
BEFORE, AFTER = 10, 20
STEPS = 100


def weights() -> np.ndarray:
    """The share of each input, from BEFORE steps earlier to AFTER later; they sum to 1."""
    rise = np.arange(1, BEFORE + 1) / (BEFORE + 1)
    fall = np.arange(AFTER, 0, -1) / (AFTER + 1)
    whole = np.concatenate([rise, [1.0], fall])
    return whole / whole.sum()


def streams(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs from -1 to 1 and targets, both (count, STEPS, 1), of variance 1 each."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, STEPS)) * np.sqrt(3)
    padded = np.pad(x, ((0, 0), (BEFORE, AFTER)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, BEFORE + 1 + AFTER, axis=1)
    y = windows @ weights() / np.linalg.norm(weights())
    return x[..., None].astype("float32"), y[..., None].astype("float32")


def limits() -> dict[str, float]:
    """The least mean squared error for one that sees only one side: the share of the other side."""
    shares = weights() ** 2 / (weights() ** 2).sum()
    return {
        "forwards": float(shares[BEFORE + 1 :].sum()),
        "backwards": float(shares[:BEFORE].sum()),
        "both ways": 0.0,
    }


def network(way: str, units: int = 32) -> lm.Model:
    """A network that reads the steps in this way, with as many units in each."""
    steps = lm.Input((None, 1))
    if way == "both ways":
        h = lm.layers.Bidirectional(lm.layers.LSTM(units, return_sequences=True))(steps)
    elif way == "backwards":
        h = lm.layers.LSTM(units, return_sequences=True, go_backwards=True)(steps)
        h = lm.flip(h, axis=1)  # it gives its outputs in the order in which it made them
    else:
        h = lm.layers.LSTM(units, return_sequences=True)(steps)
    model = lm.Model(steps, lm.layers.Dense(1)(h))
    model.compile(lm.optimizers.Adam(0.005, clipnorm=1.0), "mse")
    return model


def draw(curves: dict[str, list[float]], y: np.ndarray, said: dict, path: str) -> None:
    """The errors over the epochs, and what each network said of one stream (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    right.plot(y[0, :, 0], color="#c0c0c0", linewidth=5, label="target")
    for (way, errors), color in zip(curves.items(), ("#1d4e89", "#e4a32e", "#c8382b"), strict=True):
        left.plot(range(1, len(errors) + 1), errors, color=color, label=way)
        left.axhline(limits()[way], color=color, linestyle=":")
        right.plot(said[way][0, :, 0], color=color, linewidth=1.2)
    left.set(xlabel="epoch", ylabel="mean squared error", title="dotted: the limit of each")
    left.legend(frameon=False, loc=(0.55, 0.2))
    right.set(xlabel="step", title="one stream")
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 20, count: int = 500, seeds: int = 3, path: str | None = None
) -> dict[str, list[float]]:
    """Train the three with each seed; returns the mean squared errors (saying nothing: 1)."""
    train, (x, y) = streams(count, seed=0), streams(100, seed=1)
    curves, said = {}, {}
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        lm.set_seed(seed)
        for way, errors in zip(limits(), found.values(), strict=True):
            model = network(way)
            history = model.fit(*train, epochs=epochs, verbose=0, validation_data=(x, y))
            curves[way] = history.history["val_loss"]
            said[way] = model.predict(x, verbose=0)
            errors.append(curves[way][-1])
    if path:
        draw(curves, y, said, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 epochs, one seed")
    parser.add_argument("--figure", help="write a figure of errors and answers here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
