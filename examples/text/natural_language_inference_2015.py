"""Natural-language inference (Bowman et al. 2015): whether one sentence follows from another.

Two sentences are read by one LSTM over word vectors (GloVe, not trained); three layers of tanh
units compare the two representations and choose among neutral, entailment and contradiction: the
paper's network, which PyTorch's example snli used too. SNLI is not a small file, so the pairs are
those of SICK, of which the same paper reports 71.3% for this network. Differences: GloVe vectors of
25 numbers instead of 300, an LSTM of 64 units, dropout of 0.1. Guessing neutral is right for 56.7%
of the pairs; the second figure is of a network that sees only the second sentence.

    python examples/text/natural_language_inference_2015.py [--quick] [--figure inference.png]
"""

import argparse

import numpy as np

import lamina as lm
from lamina.settings import settings

FIGURES = {
    "accuracy on 4,927 pairs, %": ("71.3", ".1f"),
    "second sentence alone, %": ("not published", ".1f"),
}
SMALL = {"epochs": 2, "seeds": 1, "pairs": 400}
LENGTH, UNITS = 24, 64


def words(text: str) -> list[str]:
    """A sentence in lower case, as words."""
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


def word_vectors() -> tuple[dict[str, int], np.ndarray]:
    """Places of words in a table of GloVe vectors; row 0 is padding, row 1 an unknown word."""
    if settings.data is None:
        raise SystemExit("set LAMINA_DATA to a folder with text/glove-twitter-25d-sick.txt")
    path = settings.data / "text" / "glove-twitter-25d-sick.txt"
    rows = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    vectors = np.array([row[1:] for row in rows], "float32")
    table = np.concatenate([np.zeros((1, vectors.shape[1])), vectors.mean(0)[None], vectors])
    return {row[0]: k for k, row in enumerate(rows, 2)}, table.astype("float32")


def numbers(sentences: list[str], places: dict[str, int]) -> np.ndarray:
    """Sentences as rows of word numbers, padded with 0: int32 (sentences, LENGTH)."""
    rows = [[places.get(word, 1) for word in words(text)][:LENGTH] for text in sentences]
    return lm.data.pad_sequences(rows, maxlen=LENGTH, padding="post")


def network(table: np.ndarray, first_sentence: bool) -> lm.Model:
    """Two sentences (batch, LENGTH) -> probabilities of the three relations."""
    layers = lm.layers
    embed = layers.Embedding(*table.shape, mask_zero=True, trainable=False, weights=[table])
    translate = layers.Dense(UNITS, activation="tanh")
    read = layers.LSTM(UNITS)
    drop = layers.Dropout(0.1)
    premise, hypothesis = (layers.Input((LENGTH,), dtype="int32") for _ in range(2))
    a, b = (drop(read(translate(embed(sentence)))) for sentence in (premise, hypothesis))
    h = layers.Concatenate()([a, b, lm.abs(a - b), a * b]) if first_sentence else b
    for _ in range(3):
        h = drop(layers.Dense(2 * UNITS, activation="tanh")(h))
    model = lm.Model([premise, hypothesis], layers.Dense(3, activation="softmax")(h))
    optimizer = lm.optimizers.Adam(2e-3)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def draw(confusion: np.ndarray, path: str) -> None:
    """Draw which relations are taken for which."""
    from matplotlib.figure import Figure

    names = ["neutral", "entailment", "contradiction"]
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(confusion, cmap="Blues")
    for (row, column), count in np.ndenumerate(confusion):
        dark = count > confusion.max() / 2
        axes.text(column, row, f"{count:,}", ha="center", color="white" if dark else "black")
    axes.set_xticks(range(3), names)
    axes.set_yticks(range(3), names, rotation=90, va="center")
    axes.set(xlabel="said", ylabel="relation", title="test pairs of SICK")
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 20, seeds: int = 3, pairs: int | None = None, path: str | None = None
) -> dict[str, list[float]]:
    """Train with each seed; return accuracies in percent."""
    places, table = word_vectors()
    parts = {}
    for part in ("train", "test"):
        found = lm.datasets.sick.load_data(part)
        texts = (found.premises[:pairs], found.hypotheses[:pairs])
        parts[part] = ([numbers(text, places) for text in texts], found.labels[:pairs])
    accuracies: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        for first, column in zip((True, False), accuracies.values(), strict=True):
            lm.set_seed(seed)
            model = network(table, first)
            model.fit(*parts["train"], batch_size=64, epochs=epochs, verbose=0)
            said = model.predict(parts["test"][0], batch_size=256, verbose=0).argmax(axis=1)
            column.append(100 * float((said == parts["test"][1]).mean()))
            if path and first:
                confusion = np.zeros((3, 3), int)
                np.add.at(confusion, (parts["test"][1], said), 1)
                draw(confusion, path)
    return accuracies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 epochs on 400 pairs")
    parser.add_argument("--figure", help="write an image of right and wrong answers here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):8.1f}")
