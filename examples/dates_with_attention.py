"""Translation with attention: dates as people write them, to ISO.

    "3rd of march, 1987" -> "1987-03-03"        after 6 epochs a thousand new dates come out right

An encoder reads the letters in both directions; a decoder writes one letter after the other, and
for each looks at all that the encoder made, weighted by how well it goes with the decoder's state.
The weights are scored as by Bahdanau, Cho and Bengio (2015), after the decoder's step as by Luong,
Pham and Manning (2015). In training it gets the right letters before (teacher forcing); alone, its
own.

    python examples/dates_with_attention.py [--epochs 6] [--figure dates.png]
"""

import argparse
import datetime

import numpy as np

import lamina as lm

UNITS = 64
LETTERS = "\0 abcdefghijklmnopqrstuvwxyz0123456789,./-"  # \0 is padding
ISO = ">0123456789-"  # > is what the decoder sees before the first letter
MONTHS = [datetime.date(2000, month, 1).strftime("%B").lower() for month in range(1, 13)]
ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
FORMATS = (
    "{d}.{m}.{y}",
    "{m:02}/{d:02}/{y}",
    "{d} {month} {y}",
    "{month} {d}, {y}",
    "{short} {d} {y}",
    "{d}{th} of {month}, {y}",
    "{weekday}, {short} {d}{th} {y}",
    "{d}-{short}-{y2:02}",
)


def written(date: datetime.date, form: str) -> str:
    """The date in one of the FORMATS."""
    month = MONTHS[date.month - 1]
    return form.format(
        d=date.day,
        m=date.month,
        y=date.year,
        y2=date.year % 100,
        month=month,
        short=month[:3],
        th=ENDINGS.get(date.day, "th"),
        weekday=date.strftime("%a").lower(),
    )


def pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Dates from 1950 to 2049, as people write them and in ISO."""
    random = np.random.default_rng(seed)
    first = datetime.date(1950, 1, 1).toordinal()
    days = [datetime.date.fromordinal(first + int(n)) for n in random.integers(0, 36524, count)]
    return [(written(day, FORMATS[random.integers(len(FORMATS))]), str(day)) for day in days]


def numbers(texts: list[str], alphabet: str) -> np.ndarray:
    """The letters as their places in the alphabet, padded with 0 behind."""
    rows = [[alphabet.index(letter) for letter in text] for text in texts]
    return lm.data.pad_sequences(rows, padding="post")


class Translator(lm.Model):
    """Texts (batch, letters) and the letters before (batch, steps) -> which letter comes at each
    step, (batch, steps, len(ISO))."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = lm.layers.Embedding(len(LETTERS), 32, mask_zero=True)
        both = lm.layers.GRU(UNITS // 2, return_sequences=True)
        self.encoder = lm.layers.Bidirectional(both)
        self.before = lm.layers.Embedding(len(ISO), 16)
        self.decoder = lm.layers.GRU(UNITS, return_sequences=True, return_state=True)
        self.attention = lm.layers.AdditiveAttention()
        self.say = lm.layers.Dense(len(ISO), activation="softmax")

    def call(self, inputs):
        texts, before = inputs
        return self.decode(self.encode(texts), before)[0]

    def encode(self, texts):
        """The states to look at: (batch, letters, UNITS)."""
        return self.encoder(self.letters(texts))

    def decode(self, encoded, before, state=None):
        """For each step: which letter, and where the decoder looked; and the last state."""
        queries, state = self.decoder(self.before(before), initial_state=state)
        seen, weights = self.attention([queries, encoded], return_attention_scores=True)
        return self.say(lm.concat([queries, seen], axis=-1)), weights, state

    def translate(self, texts):
        """Letters (steps, batch), each the likeliest after those before, and the attention
        (steps, batch, letters)."""
        encoded = self.encode(texts)

        def step(carry, _):
            letter, state = carry
            said, weights, state = self.decode(encoded, letter, state)
            letter = lm.argmax(said, axis=-1).astype("int32")
            return (letter, state), (letter[:, 0], weights[:, 0])

        batch = texts.shape[0]
        begin = lm.zeros((batch, 1), dtype="int32"), lm.zeros((batch, UNITS))
        return lm.scan(step, begin, length=len("2000-01-01"))[1]


def draw(texts: list[str], said: list[str], attention: np.ndarray, path: str) -> None:
    """Draw the letters that the decoder looked at for each one that it wrote (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, text, answer, weights in zip(
        figure.subplots(1, 3), texts, said, attention, strict=False
    ):
        axes.imshow(weights[:, : len(text)].T, cmap="Blues", aspect="auto", vmin=0, vmax=1)
        axes.set_xticks(range(len(answer)), answer)
        axes.set_yticks(range(len(text)), text)
        axes.xaxis.tick_top()
    figure.savefig(path, dpi=110)


def main(epochs: int = 6, count: int = 10_000, path: str | None = None) -> float:
    """Train and test; returns how many of a thousand new dates come out right altogether."""
    lm.set_seed(1)
    texts, dates = zip(*pairs(count, seed=1), strict=True)
    right = numbers(dates, ISO)
    before = np.pad(right[:, :-1], ((0, 0), (1, 0)))  # shifted: what was written before
    model = Translator()
    model.compile(lm.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    model.fit([numbers(texts, LETTERS), before], right, batch_size=64, epochs=epochs)

    texts, dates = zip(*pairs(1000, seed=2), strict=True)
    translate = lm.compile(model.translate, signature=[lm.Spec(("batch", "letters"), "int32")])
    letters, attention = translate(numbers(texts, LETTERS))
    said = ["".join(ISO[n] for n in row) for row in letters.numpy().T]
    for text, answer in zip(texts[:5], said, strict=False):
        print(f"    {text:28}{answer}")
    share = float(np.mean([a == b for a, b in zip(said, dates, strict=True)]))
    print(f"{share:.1%} of new dates are right")
    if path:
        draw(texts, said, attention.numpy().swapaxes(0, 1), path)
    return share


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--figure", help="write a figure of the attention here")
    arguments = parser.parse_args()
    main(arguments.epochs, path=arguments.figure)
