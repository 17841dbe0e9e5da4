"""Folders of images as datasets: decoded in the background, when they are needed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.arguments import integer, older_names
from lamina.data.background import default_workers
from lamina.data.dataset import Dataset
from lamina.data.folders import Index, index, open_folder
from lamina.data.images import (
    CHANNELS,
    INTERPOLATIONS,
    SUFFIXES,
    Decoder,
    pillow,
    unreadable,
)
from lamina.data.labeled_folders import (
    LabeledFiles,
    check_arguments,
    check_labels,
    divided,
)
from lamina.data.single_images import is_first
from lamina.errors import ArgumentError, FileFormatError, ShapeError, describe, unknown_name, warn

_NAMED = 5  # files that a warning names
KEEP_BYTES = 256 << 20  # of decoded images, which later passes need not decode again
_HEADER = 160  # bytes of an array besides its pixels


@older_names(smart_resize="crop_to_aspect_ratio")
def image_dataset_from_directory(
    directory: PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] | None = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    *,
    on_error: str = "warn",
    workers: int | None = None,
    keep_bytes: int = KEEP_BYTES,
) -> Any:
    """Return a Dataset of the images in a folder with one folder for each class.

    Batches are (images, labels), or images alone without labels: images float32 (batch, height,
    width, channels) from 0 to 255; labels int32 (batch,), float32 (batch, classes) with label_mode
    "categorical", or float32 (batch, 1) with "binary". The dataset has `class_names` and
    `file_paths` (in order, not shuffled). At most `workers` + 3 batches are in memory at a time,
    and up to `keep_bytes` of decoded images. Names and defaults are those of Keras; `on_error`,
    `workers` and `keep_bytes` are Lamina's.

    Args:
        directory: folder, .zip file of one, or folder in a .zip file ("photos.zip/train"). Images
            are .bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff and .webp files; others are left out.
        labels: "inferred" from the folders; None; or the class number of each file, in the order of
            the sorted paths.
        label_mode: "int", "categorical", "binary", or None for images alone.
        class_names: folders in the order of their numbers; None sorts them by name.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: samples in a batch; None gives single samples.
        image_size: (height, width); None keeps the sizes of the images, which must then be equal
            within a batch.
        shuffle: use another order in each pass; validation data stay in order.
        seed: integer that fixes order and split; None draws one for the order from the state that
            `set_seed` sets, and is 0 for the split.
        validation_split: fraction held out for validation, of each class its share; None for none.
        subset: "training", "validation", or "both" as a pair, with `validation_split`.
        interpolation: "bilinear", "nearest", "bicubic", "area" or "lanczos3", each with
            antialiasing if images get smaller.
        follow_links: follow symbolic links to folders.
        crop_to_aspect_ratio: crop images to the aspect ratio of `image_size` instead of distorting
            them.
        pad_to_aspect_ratio: pad images to the aspect ratio of `image_size` instead of distorting
            them.
        data_format: "channels_last" or "channels_first"; None is the setting of the backend.
        format: "tf" or "grain", accepted for Keras; the result is a Dataset in both cases.
        verbose: print how many files and classes were found.
        on_error: "warn" leaves out images that cannot be read and names them in a warning after the
            pass; "raise" raises an error at the first.
        workers: number of threads that decode; None is one for each processor. The batches do not
            depend on it.
        keep_bytes: bytes of decoded images (uint8) that stay in memory for later passes; the first
            ones that are read, until they are used up. 0 keeps none, and sees files that change.

    Raises:
        DataError: if the folder does not exist, or has no image or no class folder.
        FileFormatError: for a damaged .zip file, or an image with on_error="raise".
        ShapeError: if images in a batch have several sizes, with image_size None.
        ArgumentError, UnknownNameError: for arguments that are impossible, or impossible together.
        MissingExtraError: if Pillow is not installed.

    Example:
        >>> import lamina as lm
        >>> train, validation = lm.data.image_dataset_from_directory(  # doctest: +SKIP
        ...     "photos", image_size=(64, 64), validation_split=0.2, subset="both", seed=1)
        >>> model.fit(train, validation_data=validation, epochs=5)  # doctest: +SKIP
    """
    is_channels_first = is_first(data_format)
    _check_names(color_mode, interpolation, on_error)
    check_arguments(label_mode, validation_split, subset, format)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("crop_to_aspect_ratio and pad_to_aspect_ratio: give one of them")
    pillow().preinit()
    size = None if image_size is None else checked_size(image_size)
    decode = Decoder(size, color_mode, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio)
    labels = None if label_mode is None else labels
    folder = open_folder(directory, follow_links)
    files = index(folder, is_image, "images", labels, class_names)
    check_labels(files, label_mode)
    kept = Pixels(integer("image_dataset_from_directory", "keep_bytes", keep_bytes, 0))
    images = Images(files, decode, label_mode, is_channels_first, on_error, kept)
    threads = default_workers() if workers is None else workers

    def dataset(rows: np.ndarray, order: int | None) -> Dataset:
        return images.dataset(rows, batch_size, order, threads)

    return divided(files, dataset, shuffle, seed, validation_split, subset, verbose)


def is_image(path: str) -> bool:
    """Whether a file is called like an image that Pillow reads."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(SUFFIXES) and not name.startswith(".")


class Pixels:
    """Decoded images by number, up to a number of bytes; several threads use it.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._found: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()

    def get(self, row: int) -> np.ndarray | None:
        """Return an image, if it is kept."""
        return self._found.get(row)

    def keep(self, row: int, image: np.ndarray) -> None:
        """Keep an image, if there is room."""
        needed = image.nbytes + _HEADER
        with self._lock:
            if row in self._found or needed > self._left:
                return
            self._left -= needed
            self._found[row] = image if image.base is None else image.copy()


class Images(LabeledFiles):
    """Images by their number in the index, decoded; remembers which ones could not be."""

    def __init__(
        self,
        files: Index,
        decode: Decoder,
        label_mode: str | None,
        channels_first: bool,
        on_error: str,
        kept: Pixels,
    ) -> None:
        super().__init__(files, label_mode)
        self._kept = kept
        self.decode, self.on_error = decode, on_error
        self.channels_first = channels_first
        self._bad: dict[str, str] = {}
        self._reported: set[str] = set()
        self._expected = unreadable()

    def batch(self, rows: np.ndarray) -> Any:
        """(images, labels) of those that can be read, or images; None where none can."""
        read = [(row, image) for row in rows.tolist() if (image := self._read(row)) is not None]
        if not read:
            return None
        images = np.empty((len(read), *read[0][1].shape), np.float32)
        for k, (row, image) in enumerate(read):
            if image.shape != images.shape[1:]:
                raise self._unequal(read[0], (row, image))
            images[k] = image
        if self.labels is None:
            return images
        return images, self.labels[[row for row, _ in read]]

    def sample(self, row: int) -> Any:
        image = self._read(row)
        if image is None:
            return None
        pixels = image.astype(np.float32)
        return pixels if self.labels is None else (pixels, self.labels[row])

    def _read(self, row: int) -> np.ndarray | None:
        image = self._kept.get(row)
        if image is None:
            image = self._decoded(row)
            if image is not None:
                self._kept.keep(row, image)
        return image

    def _decoded(self, row: int) -> np.ndarray | None:
        path = self.files.paths[row]
        try:
            image = self.decode(self.files.folder.read(path))
        except self._expected as error:
            if self.on_error == "raise":
                raise FileFormatError(
                    f"{self.files.folder.name(path)}: cannot be read: {reason(error)}",
                    hint="on_error='warn' leaves such files out, and names them",
                ) from error
            self._bad[path] = reason(error)
            return None
        return np.moveaxis(image, -1, 0) if self.channels_first else image

    def _unequal(self, one: tuple[int, np.ndarray], other: tuple[int, np.ndarray]) -> ShapeError:
        (a, first), (b, second) = one, other
        name = self.files.folder.name
        return ShapeError(
            f"images of different sizes in one batch: {name(self.files.paths[a])} is "
            f"{first.shape}, {name(self.files.paths[b])} is {second.shape}",
            hint="give an image_size=(height, width), or take batch_size=1",
        )

    def finish(self) -> None:
        """Warn of the files that could not be read and have not been named yet."""
        new = {path: why for path, why in self._bad.items() if path not in self._reported}
        if not new:
            return
        self._reported |= set(new)
        shown = sorted(new.items())[:_NAMED]
        lines = [f"  {self.files.folder.name(path)}: {why}" for path, why in shown]
        more = [f"  and {len(new) - len(shown)} more"] if len(new) > len(shown) else []
        what = "1 image" if len(new) == 1 else f"{len(new):,} images"
        warn("\n".join([f"{what} could not be read, left out:", *lines, *more]))


def reason(error: Exception) -> str:
    text = str(error)
    if "cannot identify image file" in text:
        return "not an image, or damaged in its first bytes"
    return describe(text or type(error).__name__, 120).strip("'\"")


# ---- arguments ---------------------------------------------------------------------------------
def _check_names(color_mode: str, interpolation: str, on_error: str) -> None:
    rows: list[tuple[str, Any, Sequence[Any]]] = [
        ("color_mode", color_mode, list(CHANNELS)),
        ("interpolation", interpolation, list(INTERPOLATIONS)),
        ("on_error", on_error, ["warn", "raise"]),
    ]
    for name, value, known in rows:
        if value not in known:
            raise unknown_name(name, value, known)


def checked_size(image_size: Any) -> tuple[int, int]:
    pair = tuple(image_size) if isinstance(image_size, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in pair):
        raise ArgumentError(
            f"image_size is {describe(image_size)}, expected (height, width), two whole numbers"
        )
    return int(pair[0]), int(pair[1])
