"""ImageDataGenerator: batches of images that are changed at random, by the names before Keras 3.

Random layers (`keras.layers.RandomFlip`, `RandomRotation`, ...) do the same inside of a model, and
`image_dataset_from_directory` reads folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.arguments import one_of
from lamina.data.py_dataset import PyDataset
from lamina.data.single_images import img_to_array, load_img
from lamina.data.splitting import epoch_order
from lamina.errors import ArgumentError, DataError, deprecated

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"}
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)
Pair = float | Sequence[float]


class ImageDataGenerator:
    """Random changes of images, applied to the batches of arrays or of a folder.

    Args:
        featurewise_center: subtract the mean of each channel, which `fit` computes.
        samplewise_center: subtract the mean of each image.
        featurewise_std_normalization: divide by the deviation of each channel from `fit`.
        samplewise_std_normalization: divide by the deviation of each image.
        rotation_range: largest angle in degrees.
        width_shift_range: largest shift, as a fraction of the width if below 1, else in pixels.
        height_shift_range: largest shift, likewise.
        brightness_range: pair of factors of the brightness.
        shear_range: largest angle of shear in degrees.
        zoom_range: pair of factors, or z for 1 - z to 1 + z.
        channel_shift_range: largest number added to a channel.
        fill_mode: "nearest", "constant", "reflect" or "wrap" outside of the image.
        cval: number outside of the image for "constant".
        horizontal_flip: mirror the width with probability 1/2.
        vertical_flip: mirror the height with probability 1/2.
        rescale: factor of all values, after the changes.
        preprocessing_function: function of an image, after the changes.
        validation_split: fraction of the images that subset="validation" has.

    Example:
        >>> import warnings
        >>> import numpy as np
        >>> from lamina.keras.preprocessing.image import ImageDataGenerator
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True)
        >>> x, y = next(generator.flow(np.zeros((8, 6, 6, 3)), np.arange(8), batch_size=4))
        >>> x.shape, len(y)
        ((4, 6, 6, 3), 4)
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        rotation_range: float = 0,
        width_shift_range: float = 0.0,
        height_shift_range: float = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Pair = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], Any] | None = None,
        validation_split: float = 0.0,
    ) -> None:
        deprecated(
            "ImageDataGenerator",
            "keras.utils.image_dataset_from_directory and layers such as keras.layers.RandomFlip",
        )
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range, self.channel_shift_range = brightness_range, channel_shift_range
        zoom = (
            (1 - zoom_range, 1 + zoom_range) if isinstance(zoom_range, (int, float)) else zoom_range
        )
        self.zoom_range = (float(zoom[0]), float(zoom[1]))
        self.fill_mode = one_of(
            "ImageDataGenerator", "fill_mode", fill_mode, ("nearest", "constant", "reflect", "wrap")
        )
        self.cval, self.rescale = cval, rescale
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.preprocessing_function, self.validation_split = (
            preprocessing_function,
            validation_split,
        )
        self.mean: Any = None
        self.std: Any = None

    # ---- one image -----------------------------------------------------------------------------
    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute mean and deviation of each channel for the featurewise options.

        Args:
            x: images (count, height, width, channels).
            augment: accepted for Keras.
            rounds: accepted for Keras.
            seed: accepted for Keras.
        """
        images = np.asarray(x, np.float32)
        self.mean = images.mean(axis=(0, 1, 2))
        self.std = images.std(axis=(0, 1, 2))

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """Return an image changed at random.

        Args:
            x: image (height, width, channels).
            seed: integer that fixes the change; None draws another each time.
        """
        rng = np.random.default_rng(seed)
        image = np.asarray(x, np.float32)
        image = self._moved(image, rng)
        if self.channel_shift_range:
            most = self.channel_shift_range
            shifts = rng.uniform(-most, most, (image.shape[-1],))
            image = image + shifts.astype(np.float32)
        if self.brightness_range is not None:
            low, high = self.brightness_range
            image = np.clip(image * rng.uniform(low, high), 0, 255)
        if self.horizontal_flip and rng.random() < 0.5:
            image = image[:, ::-1]
        if self.vertical_flip and rng.random() < 0.5:
            image = image[::-1]
        return np.ascontiguousarray(image, np.float32)

    def _moved(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The image rotated, sheared, zoomed and shifted about its center."""
        rows, columns = image.shape[:2]
        angle = np.deg2rad(rng.uniform(-1, 1) * self.rotation_range)
        shear = np.deg2rad(rng.uniform(-1, 1) * self.shear_range)
        zoom = rng.uniform(*self.zoom_range, size=2)
        shift = np.asarray(
            [_pixels(self.height_shift_range, rows), _pixels(self.width_shift_range, columns)]
        )
        shift = rng.uniform(-1, 1, 2) * shift
        if not (angle or shear or shift.any() or (zoom != 1).any()):
            return image
        rotation = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = rotation @ [[1, -np.sin(shear)], [0, np.cos(shear)]] @ np.diag(zoom)
        center = np.asarray([(rows - 1) / 2, (columns - 1) / 2])
        grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
        return self._sampled(image, (grid - center) @ matrix.T + center + shift)

    def _sampled(self, image: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The image at places between its pixels, bilinearly."""
        low = np.floor(places).astype(np.int64)
        part = (places - low).astype(np.float32)
        total = np.zeros_like(image)
        for row in (0, 1):
            for column in (0, 1):
                weight = np.abs(1 - row - part[..., 0]) * np.abs(1 - column - part[..., 1])
                total += weight[..., None] * self._pixel(image, low + np.asarray([row, column]))
        return total

    def _pixel(self, image: np.ndarray, places: np.ndarray) -> np.ndarray:
        size = np.asarray(image.shape[:2])
        if self.fill_mode == "wrap":
            inner = places % size
        elif self.fill_mode == "reflect":
            inner = places % (2 * size)
            inner = np.where(inner >= size, 2 * size - 1 - inner, inner)
        else:
            inner = np.clip(places, 0, size - 1)
        found = image[inner[..., 0], inner[..., 1]]
        if self.fill_mode == "constant":
            found = np.where((inner == places).all(axis=-1)[..., None], found, self.cval)
        return found

    def standardize(self, x: Any) -> np.ndarray:
        """Return an image scaled and centered as the options say.

        Args:
            x: image (height, width, channels).
        """
        image = np.asarray(x, np.float32)
        if self.preprocessing_function is not None:
            image = np.asarray(self.preprocessing_function(image), np.float32)
        if self.rescale:
            image = image * np.float32(self.rescale)
        if self.samplewise_center:
            image = image - image.mean()
        if self.samplewise_std_normalization:
            image = image / (image.std() + 1e-6)
        if (self.featurewise_center or self.featurewise_std_normalization) and self.mean is None:
            raise ArgumentError(
                "ImageDataGenerator: call fit(x) before, for the featurewise options"
            )
        if self.featurewise_center:
            image = image - self.mean
        if self.featurewise_std_normalization:
            image = image / (self.std + 1e-6)
        return image

    # ---- batches -------------------------------------------------------------------------------
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        subset: str | None = None,
    ) -> ImageFlow:
        """Return batches of arrays without end.

        Args:
            x: images (count, height, width, channels).
            y: labels; None gives images only.
            batch_size: images in a batch.
            shuffle: take them in another order in each pass.
            sample_weight: weight of each image.
            seed: integer that fixes orders and changes.
            subset: "training" or "validation", the parts of `validation_split`.
        """
        images = np.asarray(x)
        if images.ndim != 4:
            raise DataError(f"flow: expected images of 4 axes, got {images.shape}")
        rows = self._part(len(images), subset)
        extra = [np.asarray(each) for each in (y, sample_weight) if each is not None]
        return ImageFlow(self, lambda k: images[k], extra, rows, batch_size, shuffle, seed)

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        subset: str | None = None,
        interpolation: str = "nearest",
    ) -> ImageFlow:
        """Return batches of a folder with a folder for each class, without end.

        Args:
            directory: the folder.
            target_size: height and width.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: names of the folders; None takes all in alphabetical order.
            class_mode: "categorical", "binary", "sparse", "input" (the images), or None.
            batch_size: images in a batch.
            shuffle: take them in another order in each pass.
            seed: integer that fixes orders and changes.
            subset: "training" or "validation", the parts of `validation_split`.
            interpolation: method to change sizes.
        """
        one_of("flow_from_directory", "class_mode", class_mode, CLASS_MODES)
        root = Path(directory)
        names = list(classes or sorted(p.name for p in root.iterdir() if p.is_dir()))
        found = [
            (path, number)
            for number, name in enumerate(names)
            for path in sorted((root / name).rglob("*"))
            if path.suffix.lower() in ENDINGS
        ]
        if not found:
            raise DataError(f"flow_from_directory: {root} has no images in folders of classes")
        print(f"Found {len(found)} images belonging to {len(names)} classes.")
        labels = np.asarray([number for _, number in found])
        extra: list[np.ndarray] = []
        if class_mode == "categorical":
            extra = [np.eye(len(names), dtype=np.float32)[labels]]
        elif class_mode in ("binary", "sparse"):
            extra = [labels.astype(np.float32 if class_mode == "binary" else np.int32)]

        def image(k: int) -> np.ndarray:
            picked = load_img(
                found[k][0],
                color_mode=color_mode,
                target_size=target_size,
                interpolation=interpolation,
            )
            return np.asarray(img_to_array(picked))

        rows = self._part(len(found), subset)
        flow = ImageFlow(self, image, extra, rows, batch_size, shuffle, seed)
        flow.echo = class_mode == "input"
        flow.class_indices = {name: k for k, name in enumerate(names)}
        flow.classes = labels[rows]
        flow.filenames = [str(found[k][0].relative_to(root)) for k in rows]
        return flow

    def _part(self, count: int, subset: str | None) -> np.ndarray:
        border = int(count * self.validation_split)
        parts = {None: slice(None), "validation": slice(border), "training": slice(border, None)}
        return np.arange(count)[parts[one_of("flow", "subset", subset, tuple(parts))]]


class ImageFlow(PyDataset):
    """Batches of an ImageDataGenerator: without end in a `for` loop, `len()` of them in `fit`.

    An image changes in another way in each pass; seed and number of the pass determine how. An
    index (`flow[0]`) gives the batch of the first pass.
    """

    class_indices: dict[str, int]
    classes: np.ndarray
    filenames: list[str]
    echo = False

    def __init__(
        self,
        generator: ImageDataGenerator,
        image: Callable[[int], np.ndarray],
        extra: list[np.ndarray],
        rows: np.ndarray,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
    ) -> None:
        super().__init__()
        self._make = self._batch
        self._generator, self._image, self._extra, self._rows = generator, image, extra, rows
        self.batch_size, self.samples, self.n = batch_size, len(rows), len(rows)
        self._order_seed = (0 if seed is None else seed) if shuffle else None
        self._seed, self._given = (0 if seed is None else seed), 0

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        return self._batch(0, int(index))

    def _batch(self, epoch: int, number: int) -> Any:
        order = epoch_order(self.n, self._order_seed, epoch)
        chosen = self._rows[order[number * self.batch_size : (number + 1) * self.batch_size]]
        images = [self._changed(int(k), epoch) for k in chosen]
        batch = np.stack(images)
        parts = [batch, *([batch] if self.echo else []), *(each[chosen] for each in self._extra)]
        return tuple(parts) if len(parts) > 1 else batch

    def _changed(self, row: int, epoch: int) -> np.ndarray:
        seed = np.random.SeedSequence([self._seed, epoch, row]).generate_state(1)[0]
        image = self._generator.random_transform(self._image(row), int(seed))
        return self._generator.standardize(image)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        epoch, number = divmod(self._given, len(self))
        self._given += 1
        return self._batch(epoch, number)

    next = __next__

    def reset(self) -> None:
        """Begin again with the first batch."""
        self._given = 0


def _pixels(most: float, extent: int) -> float:
    """A largest shift in pixels: a fraction of the extent if it is below 1."""
    return most * extent if most < 1 else most
