"""Learning by coincidence (Hebb 1949): associations as sums of outer products.

Hebb's postulate, that a connection grows if the cells at both its ends are active together, is W =
sum of y x^T over the pairs that are to be associated. A vector x_k then recalls y_k exactly if the
x are orthonormal. Random vectors of N signs recall y_k with cross-talk, noise of standard
deviation sqrt((P - 1) / N) for P pairs, so that about 0.14 N pairs can be told by the sign of the
recall with 0.4% wrong bits.

Alone, the rule makes weights grow without bound. Oja's rule (1982), y (x - y w), keeps them at
length 1, and one unit then finds the first principal component of its inputs. Hebb gave no
figures: the published ones are those of theory.

    python examples/history/hebb_1949.py [--quick] [--figure hebb.png]
"""

import argparse
from math import erf, sqrt

import numpy as np

import lamina as lm

FIGURES = {
    "largest error of recall, orthonormal inputs": ("0", ".0e"),
    "cross-talk divided by sqrt((P - 1) / N)": ("1", ".3f"),
    "wrong bits at P = 0.14 N, %": ("0.38", ".2f"),
    "angle of Oja's weights to the first component, degrees": ("0", ".2f"),
    "length of Oja's weights": ("1", ".3f"),
    "growth of Hebb's weights in 100 steps, log10": ("grows", ".1f"),
}
SMALL = {"seeds": 3, "n": 100, "steps": 2000}


@lm.compile
def recall(x: lm.Tensor, y: lm.Tensor) -> lm.Tensor:
    """Recall of each x (pairs, n) with Hebb's weights for the pairs: the sum of outer products."""
    weights = y.T @ x
    return x @ weights.T


def recall_errors(n: int, rng: np.random.Generator) -> tuple[float, float]:
    """The largest error with orthonormal inputs, the cross-talk of random ones over theory."""
    y = lm.asarray(rng.choice([-1.0, 1.0], (n // 2, n)))
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    x = lm.asarray(basis[: n // 2])
    exact = lm.max(lm.abs(recall(x, y) - y)).item()
    x = lm.asarray(rng.choice([-1.0, 1.0], (n // 2, n)) / sqrt(n))
    noise = lm.std(recall(x, y) - y).item()
    return exact, noise / sqrt((n // 2 - 1) / n)


def wrong_bits(n: int, load: float, rng: np.random.Generator) -> float:
    """The share of bits whose sign is recalled wrongly, for load * n random pairs."""
    shape = (round(load * n), n)
    x, y = (lm.asarray(rng.choice([-1.0, 1.0], shape)) for _ in range(2))
    return lm.mean((recall(x, y) * y < 0).astype("float32")).item()


@lm.compile
def learn(w: lm.Tensor, x: lm.Tensor, rate: float, oja: float) -> tuple[lm.Tensor, lm.Tensor]:
    """Show all x (steps, 2) to one unit; returns its weights at the end, and after each step."""

    def step(w: lm.Tensor, x: lm.Tensor) -> tuple[lm.Tensor, lm.Tensor]:
        y = lm.sum(w * x)
        w = w + rate * y * (x - oja * y * w)
        return w, w

    return lm.scan(step, w, x)


def component(steps: int, rng: np.random.Generator) -> tuple[dict[str, float], tuple]:
    """Angle and length of Oja's weights, growth of Hebb's; and the data and paths to draw."""
    slope = rng.uniform(0, np.pi)
    long = np.array([np.cos(slope), np.sin(slope)])
    x = rng.normal(size=(steps, 2)) @ [2 * long, 0.6 * np.array([-long[1], long[0]])]
    x = x.astype(np.float32)
    start = (0.1 * long + [-long[1], long[0]]).astype(np.float32)  # 84 degrees from the component
    end, way = learn(start, x, 0.002, 1.0)
    first = np.linalg.eigh(x.T @ x)[1][:, -1]
    length = float(np.linalg.norm(end))
    angle = np.degrees(np.arccos(min(1.0, abs(first @ end.numpy()) / length)))
    grown, hebb = learn(start, x[:100], 0.02, 0.0)
    figures = {"angle": angle, "length": length, "growth": np.log10(np.linalg.norm(grown))}
    return figures, (x, way.numpy(), hebb.numpy(), first)


def draw(loads: np.ndarray, wrong: np.ndarray, drawn: tuple, path: str) -> None:
    """Wrong bits over the load, and the way of Oja's weights (needs matplotlib)."""
    from matplotlib.figure import Figure

    x, way, hebb, first = drawn
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    theory = [50 * (1 - erf(1 / sqrt(2 * load))) for load in loads]
    left.plot(loads, theory, color="#c0c0c0", linewidth=5, label="theory")
    left.errorbar(
        loads, 100 * wrong.mean(axis=1), 100 * wrong.std(axis=1), fmt="o", label="measured"
    )
    left.set(xlabel="pairs P / N", ylabel="wrong bits, %", title="recall of random pairs")
    left.legend(frameon=False)
    right.scatter(*x[:800].T, s=4, color="#c0c0c0")
    right.axline((0, 0), first, color="#8a8f98", linestyle=":", label="first component")
    right.plot(*(3 * way).T, color="#1d4e89", label="Oja's weights, three times as long")
    right.plot(*(3 * way[-1:]).T, "o", color="#1d4e89")
    right.plot(*(3 * hebb).T, color="#e4572e", label="Hebb's weights")
    right.set(xlim=(-6, 6), ylim=(-6, 6), aspect="equal")
    right.legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)


def main(
    seeds: int = 20, n: int = 300, steps: int = 20000, path: str | None = None
) -> dict[str, list[float]]:
    """Associate random pairs and find components, with each seed; returns the figures."""
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    loads = np.array([0.05, 0.14, 0.25, 0.5, 0.75, 1.0])
    wrong = np.zeros((len(loads), seeds))
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        wrong[:, seed] = [wrong_bits(n, load, rng) for load in loads]
        figures, drawn = component(steps, rng)
        values = [*recall_errors(n, rng), 100 * wrong[1, seed], *figures.values()]
        for name, value in zip(FIGURES, values, strict=True):
            found[name].append(float(value))
    if path:
        draw(loads, wrong, drawn, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three seeds")
    parser.add_argument("--figure", help="write recall and components here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
