"""A language model of characters: an LSTM, or a small Transformer, reads Shakespeare and goes on.

Windows of 128 characters; at each place the network says how likely every character is to come
next. What it is worth is measured on a tenth of the text that it has not seen, in bits a character.

    python examples/character_language_model.py [--model lstm] [--steps 1500] [--text file.txt]
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import lamina as lm

CONTEXT = 128  # characters in a window
TEXT = Path(os.environ.get("LAMINA_DATA", ".")) / "text" / "tinyshakespeare.txt"


# ---- the networks ------------------------------------------------------------------------------
def transformer(
    characters: int, context: int = CONTEXT, width: int = 128, blocks: int = 4, heads: int = 4
) -> lm.Model:
    """A decoder alone, normalization first: (batch, steps) numbers become the logits of what comes
    next, (batch, steps, characters)."""
    tokens = lm.Input((None,), dtype="int32")
    h = lm.layers.TokenAndPositionEmbedding(characters, context, width)(tokens)
    for _ in range(blocks):
        h = lm.layers.TransformerDecoder(4 * width, heads, activation="gelu", normalize_first=True)(
            h
        )
    h = lm.layers.LayerNormalization(epsilon=1e-5)(h)
    return lm.Model(tokens, lm.layers.Dense(characters)(h), name="transformer")


def lstm(characters: int, width: int = 128, units: int = 256) -> lm.Model:
    """An LSTM: (batch, steps) numbers become the logits of what comes next."""
    return lm.Sequential(
        [
            lm.Input((None,), dtype="int32"),
            lm.layers.Embedding(characters, width),
            lm.layers.LSTM(units, return_sequences=True),
            lm.layers.Dense(characters),
        ],
        name="lstm",
    )


MODELS = {"lstm": (lstm, 3e-3), "transformer": (transformer, 1e-3)}  # and their learning rates


# ---- the text ----------------------------------------------------------------------------------
class Text:
    """A text as numbers: `characters` lists what occurs in it, `train` and `test` are its first
    nine tenths and the rest."""

    def __init__(self, text: str) -> None:
        self.characters = sorted(set(text))
        number = {c: k for k, c in enumerate(self.characters)}
        numbers = np.array([number[c] for c in text], np.int32)
        cut = len(numbers) * 9 // 10
        self.train, self.test = numbers[:cut], numbers[cut:]

    def decode(self, numbers: np.ndarray) -> str:
        return "".join(self.characters[k] for k in numbers)


def windows(numbers: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows of the text that start there, and the characters that follow each of theirs."""
    places = np.asarray(starts)[:, None] + np.arange(CONTEXT + 1)
    cut = numbers[places]
    return cut[:, :-1], cut[:, 1:]


def training_windows(text: Text, steps: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """What `steps` steps are trained on: windows from anywhere in the first part."""
    last = len(text.train) - CONTEXT
    return windows(text.train, np.random.default_rng(0).integers(0, last, steps * batch))


def test_windows(text: Text) -> tuple[np.ndarray, np.ndarray]:
    """The whole of the second part, window by window."""
    return windows(text.test, np.arange(0, len(text.test) - CONTEXT, CONTEXT))


# ---- training ----------------------------------------------------------------------------------
def train(name: str, text: Text, steps: int, batch: int = 16, parts: int = 10) -> Iterator[tuple]:
    """Trains a network, and yields (steps so far, bits a character on the test text, model) after
    each of some parts of the training."""
    make, rate = MODELS[name]
    lm.set_seed(0)
    model = make(len(text.characters))
    model.compile(
        lm.optimizers.Adam(rate), lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    x, y = training_windows(text, steps, batch)
    xs, ys = np.array_split(x, parts), np.array_split(y, parts)
    done = 0
    for x, y in zip(xs, ys, strict=True):
        model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
        done += len(x) // batch
        nats = model.evaluate(*test_windows(text), batch_size=64, verbose=0)
        yield done, float(nats / np.log(2)), model


def main(name: str = "lstm", steps: int = 1500, text: Path = TEXT) -> float:
    """Train, print what was learnt; returns bits a character on the test text."""
    corpus = Text(text.read_text(encoding="utf-8"))
    for done, bits, _ in train(name, corpus, steps):
        print(f"{done:6} steps   {bits:.3f} bits a character")
    return bits


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="lstm")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--text", type=Path, default=TEXT)
    arguments = parser.parse_args()
    main(arguments.model, arguments.steps, arguments.text)
