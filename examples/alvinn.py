"""ALVINN, the network that steered a van (Pomerleau 1989): 30x32 pixels, 4 hidden, 30 outputs.

The road images are drawn here: a camera looks along a road that bends and is more or less to
one side; light and noise differ. The 30 outputs represent steering from hard left to
hard right; the target is a hill of activity around the right one, and steering is where the hill
that comes out has its centre.

    python examples/alvinn.py [--roads 4000] [--epochs 40] [--figure alvinn.png]
"""

import argparse

import numpy as np

import lamina as lm

HEIGHT, WIDTH, DIRECTIONS = 30, 32, 30
HILL = 2.0  # width of the hill of activity, in outputs


def roads(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 (count, 30, 32), and for each the steering, from -1 (left) to 1 (right)."""
    random = np.random.Generator(np.random.Philox(seed))
    bend = random.uniform(-1, 1, (count, 1, 1))
    offset = random.uniform(-1, 1, (count, 1, 1))
    light = random.uniform(0.6, 1.0, (count, 1, 1))

    ahead = np.linspace(1, 0, HEIGHT)[None, :, None]  # of a row of pixels: 1 far away, 0 near
    across = np.linspace(-1, 1, WIDTH)[None, None, :]
    center = offset * (1 - ahead) * 0.6 + bend * ahead**2
    half_width = 0.08 + 0.5 * (1 - ahead)
    distance = np.abs(across - center) / half_width
    road = 0.55 / (1 + np.exp(12 * (distance - 1)))  # gray between soft edges
    line = 0.45 * np.exp(-((distance / 0.12) ** 2))  # white in the middle
    images = light * (road + line - 0.3) + random.normal(0, 0.04, (count, HEIGHT, WIDTH))
    steering = (0.55 * offset + 0.45 * bend).reshape(count)
    return images.astype(np.float32), steering.astype(np.float32)


def hills(steering: np.ndarray) -> np.ndarray:
    """The targets, float32 (count, 30): a hill around the output that stands for the steering."""
    outputs = np.arange(DIRECTIONS)
    right_one = (steering[:, None] + 1) / 2 * (DIRECTIONS - 1)
    return np.exp(-(((outputs - right_one) / HILL) ** 2)).astype(np.float32)


def steering_of(activity: np.ndarray) -> np.ndarray:
    """The centre of the hill around the strongest output, as a steering from -1 to 1."""
    outputs = np.arange(DIRECTIONS)
    near = np.abs(outputs - activity.argmax(axis=1)[:, None]) <= 3
    weight = np.where(near, np.maximum(activity, 0), 0)
    center = (weight * outputs).sum(axis=1) / weight.sum(axis=1)
    return 2 * center / (DIRECTIONS - 1) - 1


def network() -> lm.Sequential:
    model = lm.Sequential(
        [
            lm.Input(shape=(HEIGHT, WIDTH)),
            lm.layers.Flatten(),
            lm.layers.Dense(4, activation="tanh"),
            lm.layers.Dense(DIRECTIONS, activation="linear"),
        ]
    )
    model.compile(lm.optimizers.Adam(0.003), "mean_squared_error")
    return model


def main(count: int = 4000, epochs: int = 40, path: str | None = None) -> float:
    """Train and test; returns the mean error of the steering, where -1 to 1 is full lock."""
    lm.set_seed(1)
    (x_train, train), (x_test, test) = roads(count, seed=1), roads(1000, seed=2)
    model = network()
    model.summary()
    model.fit(x_train, hills(train), epochs=epochs, validation_data=(x_test, hills(test)))
    error = float(np.abs(steering_of(model.predict(x_test)) - test).mean())
    print(f"steers {error:.3f} away from the right direction on average (of -1 to 1)")
    if path:
        draw(path, x_test, model)
    return error


def draw(path: str, images: np.ndarray, model: lm.Sequential) -> None:
    """Some roads with the activity above them, and what each hidden unit looks for."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(2, 4)
    activity = model.predict(images[:4])
    hidden = model.get_weights()[0]
    for k in range(4):
        axes[0, k].imshow(images[k], cmap="gray", extent=(0, DIRECTIONS, 0, DIRECTIONS))
        axes[0, k].plot(np.arange(DIRECTIONS) + 0.5, 8 * activity[k] + 20, color="#ffb000")
        axes[0, k].set_title("road and steering")
        axes[1, k].imshow(hidden[:, k].reshape(HEIGHT, WIDTH), cmap="RdBu")
        axes[1, k].set_title(f"hidden unit {k + 1}")
    for each in axes.flat:
        each.set_axis_off()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--roads", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--figure", help="write a figure of roads and hidden units here")
    options = parser.parse_args()
    main(options.roads, options.epochs, options.figure)
