"""The reach of a gradient back in time (Bengio et al. 1994), and what LSTM does about it (1997).

The gradient of the last output by an input d steps ago is a product of d Jacobians. In a simple
recurrent network it shrinks, or grows, by about the largest absolute eigenvalue of the recurrent
matrix at every step; in an LSTM the cell passes it on by the forget gate, which may be near 1.
Measured here on untrained layers; then what follows from it, in the adding problem (Hochreiter and
Schmidhuber 1997): of a sequence of numbers, two are marked, one in each half; what is their sum?

    python examples/vanishing_gradient.py [--epochs 15] [--figure vanishing_gradient.png]
"""

import argparse

import numpy as np

import lamina as lm

UNITS = 32
FEATURES = 8
LENGTHS = (10, 20, 40, 80)


def simple(radius: float) -> lm.layers.Layer:
    """A SimpleRNN whose recurrent matrix has a largest absolute eigenvalue of `radius`."""
    layer = lm.layers.SimpleRNN(UNITS, recurrent_initializer="random_normal")
    layer.build((None, None, FEATURES))
    kernel, recurrent, bias = layer.get_weights()
    largest = np.abs(np.linalg.eigvals(recurrent)).max()
    layer.set_weights([kernel * 0.1, recurrent * (radius / largest), bias])
    return layer


def lstm(forget_bias: float) -> lm.layers.Layer:
    """An LSTM whose forget gates begin at sigmoid(forget_bias)."""
    layer = lm.layers.LSTM(UNITS)
    layer.build((None, None, FEATURES))
    kernel, recurrent, bias = layer.get_weights()
    bias[UNITS : 2 * UNITS] = forget_bias
    layer.set_weights([kernel, recurrent, bias])
    return layer


def reach(layer: lm.layers.Layer, steps: int = 60) -> np.ndarray:
    """The norm of the gradient of the last output by the input d steps ago; 1 for the last step."""
    x = lm.random.normal((64, steps, FEATURES), key=0)
    direction = lm.random.normal((UNITS,), key=1)
    gradient = lm.grad(lambda x: lm.sum(layer(x) * direction))(x).numpy()
    norms = np.sqrt(np.square(gradient).sum(axis=(0, 2)))[::-1]
    return norms / norms[0]


def curves() -> dict[str, np.ndarray]:
    """The reach of five layers."""
    layers = {f"SimpleRNN, eigenvalue {r}": simple(r) for r in (0.7, 0.95, 1.2)}
    layers |= {f"LSTM, forget bias {b}": lstm(b) for b in (1, 4)}
    return {name: reach(layer) for name, layer in layers.items()}


def marked_sums(count: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers from 0 to 1 and marks, (count, steps, 2), and the sums of the two that are marked."""
    random = np.random.default_rng(seed)
    x = np.zeros((count, steps, 2), np.float32)
    x[..., 0] = random.uniform(0, 1, (count, steps))
    rows, half = np.arange(count), steps // 2
    x[rows, random.integers(0, half, count), 1] = 1
    x[rows, random.integers(half, steps, count), 1] = 1
    return x, (x[..., 0] * x[..., 1]).sum(axis=1)


def learn_to_add(kind: type, steps: int, epochs: int) -> float:
    """The mean squared error on new sequences; always saying 1 has 0.167."""
    model = lm.Sequential([lm.Input((steps, 2)), kind(UNITS), lm.layers.Dense(1)])
    model.compile(lm.optimizers.Adam(0.005, clipnorm=1.0), "mse")
    model.fit(*marked_sums(5000, steps, seed=0), epochs=epochs, verbose=0)
    return float(model.evaluate(*marked_sums(1000, steps, seed=1), verbose=0))


def draw(found: dict, errors: dict, lengths: tuple, path: str) -> None:
    """Gradients over the distance, errors over the length (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, norms in found.items():
        left.semilogy(norms, "-" if "LSTM" in name else "--", label=name)
    left.set(xlabel="steps ago", ylabel="gradient, relative to the last step's", ylim=(1e-10, 1e3))
    left.legend(frameon=False, loc="lower left", fontsize="small")
    for name, values in errors.items():
        right.semilogy(lengths, values, "o-" if name == "LSTM" else "o--", label=name)
    right.axhline(1 / 6, color="gray", linewidth=0.8)
    right.text(lengths[0], 0.18, "knowing nothing", color="gray", fontsize="small")
    right.set(
        xlabel="steps", ylabel="mean squared error", title="the adding problem", ylim=(None, 0.4)
    )
    right.set_xticks(lengths)
    right.legend(frameon=False, loc="center right")
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 15, lengths: tuple[int, ...] = LENGTHS, path: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Measure and print; returns the gradients by distance and the errors by length."""
    lm.set_seed(2)
    found = curves()
    print(
        f"{'gradient by an input of n steps before':40}" + "".join(f"{d:>9}" for d in (10, 30, 59))
    )
    for name, norms in found.items():
        print(f"    {name:36}" + "".join(f"{norms[d]:9.0e}" for d in (10, 30, 59)))
    print(f"{'error in the adding problem, steps':40}" + "".join(f"{n:>9}" for n in lengths))
    errors = {}
    for kind in (lm.layers.SimpleRNN, lm.layers.LSTM):
        values = errors[kind.__name__] = [learn_to_add(kind, n, epochs) for n in lengths]
        print(f"    {kind.__name__:36}" + "".join(f"{value:9.4f}" for value in values))
    if path:
        draw(found, errors, lengths, path)
    return found, errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--figure", help="write a figure of both here")
    arguments = parser.parse_args()
    main(arguments.epochs, path=arguments.figure)
