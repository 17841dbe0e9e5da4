"""ImageNet's classification data of ILSVRC, in folders and .zip files.

    ILSVRC/Data/CLS-LOC/train/n01440764/*.JPEG   or train/n01440764/*.JPEG
    ILSVRC/Data/CLS-LOC/val/*.JPEG               or val/*.JPEG, or val/n01440764/*.JPEG
    LOC_synset_mapping.txt                       synsets with their words, one a line
    LOC_val_solution.csv                         synsets of the validation images, or
    ILSVRC2012_validation_ground_truth.txt       their numbers, with the development kit's meta.mat

Classes are numbered in the order of their synsets' ids, as in Keras and torchvision.

Source: Russakovsky et al. (2015), ImageNet large scale visual recognition challenge.
"""

from __future__ import annotations

import csv
import functools
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.data.background import default_workers
from lamina.data.crops import CropDecoder
from lamina.data.dataset import Dataset, order_seed
from lamina.data.folders import UNREADABLE, Folder, open_folder
from lamina.data.image_folders import checked_size, is_image, reason
from lamina.data.images import INTERPOLATIONS, pillow, unreadable
from lamina.data.mat_files import synsets_of
from lamina.data.parts import wanted
from lamina.data.splitting import GOLDEN, epoch_order
from lamina.errors import DataError, FileFormatError, describe, unknown_name

SUBSETS = ("train", "val")
_MAPPING, _TRUTH, _META = (
    "LOC_synset_mapping.txt",
    "ILSVRC2012_validation_ground_truth.txt",
    "meta.mat",
)
_TABLES = ("LOC_val_solution.csv", "val_labels.csv")


def imagenet_dataset_from_directory(
    directory: PathLike,
    subset: str = "train",
    image_size: tuple[int, int] = (224, 224),
    batch_size: int | None = 256,
    shuffle: bool | None = None,
    seed: int | None = None,
    random_crops: bool | None = None,
    min_area: float = 0.08,
    central_fraction: float = 0.875,
    interpolation: str = "bilinear",
    *,
    workers: int | None = None,
) -> Dataset:
    """Return a Dataset of ImageNet's images and classes, from a folder of ILSVRC.

    Batches are (images, labels): float32 (batch, rows, columns, 3) from 0 to 255, and int32
    (batch,). Training images are random crops of the image, mirrored with probability 1/2;
    validation images are the central part, as if the shorter side had 256 pixels for 224. Order and
    crops depend on `seed`, the epoch and the image only, so that training that resumes at an epoch
    gets the same batches with any number of threads. The dataset has `class_names`, the words of
    the synsets, and `file_paths`.

    Args:
        directory: folder or .zip file with the folders of ILSVRC, at any depth.
        subset: "train" or "val".
        image_size: (height, width).
        batch_size: samples in a batch; None gives single samples.
        shuffle: use another order in each pass; None does for "train".
        seed: integer that fixes order and crops; None draws one from the state that `set_seed`
            sets.
        random_crops: crop at random, in place of the central part; None does for "train".
        min_area: smallest area of a random crop by that of the image.
        central_fraction: side of the central part by the shorter side of the image.
        interpolation: "bilinear", "nearest", "bicubic", "area" or "lanczos3".
        workers: number of threads that decode; None is one for each processor.

    Raises:
        DataError: if the folder, or what says the classes of its images, does not exist.
        FileFormatError: for a damaged file, which the message names.

    Example:
        >>> import lamina as lm
        >>> train = lm.data.imagenet_dataset_from_directory("ILSVRC", seed=1)  # doctest: +SKIP
        >>> val = lm.data.imagenet_dataset_from_directory("ILSVRC", "val")  # doctest: +SKIP
    """
    if subset not in SUBSETS:
        raise unknown_name("subset", subset, SUBSETS)
    if interpolation not in INTERPOLATIONS:
        raise unknown_name("interpolation", interpolation, INTERPOLATIONS)
    for name, value in (("min_area", min_area), ("central_fraction", central_fraction)):
        if not 0 < value <= 1:
            raise DataError(f"{name} is {value!r} (expected a fraction above 0, at most 1)")
    pillow().preinit()
    is_training = subset == "train"
    layout = _Layout(open_folder(directory))
    paths, labels = layout.training() if is_training else layout.validation()
    decode = CropDecoder(
        checked_size(image_size), interpolation, central_fraction, area=(min_area, 1.0)
    )
    is_random = is_training if random_crops is None else random_crops
    chosen = order_seed(seed)
    images = _Images(layout.folder, paths, labels, decode, chosen if is_random else None)
    is_shuffled = is_training if shuffle is None else shuffle
    data = images.dataset(batch_size, chosen if is_shuffled else None, workers, layout.words())
    data.file_paths = [layout.folder.name(path) for path in paths]
    return data


def imagenet_synsets(directory: PathLike) -> list[tuple[str, str]]:
    """Return the ids of the synsets and their words, in the order of the classes.

    Args:
        directory: folder or .zip file with the folders of ILSVRC.

    Example:
        >>> import lamina as lm
        >>> lm.data.imagenet_synsets("ILSVRC")[0]  # doctest: +SKIP
        ('n01440764', 'tench, Tinca tinca')
    """
    layout = _Layout(open_folder(directory))
    return list(zip(layout.synsets, layout.words(distinct=False), strict=True))


class _Images:
    """Images and their classes by number, decoded when they are needed."""

    def __init__(
        self,
        folder: Folder,
        paths: Sequence[str],
        labels: np.ndarray,
        decode: CropDecoder,
        seed: int | None,
    ) -> None:
        self.folder, self.paths, self.labels = folder, paths, labels
        self.decode, self.seed = decode, seed
        self._expected: tuple[type[Exception], ...] = (*unreadable(), *UNREADABLE)

    def dataset(
        self, batch_size: int | None, order: int | None, workers: int | None, names: Sequence[str]
    ) -> Dataset:
        count, size = len(self.paths), batch_size or 1
        rows_of = functools.lru_cache(maxsize=2)(functools.partial(epoch_order, count, order))

        def make(epoch: int, number: int) -> Any:
            rows = rows_of(epoch)[number * size : (number + 1) * size]
            if batch_size is None:
                return self.image(epoch, rows[0]).astype(np.float32), self.labels[rows[0]]
            rows = wanted(rows)
            images = np.empty((len(rows), *self.decode.size, 3), np.float32)
            for k, row in enumerate(rows):
                images[k] = self.image(epoch, row)
            return images, self.labels[rows]

        return Dataset(
            make,
            -(-count // size),
            workers=default_workers() if workers is None else workers,
            class_names=names,
            batched=batch_size is not None,
        )

    def image(self, epoch: int, row: int) -> np.ndarray:
        """Return an image as an epoch has it."""
        rng = None
        if self.seed is not None:
            key = (self.seed * GOLDEN + epoch) % 2**64 << 64 | int(row)
            rng = np.random.Generator(np.random.Philox(key=key))
        path = self.paths[row]
        try:
            return self.decode(self.folder.read(path), rng)
        except self._expected as error:
            raise FileFormatError(
                f"{self.folder.name(path)}: cannot be read: {reason(error)}"
            ) from error


class _Layout:
    """The files of a folder of ILSVRC: which images, and of which classes."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.paths = folder.paths()
        self.files = {path.rpartition("/")[2]: path for path in self.paths if not is_image(path)}
        self._mapped = self._mapping()
        found = {path.split("/")[-2] for path in self._images("train") if "/" in path}
        self.synsets = sorted(name for name in found if _is_synset(name))
        if not self.synsets:
            self.synsets = sorted(self._mapped)
        if not self.synsets:
            raise DataError(
                f"{folder}: no folders train/n01440764 and so on, and no {_MAPPING} (expected a "
                "folder of ILSVRC)"
            )
        self.number = {name: k for k, name in enumerate(self.synsets)}

    def _images(self, part: str) -> list[str]:
        return [path for path in self.paths if f"/{part}/" in f"/{path}" and is_image(path)]

    def _read(self, name: str) -> bytes:
        path = self.files[name]
        try:
            return self.folder.read(path)
        except UNREADABLE as error:
            raise FileFormatError(f"{self.folder.name(path)}: cannot be read: {error}") from error

    def _mapping(self) -> dict[str, str]:
        """Return the words of synsets; nothing if no file says them."""
        if _MAPPING in self.files:
            lines = self._read(_MAPPING).decode("utf-8", "replace").splitlines()
            rows = (line.partition(" ") for line in lines if line.strip())
            return {name: words.strip() for name, _, words in rows}
        if _META in self.files:
            return {name: words for _, name, words in self._meta}
        return {}

    @functools.cached_property
    def _meta(self) -> list[tuple[int, str, str]]:
        return synsets_of(self._read(_META), self.folder.name(self.files[_META]))

    def words(self, distinct: bool = True) -> list[str]:
        """Return the words of the classes; two with the same words get their ids if `distinct`."""
        found = [self._mapped.get(name, name) for name in self.synsets]
        count = Counter(found)
        return [
            f"{words} ({name})" if distinct and count[words] > 1 else words
            for name, words in zip(self.synsets, found, strict=True)
        ]

    def training(self) -> tuple[list[str], np.ndarray]:
        paths = [path for path in self._images("train") if path.split("/")[-2] in self.number]
        if not paths:
            raise DataError(f"{self.folder}: no images in train/n01440764 and so on")
        return paths, np.array([self.number[path.split("/")[-2]] for path in paths], np.int32)

    def validation(self) -> tuple[list[str], np.ndarray]:
        paths = self._images("val")
        if not paths:
            raise DataError(f"{self.folder}: no images in a folder val")
        if all(path.split("/")[-2] in self.number for path in paths):
            return paths, np.array([self.number[path.split("/")[-2]] for path in paths], np.int32)
        table = next((name for name in _TABLES if name in self.files), None)
        if table is not None:
            synsets = self._from_table(paths, table)
        elif _TRUTH in self.files:
            synsets = self._from_truth(paths)
        else:
            raise DataError(
                f"{self.folder}: nothing says the classes of the validation images (expected "
                f"{_TABLES[0]}, or {_TRUTH} and {_META}, or folders val/n01440764)"
            )
        unknown = sorted(set(synsets) - set(self.number))
        if unknown:
            raise DataError(f"{self.folder}: no training images of {describe(unknown)}")
        return paths, np.array([self.number[name] for name in synsets], np.int32)

    def _from_table(self, paths: Sequence[str], table: str) -> list[str]:
        """Return synsets from rows "ILSVRC2012_val_00000001,n01440764 85 1 499 272"."""
        text = self._read(table).decode("utf-8", "replace")
        rows = [row for row in csv.reader(io.StringIO(text)) if len(row) >= 2 and row[1].split()]
        of = {row[0].partition(".")[0]: row[1].split()[0] for row in rows}
        names = [path.rpartition("/")[2].partition(".")[0] for path in paths]
        missing = [name for name in names if name not in of]
        if missing:
            raise DataError(
                f"{self.folder.name(self.files[table])}: no row for {describe(missing)}"
            )
        return [of[name] for name in names]

    def _from_truth(self, paths: Sequence[str]) -> list[str]:
        """Return synsets from a number for each image, in the order of their names."""
        name = self.folder.name(self.files[_TRUTH])
        try:
            numbers = [int(line) for line in self._read(_TRUTH).split()]
        except ValueError as error:
            raise FileFormatError(f"{name}: expected a number in each line") from error
        if len(numbers) != len(paths):
            raise DataError(f"{name}: {len(numbers)} numbers for {len(paths)} validation images")
        if _META in self.files:
            synset = {number: wnid for number, wnid, _ in self._meta}
        elif self._mapped:
            # without the kit's own numbers: those of the mapping's lines
            synset = dict(enumerate(self._mapped, start=1))
        else:
            raise DataError(f"{name}: needs {_META} of the development kit, or {_MAPPING}")
        if not set(numbers) <= set(synset):
            raise FileFormatError(f"{name}: numbers that are not those of a synset")
        order = sorted(paths, key=lambda path: path.rpartition("/")[2])
        of = dict(zip(order, numbers, strict=True))
        return [synset[of[path]] for path in paths]


def _is_synset(name: str) -> bool:
    return len(name) > 1 and name[0] == "n" and name[1:].isdigit()
