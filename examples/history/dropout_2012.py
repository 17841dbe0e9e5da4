"""Dropout (Hinton et al. 2012): co-adaptation of units prevented, fewer errors on digits.

The same network is trained without dropout, with half of the hidden units dropped, and with a
fifth of the input pixels dropped too. As in the paper, an upper limit of the length of each unit's
weights (squared length 15) takes the place of a penalty, and at test time all units work with
weights halved (Lamina scales in training instead, which is the same).

The paper trains networks of 800 to 2,000 units a layer on 60,000 digits for 3,000 epochs: 160
errors on the 10,000 test digits without dropout, about 130 with it, about 110 with dropped inputs
too. To train in minutes, the program has 5,000 training digits, two layers of 400 units and 40
epochs, without the paper's schedule of rates and momentum (Adam, falling to 0 along half a
cosine). With a twelfth of the data it makes more errors; what is repeated is the order of the
three rows.

    python examples/history/dropout_2012.py [--quick] [--figure dropout.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "errors without dropout": ("160 (60,000 digits)", ",.0f"),
    "errors, hidden units dropped": ("130", ",.0f"),
    "errors, inputs dropped too": ("110", ",.0f"),
    "errors saved by dropout, %": ("31", ".0f"),
}
SMALL = {"samples": 600, "epochs": 8, "units": 64, "seeds": 1}
ROWS = {"no dropout": (0.0, 0.0), "hidden units": (0.0, 0.5), "inputs too": (0.2, 0.5)}


def network(units: int, inputs: float, hidden: float) -> lm.Sequential:
    """Two hidden layers; these shares of inputs and of hidden units are dropped in training."""
    limit = lm.constraints.MaxNorm(15**0.5)
    model = lm.Sequential([lm.Input((784,)), lm.layers.Dropout(inputs)])
    for _ in range(2):
        model.add(lm.layers.Dense(units, activation="relu", kernel_constraint=limit))
        model.add(lm.layers.Dropout(hidden))
    model.add(lm.layers.Dense(10, activation="softmax", kernel_constraint=limit))
    return model


def digits(samples: int) -> tuple[tuple, tuple]:
    """The first images of MNIST as rows from 0 to 1, and all test images."""
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = ((each.reshape(len(each), -1) / 255).astype(np.float32) for each in (x, x_test))
    return (x[:samples], y[:samples]), (x_test, y_test)


def draw(curves: dict[str, list], weights: dict[str, np.ndarray], path: str) -> None:
    """Test errors over the epochs, and what hidden units look at (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=(5, 3, 3))
    axes = left.subplots()
    for (name, errors), color in zip(
        curves.items(), ("#8a8f98", "#1d4e89", "#e4572e"), strict=True
    ):
        axes.plot(np.arange(1, len(errors) + 1), errors, color=color, label=name)
    axes.set(xlabel="epoch", ylabel="test errors, %", title="dropped in training")
    axes.set_ylim(0, 2.2 * min(min(errors) for errors in curves.values()))
    axes.legend(frameon=False)
    for part, name in ((middle, "no dropout"), (right, "inputs too")):
        part.suptitle(f"first layer, {name}")
        for unit, axes in zip(weights[name].T, part.subplots(6, 5).flat, strict=False):
            axes.imshow(unit.reshape(28, 28), cmap="gray")
            axes.set_axis_off()
    figure.savefig(path, dpi=110)


def main(
    samples: int = 5000, epochs: int = 40, units: int = 400, seeds: int = 3, path: str | None = None
) -> dict[str, list[float]]:
    """Train the three networks with each seed; returns the figures."""
    train, test = digits(samples)
    errors: dict[str, list[float]] = {name: [] for name in ROWS}
    curves, weights = {}, {}
    for seed in range(seeds):
        for name, shares in ROWS.items():
            lm.set_seed(seed)
            model = network(units, *shares)
            rate = lm.schedules.CosineDecay(1e-3, epochs * -(-samples // 100))
            adam = lm.optimizers.Adam(rate)
            model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
            watched = {"validation_data": test} if seed == 0 else {}
            history = model.fit(*train, batch_size=100, epochs=epochs, verbose=0, **watched)
            wrong = model.predict(test[0], verbose=0).argmax(axis=1) != test[1]
            errors[name].append(1e4 * float(wrong.mean()))
            if watched:
                curves[name] = [100 * (1 - a) for a in history.history["val_accuracy"]]
                weights[name] = model.layers[1].kernel.numpy()
    if path:
        draw(curves, weights, path)
    saved = 100 * (1 - np.array(errors["inputs too"]) / errors["no dropout"])
    return dict(zip(FIGURES, [*errors.values(), saved.tolist()], strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few digits, one seed")
    parser.add_argument("--figure", help="write errors and first layers here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
