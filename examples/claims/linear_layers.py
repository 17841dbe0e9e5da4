"""Two linear layers equal one (Baldi and Hornik 1989): depth needs nonlinear layers.

Layers without activation functions multiply to one matrix, however many there are. The program
trains a network of three linear layers, multiplies its matrices, and compares the outputs; and it
trains one, three and ten linear layers, and one layer with ReLU, to tell the inner from the outer
points of a ring. No linear network can do it, whatever its depth; a few ReLU units can.

    python examples/claims/linear_layers.py [--quick] [--figure linear_layers.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "three layers - their product, largest difference": ("0", ".0e"),
    "accuracy of 1 linear layer, %": ("about 50", ".0f"),
    "accuracy of 3 linear layers, %": ("about 50", ".0f"),
    "accuracy of 10 linear layers, %": ("about 50", ".0f"),
    "accuracy with one layer of 16 ReLU units, %": ("100", ".1f"),
}
SMALL = {"seeds": 1, "epochs": 20, "count": 400}


def ring(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points within 1 of the middle, and points at a distance of 1.5 to 2.5."""
    y = np.arange(count) % 2
    radius = np.where(y == 1, rng.uniform(1.5, 2.5, count), rng.uniform(0, 1, count))
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32), y


def network(layers: int, activation: str | None = None, units: int = 16) -> lm.Sequential:
    """Layers of 16 units with this activation, and one output."""
    hidden = [lm.layers.Dense(units, activation=activation) for _ in range(layers)]
    return lm.Sequential([lm.Input((2,)), *hidden, lm.layers.Dense(1)])


def train(model: lm.Sequential, x: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Train; returns the accuracy in percent."""
    loss = lm.losses.BinaryCrossentropy(from_logits=True)
    model.compile(lm.optimizers.Adam(0.01), loss)
    model.fit(x, y[:, None], epochs=epochs, verbose=0)
    return 100 * float(((model.predict(x, verbose=0)[:, 0] > 0) == y).mean())


def product(model: lm.Sequential, x: np.ndarray) -> np.ndarray:
    """The outputs of the one layer that equals the model's linear layers."""
    kernel, bias = np.eye(2), np.zeros(2)
    for layer in model.layers:
        k, b = layer.get_weights()
        kernel, bias = kernel @ k, bias @ k + b
    return x @ kernel + bias


def draw(models: dict[str, lm.Sequential], x: np.ndarray, y: np.ndarray, path: str) -> None:
    """The points and what each network makes of the plane (needs matplotlib)."""
    from matplotlib.figure import Figure

    side = np.linspace(-2.7, 2.7, 100, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    figure = Figure(figsize=(11, 3), layout="constrained")
    for axes, (name, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
        z = model.predict(plane, verbose=0).reshape(100, 100)
        axes.contourf(side, side, z > 0, levels=1, colors=["#fbe3dc", "#dbe8f4"])
        for label, color in ((0, "#e4572e"), (1, "#1d4e89")):
            axes.plot(*x[y == label][:150].T, ".", color=color, markersize=3)
        axes.set(title=name, xticks=[], yticks=[], aspect="equal")
    figure.savefig(path, dpi=110)


def main(seeds: int = 3, epochs: int = 60, count: int = 1000, path: str | None = None) -> dict:
    """Train all networks with each seed; returns the figures."""
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        lm.set_seed(seed)
        x, y = ring(count, np.random.default_rng(seed))
        models = {
            "1 linear layer": network(0),
            "3 linear layers": network(2),
            "10 linear layers": network(9),
            "ReLU": network(1, "relu"),
        }
        accuracies = [train(model, x, y, epochs) for model in models.values()]
        deep = models["3 linear layers"]
        difference = float(np.abs(deep.predict(x, verbose=0) - product(deep, x)).max())
        for name, value in zip(FIGURES, [difference, *accuracies], strict=True):
            found[name].append(value)
    if path:
        draw(models, x, y, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, few epochs")
    parser.add_argument("--figure", help="write the points and networks here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
