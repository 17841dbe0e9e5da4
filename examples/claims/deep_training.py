"""Training ten layers and more (Glorot and Bengio 2010): activations, initializers, optimizers.

Networks of twelve hidden layers of 32 units read the 8 x 8 digits of the package. With sigmoid
units and gradient descent, as in the 1990s, the gradient of the first layer is smaller than that
of the last by many orders of magnitude, and nothing is learned. Tanh with Glorot's initializer,
ReLU with He's, batch normalization and Adam each keep the gradients alive. All rows have the same
data, batches, epochs and seeds; the rate is 0.1 for gradient descent and 0.001 for Adam, not
tuned.

    python examples/claims/deep_training.py [--quick] [--figure deep_training.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "accuracy: sigmoid, SGD, %": ("10 is guessing", ".1f"),
    "accuracy: tanh, Glorot, SGD, %": ("trains", ".1f"),
    "accuracy: ReLU, He, SGD, %": ("trains", ".1f"),
    "accuracy: sigmoid, batch normalization, Adam, %": ("trains", ".1f"),
    "accuracy: ReLU, He, Adam, %": ("trains", ".1f"),
    "gradient of first layer / last, sigmoid, log10": ("vanishes", ".1f"),
    "gradient of first layer / last, ReLU and He, log10": ("about 0", ".1f"),
}
SMALL = {"seeds": 1, "epochs": 1, "count": 300}
DEPTH, UNITS = 12, 32
ROWS = {  # activation, initializer, batch normalization, optimizer
    "sigmoid, SGD": ("sigmoid", "glorot_uniform", False, "sgd"),
    "tanh, Glorot, SGD": ("tanh", "glorot_uniform", False, "sgd"),
    "ReLU, He, SGD": ("relu", "he_normal", False, "sgd"),
    "sigmoid, batch normalization, Adam": ("sigmoid", "glorot_uniform", True, "adam"),
    "ReLU, He, Adam": ("relu", "he_normal", False, "adam"),
}


def network(activation: str, initializer: str, normalize: bool) -> lm.Sequential:
    """Twelve hidden layers between 64 pixels and 10 classes."""
    model = lm.Sequential([lm.Input((64,))])
    for _ in range(DEPTH):
        model.add(lm.layers.Dense(UNITS, kernel_initializer=initializer))
        if normalize:
            model.add(lm.layers.BatchNormalization())
        model.add(lm.layers.Activation(activation))
    model.add(lm.layers.Dense(10, activation="softmax"))
    return model


def gradient_norms(model: lm.Sequential, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The length of the loss's gradient for each kernel, from first to last."""
    kernels = [w for w in model.trainable_weights if len(w.shape) == 2]

    def loss(values: list[lm.Tensor]) -> lm.Tensor:
        return lm.mean(lm.losses.SparseCategoricalCrossentropy()(y, model(x)))

    return np.array([lm.linalg.norm(g).item() for g in lm.grad(loss)(kernels)])


def digits(count: int) -> tuple[tuple, tuple]:
    (x, y), (x_test, y_test) = lm.datasets.digits.load_data()
    x, x_test = ((each.reshape(len(each), -1) / 8 - 1).astype(np.float32) for each in (x, x_test))
    return (x[:count], y[:count]), (x_test, y_test)


def draw(curves: dict[str, list], norms: dict[str, np.ndarray], path: str) -> None:
    """Accuracies over the epochs, gradients over the layers (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, curve in curves.items():
        (line,) = left.plot(range(1, len(curve) + 1), curve, "o-", markersize=3, label=name)
        if name in norms:
            right.semilogy(range(1, DEPTH + 2), norms[name], "o-", color=line.get_color())
    left.set(xlabel="epoch", ylabel="test accuracy, %", ylim=(0, 100))
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="layer", ylabel="length of the gradient before training")
    figure.savefig(path, dpi=110)


def main(seeds: int = 3, epochs: int = 15, count: int = 3000, path: str | None = None) -> dict:
    """Train all rows with each seed; returns the figures."""
    train, test = digits(count)
    accuracies: dict[str, list[float]] = {name: [] for name in ROWS}
    ratios: dict[str, list[float]] = {"sigmoid, SGD": [], "ReLU, He, SGD": []}
    curves, norms = {}, {}
    for seed in range(seeds):
        for name, (activation, initializer, normalize, optimizer) in ROWS.items():
            lm.set_seed(seed)
            model = network(activation, initializer, normalize)
            if name in ratios:
                norms[name] = gradient_norms(model, train[0][:100], train[1][:100])
                ratios[name].append(float(np.log10(norms[name][0] / norms[name][-1])))
            rule = lm.optimizers.SGD(0.1) if optimizer == "sgd" else lm.optimizers.Adam(0.001)
            model.compile(rule, "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(*train, epochs=epochs, verbose=0, validation_data=test)
            curves[name] = [100 * a for a in history.history["val_accuracy"]]
            accuracies[name].append(curves[name][-1])
    if path:
        draw(curves, norms, path)
    return dict(zip(FIGURES, [*accuracies.values(), *ratios.values()], strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch")
    parser.add_argument("--figure", help="write accuracies and gradients here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
