"""Self-organizing maps (Kohonen 1982): neighbors in a sheet of units become neighbors in the data.

The unit whose weights are nearest to an input moves towards it, and its neighbors in the sheet
move with it; width of the neighborhood and step shrink over time. A sheet of 10 x 10 units unfolds
over a square. Its quantization error is compared with that of k-means with as many centers; the
topographic error is the share of inputs whose two nearest units are not neighbors in the sheet.

In one dimension, more units go where more inputs are, but not in proportion: with inputs of
density p(x), units have density p^(2/3) (Ritter and Schulten 1986). For p(x) = 2 x, unit k of n is
then near (k / n)^0.6. The program fits the exponent of p to the distances between units of a chain
of 100, with a neighborhood of fixed width 5, without the 20 units at each end, whose neighborhood
is cut off. Kohonen's paper has maps and no figures.

    python examples/history/kohonen_1982.py [--quick] [--figure kohonen.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "topographic error before training, %": ("-", ".1f"),
    "topographic error, %": ("0", ".1f"),
    "quantization error divided by that of k-means": ("about 1", ".3f"),
    "density of units: exponent of p(x)": ("0.67", ".3f"),
}
SMALL = {"seeds": 2, "steps": 4000}
SIDE, CHAIN, WIDTH = 10, 100, 5


@lm.compile
def learn(
    w: lm.Tensor, x: lm.Tensor, sheet: lm.Tensor, rates: lm.Tensor, widths: lm.Tensor
) -> lm.Tensor:
    """Show inputs x (steps, seeds, d) to maps w (seeds, units, d); sheet has squared distances."""

    def show(w: lm.Tensor, now: tuple) -> tuple[lm.Tensor, None]:
        x, rate, width = now
        away = x[:, None] - w
        winner = lm.argmin(lm.sum(away**2, axis=2), axis=1)
        near = lm.exp(-lm.take(sheet, winner, axis=0) / (2 * width**2))
        return w + rate * near[..., None] * away, None

    return lm.scan(show, w, (x, rates, widths))[0]


def falling(first: float, last: float, steps: int) -> np.ndarray:
    return np.geomspace(first, last, steps).astype(np.float32)


def squared_distances(places: np.ndarray) -> np.ndarray:
    return ((places[:, None] - places[None]) ** 2).sum(axis=-1).astype(np.float32)


SHEET = squared_distances(np.stack(np.divmod(np.arange(SIDE**2), SIDE), axis=1))


def errors(w: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Topographic (%) and quantization errors of maps (seeds, units, d) for inputs (n, d)."""
    distances = np.linalg.norm(x[None, :, None] - w[:, None], axis=-1)  # (seeds, n, units)
    nearest = np.argsort(distances, axis=-1)[..., :2]
    apart = SHEET[nearest[..., 0], nearest[..., 1]] > 2  # diagonal neighbors are neighbors
    return 100 * apart.mean(axis=1), distances.min(axis=-1).mean(axis=1)


def centers(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The centers of k-means, after 50 iterations."""
    found = x[rng.permutation(len(x))[: SIDE**2]]
    for _ in range(50):
        nearest = ((x[:, None] - found[None]) ** 2).sum(axis=-1).argmin(axis=1)
        counts = np.bincount(nearest, minlength=len(found))
        sums = np.stack([np.bincount(nearest, c, len(found)) for c in x.T], axis=1)
        found = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], found)
    return found


def squares(seeds: int, steps: int, rng: np.random.Generator) -> tuple[list, list[np.ndarray]]:
    """Maps of the square: errors before and after, and the maps of the first seed over time."""
    w = rng.uniform(0.4, 0.6, (seeds, SIDE**2, 2)).astype(np.float32)
    test = rng.random((1000, 2)).astype(np.float32)
    before, _ = errors(w, test)
    maps = [w[0]]
    rates, widths = falling(0.5, 0.02, steps), falling(5.0, 0.4, steps)
    for part in np.array_split(np.arange(steps), [steps // 50, steps // 5]):
        x = rng.random((len(part), seeds, 2)).astype(np.float32)
        w = learn(w, x, SHEET, rates[part], widths[part]).numpy()
        maps.append(w[0])
    after, quantization = errors(w, test)
    best = centers(rng.random((4000, 2)), rng)
    least = np.linalg.norm(test[:, None] - best[None], axis=-1).min(axis=1).mean()
    return [before, after, quantization / least], maps


def chains(seeds: int, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Exponents a of the density p^a of units in chains for p(x) = 2 x, and their positions."""
    w = np.linspace(0.1, 1, CHAIN, dtype=np.float32).reshape(1, -1, 1)
    w = np.tile(w, (seeds, 1, 1))
    sheet = squared_distances(np.arange(CHAIN)[:, None])
    rates, widths = falling(0.3, 0.003, steps), np.full(steps, WIDTH, np.float32)
    for part in np.array_split(np.arange(steps), max(1, steps // 40000)):
        x = np.sqrt(rng.random((len(part), seeds, 1))).astype(np.float32)
        w = learn(w, x, sheet, rates[part], widths[part]).numpy()
    inner = slice(4 * WIDTH, -4 * WIDTH)
    gaps = np.log(w[:, 2:, 0] - w[:, :-2, 0])[:, inner]
    places = np.log(w[:, 1:-1, 0])[:, inner]
    return np.array([-np.polyfit(*each, 1)[0] for each in zip(places, gaps)]), w[..., 0]


def draw(maps: list[np.ndarray], positions: np.ndarray, path: str) -> None:
    """Stages of a map of the square, and the positions of a chain (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.2), layout="constrained")
    panels = figure.subplots(1, len(maps) + 1)
    for axes, w in zip(panels, maps, strict=False):
        sheet = w.reshape(SIDE, SIDE, 2)
        for lines in (sheet, sheet.swapaxes(0, 1)):
            for line in lines:
                axes.plot(*line.T, ".-", color="#1d4e89", linewidth=0.8, markersize=3)
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], aspect="equal")
    ranks = (np.arange(CHAIN) + 0.5) / CHAIN
    for exponent, style in ((0.6, "-"), (0.5, ":")):
        panels[-1].plot(ranks, ranks**exponent, style, color="#e4572e", label=f"(k/n)^{exponent}")
    panels[-1].plot(ranks, positions[0], ".", color="#1d4e89", label="chain")
    panels[-1].set(xlabel="unit k / n", title="p(x) = 2 x")
    panels[-1].legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(seeds: int = 10, steps: int = 40000, path: str | None = None) -> dict[str, list[float]]:
    """Learn maps of a square and chains, all seeds at once; returns the figures."""
    rng = np.random.default_rng(0)
    found, maps = squares(seeds, steps, rng)
    exponents, positions = chains(seeds, 5 * steps, rng)
    if path:
        draw(maps, positions, path)
    values = [*found, exponents]
    return {name: value.tolist() for name, value in zip(FIGURES, values, strict=True)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, fewer steps")
    parser.add_argument("--figure", help="write the maps here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
