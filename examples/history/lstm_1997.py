"""Long short-term memory (Hochreiter and Schmidhuber 1997): remembering over long time lags.

A memory cell adds to its state what an input gate lets in, and an output gate lets it out. The
recurrent weight of the state is exactly 1, so that errors flow back without vanishing. There is no
forget gate yet (Gers et al. added it in 2000): the cell is written here as a `Layer`, and
`lm.layers.RNN` makes a network of it.

Embedded Reber grammar: strings of 9 letters or more; the second letter, T or P, comes back as the
last but one, and the network, which predicts the next letter at every step, must remember it. A
network counts as solved when for 1,000 new strings all predictions are right: the two (or one)
most active outputs are the letters that the grammar allows. The paper's networks (4 cells, one
string at a time, step 0.5) solved it in 148 of 150 runs after 8,440 strings on average; ours (8
cells) train on batches of 20 strings with Adam, which needs more strings and fewer steps, at most
30,000 strings. With Adam, simple units solve it too, in some runs and later.

Adding: two of 100 numbers between -1 and 1 are marked; their scaled sum is asked for at the end.
The paper's criterion is an error below 0.04 in the last 2,000 strings, reached after 74,000
strings on average at T = 100. Learned here with batches of 50, next to a simple recurrent network
with as many units, which learns nothing but the mean.

    python examples/history/lstm_1997.py [--quick] [--figure lstm.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "embedded Reber solved": ("148 of 150", ".0f"),
    "embedded Reber, strings until solved": ("8,440", ",.0f"),
    "embedded Reber, simple network solved": ("-", ".0f"),
    "adding T = 100, errors above 0.04, %": ("0 (74,000 strings)", ".2f"),
    "adding T = 100, squared error": ("-", ".4f"),
    "adding, squared error of a simple network": ("0.0417 is the mean's", ".4f"),
}
SMALL = {"seeds": 1, "rounds": 2, "steps": 40, "length": 20}


class Cell1997(lm.Layer):
    """A memory cell without forget gate: s' = s + input gate * g(x, h), h' = output gate * tanh(s).

    g is between -2 and 2, gates between 0 and 1; the biases of the gates begin negative, so that
    cells begin closed.
    """

    def __init__(self, units: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape) -> None:
        uniform = lm.initializers.RandomUniform(-0.2, 0.2)
        self.kernel = self.add_weight((input_shape[-1] + self.units, 3 * self.units), uniform)
        closed = np.repeat([-1.0, -1.0, 0.0], self.units)
        self.bias = self.add_weight((3 * self.units,), lm.initializers.Constant(closed))

    def call(self, inputs: lm.Tensor, states: list[lm.Tensor]) -> tuple[lm.Tensor, list]:
        h, s = states
        z = lm.concat([inputs, h], axis=-1) @ self.kernel + self.bias
        enter, leave, candidate = lm.split(z, 3, axis=-1)
        s = s + lm.sigmoid(enter) * 2 * lm.tanh(candidate)
        h = lm.sigmoid(leave) * lm.tanh(s)
        return h, [h, s]


# ---- embedded Reber grammar ------------------------------------------------------------------
LETTERS = "BTPSXVE"
REBER = [  # state: (letter, next state) of the inner grammar, after its B; state 5 ends with E
    [("T", 1), ("P", 2)],
    [("S", 1), ("X", 3)],
    [("T", 2), ("V", 4)],
    [("X", 2), ("S", 5)],
    [("P", 3), ("V", 5)],
]


def reber(rng: np.random.Generator) -> tuple[str, list[set[str]]]:
    """A string, and the letters that the grammar allows after each of its letters but the last."""
    text, allowed, state = "B", [], 0
    while state != 5:
        allowed.append({letter for letter, _ in REBER[state]})
        letter, state = REBER[state][rng.integers(2)]
        text += letter
    first = "TP"[rng.integers(2)]
    inner = [{"B"}, *allowed, {"E"}, {first}, {"E"}]
    return f"B{first}{text}E{first}E", [{"T", "P"}, *inner]


def strings(count: int, rng: np.random.Generator, longest: int = 36) -> tuple[np.ndarray, ...]:
    """Inputs (count, longest, 7), zeros after the end; next letters; the letters allowed next."""
    x, allowed = np.zeros((2, count, longest, len(LETTERS)), np.float32)
    y = np.zeros((count, longest), int)
    row = 0
    while row < count:
        text, sets = reber(rng)
        if len(text) > longest:
            continue
        codes = [LETTERS.index(letter) for letter in text]
        steps = np.arange(len(text) - 1)
        x[row, steps, codes[:-1]], y[row, steps] = 1, codes[1:]
        for step, letters in enumerate(sets):
            allowed[row, step, [LETTERS.index(letter) for letter in letters]] = 1
        row += 1
    return x, y, allowed


def all_right(model: lm.Model, x: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """For which strings the most active outputs are the allowed letters at every step."""
    p = model.predict(x, batch_size=500, verbose=0)
    least = np.where(allowed > 0, p, 2).min(axis=-1)
    most = np.where(allowed > 0, -1, p).max(axis=-1)
    return ((least > most) | (allowed.sum(axis=-1) == 0)).all(axis=1)


def recurrent(kind: str, units: int, outputs: int, sequences: bool) -> list[lm.Layer]:
    """The layers of a network with memory cells ("lstm") or with simple units ("simple")."""
    if kind == "lstm":
        layer = lm.layers.RNN(Cell1997(units), return_sequences=sequences)
    else:
        layer = lm.layers.SimpleRNN(units, return_sequences=sequences)
    return [layer, lm.layers.Dense(outputs, activation="softmax" if sequences else None)]


def learn_reber(kind: str, seed: int, rounds: int, size: int = 1000) -> int:
    """Train on new strings until all test strings are right; returns the strings, or 0."""
    lm.set_seed(seed)
    rng = np.random.default_rng(seed)
    layers = recurrent(kind, 8, len(LETTERS), sequences=True)
    model = lm.Sequential([lm.Input((None, len(LETTERS))), lm.layers.Masking(), *layers])
    model.compile(lm.optimizers.Adam(0.02, clipnorm=1.0), "sparse_categorical_crossentropy")
    x_test, _, allowed = strings(1000, np.random.default_rng(10**6))
    for number in range(1, rounds + 1):
        x, y, _ = strings(size, rng)
        model.fit(x, y, batch_size=20, verbose=0)
        if all_right(model, x_test, allowed).all():
            return number * size
    return 0


# ---- adding ----------------------------------------------------------------------------------
def sums(count: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and marks (count, length, 2); 1/2 + a quarter of the sum of the two marked."""
    x = np.zeros((count, length, 2), np.float32)
    x[..., 0] = rng.uniform(-1, 1, (count, length))
    rows = np.arange(count)
    first = rng.integers(0, length // 10, count)
    second = rng.integers(length // 10, length // 2, count)
    x[rows, first, 1] = x[rows, second, 1] = 1
    y = 0.5 + (x[rows, first, 0] + x[rows, second, 0]) / 4
    return x, y[:, None]


def learn_adding(kind: str, seed: int, steps: int, length: int) -> tuple[list[float], np.ndarray]:
    """Train on new sequences; the losses, and the errors of 2,000 further sequences."""
    lm.set_seed(seed)
    rng = np.random.default_rng(seed)
    layers = recurrent(kind, 8, 1, sequences=False)
    model = lm.Sequential([lm.Input((None, 2)), *layers])
    model.compile(lm.optimizers.Adam(0.01, clipnorm=1.0), "mse")
    losses: list[float] = []
    for _ in range(10):
        history = model.fit(*sums(5 * steps, length, rng), batch_size=50, verbose=0)
        losses += history.history["loss"]
    x, y = sums(2000, length, rng)
    return losses, np.abs(model.predict(x, verbose=0) - y)


def draw(solved: dict[str, np.ndarray], curves: dict[str, list], strings: int, path: str) -> None:
    """Solved seeds over the strings, and the errors of adding (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = {"lstm": "memory cells", "simple": "simple units"}
    for (kind, counts), color in zip(solved.items(), ("#1d4e89", "#e4572e"), strict=True):
        ordered = np.sort(counts[counts > 0])
        shares = 100 * np.arange(len(ordered) + 1) / len(counts)
        left.step([0, *ordered], shares, where="post", color=color, label=names[kind])
        for number, losses in enumerate(curves[kind]):
            label = {"label": names[kind]} if number == 0 else {}
            places = strings * np.arange(1, len(losses) + 1)
            right.semilogy(places, losses, ".-", color=color, **label)
    left.set(xlabel="strings", ylabel="seeds solved, %", title="embedded Reber grammar")
    right.axhline(1 / 24, color="#8a8f98", linestyle=":", label="the mean's")
    right.set(xlabel="sequences", ylabel="squared error", title="adding")
    for axes in (left, right):
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(
    seeds: int = 10, rounds: int = 30, steps: int = 1500, length: int = 100, path: str | None = None
) -> dict[str, float | list]:
    """Learn both tasks with both kinds of units; adding with a third of the seeds."""
    solved = {
        kind: np.array([learn_reber(kind, seed, rounds) for seed in range(seeds)])
        for kind in ("lstm", "simple")
    }
    curves: dict[str, list] = {"lstm": [], "simple": []}
    errors: dict[str, list] = {"lstm": [], "simple": []}
    for kind in curves:
        for seed in range(-(-seeds // 3)):
            losses, wrong = learn_adding(kind, seed, steps, length)
            curves[kind].append(losses)
            errors[kind].append(wrong)
    if path:
        draw(solved, curves, 5 * steps, path)
    done = solved["lstm"] > 0
    squares = {kind: [float((e**2).mean()) for e in found] for kind, found in errors.items()}
    values = [done.tolist(), solved["lstm"][done].astype(float).tolist() or [float("nan")]]
    values += [(solved["simple"] > 0).tolist()]
    values += [[100 * float((e > 0.04).mean()) for e in errors["lstm"]], *squares.values()]
    return dict(zip(FIGURES, values, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, few strings")
    parser.add_argument("--figure", help="write solved seeds and errors here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
