"""Translation with attention (Bahdanau, Cho, Bengio 2014): German captions become English.

An encoder (GRU) reads the German words in both directions. A decoder (GRU) writes one English word
after the other, and for each looks at all words of the German sentence with weights that a small
network computes. Training is on the 29,000 captions of Multi30k with the right words before each
(teacher forcing); the test translates the 1,000 captions of Flickr 2016, always with the most
probable word, and is scored by BLEU. Words seen fewer than three times are one unknown word, which
costs BLEU. Differences from the paper, which translates news from English to French with 1,000
units: 256 units, attention after the decoder's step, a tanh layer of 192 before the words.

    python examples/text/translation_with_attention_2014.py [--quick] [--figure translation.png]
"""

import argparse
import collections
import re

import numpy as np

import lamina as lm

FIGURES = {
    "BLEU on Flickr 2016": ("26.8 (paper, WMT English-French)", ".1f"),
    "BLEU of the German words as they are": ("no translation", ".1f"),
    "loss a word on validation, nats": ("not published", ".2f"),
}
SMALL = {"epochs": 1, "pairs": 300, "units": 32, "test": 20}
PADDING, UNKNOWN, BEGIN, END = range(4)
LONGEST = 24


def words(text: str) -> list[str]:
    """Words and punctuation of a sentence, in lower case."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


class Vocabulary:
    """The words of some sentences that occur at least three times, by number."""

    def __init__(self, sentences: list[list[str]]) -> None:
        counts = collections.Counter(word for sentence in sentences for word in sentence)
        frequent = [word for word, count in counts.most_common() if count >= 3]
        self.words = ["", "<unk>", "<s>", "</s>", *frequent]
        self.places = {word: k for k, word in enumerate(self.words)}

    def numbers(self, sentences: list[list[str]]) -> np.ndarray:
        """Rows of numbers that end with END, padded with PADDING: int32."""
        found = ([self.places.get(word, UNKNOWN) for word in s] for s in sentences)
        rows = [[*row[: LONGEST - 1], END] for row in found]
        return lm.data.pad_sequences(rows, maxlen=LONGEST, padding="post")

    def text(self, row: np.ndarray) -> list[str]:
        """The words before the first END."""
        row = row.tolist()
        return [self.words[n] for n in row[: row.index(END) if END in row else None]]


class Translator(lm.Model):
    """German (batch, words) and the English before (batch, steps) -> logits of the next word."""

    def __init__(self, german: int, english: int, units: int) -> None:
        super().__init__()
        layers = lm.layers
        wide = lm.initializers.RandomNormal(stddev=0.5)  # words that differ from the begin
        self.german = layers.Embedding(german, units // 2, wide, mask_zero=True)
        self.encoder = layers.Bidirectional(layers.GRU(units // 2, return_sequences=True))
        self.first_state = layers.Dense(units, activation="tanh")
        self.english = layers.Embedding(english, units // 2, wide)
        self.decoder = layers.GRU(units, return_sequences=True, return_state=True)
        self.attention = layers.AdditiveAttention()
        self.mix = layers.Dense(3 * units // 4, activation="tanh")
        self.dropout = layers.Dropout(0.3)
        self.say = layers.Dense(english)

    def call(self, inputs):
        german, before = inputs
        encoded, state = self.encode(german)
        return self.decode(encoded, before, state)[0]

    def encode(self, german):
        """States of all German words, and the decoder's first state from the first one."""
        encoded = self.encoder(self.dropout(self.german(german)))
        return encoded, self.first_state(encoded[:, 0])

    def decode(self, encoded, before, state):
        """Logits of the next words, where the decoder looked, and its last state."""
        queries, state = self.decoder(self.dropout(self.english(before)), initial_state=state)
        seen, weights = self.attention([queries, encoded], return_attention_scores=True)
        mixed = self.mix(lm.concat([queries, seen], axis=-1))
        return self.say(self.dropout(mixed)), weights, state

    def translate(self, german):
        """The most probable words (LONGEST, batch), and the attention (LONGEST, batch, words)."""
        encoded, state = self.encode(german)

        def step(carry, _):
            word, state = carry
            logits, weights, state = self.decode(encoded, word, state)
            word = lm.argmax(logits, axis=-1).astype("int32")
            return (word, state), (word[:, 0], weights[:, 0])

        begin = lm.full((german.shape[0], 1), BEGIN, dtype="int32")
        return lm.scan(step, (begin, state), length=LONGEST)[1]


def word_loss(y, logits):
    """Cross-entropy of the words that are there, a mean for each sentence."""
    loss = lm.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    real = lm.cast(y != PADDING, "float32")
    return lm.sum(loss * real, axis=-1) / lm.sum(real, axis=-1)


def bleu(found: list[list[str]], wanted: list[list[str]]) -> float:
    """BLEU of a corpus with one reference each (Papineni et al. 2002), in percent."""
    logs = []
    for n in range(1, 5):
        right, total = 0, 0
        for said, right_one in zip(found, wanted, strict=True):
            grams, seen = (
                collections.Counter(tuple(s[k : k + n]) for k in range(len(s) - n + 1))
                for s in (said, right_one)
            )
            right += (grams & seen).total()
            total += grams.total()
        logs.append(np.log(max(right, 1e-9) / max(total, 1)))
    lengths = sum(map(len, found)), sum(map(len, wanted))
    brevity = min(0.0, 1 - lengths[1] / max(lengths[0], 1))
    return float(100 * np.exp(np.mean(logs) + brevity))


def draw(german, english, attention: np.ndarray, path: str) -> None:
    """Draw which German words were looked at for each English one, for three sentences."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.8), layout="constrained")
    rows = zip(figure.subplots(1, 3), german, english, attention, strict=False)
    for axes, source, said, weights in rows:
        axes.imshow(weights[: len(said), : len(source)].T, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(said)), said, rotation=90)
        axes.set_yticks(range(len(source)), source)
        axes.xaxis.tick_top()
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 5,
    pairs: int | None = None,
    units: int = 256,
    test: int | None = None,
    path: str | None = None,
) -> dict[str, float]:
    """Train and translate; return BLEU and the loss on the validation captions."""
    lm.set_seed(1)
    texts = {
        part: [[words(s) for s in side[:pairs]] for side in lm.datasets.multi30k.load_data(part)]
        for part in ("train", "validation", "test")
    }
    german, english = (Vocabulary(side) for side in texts["train"])

    def arrays(part):
        source, target = german.numbers(texts[part][0]), english.numbers(texts[part][1])
        before = np.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=BEGIN)
        return [source, before], target

    model = Translator(len(german.words), len(english.words), units)
    x, y = arrays("train")
    rate = lm.schedules.CosineDecay(3e-3, epochs * -(-len(y) // 64))
    model.compile(lm.optimizers.Adam(rate, global_clipnorm=1.0), word_loss)
    held_out = arrays("validation")
    history = model.fit(x, y, batch_size=64, epochs=epochs, validation_data=held_out, verbose=0)

    source, wanted = (side[:test] for side in texts["test"])
    translate = lm.compile(model.translate, signature=[lm.Spec(("batch", LONGEST), "int32")])
    said, attention = (a.numpy().swapaxes(0, 1) for a in translate(german.numbers(source)))
    found = [english.text(row) for row in said]
    if path:
        draw(source, found, attention, path)
    for sentence in found[:3]:
        print(" ".join(sentence))
    values = bleu(found, wanted), bleu(source, wanted), history.history["val_loss"][-1]
    return dict(zip(FIGURES, values, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on 300 captions")
    parser.add_argument("--figure", help="write an image of the attention here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:38}{value:8.2f}")
