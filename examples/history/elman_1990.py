"""Finding structure in time (Elman 1990): XOR spread over time, and where words begin.

A network with a context layer, which keeps what its hidden units were a step ago, is asked for
what comes next. First a stream of bits, in which every third is the XOR of the two before: two of
three cannot be known, and the error falls at the third. Then a stream of letters, words without
spaces between them: the first letter of a word surprises, the others less and less. So the error
alone tells where the words are. The paper shows both as curves, without numbers; its networks had
2 and 20 hidden units and plain gradient descent, ours have 32 and 40 and Adam.

    python examples/history/elman_1990.py [--quick] [--figure elman.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "error of bit a (0.5 knows nothing)": ("0.5 (theory)", ".3f"),
    "error of bit b": ("0.5 (theory)", ".3f"),
    "error of bit a XOR b": ("falls", ".3f"),
    "surprise of a word's first letter, bits": ("high", ".2f"),
    "surprise of a word's last letter, bits": ("low", ".2f"),
}
SMALL = {"epochs": 16, "seeds": 1}
SENTENCE = "many years ago a boy and girl lived by the sea they played happily"
WORDS = SENTENCE.split()
LETTERS = sorted({letter for word in WORDS for letter in word})


def xor_stream(sequences: int, triples: int, seed: int) -> np.ndarray:
    """Bits (sequences, 3 * triples): a, b, a XOR b, and so on."""
    ab = np.random.default_rng(seed).integers(0, 2, (sequences, triples, 2))
    return np.concatenate([ab, ab[..., :1] ^ ab[..., 1:]], axis=-1).reshape(sequences, -1)


def learn_xor(epochs: int) -> np.ndarray:
    """The root mean squared error of the prediction of each bit: the second, the third, ..."""
    model = lm.Sequential(
        [
            lm.Input(shape=(None, 1)),
            lm.layers.SimpleRNN(32, return_sequences=True),
            lm.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(lm.optimizers.Adam(0.01), "mse")
    train, test = xor_stream(512, 16, seed=0)[..., None], xor_stream(256, 16, seed=9)[..., None]
    model.fit(train[:, :-1], train[:, 1:], epochs=epochs, verbose=0)
    wrong = model.predict(test[:, :-1], verbose=0) - test[:, 1:]
    return np.sqrt(np.square(wrong).mean(axis=(0, 2)))


def text(words: list[str]) -> np.ndarray:
    """The letters of the words, without spaces, as numbers."""
    return np.array([LETTERS.index(letter) for letter in "".join(words)])


def learn_letters(epochs: int) -> np.ndarray:
    """The surprise of each letter of WORDS, in bits; 0 for the first, which has no context."""
    model = lm.Sequential(
        [
            lm.layers.Embedding(len(LETTERS), 16),
            lm.layers.SimpleRNN(40, return_sequences=True),
            lm.layers.Dense(len(LETTERS), activation="softmax"),
        ]
    )
    model.compile(lm.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    letters = text(list(np.random.default_rng(1).choice(WORDS, 8000)))
    rows = letters[: len(letters) // 41 * 41].reshape(-1, 41)
    model.fit(rows[:, :-1], rows[:, 1:], epochs=epochs, verbose=0)
    sentence = text(WORDS)
    expected = model.predict(sentence[None, :-1], verbose=0)[0]
    given = expected[np.arange(len(sentence) - 1), sentence[1:]]
    return np.concatenate([[np.nan], -np.log2(given)])


def at_beginnings(bits: np.ndarray) -> tuple[float, float]:
    """The mean surprise of the first letter of a word, and of the last one."""
    ends = np.cumsum([len(word) for word in WORDS])
    return float(bits[ends[:-1]].mean()), float(bits[ends - 1].mean())


def draw(xor: np.ndarray, bits: np.ndarray, path: str) -> None:
    """Both errors over time, as a figure (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subplots(2)
    places = range(2, 2 + len(xor))
    above.plot(places, xor, "o-", color="#1d4e89")
    above.set_xticks(places[1::3])
    above.set(xlabel="bit", ylabel="error", title="a, b, a XOR b: every third bit can be known")
    begins = np.cumsum([0, *(len(word) for word in WORDS[:-1])])
    below.plot(bits, "o-", color="#1d4e89")
    below.plot(begins, bits[begins], "o", color="#e4572e", label="first letter of a word")
    below.set_xticks(range(len(bits)), "".join(WORDS))
    below.set(ylabel="surprise, bits", title="letters of words without spaces")
    below.legend(frameon=False, loc="upper right")
    figure.savefig(path, dpi=110)


def main(epochs: int = 60, seeds: int = 5, path: str | None = None) -> dict[str, list[float]]:
    """Train both networks with each seed; returns the figures."""
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        lm.set_seed(seed)
        xor, bits = learn_xor(epochs), learn_letters(epochs)
        by_place = [float(xor[start::3].mean()) for start in (2, 0, 1)]  # xor[0] is that of a b
        for name, value in zip(FIGURES, [*by_place, *at_beginnings(bits)], strict=True):
            found[name].append(value)
    if path:
        draw(xor, bits, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="16 epochs, one seed")
    parser.add_argument("--figure", help="write a figure of the errors over time here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:56}{np.mean(value):10.4g}")
