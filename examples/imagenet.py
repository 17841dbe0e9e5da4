"""ImageNet: any network of the zoo, trained on a folder of ILSVRC with the recipe of the papers.

Random crops of 8% to 100% of the area, mirrored (Szegedy et al. 2015); SGD with momentum 0.9 and
weight decay 1e-4 on kernels, a rate of 0.1 for 256 images that rises over the first epochs (Goyal
et al. 2017) and is divided by 10 after a third, two thirds and eight ninths of the epochs (He et
al. 2015), or falls along half a cosine; smoothed labels if wanted. Validation is on the central
part of each image, top-1 and top-5.

    python examples/imagenet.py ILSVRC --network ResNet50 --epochs 90 --checkpoint runs/resnet50
    python examples/imagenet.py ilsvrc-pets.zip --network ResNet18 --size 96 --batch 32

A run that was interrupted continues with the same command: order and crops of an epoch follow from
the seed. `--devices` divides batches among all devices of the xla engine. `--weights` begins with
those of a file, also for other classes than the file's (the last layer then has random weights).
"""

import argparse
import math
import os
from pathlib import Path

import lamina as lm

DATA = Path(os.environ.get("LAMINA_DATA", ".")) / "images" / "ilsvrc-pets.zip"
SEED = 1
SCALED_INSIDE = ("EfficientNet", "MobileNetV3", "SSDLite", "YOLO")  # take pixels from 0 to 255


class Stepwise(lm.schedules.LearningRateSchedule):
    """A rate that rises over the first epochs, then is divided by 10 three times, or falls along
    half a cosine.

    Args:
        rate: the largest rate.
        steps: steps of the training.
        warmup: steps in which the rate rises.
        cosine: fall along half a cosine.
    """

    def __init__(self, rate: float, steps: int, warmup: int, cosine: bool = False) -> None:
        self.rate, self.steps, self.warmup, self.cosine = rate, steps, warmup, cosine

    def __call__(self, step):
        done = lm.asarray(step, "float32")
        if self.cosine:
            share = lm.clip((done - self.warmup) / max(self.steps - self.warmup, 1), 0.0, 1.0)
            falling = 0.5 * (1.0 + lm.cos(math.pi * share))
        else:
            falling = 1.0
            for part in (1 / 3, 2 / 3, 8 / 9):
                falling = falling * lm.where(done >= part * self.steps, 0.1, 1.0)
        return self.rate * lm.minimum((done + 1.0) / (self.warmup + 1.0), 1.0) * falling

    def get_config(self):
        return {
            "rate": self.rate,
            "steps": self.steps,
            "warmup": self.warmup,
            "cosine": self.cosine,
        }


def network(name: str, size: int, classes: int, weights: str | None = None) -> lm.Model:
    """A network of the zoo for images with pixels from 0 to 255, with logits."""
    make = getattr(lm.zoo, name)
    shape = (size, size, 3)
    inputs = x = lm.Input(shape)
    if not name.startswith(SCALED_INSIDE):
        x = lm.layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    if weights is None:
        inner = make(weights=None, input_shape=shape, classes=classes, classifier_activation=None)
        return lm.Model(inputs, inner(x), name=inner.name)
    base = make(weights=weights, include_top=False, pooling="avg", input_shape=shape)
    return lm.Model(inputs, lm.layers.Dense(classes)(base(x)), name=base.name)


def main(
    data: str | Path = DATA,
    name: str = "ResNet18",
    epochs: int = 90,
    size: int = 224,
    batch_size: int = 256,
    rate: float | None = None,
    warmup: int = 5,
    cosine: bool = False,
    smoothing: float = 0.0,
    min_area: float = 0.08,
    weights: str | None = None,
    checkpoint: str | None = None,
    devices: bool = False,
) -> dict[str, float]:
    """Train and validate; returns the last figures of training and validation."""
    if devices:
        lm.settings(engine="xla")
        lm.distribution.set_distribution(lm.distribution.DataParallel())
    lm.set_seed(SEED)
    options = {"image_size": (size, size), "batch_size": batch_size, "seed": SEED}
    train = lm.data.imagenet_dataset_from_directory(data, "train", min_area=min_area, **options)
    validation = lm.data.imagenet_dataset_from_directory(data, "val", **options)
    classes = len(train.class_names)
    model = network(name, size, classes, weights)
    print(f"{name}: {model.count_params():,} weights, {classes} classes")

    steps = epochs * len(train)
    largest = 0.1 * batch_size / 256 if rate is None else rate
    schedule = Stepwise(largest, steps, min(warmup, epochs // 4) * len(train), cosine)
    optimizer = lm.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=1e-4)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        lm.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        metrics=[
            lm.metrics.CategoricalAccuracy(name="top1"),
            lm.metrics.TopKCategoricalAccuracy(min(5, classes), name="top5"),
        ],
    )

    def one_hot(images, labels):
        return images, lm.data.to_categorical(labels, classes)

    history = model.fit(
        train.map(one_hot),
        validation_data=validation.map(one_hot),
        epochs=epochs,
        seed=SEED,
        verbose=2,
        **({} if checkpoint is None else {"checkpoint": checkpoint, "resume": True}),
    )
    return {key: float(values[-1]) for key, values in history.history.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default=DATA, help="folder or .zip file of ILSVRC")
    parser.add_argument("--network", default="ResNet18", help="a name in lm.zoo")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--size", type=int, default=224, help="rows and columns of images")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, help="largest rate; 0.1 for 256 images by default")
    parser.add_argument("--cosine", action="store_true", help="half a cosine instead of steps")
    parser.add_argument("--smoothing", type=float, default=0.0)
    parser.add_argument("--min-area", type=float, default=0.08, help="of random crops")
    parser.add_argument("--weights", help="a file of weights to begin with")
    parser.add_argument("--checkpoint", help="folder to continue from after an interruption")
    parser.add_argument("--devices", action="store_true", help="all devices of the xla engine")
    given = parser.parse_args()
    main(
        given.data,
        given.network,
        given.epochs,
        given.size,
        given.batch,
        given.rate,
        cosine=given.cosine,
        smoothing=given.smoothing,
        min_area=given.min_area,
        weights=given.weights,
        checkpoint=given.checkpoint,
        devices=given.devices,
    )
