"""Memory as attractors (Hopfield 1982): how many patterns a network of N units can store.

Hebb's weights for P random patterns, units of -1 and 1 that are updated one at a time, in random
order: each update can only lower the energy, so that the network comes to rest near a stored
pattern if it starts near one. Hopfield estimated that about 0.15 N patterns can be recalled; Amit,
Gutfreund and Sompolinsky (1985) computed for large N that at 0.138 N the overlap with a stored
pattern falls from 0.967 (1.6% wrong bits) to about 0.35 at once. Finite networks show the cliff
smoothed and at a higher load; the program gives the load at which half of the patterns are still
recalled with an overlap of 0.9, for three sizes: it falls towards 0.138 as N grows.

With the pseudo-inverse in the place of the outer products (Personnaz, Guyon and Dreyfus 1985)
stored patterns are fixed points up to N patterns; at 0.3 N they also attract states in which a
tenth of the bits is wrong.

    python examples/history/hopfield_1982.py [--quick] [--figure hopfield.png]
"""

import argparse
from itertools import product

import numpy as np

import lamina as lm

FIGURES = {
    "load at which half are recalled, N = 250": ("0.138 for large N", ".3f"),
    "the same, N = 500": ("0.138 for large N", ".3f"),
    "the same, N = 1,000": ("0.138 for large N", ".3f"),
    "overlap at P = 0.12 N, N = 1,000": ("0.98 or more", ".3f"),
    "updates that raise the energy": ("0", ".0f"),
    "overlap at P = 0.3 N, pseudo-inverse, 10% noise": ("-", ".3f"),
    "overlap at P = 0.3 N, outer products, 10% noise": ("-", ".3f"),
}
SMALL = {"sizes": (50, 100), "seeds": 2, "sweeps": 5}
LOADS = (0.10, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.20)


@lm.compile
def settle(w: lm.Tensor, s: lm.Tensor, orders: lm.Tensor) -> tuple[lm.Tensor, lm.Tensor]:
    """Update units one at a time, for states (n, starts); orders (updates,) says which unit.

    Returns the states at the end and the number of updates that raised an energy.
    """

    def update(carry: tuple, unit: lm.Tensor) -> tuple[tuple, None]:
        s, raised = carry
        field = lm.take(w, unit, axis=0) @ s
        old = lm.take(s, unit, axis=0)
        new = lm.where(field == 0, old, lm.sign(field))
        change = -(new - old) * field  # of the energy -1/2 s w s, since w has no diagonal
        s = lm.dynamic_update_slice(s, new[None], (unit, 0))
        return (s, raised + lm.sum((change > 0).astype("float32"))), None

    (s, raised), _ = lm.scan(update, (s, 0.0), orders)
    return s, raised


def outer_products(x: np.ndarray) -> np.ndarray:
    """Hebb's weights for patterns (P, n), without a diagonal."""
    w = x.T @ x / x.shape[1]
    return w - np.diag(np.diag(w))


def pseudo_inverse(x: np.ndarray) -> np.ndarray:
    """Weights that project on the patterns, without a diagonal."""
    w = lm.linalg.pinv(x) @ x
    return w.numpy() - np.diag(np.diag(w.numpy()))


def patterns(n: int, load: float, rng: np.random.Generator) -> np.ndarray:
    return rng.choice([-1.0, 1.0], (round(load * n), n)).astype(np.float32)


def recall(
    w: np.ndarray, x: np.ndarray, noise: float, sweeps: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Overlaps of at most 30 patterns with what they, with this share of wrong bits, settle to."""
    x = x[:30]
    begin = np.where(rng.random(x.shape) < noise, -x, x)
    orders = np.concatenate([rng.permutation(len(w)) for _ in range(sweeps)]).astype(np.int32)
    s, raised = settle(lm.asarray(w), lm.asarray(begin.T), lm.asarray(orders))
    return (s.numpy().T * x).mean(axis=1), raised.item()


def crossing(shares: np.ndarray) -> float:
    """The load at which the share of recalled patterns first falls to a half, by interpolation."""
    below = int((shares < 0.5).argmax())
    if below == 0:
        return float(LOADS[0] if shares[0] < 0.5 else LOADS[-1])
    return float(np.interp(0.5, shares[[below, below - 1]], [LOADS[below], LOADS[below - 1]]))


def draw(shares: dict[int, np.ndarray], shown: list[np.ndarray], path: str) -> None:
    """Recalled patterns over the load, and one recall of a digit (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes = left.subplots()
    for (n, found), color in zip(shares.items(), ("#a9c4de", "#5b8db8", "#1d4e89")[-len(shares) :]):
        axes.plot(LOADS, 100 * found.mean(axis=1), "o-", color=color, label=f"N = {n:,}")
    axes.axvline(0.138, color="#e4572e", linestyle=":", label="0.138")
    axes.set(xlabel="patterns P / N", ylabel="recalled with an overlap of 0.9, %")
    axes.legend(frameon=False)
    for axes, state, title in zip(
        right.subplots(1, 3), shown, ("stored", "shown", "recalled"), strict=True
    ):
        axes.imshow(state.reshape(28, 28), cmap="gray_r")
        axes.set_axis_off()
        axes.set_title(title)
    figure.savefig(path, dpi=110)


def digits_recalled(rng: np.random.Generator) -> list[np.ndarray]:
    """A digit, the digit with its lower half hidden, and the memory of six digits of it."""
    (x, y), _ = lm.datasets.digits.load_data()
    first = [int((y == digit).argmax()) for digit in (0, 1, 2, 4, 6, 7)]
    large = np.kron(np.pad(x[first], ((0, 0), (3, 3), (3, 3))), np.ones((1, 2, 2))) > 6
    stored = np.where(large, 1.0, -1.0).reshape(6, 784).astype(np.float32)
    shown = stored.copy()
    shown[:, 392:] = -1
    orders = np.concatenate([rng.permutation(784) for _ in range(5)]).astype(np.int32)
    s, _ = settle(lm.asarray(pseudo_inverse(stored)), lm.asarray(shown.T), lm.asarray(orders))
    return [stored[2], shown[2], s.numpy()[:, 2]]


def main(sizes=(250, 500, 1000), seeds: int = 5, sweeps: int = 20, path: str | None = None) -> dict:
    """Store patterns at all loads in networks of all sizes; returns the figures."""
    shares = {n: np.zeros((len(LOADS), seeds)) for n in sizes}
    overlaps = np.zeros((len(LOADS), seeds))
    raised, half = np.zeros(seeds), np.zeros((2, seeds))
    for n, seed in product(sizes, range(seeds)):
        rng = np.random.default_rng(seed)
        for row, load in enumerate(LOADS):
            x = patterns(n, load, rng)
            found, wrong = recall(outer_products(x), x, 0.0, sweeps, rng)
            shares[n][row, seed], overlaps[row, seed] = (found > 0.9).mean(), found.mean()
            raised[seed] += wrong
        x = patterns(n, 0.3, rng)
        for row, rule in enumerate((pseudo_inverse, outer_products)):
            half[row, seed] = recall(rule(x), x, 0.1, sweeps, rng)[0].mean()
    if path:
        draw(shares, digits_recalled(rng), path)
    cliffs = [[crossing(each) for each in found.T] for found in shares.values()]
    cliffs = [*cliffs, *[[float("nan")]] * (3 - len(cliffs))]
    values = [*cliffs, *(each.tolist() for each in (overlaps[LOADS.index(0.12)], raised, *half))]
    return dict(zip(FIGURES, values, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 units, two seeds")
    parser.add_argument("--figure", help="write overlaps and a recall here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
