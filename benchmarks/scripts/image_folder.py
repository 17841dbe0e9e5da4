"""ShallowVGGNet fed from a folder of JPEG files, compared with the same images in memory.

    python -m benchmarks.scripts.image_folder [--images 3200] [--rounds 5]

The images are CIFAR-10's if LAMINA_DATA has them, else random ones. Each round trains one epoch
from each source, in alternating order; the figures are medians of the rounds.
The first epoch from the folder decodes all files; later ones take the pixels that are kept, up to
`keep_bytes`.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import lamina as lm
from benchmarks.scripts.run_costs import vgg
from lamina.errors import LaminaError


def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of 32 x 32 pixels with their classes."""
    try:
        (x, y), _ = lm.datasets.cifar10.load_data()
    except LaminaError:
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (count, 32, 32, 3), np.uint8), rng.integers(0, 10, count)
    return x[:count], y[:count].ravel()


def written(x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    """Write the images as JPEG files, one folder a class."""
    for k, (pixels, label) in enumerate(zip(x, y, strict=True)):
        place = folder / f"class{int(label)}"
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{k:06d}.jpg", quality=95)


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=3200)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    x, y = images(given.images)
    with tempfile.TemporaryDirectory() as name:
        written(x, y, Path(name))

        def folder(kept: int) -> Any:
            return lm.data.image_dataset_from_directory(
                name, image_size=(32, 32), batch_size=32, seed=0, verbose=False, keep_bytes=kept
            )

        model, _, _ = vgg()
        model.compile("adam", "sparse_categorical_crossentropy")
        pixels = x.astype("float32")
        sources: dict[str, Callable[[], Any]] = {
            "memory": lambda: model.fit(pixels, y, batch_size=32, seed=0, verbose=0)
        }
        for title, kept in (("folder, decoded each time", 0), ("folder, pixels kept", 1 << 28)):
            sources[title] = partial(model.fit, folder(kept), verbose=0)
        first = {title: timed(call) for title, call in sources.items()}  # compiles, and decodes
        seconds: dict[str, list[float]] = {title: [] for title in sources}
        for k in range(given.rounds):
            for title in sorted(sources, reverse=bool(k % 2)):
                seconds[title].append(timed(sources[title]))
        print("source                       first s  epoch s  of memory")
        for title, taken in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(taken, seconds["memory"], strict=True))
            print(f"{title:28} {first[title]:7.2f} {statistics.median(taken):8.3f} {ratio:10.3f}")
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB at most")


if __name__ == "__main__":
    main()
