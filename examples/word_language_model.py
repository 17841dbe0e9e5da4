"""A language model of words: a two-layer LSTM reads Wikipedia, and continues where a text ends.

The word language model of PyTorch's examples, on the test part of WikiText-2, which is small enough
for a laptop: its first nine tenths are trained on, the rest is for validation. The text is laid out
in lanes, so that each batch continues where the one before ended, and so do the states of the LSTMs
(truncated backpropagation through time, Williams and Peng 1990). Perplexity is exp of the mean
cross-entropy of a word: that of guessing among that number of words.

    python examples/word_language_model.py [--epochs 6] [--tied] [--text FILE]
"""

import argparse
from pathlib import Path

import numpy as np

import lamina as lm

BATCH, STEPS = 20, 35  # lanes, and words in each that a batch holds
RATE, CLIP = 1e-3, 0.25
OPENING = "the film was"


class WordModel(lm.Model):
    """Numbers of words (batch, steps) to logits of the next word (batch, steps, words); it keeps
    its states from call to call. tied: the table of words serves as the last layer's weights too
    (Press and Wolf 2016)."""

    def __init__(self, words: int, width: int = 200, dropout: float = 0.2, tied: bool = False):
        super().__init__()
        small = lm.initializers.RandomUniform(-0.1, 0.1)
        self.embedding = lm.layers.Embedding(words, width, embeddings_initializer=small)
        self.recurrent = [
            lm.layers.LSTM(width, return_sequences=True, stateful=True) for _ in range(2)
        ]
        self.dropout = lm.layers.Dropout(dropout)
        self.out = Bias(words) if tied else lm.layers.Dense(words, kernel_initializer=small)
        self.tied = tied

    def call(self, tokens, training=False):
        h = self.dropout(self.embedding(tokens))
        for layer in self.recurrent:
            h = self.dropout(layer(h))
        if self.tied:
            h = h @ self.embedding.embeddings.read().T
        return self.out(h)

    def reset_state(self):
        """Begin a new text."""
        for layer in self.recurrent:
            layer.reset_state()


class Bias(lm.layers.Layer):
    """inputs + bias: what a last layer adds whose weights are the table of words."""

    def __init__(self, words: int, **kwargs):
        super().__init__(**kwargs)
        self.words = words

    def build(self, input_shape):
        self.bias = self.add_weight((self.words,), initializer="zeros", name="bias")

    def call(self, inputs):
        return inputs + self.bias


class FreshStart(lm.callbacks.Callback):
    """Each pass through a text begins with states of zeros."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.reset_state()

    def on_test_begin(self, logs=None):
        self.model.reset_state()

    def on_epoch_end(self, epoch, logs=None):
        print(
            f"epoch {epoch + 1:2}   perplexity {np.exp(logs['loss']):8.2f}, of text held out "
            f"{np.exp(logs['val_loss']):8.2f}",
            flush=True,
        )


def build(words: int, batch: int, **options) -> WordModel:
    """A model for a number of lanes."""
    model = WordModel(words, **options)
    model(np.zeros((batch, 1), np.int32))
    model.reset_state()
    return model


def train(corpus: lm.data.WordCorpus, epochs: int, **options) -> tuple[WordModel, list[float]]:
    """The trained model, and its perplexity on the validation part after each epoch."""
    lm.set_seed(1)
    model = build(corpus.vocabulary_size, BATCH, **options)
    model.compile(
        lm.optimizers.Adam(RATE, global_clipnorm=CLIP),
        lm.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(
        *corpus.lanes(BATCH, STEPS),
        batch_size=BATCH,
        shuffle=False,  # lanes have an order
        epochs=epochs,
        validation_data=corpus.lanes(BATCH, STEPS, part="validation"),
        validation_batch_size=BATCH,
        callbacks=[FreshStart(), lm.callbacks.ReduceLROnPlateau(factor=0.25, patience=1)],
        verbose=0,
    )
    return model, [float(np.exp(loss)) for loss in history.history["val_loss"]]


class Writer:
    """Continues texts, one word a call: what the states hold is never computed twice."""

    def __init__(self, model: WordModel, corpus: lm.data.WordCorpus, **options) -> None:
        self.corpus = corpus
        self.model = build(corpus.vocabulary_size, 1, **options)
        self.model.set_weights(model.get_weights())
        self.step = lm.compile(lambda token: self.model(token)[0, -1])

    def write(self, opening: str, words: int, temperature: float = 0.8, seed: int = 0) -> str:
        """The opening and a number of further words. Low temperatures keep to what is likely."""
        rng = np.random.default_rng(seed)
        self.model.reset_state()
        written = self.corpus.encode(opening).tolist()[:-1]  # without the end of the line
        for word in written or self.corpus.encode("\n"):
            logits = self.step(np.array([[word]], np.int32))
        unknown = self.corpus.encode("<unk>")[0]
        for _ in range(words):
            odds = np.asarray(logits, np.float64) / temperature
            odds[unknown] = -np.inf  # a name for words, and none of them
            odds = np.exp(odds - odds.max())
            written.append(int(rng.choice(len(odds), p=odds / odds.sum())))
            logits = self.step(np.array([[written[-1]]], np.int32))
        return self.corpus.decode(written)


def main(
    epochs: int = 6, text: Path | None = None, max_words: int | None = 10_000, **options
) -> tuple[list[float], str]:
    """Train, print what was learned; returns the perplexities, and a text that the model wrote."""
    corpus = lm.data.WordCorpus(
        text or lm.datasets.wikitext2.load_data("test"), validation=0.1, max_words=max_words
    )
    print(corpus)
    model, perplexities = train(corpus, epochs, **options)
    written = Writer(model, corpus, **options).write(OPENING, 60)
    print(f"\n{written}")
    return perplexities, written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--text", type=Path)
    arguments = parser.parse_args()
    main(arguments.epochs, arguments.text, tied=arguments.tied)
