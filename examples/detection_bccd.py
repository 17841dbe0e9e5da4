"""Blood cells detected by YOLO (Redmon and Farhadi 2017), trained from random weights.

BCCD has photographs of blood smears with boxes around red cells, white cells and platelets; here
are 200 of its 364 images, in the layout of Pascal VOC. The network is Tiny YOLOv2 with half of its
filters. Its anchors are the extents of the training boxes, clustered by their overlap (section 2 of
the paper). Images are mirrored, turned by 180 degrees, zoomed, and changed in color; boxes move
along. Reported is the average precision of each class at an IoU of 0.5, by the rule of VOC 2010, on
the test images.

    python examples/detection_bccd.py [--data bccd-voc.zip] [--epochs 60] [--seeds 0 1 2]
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import lamina as lm
from lamina.keras import visualization

DATA = Path(os.environ.get("LAMINA_DATA", ".")) / "images" / "bccd-voc.zip"
SIZE = (256, 320)  # rows and columns, multiples of 32
CELL = 32
RATE = 1e-3
BATCH = 8
COLORS = {"RBC": (200, 30, 30), "WBC": (30, 30, 220), "Platelets": (0, 120, 0)}


def read(path: str | Path, image_set: str, size: tuple[int, int], **options):
    """A part of the data set, with boxes (left, top, right, bottom) in pixels of `size`."""
    return lm.data.voc_dataset_from_directory(
        path, image_set, image_size=size, batch_size=BATCH, **options
    )


def augmentation() -> lm.layers.Layer:
    """Changes of images with their boxes."""
    form = {"bounding_box_format": "xyxy"}
    return lm.layers.Pipeline(
        [
            lm.layers.RandomFlip("horizontal_and_vertical", **form),
            lm.layers.RandomZoom(
                (-0.3, 0.15), (-0.3, 0.15), "constant", "nearest", fill_value=200, **form
            ),
            lm.layers.RandomBrightness(0.1),
            lm.layers.RandomContrast(0.2),
        ]
    )


def clustered(boxes: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Width and height, in cells, of `count` boxes that those of the data are like: k-means with
    the distance 1 - IoU of boxes with one center."""
    extents = (boxes[:, 2:] - boxes[:, :2]) / CELL
    rng = np.random.default_rng(seed)
    centers = extents[rng.choice(len(extents), count, replace=False)]
    for _ in range(100):
        common = np.minimum(extents[:, None], centers).prod(-1)
        near = common / (extents.prod(-1)[:, None] + centers.prod(-1) - common)
        chosen = near.argmax(axis=1)
        found = [
            extents[chosen == k] if (chosen == k).any() else centers[k : k + 1]
            for k in range(count)
        ]
        moved = np.array([each.mean(axis=0) for each in found])
        if np.allclose(moved, centers):
            break
        centers = moved
    return centers[np.argsort(centers.prod(-1))]


def boxes_of(data) -> np.ndarray:
    """All boxes of a data set, (boxes, 4)."""
    batches = [batch["bounding_boxes"] for batch in data.epoch(0)]
    return np.concatenate([each["boxes"][each["labels"] >= 0] for each in batches])


def evaluated(model, data) -> lm.metrics.MeanAveragePrecision:
    """The average precision on a data set."""
    metric = lm.metrics.MeanAveragePrecision(model.classes, class_names=data.class_names)
    for batch in data.epoch(0):
        predictions = model.predict(batch["images"], verbose=0)
        metric.update_state(batch["bounding_boxes"], model.decode(predictions, score=0.01))
    return metric


def draw(model, data, path: str, count: int = 4) -> None:
    """Draw labeled boxes of some images, and below them the detected ones (needs Pillow)."""
    batch = next(data.epoch(0))
    images, truth = batch["images"][:count], batch["bounding_boxes"]
    found = model.detect(images, score=0.3)
    most = max(len(each.labels) for each in found)
    boxes = np.zeros((len(images), most, 4), np.float32)
    labels = np.full((len(images), most), -1)
    for k, each in enumerate(found):
        boxes[k, : len(each.labels)], labels[k, : len(each.labels)] = each.boxes, each.labels
    rows = []
    for corners, kinds in ((truth["boxes"][:count], truth["labels"][:count]), (boxes, labels)):
        drawn = images
        for number, name in enumerate(data.class_names):
            only = {"boxes": corners, "labels": np.where(kinds == number, kinds, -1)}
            color = COLORS.get(name, (0, 0, 0))
            drawn = visualization.draw_bounding_boxes(drawn, only, "xyxy", color=color)
        rows.append(np.concatenate(drawn, axis=1))
    lm.data.save_img(path, np.concatenate(rows), scale=False)


def trained(path: str | Path, size: tuple[int, int], filters: int, epochs: int, seed: int):
    """A detector trained with a seed, and its test data."""
    lm.set_seed(seed)
    train = read(path, "trainval", size, seed=seed).cache()
    test = read(path, "test", size, shuffle=False)
    anchors = clustered(boxes_of(train), 5)
    shape = (*size, 3)
    model = lm.zoo.YOLO(len(train.class_names), shape, anchors=anchors, filters=filters)
    augment = augmentation()

    def prepared(batch):
        changed = augment(batch, training=True)
        boxes = changed["bounding_boxes"]
        return changed["images"], model.encode(boxes["boxes"].numpy(), boxes["labels"].numpy())

    rate = lm.schedules.CosineDecay(RATE, epochs * len(train))
    model.compile(lm.optimizers.Adam(rate, clipnorm=10.0), model.default_loss())
    model.fit(train.shuffle(seed=seed).map(prepared), epochs=epochs, verbose=2)
    return model, test


def main(
    epochs: int = 60,
    filters: int = 8,
    size: tuple[int, int] = SIZE,
    data: str | Path = DATA,
    seeds: Sequence[int] = (0,),
    path: str | None = None,
) -> dict[str, list[float]]:
    """Train and test; returns the average precision of each class, and the mean, for each seed."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        model, test = trained(data, size, filters, epochs, seed)
        metric = evaluated(model, test)
        print(metric.summary())
        for name, value in zip(test.class_names, metric.per_class(), strict=True):
            found.setdefault(name, []).append(float(value))
        found.setdefault("mean", []).append(metric.result())
        if path and seed == seeds[0]:
            draw(model, test, path)
    for name, values in found.items():
        spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
        print(f"{name:12}{np.mean(values):.3f}{spread}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=DATA, help="folder or .zip file of the data set")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--filters", type=int, default=8, help="16 for the network of the paper")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--figure", help="write images with boxes here")
    options = parser.parse_args()
    main(options.epochs, options.filters, SIZE, options.data, options.seeds, options.figure)
