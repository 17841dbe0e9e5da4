"""The Boltzmann machine (Ackley, Hinton and Sejnowski 1985): learning from two phases.

Binary units with symmetric weights visit states with probability exp(-energy / T) / Z. The
gradient of the log likelihood is the difference of two statistics: how often two units are on
together with the visible units clamped to data, and with the machine running freely. The encoder
problem has two groups of 4 (or 8) visible units, in which the same unit is on. They are connected
only through 2 (or 3) hidden units, which have to invent a code: another corner of the square (or
cube) for each pattern.

The procedure is that of the paper: annealing with two sweeps at each of T = 20, 15 and 12 and four
at 10, then ten sweeps at 10 that are counted, twice for each pattern; clamped bits are noisy (1
becomes 0 with probability 0.15, 0 becomes 1 with 0.05), so that weights stay finite; each weight
and bias moves by 2 up or down, whichever the statistics say. A run of 4-2-4 counts as solved at
the first cycle at which all codes, the most probable hidden states, have been distinct for ten
cycles.

Ours falls short of the paper: after 800 cycles 92 of 100 runs of 4-2-4 are solved, not all, and
the machine with three hidden units finds six or seven of the eight codes in 1,500 cycles, rarely
all. There, clamped zeros become 1 with probability 0.02, since with 0.05 fewer codes are found.

    python examples/history/boltzmann_1985.py [--quick] [--figure boltzmann.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "4-2-4 solved": ("250 of 250", ".0f"),
    "4-2-4, cycles until solved": ("median 110", ".0f"),
    "8-3-8 solved": ("16 of 20", ".0f"),
    "8-3-8, distinct codes of 8": ("8 or 7", ".2f"),
}
SMALL = {"runs": (20, 4), "cycles": (300, 60)}
ANNEALING = [20.0] * 2 + [15.0] * 2 + [12.0] * 2 + [10.0] * 4
COUNTED = 10
REPEATS = 2  # each pattern is annealed twice in a cycle
STEP = 2.0


def connections(group: int, hidden: int) -> np.ndarray:
    """1 where two units are connected: within a group, and between groups and hidden units."""
    kind = np.repeat([0, 1, 2], [group, group, hidden])
    one, other = kind[:, None], kind[None]
    linked = ((one == other) & (one < 2)) | ((one == 2) ^ (other == 2))
    return (linked & ~np.eye(len(kind), dtype=bool)).astype(np.float32)


def sample(w: lm.Tensor, b: lm.Tensor, s: lm.Tensor, units: np.ndarray, key: lm.Tensor) -> tuple:
    """Anneal these units of states (runs, patterns, n); returns how often pairs, units are on."""

    def update(s: lm.Tensor, row: tuple) -> tuple[lm.Tensor, None]:
        unit, at, temperature = row
        field = lm.einsum("rpn,rn->rp", s, lm.take(w, unit, axis=2)) + lm.take(b, unit, axis=2)
        on = (at < lm.sigmoid(field / temperature)).astype("float32")
        return lm.where((numbers == unit)[None, None], on[:, :, None], s), None

    def sweep(s: lm.Tensor, row: tuple) -> tuple[lm.Tensor, tuple]:
        temperature, number = row
        uniform = lm.random.uniform((len(units), *s.shape[:2]), key=lm.random.fold_in(key, number))
        temperatures = lm.broadcast_to(temperature, (len(units),))
        s, _ = lm.scan(update, s, (lm.asarray(units), uniform, temperatures))
        return s, (lm.einsum("rpn,rpm->rnm", s, s), lm.sum(s, axis=1, keepdims=True))

    numbers = lm.arange(s.shape[2])
    temperatures = np.array([*ANNEALING, *[ANNEALING[-1]] * COUNTED], np.float32)
    _, found = lm.scan(sweep, s, (temperatures, np.arange(len(temperatures), dtype=np.int32)))
    return tuple(lm.sum(each[-COUNTED:], axis=0) for each in found)


def learn(group: int, hidden: int, runs: int, cycles: int, noise: float, seed: int) -> tuple:
    """Weights (cycles, runs, n, n) and biases (cycles, runs, 1, n) after each cycle of learning."""
    n = 2 * group + hidden
    linked = lm.asarray(connections(group, hidden))
    data = np.tile(np.eye(group, dtype=np.float32), (runs, REPEATS, 2))
    patterns = data.shape[1]

    def cycle(carry: tuple, number: lm.Tensor) -> tuple[tuple, tuple]:
        w, b = carry
        flip, first, both, free, begin = lm.random.split(lm.random.fold_in(seed, number), 5)
        flips = lm.random.bernoulli(data.shape, lm.asarray(noise + (0.15 - noise) * data), key=flip)
        clamped = lm.where(flips, 1 - data, data)
        start = lm.random.bernoulli((runs, patterns, hidden), 0.5, key=first).astype("float32")
        clamped = lm.concat([clamped, start], axis=2)
        pairs, units = sample(w, b, clamped, np.arange(2 * group, n), both)
        start = lm.random.bernoulli((runs, patterns, n), 0.5, key=begin).astype("float32")
        free_pairs, free_units = sample(w, b, start, np.arange(n), free)
        w = w + STEP * lm.sign(pairs - free_pairs) * linked
        b = b + STEP * lm.sign(units - free_units)
        return (w, b), (w, b)

    @lm.compile
    def run(numbers: lm.Tensor) -> tuple:
        return lm.scan(cycle, (lm.zeros((runs, n, n)), lm.zeros((runs, 1, n))), numbers)[1]

    w, b = run(lm.arange(cycles))
    return w.numpy(), b.numpy()


def codes(w: np.ndarray, b: np.ndarray, group: int) -> np.ndarray:
    """The most probable hidden state of each pattern, as a number: (..., patterns)."""
    on = w[..., :group, 2 * group :] + w[..., group : 2 * group, 2 * group :]
    fields = on + b[..., 2 * group :]  # hidden units are not connected to each other
    return ((fields > 0) << np.arange(w.shape[-1] - 2 * group)).sum(axis=-1)


def distinct(found: np.ndarray) -> np.ndarray:
    """The number of distinct codes in the last axis."""
    ordered = np.sort(found, axis=-1)
    return 1 + (np.diff(ordered, axis=-1) > 0).sum(axis=-1)


def first_solved(counts: np.ndarray, group: int, held: int = 10) -> np.ndarray:
    """The first cycle of each run after which codes were distinct `held` cycles long, or 0."""
    windows = np.lib.stride_tricks.sliding_window_view(counts == group, held, axis=0).all(axis=2)
    return np.where(windows.any(axis=0), windows.argmax(axis=0) + held, 0)


def draw(counts: np.ndarray, cycles: int, w: np.ndarray, path: str) -> None:
    """Solved runs over the cycles, and weights of hidden units (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(1, cycles + 1), 100 * (counts == 4).mean(axis=1), color="#1d4e89")
    left.axvline(110, color="#e4572e", linestyle=":", label="median of the paper")
    left.set(xlabel="learning cycle", ylabel="runs with four distinct codes, %")
    left.legend(frameon=False)
    most = np.abs(w).max()
    right.imshow(w[8:, :8], cmap="RdBu", vmin=-most, vmax=most)
    right.set(xlabel="visible unit (two groups of four)", ylabel="hidden unit", yticks=[0, 1])
    right.set_title("weights of one run (blue: positive)")
    figure.savefig(path, dpi=110)


def main(runs=(100, 20), cycles=(800, 1500), path: str | None = None) -> dict[str, list]:
    """Learn both encoders, all runs at once; returns the figures."""
    w, b = learn(4, 2, runs[0], cycles[0], noise=0.05, seed=0)
    counts = distinct(codes(w, b, 4))  # (cycles, runs)
    first = first_solved(counts, 4)
    if path:
        draw(counts, cycles[0], w[-1, 0], path)
    w, b = learn(8, 3, runs[1], cycles[1], noise=0.02, seed=1)
    large = distinct(codes(w[-1], b[-1], 8))
    values = [first > 0, first[first > 0].astype(float), large == 8, large.astype(float)]
    return {name: value.tolist() for name, value in zip(FIGURES, values, strict=True)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few runs and cycles")
    parser.add_argument("--figure", help="write solved runs and weights here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
