"""Two crumpled sheets of paper (Chollet 2017): each layer makes the classes more separable.

Chollet's image of deep learning: two sheets of paper, one red and one blue, are crumpled together
to a ball; a network is a series of simple movements that uncrumple it. Here the sheets are two
surfaces that wind around each other in three dimensions, with folds. A network of four tanh layers
learns which sheet a point is on. After each layer the best plane (least squares) is asked to
separate the sheets: the share of points on the right side grows from layer to layer. The image
shows the points as each layer represents them, in the plane of the separating direction and of the
two largest components across it.

    python examples/claims/crumpled_paper.py [--quick] [--figure crumpled_paper.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "separated by a plane: input, %": ("about 50", ".1f"),
    "after layer 1, %": ("grows", ".1f"),
    "after layer 2, %": ("grows", ".1f"),
    "after layer 3, %": ("grows", ".1f"),
    "after layer 4, %": ("about 100", ".1f"),
}
SMALL = {"seeds": 1, "epochs": 10, "count": 600}


def sheets(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 3) on two rolled and folded sheets, and the sheet of each."""
    y = np.arange(count) % 2
    angle, across = rng.uniform(0.5, 2.5 * np.pi, count), rng.uniform(-1, 1, count)
    around = angle + np.pi * y  # the second sheet is rolled between the windings of the first
    radius = 0.3 * angle
    fold = 0.5 * np.sin(3 * angle)
    x = np.stack([radius * np.cos(around), radius * np.sin(around), 2 * across + fold], axis=1)
    return x.astype(np.float32), y


def network(units: int = 24) -> lm.Sequential:
    hidden = [lm.layers.Dense(units, activation="tanh") for _ in range(4)]
    return lm.Sequential([lm.Input((3,)), *hidden, lm.layers.Dense(1, activation="sigmoid")])


def plane(h: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """The distance of each point from the best plane, and the percentage on the right side."""
    rows = np.c_[h, np.ones(len(h))]
    side = rows @ np.linalg.lstsq(rows, 2.0 * y - 1, rcond=None)[0]
    return side, 100 * float(((side > 0) == y).mean())


def view(h: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (n, 3): the distance from the plane and the two largest components."""
    side, _ = plane(h, y)
    centered = h - h.mean(axis=0)
    axes = np.linalg.svd(centered, full_matrices=False)[2][:2]
    return np.c_[centered @ axes.T, side]


def draw(stages: list[np.ndarray], y: np.ndarray, shares: list[float], path: str) -> None:
    """The points as input and after each layer (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 3.4), layout="constrained")
    for number, (h, share) in enumerate(zip(stages, shares, strict=True)):
        axes = figure.add_subplot(1, len(stages), number + 1, projection="3d")
        points = h if number == 0 else view(h, y)
        for sheet, color in ((0, "#e4572e"), (1, "#1d4e89")):
            axes.scatter(*points[y == sheet].T, s=3, color=color)
        title = "two sheets" if number == 0 else f"layer {number}"
        axes.set_title(f"{title}: {share:.0f}% separated", fontsize=10)
        axes.set(xticks=[], yticks=[], zticks=[])
        axes.view_init(elev=65 if number == 0 else 15, azim=-60)
    figure.savefig(path, dpi=110)


def main(seeds: int = 5, epochs: int = 60, count: int = 2000, path: str | None = None) -> dict:
    """Train with each seed, and separate the points after each layer; returns the figures."""
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        lm.set_seed(seed)
        x, y = sheets(count, np.random.default_rng(seed))
        model = network()
        model.compile(lm.optimizers.Adam(0.005), "binary_crossentropy")
        model.fit(x, y[:, None], batch_size=50, epochs=epochs, verbose=0)
        stages = [x]
        for layer in model.layers[:-1]:
            stages.append(np.asarray(layer(stages[-1])))
        shares = [plane(h, y)[1] for h in stages]
        for name, share in zip(FIGURES, shares, strict=True):
            found[name].append(share)
    if path:
        draw(stages, y, shares, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, few epochs")
    parser.add_argument("--figure", help="write the points after each layer here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
