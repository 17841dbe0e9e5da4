"""Sub-pixel convolution (Shi et al. 2016): a network that makes photographs three times larger.

All layers see the small image; the last one gives nine values for each pixel, which depth_to_space
puts in place. As in the paper (ESPCN), only brightness is enlarged, training is on patches of 17 x
17 and its result is measured on Set5 in decibels (PSNR of the brightness, without a border of three
pixels) next to bicubic interpolation, by which the small images are made, too. The paper trains on
91 images, or on 50,000 of ImageNet, for many hours; this program trains on 80 photographs of
BSDS500 for about a minute a seed, with ReLU and orthogonal kernels as PyTorch's example, and falls
short of the paper.

    python examples/vision/super_resolution_2016.py [--quick] [--figure super_resolution_2016.png]
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

import lamina as lm
from lamina.settings import settings

FIGURES = {
    "bicubic, dB": ("30.39", ".2f"),
    "network, dB": ("32.55 (91 images), 33.00 (ImageNet)", ".2f"),
    "gain, dB": ("2.16 (91 images), 2.61 (ImageNet)", ".2f"),
}
SMALL = {"epochs": 1, "seeds": 1, "photographs_used": 4, "patches_each": 20}
TIMES, PATCH = 3, 17


def brightness(file) -> np.ndarray:
    """Brightness (Y of ITU-R BT.601) of an image, from 0 to 1."""
    from PIL import Image

    red, green, blue = np.moveaxis(np.asarray(Image.open(file).convert("RGB"), "float64"), -1, 0)
    return ((16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255) / 255).astype("float32")


def photographs(count: int | None) -> list[np.ndarray]:
    """Brightness of the training photographs of `bsds-sr.zip`."""
    with zipfile.ZipFile(folder() / "bsds-sr.zip") as archive:
        names = sorted(n for n in archive.namelist() if "train/" in n and n.endswith(".jpg"))
        return [brightness(io.BytesIO(archive.read(name))) for name in names[:count]]


def folder() -> Path:
    """The folder of images below LAMINA_DATA."""
    if settings.data is None:
        raise SystemExit("set LAMINA_DATA to a folder with images/bsds-sr.zip and images/set5")
    return settings.data / "images"


def resized(y: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bicubic interpolation, with a wider kernel where the image becomes smaller."""
    from PIL import Image

    small = Image.fromarray(y).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small, "float32")


def halves(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The small image and the large one, cut to a multiple of TIMES."""
    height, width = (n // TIMES for n in y.shape)
    large = y[: height * TIMES, : width * TIMES]
    return resized(large, height, width), large


def patches(images: list[np.ndarray], count: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Random patches (count an image): small ones and large ones."""
    x, y = [], []
    for image in images:
        small, large = halves(image)
        for _ in range(count):
            row, column = (int(rng.integers(n - PATCH)) for n in small.shape)
            turns, mirrored = rng.integers(4), rng.integers(2)
            for target, part, scale in ((x, small, 1), (y, large, TIMES)):
                top, left, size = row * scale, column * scale, PATCH * scale
                patch = np.rot90(part[top : top + size, left : left + size], turns)
                target.append(patch[:, ::-1] if mirrored else patch)
    return np.array(x)[..., None], np.array(y)[..., None]


def network() -> lm.Model:
    """64 features of 5 x 5, 32 of 3 x 3, nine values a pixel; images of any size."""
    image = lm.Input((None, None, 1))
    hidden = {"padding": "same", "activation": "relu", "kernel_initializer": "orthogonal"}
    h = lm.layers.Conv2D(64, 5, **hidden)(image)
    h = lm.layers.Conv2D(32, 3, **hidden)(h)
    h = lm.layers.Conv2D(TIMES**2, 3, padding="same")(h)
    model = lm.Model(image, lm.nn.depth_to_space(h, TIMES))
    model.compile(lm.optimizers.Adam(1e-3), "mse")
    return model


def decibels(found: np.ndarray, wanted: np.ndarray) -> float:
    """Peak signal-to-noise ratio without a border of TIMES pixels."""
    inner = slice(TIMES, -TIMES)
    error = np.clip(found, 16 / 255, 235 / 255)[inner, inner] - wanted[inner, inner]
    return float(-10 * np.log10((error.astype("float64") ** 2).mean()))


def draw(model: lm.Model, path: str) -> None:
    """Draw a part of Set5's butterfly: bicubic, network, original."""
    from matplotlib.figure import Figure

    small, large = halves(brightness(folder() / "set5" / "butterfly.png"))
    found = model.predict(small[None, ..., None], verbose=0)[0, ..., 0]
    rows = {"bicubic": resized(small, *large.shape), "network": found, "original": large}
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    for axes, (title, image) in zip(figure.subplots(1, 3), rows.items(), strict=True):
        axes.imshow(image[60:180, 60:180], cmap="gray", vmin=0, vmax=1)
        label = title if image is large else f"{title}, {decibels(image, large):.2f} dB"
        axes.set(title=label, xticks=[], yticks=[])
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 20,
    seeds: int = 2,
    photographs_used: int | None = None,
    patches_each: int = 200,
    path: str | None = None,
) -> dict[str, object]:
    """Train with each seed; return means over the images of Set5 in dB."""
    images = photographs(photographs_used)
    pairs = [halves(brightness(file)) for file in sorted((folder() / "set5").glob("*.png"))]
    before = float(np.mean([decibels(resized(s, *y.shape), y) for s, y in pairs]))
    after = []
    for seed in range(seeds):
        lm.set_seed(seed)
        rng = np.random.default_rng(seed)
        model = network()
        x, y = patches(images, patches_each, rng)
        steps = epochs * -(-len(x) // 32)
        model.optimizer.learning_rate = lm.schedules.CosineDecay(2e-3, steps)
        model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
        found = [model.predict(s[None, ..., None], verbose=0)[0, ..., 0] for s, _ in pairs]
        after.append(float(np.mean([decibels(f, y) for f, (_, y) in zip(found, pairs)])))
    if path:
        draw(model, path)
    gains = [each - before for each in after]
    return dict(zip(FIGURES, (before, after, gains), strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on four photographs")
    parser.add_argument("--figure", help="write an image of a butterfly here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:38}{np.mean(value):8.2f}")
