"""Finding structure in time (Elman 1990): XOR spread over time, and how far back gradients reach.

A stream of bits, in which every third is the XOR of the two before. A network with a context layer,
which keeps what its hidden units were a step ago, is asked for the next bit. Two of three cannot be
known; the error at the third says that it has found the structure. Then: how strongly the output
depends on an input so many steps ago, for this kind of network and for an LSTM (1997).

    python examples/elman_1990.py [--epochs 60] [--picture elman.png]
"""

import argparse

import numpy as np

import lamina as lm

UNITS = 32


def xor_stream(sequences: int, triples: int, seed: int = 0) -> np.ndarray:
    """Bits (sequences, 3 * triples): a, b, a XOR b, and so on."""
    ab = np.random.default_rng(seed).integers(0, 2, (sequences, triples, 2))
    return np.concatenate([ab, ab[..., :1] ^ ab[..., 1:]], axis=-1).reshape(sequences, -1)


def network() -> lm.Sequential:
    """One bit in, one out, at each step."""
    return lm.Sequential(
        [
            lm.Input(shape=(None, 1)),
            lm.layers.SimpleRNN(UNITS, return_sequences=True),
            lm.layers.Dense(1, activation="sigmoid"),
        ]
    )


def errors_by_place(model: lm.Sequential, bits: np.ndarray) -> list[float]:
    """The mean squared error of the prediction of a, of b, and of a XOR b."""
    predicted = model.predict(bits[:, :-1, None].astype("float32"), verbose=0)[..., 0]
    squares = np.square(predicted - bits[:, 1:])
    # the first prediction is that of b
    return [float(squares[:, start::3].mean()) for start in (2, 0, 1)]


def gradient_by_distance(layer: lm.layers.Layer, steps: int = 40) -> np.ndarray:
    """How strongly the last output depends on the input so many steps ago: norms of gradients,
    the last step's being 1."""
    x = lm.random.normal((64, steps, 8), key=0)
    key = lm.random.normal((UNITS,), key=1)
    g = lm.grad(lambda x: lm.sum(layer(x) * key))(x).numpy()
    norms = np.sqrt(np.square(g).sum(axis=(0, 2)))[::-1]
    return norms / norms[0]


def reach() -> dict[str, np.ndarray]:
    """The gradients of three untrained layers."""
    lm.set_seed(2)
    remembering = lm.layers.LSTM(UNITS)
    remembering.build((None, None, 8))
    kernel, recurrent, bias = remembering.get_weights()
    bias[UNITS : 2 * UNITS] = 4.0  # forget gates that are almost open
    remembering.set_weights([kernel, recurrent, bias])
    layers = {
        "SimpleRNN": lm.layers.SimpleRNN(UNITS, recurrent_initializer="glorot_uniform"),
        "LSTM": lm.layers.LSTM(UNITS),
        "LSTM, forget bias 4": remembering,
    }
    return {name: gradient_by_distance(layer) for name, layer in layers.items()}


def draw(curves: dict[str, np.ndarray], picture: str) -> None:
    """The gradients over the distance, as a picture (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, norms in curves.items():
        axes.semilogy(norms, label=name)
    axes.set_xlabel("steps ago")
    axes.set_ylabel("gradient, relative to the last step's")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=120)


def main(epochs: int = 60, picture: str | None = None) -> list[float]:
    """Train, print what was found; returns the errors by place."""
    lm.set_seed(1)
    bits = xor_stream(512, 16)
    model = network()
    model.compile(lm.optimizers.Adam(0.01), "mse")
    x, y = bits[:, :-1, None].astype("float32"), bits[:, 1:, None].astype("float32")
    model.fit(x, y, epochs=epochs, verbose=0)
    errors = errors_by_place(model, xor_stream(256, 16, seed=9))
    print("mean squared error of the next bit (knowing nothing: 0.25)")
    for name, error in zip(("a", "b", "a XOR b"), errors, strict=True):
        print(f"    {name:8}{error:.3f}")
    curves = reach()
    print("gradient of the last output by an input so many steps ago")
    print("    steps ago          " + "".join(f"{d:>10}" for d in (1, 10, 20, 39)))
    for name, norms in curves.items():
        print(f"    {name:19}" + "".join(f"{norms[d]:10.1e}" for d in (1, 10, 20, 39)))
    if picture:
        draw(curves, picture)
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    main(arguments.epochs, arguments.picture)
