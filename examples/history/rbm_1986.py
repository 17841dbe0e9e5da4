"""The restricted Boltzmann machine (Smolensky 1986; Hinton 2000): exact and contrastive learning.

Without connections within its two layers, the hidden units of a Boltzmann machine ("harmonium")
are independent given the visible ones. For small machines the likelihood is exact: the sum over
all hidden states gives log Z, and automatic differentiation its gradient, which must be the
difference of two correlations, here computed by enumeration. On the 30 bars-and-stripes images of
4 x 4 pixels, the program learns by the exact gradient and by contrastive divergence (CD-1), which
only goes one step away from the data; no model can have a mean log likelihood above -log 30 =
-3.40. The exact gradient comes near. CD-1 with a constant step gets to about -5.5, and then its
likelihood falls again, as Fischer and Igel (2010) describe.

Bars: images of 4 x 4 in which each of the eight rows and columns is on with probability 1/8. Given
eight or sixteen hidden units, how many of the bars get a unit? A bar counts as found if its four
weights of some unit are the four largest. Smolensky's paper has no such figures; a public
reproduction finds 7 of 8 with eight units and 8 of 8 with sixteen. CD-1 falls short of that here:
about half with eight units, nearly seven with sixteen.

    python examples/history/rbm_1986.py [--quick] [--figure rbm.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "gradient: differentiation - enumeration, largest": ("0", ".0e"),
    "log likelihood, exact gradient": ("at most -3.40", ".2f"),
    "log likelihood, contrastive divergence": ("below the exact", ".2f"),
    "bars found by 8 hidden units": ("7 of 8", ".1f"),
    "bars found by 16 hidden units": ("8 of 8", ".1f"),
}
SMALL = {"seeds": 2, "steps": 300}
SIDE = 4
Weights = list[lm.Tensor]  # kernels (seeds, visible, hidden), visible and hidden biases


def bits(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float32)


def bars_and_stripes() -> np.ndarray:
    """All images of full rows or of full columns: 30 of them, as rows of 16 pixels."""
    rows = np.repeat(bits(SIDE)[:, :, None], SIDE, axis=2)
    both = np.concatenate([rows, rows.swapaxes(1, 2)]).reshape(-1, SIDE * SIDE)
    return np.unique(both, axis=0)


def bars(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random images (count, 16) in which each row and each column is on with probability 1/8."""
    rows, columns = rng.random((2, count, SIDE)) < 1 / 8
    return (rows[:, :, None] | columns[:, None]).reshape(count, -1).astype(np.float32)


def free_energy(weights: Weights, v: lm.Tensor) -> lm.Tensor:
    """-log sum over h of exp(-energy), for visible states (..., n) of each seed."""
    w, b, c = weights
    return -lm.sum(v * b, axis=-1) - lm.sum(lm.softplus(v @ w + c), axis=-1)


def log_partition(weights: Weights) -> lm.Tensor:
    """log Z of each seed: the sum over all states of the hidden units."""
    w, b, c = weights
    h = lm.asarray(bits(w.shape[2]))
    terms = lm.sum(h * c, axis=-1) + lm.sum(lm.softplus(h @ lm.swapaxes(w, 1, 2) + b), axis=-1)
    return lm.logsumexp(terms, axis=-1)


def log_likelihood(weights: Weights, v: lm.Tensor) -> lm.Tensor:
    """The mean log probability of the images, of each seed."""
    return -lm.mean(free_energy(weights, v), axis=-1) - log_partition(weights)


def contrastive(weights: Weights, v: lm.Tensor, key: lm.Tensor) -> Weights:
    """The change of contrastive divergence with one step away from the images."""
    w, b, c = weights
    one, two = lm.random.split(key, 2)
    up = lm.sigmoid(v @ w + c)
    h = (lm.random.uniform(up.shape, key=one) < up).astype("float32")
    down = lm.sigmoid(h @ lm.swapaxes(w, 1, 2) + b)
    again = (lm.random.uniform(down.shape, key=two) < down).astype("float32")
    against = lm.sigmoid(again @ w + c)
    count = v.shape[-2]
    pairs = (lm.swapaxes(v, -1, -2) @ up - lm.swapaxes(again, -1, -2) @ against) / count
    return [
        pairs,
        lm.mean(v - again, axis=-2, keepdims=True),
        lm.mean(up - against, axis=-2, keepdims=True),
    ]


@lm.compile
def learn(weights: Weights, v: lm.Tensor, steps: int, exact: bool, rate: float, seed: int) -> tuple:
    """Weights of all seeds after `steps` changes, and log likelihoods (steps, seeds) if small."""

    def step(carry: tuple, number: lm.Tensor) -> tuple[tuple, lm.Tensor]:
        weights, velocities = carry
        if exact:
            changes = lm.grad(lambda w: lm.sum(log_likelihood(w, v)))(weights)
        else:
            changes = contrastive(weights, v, lm.random.fold_in(seed, number))
        velocities = [0.9 * s + rate * c for s, c in zip(velocities, changes, strict=True)]
        weights = [w + s for w, s in zip(weights, velocities, strict=True)]
        curve = log_likelihood(weights, v) if weights[0].shape[2] < 10 else lm.zeros(1)
        return (weights, velocities), curve

    begin = (weights, [lm.zeros_like(w) for w in weights])
    (weights, _), curve = lm.scan(step, begin, lm.arange(steps))
    return weights, curve


def start(seeds: int, hidden: int, rng: np.random.Generator) -> Weights:
    w = (0.1 * rng.normal(size=(seeds, SIDE**2, hidden))).astype(np.float32)
    return [lm.asarray(w), lm.zeros((seeds, 1, SIDE**2)), lm.zeros((seeds, 1, hidden))]


def gradient_error(weights: Weights, v: lm.Tensor) -> float:
    """The largest difference of lm.grad's kernels from correlations under all 2^16 states."""
    weights = [w[:1] for w in weights]
    gradient = lm.grad(lambda w: lm.sum(log_likelihood(w, v)))(weights)[0][0]
    w, _, c = weights
    states = lm.asarray(bits(SIDE**2))
    p = lm.exp(-free_energy(weights, states) - log_partition(weights))[0]
    model = (states * p[:, None]).T @ lm.sigmoid(states @ w[0] + c[0])
    data = v.T @ lm.sigmoid(v @ w[0] + c[0]) / v.shape[0]
    return lm.max(lm.abs(gradient - (data - model))).item()


def found_bars(kernels: np.ndarray) -> list[float]:
    """The number of bars, of 8, whose pixels are the four largest weights of some unit."""
    rows = np.arange(SIDE**2).reshape(SIDE, SIDE)
    every = {tuple(sorted(line)) for line in [*rows, *rows.T]}
    largest = np.sort(np.argsort(kernels, axis=1)[:, -SIDE:], axis=1)  # (seeds, 4, hidden)
    return [float(len(every & {tuple(u) for u in units.T})) for units in largest]


def draw(curves: dict[str, np.ndarray], kernel: np.ndarray, path: str) -> None:
    """Log likelihoods over the steps, and the units that learned bars (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    axes = left.subplots()
    for (name, curve), color in zip(curves.items(), ("#1d4e89", "#e4572e"), strict=True):
        axes.plot(curve.mean(axis=1), color=color, label=name)
        axes.fill_between(
            range(len(curve)), curve.min(axis=1), curve.max(axis=1), color=color, alpha=0.2
        )
    axes.axhline(-np.log(30), color="#8a8f98", linestyle=":", label="-log 30")
    axes.set(xlabel="step", ylabel="mean log likelihood", title="bars and stripes", ylim=(-9, -3))
    axes.legend(frameon=False)
    right.suptitle("bars: weights of sixteen hidden units")
    for unit, axes in zip(kernel.T, right.subplots(4, 4).flat, strict=True):
        axes.imshow(unit.reshape(SIDE, SIDE), cmap="RdBu", vmin=-5, vmax=5)
        axes.set_axis_off()
    figure.savefig(path, dpi=110)


def main(seeds: int = 10, steps: int = 4000, path: str | None = None) -> dict[str, float | list]:
    """Learn bars and stripes in both ways, and bars, with all seeds at once; returns figures."""
    rng = np.random.default_rng(0)
    v = lm.asarray(bars_and_stripes())
    weights = start(seeds, 8, rng)
    difference = gradient_error([w + 0.3 for w in weights], v)
    curves = {}
    for name, exact, rate in (("exact gradient", True, 0.1), ("CD-1", False, 0.05)):
        curves[name] = learn(weights, v, steps, exact, rate, 0)[1].numpy()
    images = lm.asarray(bars(200, rng))
    kernels = {
        hidden: learn(start(seeds, hidden, rng), images, steps, False, 0.05, 1)[0][0].numpy()
        for hidden in (8, 16)
    }
    if path:
        draw(curves, kernels[16][0], path)
    values = [difference, *(curve[-1].tolist() for curve in curves.values())]
    values += [found_bars(kernel) for kernel in kernels.values()]
    return dict(zip(FIGURES, values, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, few steps")
    parser.add_argument("--figure", help="write likelihoods and bars here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
