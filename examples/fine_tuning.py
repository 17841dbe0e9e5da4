"""Fine-tuning: features learned from many images of some classes, used for few images of others.

A convolutional network learns six classes of CIFAR-10. Four other classes are then learned from 25
images each, in three ways: by the same network from random weights; by a new last layer on the
frozen features (feature extraction); and by training the features further after that, at a
hundredth of the rate (fine-tuning). Batch normalization stays in inference mode throughout, so that
its statistics are not those of a few images. Yosinski et al. (2014), "How transferable are features
in deep neural networks?", compares the same ways on ImageNet.

    python examples/fine_tuning.py [--data cifar10-jpeg.zip] [--epochs 5] [--seeds 0 1 2]

With a network of the zoo, the first part is one line, and the rest stays the same:

    base = lm.zoo.MobileNetV2(weights="imagenet", include_top=False, pooling="avg")
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import lamina as lm

DATA = Path(os.environ.get("LAMINA_DATA", ".")) / "cifar10-jpeg.zip"
TARGETS = ("bird", "cat", "dog", "frog")
BATCH = 32


def images(path: str | Path, part: str, each: int) -> dict[str, np.ndarray]:
    """Images by class, at most `each`, chosen at random."""
    data = lm.data.image_dataset_from_directory(
        f"{path}/{part}", image_size=(32, 32), shuffle=False, batch_size=256, verbose=False
    )
    labels = np.array([data.class_names.index(Path(p).parent.name) for p in data.file_paths])
    rng = np.random.default_rng(0)
    rows = {
        name: rng.permutation(np.flatnonzero(labels == number))[:each]
        for number, name in enumerate(data.class_names)
    }
    pixels, _ = data.arrays()
    return {name: pixels[chosen] for name, chosen in rows.items()}


def joined(by_class: dict[str, np.ndarray], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Images of these classes, and their numbers."""
    labels = np.repeat(np.arange(len(names)), [len(by_class[name]) for name in names])
    return np.concatenate([by_class[name] for name in names]), labels


def features(filters: int = 32) -> lm.Sequential:
    """The network without its last layer: images (32, 32, 3) to vectors."""
    layers = [lm.Input((32, 32, 3)), lm.layers.Rescaling(1 / 127.5, offset=-1.0)]
    for number in range(3):
        for strides in (1, 2):
            layers += [
                lm.layers.Conv2D(
                    filters * 2**number, 3, strides=strides, padding="same", use_bias=False
                ),
                lm.layers.BatchNormalization(momentum=0.9),
                lm.layers.ReLU(),
            ]
    return lm.Sequential([*layers, lm.layers.GlobalAveragePooling2D()], name="features")


def with_head(base: lm.Model, classes: int) -> lm.Model:
    """The features with a new last layer; images are mirrored and moved in training."""
    inputs = lm.Input((32, 32, 3))
    x = lm.layers.RandomFlip("horizontal")(inputs)
    x = lm.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest")(x)
    x = base(x)
    return lm.Model(inputs, lm.layers.Dense(classes)(x))


def fitted(model: lm.Model, x: np.ndarray, y: np.ndarray, rate: float, epochs: int) -> None:
    """Train with Adam, at a rate that falls along half a cosine."""
    steps = epochs * -(-len(x) // BATCH)
    model.compile(
        lm.optimizers.Adam(lm.schedules.CosineDecay(rate, steps)),
        lm.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)


def main(
    epochs: int = 5,
    each: int = 1500,
    few: int = 25,
    filters: int = 32,
    data: str | Path = DATA,
    targets: Sequence[str] = TARGETS,
    seeds: Sequence[int] = (0, 1, 2),
    later: int = 40,
) -> dict[str, list[float]]:
    """Train all ways; returns the test accuracies of each, one for each seed."""
    train, test = images(data, "train", each), images(data, "test", 500)
    sources = [name for name in train if name not in targets]
    x_test, y_test = joined(test, targets)
    ways: dict[str, list[float]] = {}
    for seed in seeds:
        lm.set_seed(seed)
        base = features(filters)
        source = with_head(base, len(sources))
        fitted(source, *joined(train, sources), 2e-3, epochs)
        _, accuracy = source.evaluate(*joined(test, sources), verbose=0)
        ways.setdefault("six source classes", []).append(accuracy)

        rng = np.random.default_rng(seed)
        small = {name: train[name][rng.permutation(len(train[name]))[:few]] for name in targets}
        x, y = joined(small, targets)
        scratch = with_head(features(filters), len(targets))
        fitted(scratch, x, y, 2e-3, 2 * later)
        ways.setdefault("random weights", []).append(scratch.evaluate(x_test, y_test, verbose=0)[1])

        base.trainable = False
        model = with_head(base, len(targets))
        fitted(model, x, y, 1e-2, later)
        ways.setdefault("frozen features", []).append(model.evaluate(x_test, y_test, verbose=0)[1])

        base.trainable = True
        for layer in base.layers:
            if isinstance(layer, lm.layers.BatchNormalization):
                layer.trainable = False  # and so in inference mode
        fitted(model, x, y, 1e-4, later)
        ways.setdefault("fine-tuned", []).append(model.evaluate(x_test, y_test, verbose=0)[1])
    for name, values in ways.items():
        spread = f" ± {np.std(values, ddof=1):.1%}" if len(values) > 1 else ""
        print(f"{name:20}{np.mean(values):.1%}{spread}")
    return ways


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=DATA, help="folder or .zip file with train and test")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    main(options.epochs, data=options.data, seeds=options.seeds)
