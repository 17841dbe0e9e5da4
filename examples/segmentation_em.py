"""U-Net (Ronneberger et al. 2015) on the electron-microscopy stack of the ISBI 2012 challenge.

Thirty slices of a fly's nerve cord, 512x512, with the cell membranes labeled. A contracting path
halves the image at each level, an expanding path doubles it again, and each level of the one is
concatenated to that of the other, so that the output knows both what is in the image and where.
The paper trains on thirty images by deforming them: displacements of a coarse grid, drawn from a
normal distribution, are interpolated between its points (section 3.1); here each batch gets other
ones, after random crops, flips and rotations. Convolutions are padded, as in most later U-Nets (the
paper crops), and the loss weighs both classes alike, without the paper's weights of narrow borders.

The last six slices are held out. Reported are their pixel error and foreground-restricted Rand
error (Arganda-Carreras et al. 2015, equation 3), at the best of nine thresholds, as the challenge
did; its test labels are not public, so that these numbers compare with each other only.

    python examples/segmentation_em.py [--data isbi-em.zip] [--epochs 30] [--figure em.png]
"""

import argparse
import os
from pathlib import Path

import numpy as np

import lamina as lm
from lamina.keras import ops

DATA = Path(os.environ.get("LAMINA_DATA", ".")) / "images" / "isbi-em.zip"
RATE = 3e-3
HELD_OUT = 6  # slices
THRESHOLDS = np.linspace(0.1, 0.9, 9)


def stack(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Images from 0 to 1, and labels: 1 inside a cell, 0 on a membrane; (slices, rows, columns,
    1). `path` is a folder or a .zip file with folders "image" and "label"."""
    files = lm.data.image_dataset_from_directory(
        path, color_mode="grayscale", image_size=None, shuffle=False, batch_size=8, verbose=False
    )
    values, which = files.arrays()
    images, labels = (values[which == k] for k in range(2))
    return images / 255.0, (labels > 127).astype("int32")


# ---- network -----------------------------------------------------------------------------------
def convolutions(x, filters: int):
    """Two convolutions, each with batch normalization and ReLU."""
    for _ in range(2):
        x = lm.layers.Conv2D(
            filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = lm.layers.ReLU()(lm.layers.BatchNormalization(momentum=0.9)(x))
    return x


def unet(shape=(512, 512, 1), filters: int = 64, depth: int = 4, classes: int = 2) -> lm.Model:
    """A U-Net for images whose sides are multiples of 2^depth; with the default arguments the
    paper's, with 31,030,658 weights. Returns logits."""
    inputs = x = lm.Input(shape)
    skipped = []
    for level in range(depth):
        x = convolutions(x, filters * 2**level)
        skipped.append(x)
        x = lm.layers.MaxPooling2D(2)(x)
    x = lm.layers.Dropout(0.5)(convolutions(x, filters * 2**depth))
    for level in reversed(range(depth)):
        x = lm.layers.Conv2DTranspose(filters * 2**level, 2, strides=2)(x)
        x = convolutions(lm.layers.Concatenate()([skipped[level], x]), filters * 2**level)
    return lm.Model(inputs, lm.layers.Conv2D(classes, 1)(x), name="unet")


# ---- augmentation ------------------------------------------------------------------------------
def deformed(images, masks, grid: int = 3, deviation: float = 4.0):
    """Images and masks with their pixels moved: random displacements, in pixels, of the points of a
    grid, and cubic interpolation between them."""
    count, rows, columns = images.shape[:3]
    coarse = lm.random.normal((count, grid, grid, 2)) * deviation
    down, right = ops.unstack(ops.image.resize(coarse, (rows, columns), "bicubic"), axis=-1)
    y = lm.arange(rows, dtype="float32")[:, None] + down
    x = lm.arange(columns, dtype="float32")[None, :] + right
    moved = []
    for values, order in ((images, 1), (masks, 0)):
        each = [
            ops.image.map_coordinates(values[k, ..., 0], [y[k], x[k]], order, "reflect")
            for k in range(count)
        ]
        moved.append(lm.stack(each)[..., None])
    return moved[0], moved[1].astype("int32")


def augmented(images: np.ndarray, masks: np.ndarray, size: int, batch_size: int, seed: int):
    """Batches of random crops, rotated by any angle, flipped, and deformed."""
    wide = min(int(size * 2**0.5), *images.shape[1:3])  # so that the corners come from the image
    steps = lm.layers.Pipeline(
        [
            lm.layers.RandomCrop(wide, wide),
            lm.layers.RandomRotation(0.5),
            lm.layers.CenterCrop(size, size),
            lm.layers.RandomFlip("horizontal"),
        ]
    )

    def change(x, y):
        found = steps({"images": x, "segmentation_masks": y}, training=True)
        return deformed(found["images"], found["segmentation_masks"])

    data = lm.data.Dataset.from_tensor_slices((images, masks)).shuffle(len(images), seed=seed)
    return data.batch(batch_size).map(change, num_parallel_calls=2)


# ---- errors ------------------------------------------------------------------------------------
def components(inside: np.ndarray) -> np.ndarray:
    """The number of the connected component of each pixel that is `inside`, -1 for others: runs of
    pixels in a row are nodes, runs that touch in the next row are joined (union-find)."""
    rows = len(inside)
    change = np.diff(np.pad(inside.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1]  # the first pixel that does not belong to it
    parent = list(range(len(row)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    bounds = np.searchsorted(row, np.arange(rows + 1))
    for y in range(1, rows):
        above, here = bounds[y - 1], bounds[y]
        while above < bounds[y] and here < bounds[y + 1]:
            if first[above] < last[here] and first[here] < last[above]:
                parent[root(here)] = root(above)
            if last[above] < last[here]:
                above += 1
            else:
                here += 1
    label = np.full(inside.shape, -1)
    label[inside] = np.repeat([root(run) for run in range(len(row))], last - first)
    return label


def rand_error(inside: np.ndarray, truth: np.ndarray) -> float:
    """1 - F of the pairs of pixels in a cell that the two segmentations put together."""
    a, b = components(inside)[truth], components(truth)[truth]
    a[a < 0] = a.max() + 1 + np.arange((a < 0).sum())  # each pixel of a membrane by itself
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    both = np.unique(a * (b.max() + 1) + b, return_counts=True)[1].astype(float)
    one, two = (np.bincount(k).astype(float) for k in (a, b))
    return float(1 - 2 * (both**2).sum() / ((one**2).sum() + (two**2).sum()))


def errors(inside: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Pixel and Rand error at the threshold that is best for each, and the mean IoU of the classes
    at 0.5, of probabilities (slices, rows, columns)."""
    at = [inside > threshold for threshold in THRESHOLDS]
    iou = lm.metrics.MeanIoU(2)
    iou.update_state(truth, inside > 0.5)
    return {
        "pixel error": min(float((found != truth).mean()) for found in at),
        "Rand error": min(
            float(np.mean([rand_error(*pair) for pair in zip(found, truth, strict=True)]))
            for found in at
        ),
        "mean IoU": float(iou.result()),
    }


# ---- program -----------------------------------------------------------------------------------
def draw(images: np.ndarray, truth: np.ndarray, inside: np.ndarray, path: str) -> None:
    """Draw a slice, its labels, and the probabilities of the network (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.9), layout="constrained")
    shown = {"held-out slice": images[0, ..., 0], "labels": truth[0], "U-Net": inside[0]}
    for axes, (name, values) in zip(figure.subplots(1, 3), shown.items(), strict=True):
        axes.imshow(values, cmap="gray")
        axes.set_title(name)
        axes.axis("off")
    figure.savefig(path, dpi=80)


def main(
    epochs: int = 30,
    filters: int = 16,
    depth: int = 3,
    size: int = 192,
    data: str | Path = DATA,
    deform: bool = True,
    path: str | None = None,
) -> dict[str, float]:
    """Train and test; returns the errors on the held-out slices."""
    images, labels = stack(data)
    train, test = slice(0, -HELD_OUT), slice(-HELD_OUT, None)
    lm.set_seed(1)
    model = unet((size, size, 1), filters, depth)
    batch_size = 4
    batches = augmented(images[train], labels[train], size, batch_size, seed=1)
    if not deform:
        crop = lm.layers.RandomCrop(size, size)

        def cropped(x, y):
            found = crop({"images": x, "segmentation_masks": y}, training=True)
            return found["images"], found["segmentation_masks"]

        batches = lm.data.Dataset.from_tensor_slices((images[train], labels[train]))
        batches = batches.shuffle(len(images), seed=1).batch(batch_size).map(cropped)
    inside = labels[train].mean()
    balance = np.float32([0.5 / (1 - inside), 0.5 / inside])
    weighed = batches.map(lambda x, y: (x, y, lm.asarray(balance)[y[..., 0]]))
    rate = lm.schedules.CosineDecay(RATE, epochs * len(batches))
    loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lm.optimizers.Adam(rate), loss, metrics=["accuracy"])
    print(f"{model.count_params():,} weights")
    model.fit(weighed, epochs=epochs, verbose=2)
    whole = unet(images.shape[1:], filters, depth)  # the same weights, for whole slices
    whole.set_weights(model.get_weights())
    found = lm.nn.softmax(whole.predict(images[test], batch_size=2, verbose=0)).numpy()[..., 1]
    truth = labels[test][..., 0] == 1
    result = errors(found, truth)
    print(", ".join(f"{name} {value:.4f}" for name, value in result.items()))
    if path:
        draw(images[test], truth, found, path)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=DATA, help="folder or .zip file of the stack")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--no-deformation", action="store_true", help="random crops only")
    parser.add_argument("--figure", help="write a figure of a held-out slice here")
    options = parser.parse_args()
    main(
        options.epochs,
        options.filters,
        data=options.data,
        deform=not options.no_deformation,
        path=options.figure,
    )
