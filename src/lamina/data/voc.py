"""Data sets in the layout of Pascal VOC, in folders and .zip files.

    Annotations/2012_000001.xml          an XML file for each image: its objects and their boxes
    ImageSets/Main/train.txt             names of the images of a part
    ImageSets/Segmentation/train.txt     those that have masks
    JPEGImages/2012_000001.jpg
    SegmentationClass/2012_000001.png    the class of each pixel, 0 for background, 255 for borders
    SegmentationObject/2012_000001.png   the object of each pixel

Source: Everingham et al. (2010), The Pascal visual object classes (VOC) challenge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.data.annotated_images import Annotated, AnnotatedImages, form
from lamina.data.dataset import Dataset
from lamina.data.folders import UNREADABLE, Folder, open_folder
from lamina.data.image_folders import is_image
from lamina.data.markup import Element, parsed
from lamina.errors import ArgumentError, DataError, FileFormatError, describe, unknown_name

TASKS = ("detection", "classification", "segmentation", "instances")
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
_MASKS = {"segmentation": "SegmentationClass", "instances": "SegmentationObject"}


def voc_dataset_from_directory(
    directory: PathLike,
    image_set: str | None = "train",
    task: str = "detection",
    class_names: Sequence[str] | str | None = None,
    image_size: tuple[int, int] | None = (256, 256),
    batch_size: int | None = 32,
    shuffle: bool = True,
    seed: int | None = None,
    bounding_box_format: str = "xyxy",
    max_boxes: int | None = None,
    interpolation: str = "bilinear",
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    *,
    workers: int | None = None,
) -> Dataset:
    """Return a Dataset of the images of a folder in the layout of Pascal VOC.

    A batch depends on `task`. "detection": {"images", "bounding_boxes": {"boxes", "labels",
    "difficult"}}; all images have the same number of boxes, filled up with zeros and the label -1.
    "segmentation" and "instances": {"images", "segmentation_masks"}, the class or the object of
    each pixel, uint8, 0 for background and 255 for pixels that do not count. "classification":
    (images, labels), labels float32 (batch, classes), 1 for each class of which an object is in the
    image. Images are float32 (batch, rows, columns, 3) from 0 to 255. The dataset has `class_names`
    and `file_paths`.

    Args:
        directory: folder with Annotations and JPEGImages, folder or .zip file with one such folder
            in it, or folder in a .zip file ("VOC.zip/VOCdevkit/VOC2007").
        image_set: name of a file in ImageSets, such as "train", "val", "trainval" and "test"; None
            takes all images that have an annotation.
        task: "detection", "classification", "segmentation" or "instances".
        class_names: names in the order of their numbers; "voc" are the 20 of the challenge; None
            sorts the names in all annotations of the folder. In masks, class k has the value k + 1.
        image_size: (height, width); None keeps the sizes of the images, which must then be equal
            within a batch.
        batch_size: samples in a batch; None gives single samples.
        shuffle: use another order in each pass.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.
        bounding_box_format: format of boxes, such as "xyxy" and "rel_xywh". Pixels of the files are
            numbered from 1, and both ends belong to a box: xmin is made less by 1.
        max_boxes: number of boxes of each image; None is the largest number of any image.
        interpolation: "bilinear", "nearest", "bicubic", "area" or "lanczos3".
        crop_to_aspect_ratio: crop images to the aspect ratio of `image_size` instead of distorting
            them.
        pad_to_aspect_ratio: pad images to the aspect ratio of `image_size` instead of distorting
            them; masks are padded with 255.
        workers: number of threads that decode; None is one for each processor.

    Raises:
        DataError: if the folder, a part of it, or an image does not exist.
        FileFormatError: for a damaged file, which the message names.

    Example:
        >>> import lamina as lm
        >>> data = lm.data.voc_dataset_from_directory(  # doctest: +SKIP
        ...     "VOCdevkit/VOC2007", "trainval", image_size=(300, 300))
        >>> flip = lm.layers.RandomFlip(bounding_box_format="xyxy")  # doctest: +SKIP
        >>> data = data.map(lambda batch: flip(batch, training=True))  # doctest: +SKIP
    """
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)
    shape = form(
        "voc_dataset_from_directory",
        image_size,
        bounding_box_format if task == "detection" else None,
        task in _MASKS,
        max_boxes,
        interpolation,
        crop_to_aspect_ratio,
        pad_to_aspect_ratio,
    )
    layout = _Layout(open_folder(directory))
    names = layout.names(image_set, "Segmentation" if task in _MASKS else "Main")
    if class_names == "voc":
        class_names = VOC_CLASSES
    if class_names is None and task not in _MASKS:
        class_names = layout.class_names()
    numbers = {name: number for number, name in enumerate(class_names or ())}
    if task in _MASKS:
        found = [layout.masked(name, _MASKS[task]) for name in names]
    else:
        found = [layout.annotated(name, numbers) for name in names]
    images = AnnotatedImages(layout.folder, found, shape)
    rows = None
    if task == "classification":
        rows = _classified(images, len(numbers), batch_size is not None)
    return images.dataset(batch_size, shuffle, seed, workers, list(numbers), rows)


def _classified(images: AnnotatedImages, count: int, batched: bool) -> Any:
    def sample(row: Any) -> tuple[np.ndarray, np.ndarray]:
        one = images.found[int(row)]
        labels = np.zeros(count, np.float32)
        labels[one.labels[~one.flags["difficult"]]] = 1
        return images.image(row), labels

    def batch(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [sample(row) for row in rows]
        return np.stack([x for x, _ in pairs]), np.stack([y for _, y in pairs])

    return batch if batched else sample


class _Layout:
    """The files of a folder of Pascal VOC, by the part and the name of the image."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        paths = folder.paths()
        self.root = self._root(paths)
        self.known = {path[len(self.root) :] for path in paths if path.startswith(self.root)}
        images = [path for path in self.known if path.startswith("JPEGImages/") and is_image(path)]
        self.images = {path.removeprefix("JPEGImages/").rpartition(".")[0]: path for path in images}

    def _root(self, paths: Sequence[str]) -> str:
        """Return what comes before JPEGImages, with a / at its end."""
        marked = {f"/{path}".partition("/JPEGImages/") for path in paths}
        roots = sorted({before[1:] for before, there, _ in marked if there})
        if len(roots) != 1:
            what = f"several: {describe(roots)}" if roots else "none"
            raise DataError(
                f"{self.folder}: expected one folder JPEGImages, as in Pascal VOC, got {what}",
                hint="give the folder of one year, such as VOCdevkit/VOC2007",
            )
        return f"{roots[0]}/" if roots[0] else ""

    def names(self, image_set: str | None, kind: str) -> list[str]:
        """Return the names of the images of a part."""
        if image_set is None:
            where = "Annotations/" if kind == "Main" else "SegmentationClass/"
            files = sorted(path for path in self.known if path.startswith(where))
            return [path.removeprefix(where).rpartition(".")[0] for path in files]
        path = f"ImageSets/{kind}/{image_set}.txt"
        if path not in self.known:
            sets = [each for each in self.known if each.startswith(f"ImageSets/{kind}/")]
            there = sorted(each.rpartition("/")[2].removesuffix(".txt") for each in sets)
            raise DataError(
                f"{self.name(path)}: no such file; the sets are {describe(there)}",
                hint="image_set=None takes all images" if not there else None,
            )
        lines = self.read(path).decode("utf-8", "replace").splitlines()
        names = [line.split()[0] for line in lines if line.split()]
        if not names:
            raise DataError(f"{self.name(path)}: holds no names")
        return names

    def class_names(self) -> list[str]:
        """Return the names of the objects in all annotations."""
        found: set[str] = set()
        for path in sorted(self.known):
            if path.startswith("Annotations/") and path.endswith(".xml"):
                found |= {self._text(one, "name", path) for one in self._objects(path)}
        return sorted(found)

    def annotated(self, name: str, numbers: dict[str, int]) -> Annotated:
        """Return the image of a name with its boxes."""
        path = f"Annotations/{name}.xml"
        boxes, labels, difficult = [], [], []
        for one in self._objects(path):
            kind = self._text(one, "name", path)
            if kind not in numbers:
                raise ArgumentError(
                    f"{self.name(path)}: an object {kind!r}, which is not in class_names "
                    f"{describe(list(numbers))}"
                )
            boxes.append(self._box(one, path))
            labels.append(numbers[kind])
            difficult.append(one.value("difficult") == "1")
        return Annotated(
            self._image(name),
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(labels, np.int32),
            {"difficult": np.array(difficult, bool)},
        )

    def masked(self, name: str, kind: str) -> Annotated:
        """Return the image of a name with its mask."""
        path = f"{kind}/{name}.png"
        if path not in self.known:
            raise DataError(f"{self.name(path)}: no such file, the mask of {name}")
        return Annotated(self._image(name), mask=self.root + path)

    def _image(self, name: str) -> str:
        if name not in self.images:
            raise DataError(f"{self.name(f'JPEGImages/{name}.jpg')}: no such file")
        return self.root + self.images[name]

    def _objects(self, path: str) -> list[Element]:
        if path not in self.known:
            raise DataError(f"{self.name(path)}: no such file, the annotation of an image")
        return list(parsed(self.read(path), self.name(path)).all("object"))

    def _text(self, one: Element, name: str, path: str) -> str:
        value = one.value(name)
        if not value:
            raise FileFormatError(f"{self.name(path)}: an object without <{name}>")
        return value

    def _box(self, one: Element, path: str) -> tuple[float, float, float, float]:
        box = one.find("bndbox")
        texts = [None if box is None else box.value(k) for k in ("xmin", "ymin", "xmax", "ymax")]
        try:
            left, top, right, bottom = (float(text or "") for text in texts)
            if not all(math.isfinite(v) for v in (left, top, right, bottom)):
                raise ValueError
        except ValueError as error:
            raise FileFormatError(
                f"{self.name(path)}: a box of {describe(texts)} (expected four numbers, xmin, "
                "ymin, xmax and ymax)"
            ) from error
        return left - 1, top - 1, right, bottom

    def read(self, path: str) -> bytes:
        try:
            return self.folder.read(self.root + path)
        except UNREADABLE as error:
            raise FileFormatError(f"{self.name(path)}: cannot be read: {error}") from error

    def name(self, path: str) -> str:
        """Return the path for people."""
        return self.folder.name(self.root + path)
