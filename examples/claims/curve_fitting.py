"""Learning as curve fitting (Geman et al. 1992): more weights fit the data better, then the noise.

Thirty noisy points of a sine wave are fitted by polynomials of rising degree: the error on the
points only falls, the error on new points falls and then rises, and at degree 20 is so large
between and outside of the points that its logarithm is shown. A network is a curve like any other:
20 tanh units, with 61 weights, trained with Adam on the same points, stay smooth, since training
begins with small weights, and predict new points about as well as degree 5.

    python examples/claims/curve_fitting.py [--quick] [--figure curve_fitting.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "new points: error of degree 1": ("too stiff", ".3f"),
    "error of degree 5": ("least", ".3f"),
    "error of degree 20, log10": ("too flexible", ".1f"),
    "training points: error of degree 20": ("below the noise", ".3f"),
    "error of a network on new points": ("near the noise", ".3f"),
    "noise, as squared error": ("0.040", ".3f"),
}
SMALL = {"seeds": 1, "steps": 500}
NOISE = 0.2
DEGREES = (1, 3, 5, 8, 12, 16, 20)


def wave(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points x from -1 to 1 and noisy values of sin(pi x)."""
    x = rng.uniform(-1, 1, count)
    return x, np.sin(np.pi * x) + NOISE * rng.normal(size=count)


def polynomial(x: np.ndarray, degree: int) -> lm.Tensor:
    """The Legendre polynomials of x up to this degree: (points, degree + 1), float64."""
    return lm.asarray(np.polynomial.legendre.legvander(x, degree))


def fit(x: np.ndarray, y: np.ndarray, degree: int) -> lm.Tensor:
    """The weights at which the gradient of the squared error is 0, by one step of Newton's."""
    rows, y = polynomial(x, degree), lm.asarray(y)

    def error(w: lm.Tensor) -> lm.Tensor:
        return lm.mean((rows @ w - y) ** 2)

    gradient = lm.grad(error)(lm.zeros(degree + 1, dtype="float64"))
    curvature = 2 * rows.T @ rows / len(x)
    return -lm.linalg.solve(curvature + 1e-12 * lm.eye(degree + 1, dtype="float64"), gradient)


def network(x: np.ndarray, y: np.ndarray, steps: int) -> lm.Sequential:
    """A network of 20 tanh units, trained on all points at once."""
    model = lm.Sequential(
        [lm.Input((1,)), lm.layers.Dense(20, activation="tanh"), lm.layers.Dense(1)]
    )
    model.compile(lm.optimizers.Adam(0.01), "mse")
    model.fit(x[:, None], y[:, None], batch_size=len(x), epochs=steps, verbose=0)
    return model


def draw(x: np.ndarray, y: np.ndarray, curves: dict, errors: np.ndarray, path: str) -> None:
    """Points and curves, and both errors over the degree (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(x, y, "o", color="#8a8f98")
    side = np.linspace(-1, 1, 400)
    for name, curve in curves.items():
        left.plot(side, curve, label=name)
    left.set(ylim=(-2, 2), title="thirty noisy points of a sine wave")
    left.legend(frameon=False)
    for part, label, color in ((0, "training points", "#8a8f98"), (1, "new points", "#1d4e89")):
        right.semilogy(
            DEGREES, np.median(errors[..., part], axis=0), "o-", color=color, label=label
        )
    right.axhline(NOISE**2, color="#e4572e", linestyle=":", label="noise")
    right.set(xlabel="degree", ylabel="squared error, median", xticks=DEGREES)
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(seeds: int = 5, steps: int = 2000, path: str | None = None) -> dict[str, float | list]:
    """Fit polynomials and networks to other points with each seed; returns the figures."""
    errors, of_networks = np.zeros((seeds, len(DEGREES), 2)), []
    side = np.linspace(-1, 1, 400)
    for seed in range(seeds):
        lm.set_seed(seed)
        rng = np.random.default_rng(seed)
        x, y = wave(30, rng)
        new, truth = wave(500, rng)
        curves = {}
        for column, degree in enumerate(DEGREES):
            w = fit(x, y, degree)
            for part, (points, values) in enumerate(((x, y), (new, truth))):
                wrong = (polynomial(points, degree) @ w).numpy() - values
                errors[seed, column, part] = np.mean(wrong**2)
            if degree in (1, 5, 20):
                curves[f"degree {degree}"] = (polynomial(side, degree) @ w).numpy()
        model = network(x, y, steps)
        wrong = model.predict(new[:, None], verbose=0)[:, 0] - truth
        of_networks.append(float(np.mean(wrong**2)))
        curves["network"] = model.predict(side[:, None], verbose=0)[:, 0]
    if path:
        draw(x, y, curves, errors, path)
    at = {degree: errors[:, DEGREES.index(degree)] for degree in (1, 5, 20)}
    values = [at[1][:, 1], at[5][:, 1], np.log10(at[20][:, 1]), at[20][:, 0], np.array(of_networks)]
    return dict(zip(FIGURES, [*(each.tolist() for each in values), NOISE**2], strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, few steps")
    parser.add_argument("--figure", help="write points, curves and errors here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
