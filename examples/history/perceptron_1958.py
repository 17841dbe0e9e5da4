"""The perceptron (Rosenblatt 1958): a rule that learns from its mistakes, and its limits.

After each mistake the pattern, times its label, is added to the weights. If a plane separates
patterns of length at most R with margin gamma, the rule makes at most (R / gamma)^2 mistakes, in
whatever order they come (Novikoff 1962); the program counts them on random sets around a known
plane. XOR is not separable, and the rule never stops.

Of all labelings of P random points in N dimensions a plane can separate C(P, N) = 2 sum_k (P - 1
choose k), k < N (Cover 1965): nearly all below P = 2 N, half of them there, nearly none above. The
program asks for each random labeling whether the rule stops within a limit of passes; a set with a
margin so small that it needs more counts as not separable, so that the measured curve is slightly
below the theory.

    python examples/history/perceptron_1958.py [--quick] [--figure perceptron.png]
"""

import argparse
from math import comb

import numpy as np

import lamina as lm

FIGURES = {
    "sets with at most (R / gamma)^2 mistakes": ("all (Novikoff 1962)", ".0f"),
    "mistakes divided by (R / gamma)^2": ("at most 1", ".3f"),
    "mistakes per pass on XOR after 1,000 passes": ("never 0", ".1f"),
    "separable at P = 1.5 N, %": ("91.0 (Cover 1965)", ".1f"),
    "separable at P = 2 N, %": ("50.0", ".1f"),
    "separable at P = 2.5 N, %": ("15.4", ".1f"),
}
SMALL = {"sets": 40, "repeats": 2, "passes": 1000}
N = 10
LOADS = (1.0, 1.5, 1.8, 2.0, 2.2, 2.5, 3.0)


@lm.compile
def learn(patterns: lm.Tensor, passes: int) -> lm.Tensor:
    """Mistakes (passes, sets) on patterns (sets, P, N) that are multiplied with their labels."""

    def show(w: lm.Tensor, x: lm.Tensor) -> tuple[lm.Tensor, lm.Tensor]:
        wrong = (lm.sum(w * x, axis=-1) <= 0).astype("float32")
        return w + wrong[:, None] * x, wrong

    def show_all(w: lm.Tensor, _: None) -> tuple[lm.Tensor, lm.Tensor]:
        w, wrong = lm.scan(show, w, lm.swapaxes(patterns, 0, 1))
        return w, lm.sum(wrong, axis=0)

    return lm.scan(show_all, lm.zeros_like(patterns[:, 0]), length=passes)[1]


def around_planes(sets: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Patterns with labels, separated by a random plane each, and their (R / gamma)^2."""
    plane = rng.normal(size=(sets, 1, N))
    plane /= np.linalg.norm(plane, axis=-1, keepdims=True)
    x = rng.normal(size=(sets, count, N))
    x *= np.sign((x * plane).sum(axis=-1, keepdims=True))  # times the label
    x += 0.2 * plane
    margin = (x * plane).sum(axis=-1).min(axis=-1)
    return x.astype(np.float32), (np.linalg.norm(x, axis=-1).max(axis=-1) / margin) ** 2


def separable(sets: int, load: float, passes: int, rng: np.random.Generator) -> float:
    """The share of random labelings of load * N random points on which the rule stops."""
    x = rng.normal(size=(sets, round(load * N), N)).astype(np.float32)
    return float((learn(x, passes)[-1].numpy() == 0).mean())


def cover(count: int) -> float:
    """The share of labelings of so-called general points that a plane through 0 separates."""
    return 2 * sum(comb(count - 1, k) for k in range(N)) / 2**count


def draw(mistakes: np.ndarray, bound: np.ndarray, shares: np.ndarray, path: str) -> None:
    """Mistakes against the bound, and separable labelings over the load (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(bound, mistakes, "o", markersize=4, color="#1d4e89")
    left.loglog(np.sort(bound), np.sort(bound), color="#e4572e", label="bound")
    left.set(xlabel="(R / gamma)²", ylabel="mistakes", title="random separable sets")
    left.legend(frameon=False)
    counts = np.arange(N, 3 * N + 1)
    right.plot(counts / N, [100 * cover(c) for c in counts], color="#c0c0c0", linewidth=5)
    right.errorbar(
        LOADS, shares.mean(axis=1), shares.std(axis=1), fmt="o", color="#1d4e89", capsize=3
    )
    right.set(xlabel="points P / N", ylabel="separable labelings, %", title="gray: Cover's count")
    figure.savefig(path, dpi=110)


def main(
    sets: int = 200, repeats: int = 10, passes: int = 5000, path: str | None = None
) -> dict[str, float | list]:
    """Count mistakes on separable sets and on XOR, and separable labelings; returns the figures."""
    rng = np.random.default_rng(0)
    x, bound = around_planes(sets, 50, rng)
    mistakes = learn(x, passes).numpy().sum(axis=0)
    xor = np.array([[[0, 0, -1], [0, 1, 1], [1, 0, 1], [-1, -1, -1]]], np.float32)  # with bias
    loops = float(learn(xor, 1000)[-1].item())
    shares = np.array(
        [[100 * separable(sets, p, passes, rng) for _ in range(repeats)] for p in LOADS]
    )
    if path:
        draw(mistakes, bound, shares, path)
    values = [(mistakes <= bound).tolist(), (mistakes / bound).tolist(), loops]
    values += [shares[LOADS.index(load)].tolist() for load in (1.5, 2.0, 2.5)]
    return dict(zip(FIGURES, values, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer sets and passes")
    parser.add_argument("--figure", help="write mistakes and separable labelings here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
