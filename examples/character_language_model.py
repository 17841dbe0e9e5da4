"""Language models of characters: an LSTM and a small Transformer read Shakespeare, and continue.

Windows of 128 characters; at each place the network says how likely every character is to come
next. What it is worth is measured on a tenth of the text that it has not seen, in bits a character
(Graves 2013). Then it writes, one character at a time, as a stream: each costs the same.

    python examples/character_language_model.py [--model lstm] [--steps 1500] [--figure it.png]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import lamina as lm

CONTEXT = 128  # characters in a window
PARTS = 6  # of the training, after each of which the network is tested
Curve = list[tuple[int, float]]  # steps so far, bits a character


# ---- the networks ------------------------------------------------------------------------------
def transformer(
    characters: int, context: int = CONTEXT, width: int = 128, blocks: int = 4, heads: int = 4
) -> lm.Model:
    """A decoder alone, normalization first: (batch, steps) numbers become the logits of what comes
    next, (batch, steps, characters)."""
    tokens = lm.Input((None,), dtype="int32")
    h = lm.layers.TokenAndPositionEmbedding(characters, context, width)(tokens)
    for _ in range(blocks):
        block = lm.layers.TransformerDecoder(
            4 * width, heads, activation="gelu", normalize_first=True
        )
        h = block(h)
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


# ---- training ----------------------------------------------------------------------------------
def training_windows(numbers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows that begin anywhere in the text, and the characters that follow each of theirs."""
    starts = np.random.default_rng(0).integers(0, len(numbers) - CONTEXT, count)
    cut = numbers[starts[:, None] + np.arange(CONTEXT + 1)]
    return cut[:, :-1], cut[:, 1:]


def train(
    name: str, corpus: lm.data.CharacterCorpus, steps: int, batch: int = 16, seed: int = 0
) -> tuple[lm.Model, Curve]:
    """A trained network, and how well it did on the validation text on the way there."""
    make, rate = MODELS[name]
    lm.set_seed(seed)
    model = make(corpus.vocabulary_size)
    loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lm.optimizers.Adam(rate), loss)
    x, y = training_windows(corpus.train, steps * batch)
    unseen = corpus.windows(CONTEXT, "validation")
    curve: Curve = []
    for part in np.array_split(np.arange(steps), PARTS):
        rows = slice(part[0] * batch, (part[-1] + 1) * batch)
        model.fit(x[rows], y[rows], batch_size=batch, shuffle=False, verbose=0)
        nats = model.evaluate(*unseen, batch_size=64, verbose=0)
        curve.append((int(part[-1]) + 1, float(nats / np.log(2))))
        print(f"{name:12}{curve[-1][0]:6} steps   {curve[-1][1]:.3f} bits a character", flush=True)
    return model, curve


# ---- writing -----------------------------------------------------------------------------------
def write(
    model: lm.Model,
    corpus: lm.data.CharacterCorpus,
    count: int = 400,
    begin: str = "\n",
    temperature: float = 0.8,
    seed: int = 0,
) -> tuple[str, np.ndarray]:
    """Return the text that the model continues with, and the seconds of each character."""
    rng = np.random.default_rng(seed)
    stream = model.stream()
    written = corpus.encode(begin).tolist()
    for number in written:
        logits = stream.step(number)
    seconds = np.zeros(count)
    for k in range(count):
        started = time.perf_counter()
        # the largest of logits with Gumbel noise is a draw from their softmax
        written.append(int(np.argmax(logits / temperature + rng.gumbel(size=logits.shape))))
        again = [written[-1]]
        if model.name == "transformer" and stream.position == CONTEXT:  # no place is left:
            stream.reset()  # the latter half of the context is given again
            again = written[-CONTEXT // 2 :]
        for number in again:
            logits = stream.step(number)
        seconds[k] = time.perf_counter() - started
    return corpus.decode(written[len(begin) :]), seconds


def draw(curves: dict[str, Curve], beside: dict[str, Curve], path: str) -> None:
    """Bits a character over the steps, as a figure (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for (name, curve), color in zip(curves.items(), ("#1f5aa6", "#c8541b"), strict=False):
        axes.plot(*zip(*curve, strict=True), label=name, color=color)
        if name in beside:
            label = f"{name}, PyTorch"
            axes.plot(*zip(*beside[name], strict=True), ":", label=label, color=color, linewidth=3)
    axes.set_xlabel("training steps of 16 windows")
    axes.set_ylabel("bits a character, validation text")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(
    names: tuple[str, ...] = tuple(MODELS),
    steps: int = 1500,
    corpus: lm.data.CharacterCorpus | None = None,
    path: str | None = None,
    beside: str | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Train, print losses and generated text; return bits per character by model."""
    corpus = corpus or lm.data.CharacterCorpus(*lm.datasets.tiny_shakespeare.load_data())
    curves = {}
    for name in names:
        model, curves[name] = train(name, corpus, steps, seed=seed)
        text, seconds = write(model, corpus)
        early, late = (1e6 * np.mean(part) for part in np.array_split(seconds, 2))
        print(text)
        print(f"    {early:.0f} us a character in the first half, {late:.0f} in the second")
    if path:
        peers = json.loads(Path(beside).read_text(encoding="utf-8")) if beside else {}
        draw(curves, peers, path)
    return {name: curve[-1][1] for name, curve in curves.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--figure")
    parser.add_argument("--beside", help="curves of another framework, JSON")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    main(
        tuple(given.model or MODELS),
        given.steps,
        path=given.figure,
        beside=given.beside,
        seed=given.seed,
    )
