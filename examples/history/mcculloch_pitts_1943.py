"""The first neuron (McCulloch and Pitts 1943): threshold units as logic.

A unit fires if the weighted sum of its inputs reaches a threshold. The program enumerates the
functions that one unit computes by trying all small integer weights and all thresholds between
their sums: 14 of the 16 functions of two inputs (all but XOR and its negation), 104 of the 256 of
three and 1,882 of the 65,536 of four (OEIS A000609). Units together compute the rest: a half adder
needs XOR and has two layers. With time, the paper's own example: a cold object that touches the
skin for a moment is felt as heat, one that stays is felt as cold.

    python examples/history/mcculloch_pitts_1943.py [--quick] [--figure mcculloch_pitts.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {  # name: published, format of ours
    "functions of 2 inputs by one unit": ("14 of 16", ",.0f"),
    "functions of 3 inputs": ("104 of 256", ",.0f"),
    "functions of 4 inputs": ("1,882 of 65,536", ",.0f"),
    "rows of the half adder that are right": ("4 of 4", ".0f"),
    "step in which brief cold is felt as heat": ("3", ".0f"),
}
SMALL = {"most": 3}
LARGEST = 3  # weights from -3 to 3 suffice for up to four inputs


def fires(x: lm.Tensor, weights: lm.Tensor, threshold: lm.Tensor) -> lm.Tensor:
    """A layer of units: 1 where the weighted sum of inputs (..., n) reaches the threshold."""
    return (x @ weights >= threshold).astype("float32")


def inputs(n: int) -> np.ndarray:
    """All 2^n inputs (2^n, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float32)


def truth_tables(n: int) -> np.ndarray:
    """The distinct functions of n inputs that one unit computes, as numbers with 2^n bits."""
    values = np.arange(-LARGEST, LARGEST + 1)
    weights = np.stack(np.meshgrid(*[values] * n), axis=-1).reshape(-1, n).T.astype(np.float32)
    found = set()
    for threshold in np.arange(-LARGEST * n - 0.5, LARGEST * n + 1):
        outputs = fires(lm.asarray(inputs(n)), weights, threshold)  # (2^n, units)
        codes = lm.asarray(2 ** np.arange(2**n), dtype="float32") @ outputs
        found.update(lm.unique_values(codes).tolist())
    return np.array(sorted(found), int)


def half_adder(x: np.ndarray) -> lm.Tensor:
    """Sum and carry of two bits: the sum is "or, but not and", in a second layer."""
    hidden = fires(x, lm.asarray([[1.0, 1.0], [1.0, 1.0]]), lm.asarray([1.0, 2.0]))  # or, and
    return fires(hidden, lm.asarray([[1.0, 0.0], [-1.0, 1.0]]), lm.asarray([1.0, 1.0]))


# Receptors of heat and cold, two inner units, the sensations of heat and cold. Threshold 2: a
# weight of 2 is enough, of weights 1 two are needed, and -2 inhibits.
NET = np.zeros((6, 6), np.float32)
HEAT, COLD, BEFORE, ENDED, FEEL_HEAT, FEEL_COLD = range(6)
NET[COLD, BEFORE] = 2  # cold a step ago
NET[BEFORE, ENDED], NET[COLD, ENDED] = 2, -2  # cold a step ago, and no longer
NET[HEAT, FEEL_HEAT] = NET[ENDED, FEEL_HEAT] = 2
NET[BEFORE, FEEL_COLD] = NET[COLD, FEEL_COLD] = 1


def skin(cold: int, steps: int = 8) -> np.ndarray:
    """The activity (steps, 6) of the net if a cold object touches the skin for some steps."""
    touch = np.zeros((steps, 6), np.float32)
    touch[:cold, COLD] = 1

    def step(state: lm.Tensor, touched: lm.Tensor) -> tuple[lm.Tensor, lm.Tensor]:
        state = lm.maximum(touched, fires(state, NET, 2.0))
        return state, state

    return lm.scan(step, lm.zeros(6), touch)[1].numpy()


def draw(tables: np.ndarray, path: str) -> None:
    """The sixteen functions of two inputs, and the activity of the skin (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(5, 4))
    x = inputs(2)
    for number, axes in enumerate(left.subplots(4, 4).flat):
        on = np.array([number >> k & 1 for k in range(4)], bool)
        one = number in tables
        axes.set_facecolor("#eef4fa" if one else "#fbe3dc")
        axes.scatter(*x[on].T, s=60, color="#1d4e89", zorder=2)
        axes.scatter(*x[~on].T, s=60, facecolor="white", edgecolor="#1d4e89", zorder=2)
        axes.set(xticks=[], yticks=[], xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
    left.suptitle("functions of two inputs (filled: 1); red: not by one unit", fontsize=11)
    names = [
        "heat receptor",
        "cold receptor",
        "cold before",
        "cold ended",
        "heat felt",
        "cold felt",
    ]
    for cold, axes in zip((1, 5), right.subplots(2, 1, sharex=True), strict=True):
        axes.imshow(skin(cold).T, cmap="Blues", aspect="auto", vmax=1.3)
        axes.set_yticks(range(6), names, fontsize=9)
        axes.set_title(f"cold for {cold} step{'s' if cold > 1 else ''}", fontsize=10)
    axes.set_xlabel("step")
    figure.savefig(path, dpi=110)


def main(most: int = 4, path: str | None = None) -> dict[str, float]:
    """Count the functions of up to `most` inputs, and run the nets; returns the figures."""
    tables = {n: truth_tables(n) for n in range(2, most + 1)}
    right = half_adder(inputs(2)).numpy() == [[0, 0], [1, 0], [1, 0], [0, 1]]
    brief, long = skin(1), skin(5)
    assert not brief[:, FEEL_COLD].any() and long[2:6, FEEL_COLD].all()
    assert not long[:6, FEEL_HEAT].any()
    counts = [float(len(tables[n])) if n in tables else float("nan") for n in (2, 3, 4)]
    found = dict(
        zip(
            FIGURES,
            [*counts, float(right.all(axis=1).sum()), float(brief[:, FEEL_HEAT].argmax())],
            strict=True,
        )
    )
    if path:
        draw(tables[2], path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to three inputs")
    parser.add_argument("--figure", help="write the functions and the activities here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
