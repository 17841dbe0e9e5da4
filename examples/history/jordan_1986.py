"""Sequences from plans (Jordan 1986): a network whose outputs return as its state.

The inputs are a plan, constant while the sequence lasts, and a state: a decaying memory of the
network's own outputs, s' = 0.5 s + y. One network learns two cycles through the corners of a
square, one for each plan: round the square, and across its diagonals. In training the state is
made from the desired outputs; afterwards the network runs on its own outputs. Jordan shows that
such a cycle attracts: from a perturbed state the trajectory returns to it. His figures are
drawings; the program counts how often the learned sequences are repeated for 40 steps, and how
often they are found again from random states.

    python examples/history/jordan_1986.py [--quick] [--figure jordan.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "seeds that learn both sequences": ("yes", ".0f"),
    "error after 40 steps on its own outputs": ("-", ".4f"),
    "random states from which the cycle is found again, %": ("attracts", ".0f"),
}
SMALL = {"seeds": 8, "sweeps": 5000}
CORNERS = np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]], np.float32)
CYCLES = np.stack([CORNERS, CORNERS[[0, 2, 1, 3]]])  # (plans, steps, 2)
MEMORY = 0.5
HIDDEN = 16
COPIES = 8  # of each state, with other noise
Weights = list[lm.Tensor]


def outputs(weights: Weights, plan: lm.Tensor, state: lm.Tensor) -> lm.Tensor:
    """The next output (seeds, rows, 2) for plans and states."""
    w1, b1, w2, b2 = weights
    hidden = lm.sigmoid(lm.concat([plan, state], axis=-1) @ w1 + b1)
    return lm.sigmoid(hidden @ w2 + b2)


def teacher() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Plans, states and outputs (8, 2) of both cycles, after many rounds."""
    states = np.zeros_like(CYCLES)
    for plan in range(2):
        state = np.zeros(2)
        for step in range(40):
            states[plan, step % 4] = state
            state = MEMORY * state + CYCLES[plan, step % 4]
    plans = np.repeat(np.eye(2, dtype=np.float32), 4, axis=0)
    return plans, states.reshape(8, 2), CYCLES.reshape(8, 2)


@lm.compile
def train(
    weights: Weights, plan: lm.Tensor, state: lm.Tensor, y: lm.Tensor, sweeps: int
) -> Weights:
    """Gradient descent with momentum, on all seeds at once; a little noise on the states."""

    def error(weights: Weights, state: lm.Tensor) -> lm.Tensor:
        return 0.5 * lm.sum((outputs(weights, plan, state) - y) ** 2)

    def sweep(carry: tuple, number: lm.Tensor) -> tuple[tuple, None]:
        weights, steps = carry
        noisy = state + 0.05 * lm.random.normal(state.shape, key=lm.random.fold_in(0, number))
        gradients = lm.grad(error)(weights, noisy)
        steps = [0.9 * s - 0.02 * g for s, g in zip(steps, gradients, strict=True)]
        return ([w + s for w, s in zip(weights, steps, strict=True)], steps), None

    begin = (weights, [lm.zeros_like(w) for w in weights])
    return lm.scan(sweep, begin, lm.arange(sweeps))[0][0]


@lm.compile
def run(weights: Weights, plan: lm.Tensor, state: lm.Tensor, steps: int) -> lm.Tensor:
    """Outputs (steps, seeds, rows, 2) if outputs return as the state."""

    def step(state: lm.Tensor, _: None) -> tuple[lm.Tensor, lm.Tensor]:
        y = outputs(weights, plan, state)
        return MEMORY * state + y, y

    return lm.scan(step, state, length=steps)[1]


def distance(y: np.ndarray, plan: int) -> np.ndarray:
    """The largest error of the last four outputs (steps, ...), at the best phase of the cycle."""
    phases = [np.roll(CYCLES[plan], shift, axis=0) for shift in range(4)]
    shape = (4, *[1] * (y.ndim - 2), 2)
    errors = [np.abs(y[-4:] - phase.reshape(shape)).max(axis=(0, -1)) for phase in phases]
    return np.min(errors, axis=0)


def draw(y: np.ndarray, path: str) -> None:
    """Trajectories (steps, rows, 2) from random states, for each plan (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    for plan, axes in enumerate(figure.subplots(1, 2)):
        cycle = np.concatenate([CYCLES[plan], CYCLES[plan][:1]])
        axes.plot(*cycle.T, color="#c0c0c0", linewidth=6)
        for row, color in zip(range(plan * 3, plan * 3 + 3), ("#1d4e89", "#e4572e", "#2a9d4a")):
            axes.plot(*y[:, row].T, ".-", color=color, linewidth=0.8)
            axes.plot(*y[:1, row].T, "o", color=color)
        axes.set(xlim=(0.1, 0.9), ylim=(0.1, 0.9), aspect="equal", title=f"plan {plan + 1}")
    figure.savefig(path, dpi=110)


def main(seeds: int = 30, sweeps: int = 20000, path: str | None = None) -> dict[str, list]:
    """Train all seeds, run them on their outputs and from random states; returns the figures."""
    rng = np.random.default_rng(0)
    shapes = [(seeds, 4, HIDDEN), (seeds, 1, HIDDEN), (seeds, HIDDEN, 2), (seeds, 1, 2)]
    weights = [lm.asarray(rng.uniform(-1, 1, shape).astype(np.float32)) for shape in shapes]
    plans, states, y = (np.tile(each, (seeds, 1, 1)) for each in teacher())
    copies = (np.tile(each, (1, COPIES, 1)) for each in (plans, states, y))
    weights = train(weights, *copies, sweeps)
    said = run(weights, plans[:, ::4], states[:, ::4], 40).numpy()
    errors = np.stack([distance(said[:, :, plan], plan) for plan in range(2)]).max(axis=0)
    start = rng.uniform(0, 1.5, (seeds, 200, 2)).astype(np.float32)
    plan = np.tile(np.repeat(np.eye(2, dtype=np.float32), 100, axis=0), (seeds, 1, 1))
    found = run(weights, plan, start, 60).numpy()
    back = [distance(found[:, :, 100 * p : 100 * p + 100], p) < 0.1 for p in range(2)]
    if path:
        first = int((errors < 0.1).argmax())
        draw(found[:, first, [0, 1, 2, 100, 101, 102]], path)
    values = [errors < 0.1, errors, 100 * np.mean(back, axis=(0, 2))]
    return {name: value.tolist() for name, value in zip(FIGURES, values, strict=True)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="four seeds, fewer sweeps")
    parser.add_argument("--figure", help="write trajectories here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
