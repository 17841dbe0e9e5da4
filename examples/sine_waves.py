"""Time sequence prediction: an LSTM learns sine waves, and continues them on its own.

A hundred sines of one period, each shifted at random; the network sees a value and says the next.
After the end of what it was given it feeds on its own predictions. (After PyTorch's example
time_sequence_prediction, which trains with LBFGS; Adam with a falling rate does as well.)

    python examples/sine_waves.py [--epochs 60] [--figure sine_waves.png]
"""

import argparse

import numpy as np

import lamina as lm

PERIOD = 20 * 2 * np.pi  # steps
STEPS = 500  # of which the network is given GIVEN when it is tested
GIVEN = 250


def waves(count: int, seed: int) -> np.ndarray:
    """Sines float32 (count, STEPS, 1), shifted at random."""
    shift = np.random.default_rng(seed).uniform(0, PERIOD, (count, 1))
    return np.sin((np.arange(STEPS) + shift) * 2 * np.pi / PERIOD)[..., None].astype("float32")


def network(stateful_batch: int | None = None) -> lm.Sequential:
    """One value in, the next one out; with a batch size, one that continues where it was."""
    stateful = stateful_batch is not None
    return lm.Sequential(
        [
            lm.Input(batch_shape=(stateful_batch, None, 1)),
            lm.layers.LSTM(51, return_sequences=True, stateful=stateful),
            lm.layers.LSTM(51, return_sequences=True, stateful=stateful),
            lm.layers.Dense(1),
        ]
    )


def continued(model: lm.Sequential, given: np.ndarray, steps: int) -> np.ndarray:
    """The values after those that were given (waves, steps, 1), each from the one before."""
    streaming = network(len(given))
    streaming.set_weights(model.get_weights())
    step = lm.compile(streaming)  # one program for the whole and for single steps
    value = step(given)[:, -1:]
    values = [value]
    for _ in range(steps - 1):
        value = step(value)
        values.append(value)
    return np.concatenate([v.numpy() for v in values], axis=1)


def draw(whole: np.ndarray, found: np.ndarray, path: str) -> None:
    """Draw the given part, the rest, and the network's continuation (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, wave, said in zip(figure.subplots(3, sharex=True), whole, found, strict=False):
        axes.plot(wave[:GIVEN], color="#1d4e89", label="given")
        axes.plot(range(GIVEN, STEPS), wave[GIVEN:], color="#c0c0c0", linewidth=4, label="true")
        axes.plot(range(GIVEN, STEPS), said, "--", color="#e4572e", label="continued")
    axes.set_xlabel("step")
    figure.legend(*axes.get_legend_handles_labels(), ncols=3, loc="outside upper center")
    figure.savefig(path, dpi=110)


def main(epochs: int = 60, count: int = 97, path: str | None = None) -> float:
    """Train, continue three new waves; returns the mean absolute error of the continuation."""
    lm.set_seed(1)
    train, test = waves(count, seed=0), waves(3, seed=1)
    model = network()
    batches = -(-count // 16)
    rate = lm.schedules.CosineDecay(0.01, epochs * batches)
    model.compile(lm.optimizers.Adam(rate, clipnorm=1.0), "mse")
    model.summary()
    history = model.fit(train[:, :-1], train[:, 1:], batch_size=16, epochs=epochs, verbose=0)
    found = continued(model, test[:, :GIVEN], STEPS - GIVEN)
    error = float(np.abs(found - test[:, GIVEN:]).mean())
    print(
        f"loss {history.history['loss'][-1]:.1e}; {STEPS - GIVEN} steps on its own are {error:.3f}"
    )
    print("away from the wave on average")
    if path:
        draw(test[..., 0], found[..., 0], path)
    return error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--figure", help="write a figure of three continuations here")
    arguments = parser.parse_args()
    main(arguments.epochs, path=arguments.figure)
