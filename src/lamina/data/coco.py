"""Data sets with the annotations of COCO: a folder of images, and a JSON file of objects.

    {"images": [{"id": 1, "file_name": "1.jpg", "height": 480, "width": 640}],
     "categories": [{"id": 7, "name": "train"}],
     "annotations": [{"id": 5, "image_id": 1, "category_id": 7, "bbox": [x, y, width, height],
                      "iscrowd": 0, "segmentation": [[x1, y1, x2, y2, ...]]}]}

Source: Lin et al. (2014), Microsoft COCO: common objects in context; https://cocodataset.org/.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.data.annotated_images import VOID, Annotated, AnnotatedImages, form
from lamina.data.dataset import Dataset
from lamina.data.folders import UNREADABLE, Folder, open_folder
from lamina.data.regions import MOST_PIXELS, filled
from lamina.errors import DataError, FileFormatError, describe, unknown_name

TASKS = ("detection", "segmentation", "instances")
_PARTS = ("images", "annotations", "categories")


def coco_dataset_from_directory(
    directory: PathLike,
    annotations: PathLike,
    task: str = "detection",
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
    """Return a Dataset of images with the annotations of a JSON file in the format of COCO.

    A batch depends on `task`. "detection": {"images", "bounding_boxes": {"boxes", "labels",
    "crowd"}}; all images have the same number of boxes, filled up with zeros and the label -1.
    "segmentation" and "instances": {"images", "segmentation_masks"}, the class or the object of
    each pixel, uint8, 0 for background and 255 for crowds. Images are float32 (batch, rows,
    columns, 3) from 0 to 255. The dataset has `class_names`, in the order of the ids of categories,
    and `file_paths`.

    Args:
        directory: folder or .zip file of the images, or folder in a .zip file.
        annotations: JSON file, also in `directory`, which may be a .zip file.
        task: "detection", "segmentation" or "instances".
        image_size: (height, width); None keeps the sizes of the images, which must then be equal
            within a batch.
        batch_size: samples in a batch; None gives single samples.
        shuffle: use another order in each pass.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.
        bounding_box_format: format of boxes, such as "xyxy" and "rel_xywh".
        max_boxes: number of boxes of each image; None is the largest number of any image.
        interpolation: "bilinear", "nearest", "bicubic", "area" or "lanczos3".
        crop_to_aspect_ratio: crop images to the aspect ratio of `image_size` instead of distorting
            them.
        pad_to_aspect_ratio: pad images to the aspect ratio of `image_size` instead of distorting
            them; masks are padded with 255.
        workers: number of threads that decode; None is one for each processor.

    Raises:
        DataError: if a folder, file or image does not exist.
        FileFormatError: for a damaged file, which the message names.

    Example:
        >>> import lamina as lm
        >>> data = lm.data.coco_dataset_from_directory(  # doctest: +SKIP
        ...     "val2017", "annotations/instances_val2017.json", image_size=(320, 320))
    """
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)
    is_detection = task == "detection"
    shape = form(
        "coco_dataset_from_directory",
        image_size,
        bounding_box_format if is_detection else None,
        not is_detection,
        max_boxes,
        interpolation,
        crop_to_aspect_ratio,
        pad_to_aspect_ratio,
    )
    folder = open_folder(directory)
    content, name = _content(folder, annotations)
    file = _File(content, name)
    places = _places(folder)
    found = [file.annotated(one, places, folder, task) for one in file.images()]
    images = AnnotatedImages(folder, found, shape)
    return images.dataset(batch_size, shuffle, seed, workers, file.class_names)


def _content(folder: Folder, annotations: PathLike) -> tuple[bytes, str]:
    """Return the content and the name of the file: on disk, or in the folder."""
    path = Path(annotations).expanduser()
    inner = path.as_posix()
    is_inside = not path.is_file() and inner in folder.paths()
    name = folder.name(inner) if is_inside else str(path)
    try:
        return folder.read(inner) if is_inside else path.read_bytes(), name
    except FileNotFoundError as error:
        raise DataError(f"{name}: no such file (expected a JSON file of annotations)") from error
    except UNREADABLE as error:
        raise FileFormatError(f"{name}: cannot be read: {error}") from error


def _places(folder: Folder) -> dict[str, str]:
    """Return the paths of files by themselves, and by names that only one file has."""
    paths = folder.paths()
    names: dict[str, list[str]] = {}
    for path in paths:
        names.setdefault(path.rpartition("/")[2], []).append(path)
    only = {name: found[0] for name, found in names.items() if len(found) == 1}
    return only | {path: path for path in paths}


class _File:
    """The content of a JSON file; errors name the file and the entry."""

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        try:
            self.data = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise FileFormatError(f"{name}: not a JSON file that can be read: {error}") from error
        missing = [part for part in _PARTS if not isinstance(self._of_top(part), list)]
        if missing:
            raise FileFormatError(
                f"{name}: expected lists {', '.join(map(repr, _PARTS))}, as in COCO; missing "
                f"{', '.join(map(repr, missing))}"
            )
        kinds = sorted(self._entries("categories"), key=lambda one: int(self._number(one, "id")))
        self.labels = {int(one["id"]): label for label, one in enumerate(kinds)}
        self.class_names = [str(one.get("name", one["id"])) for one in kinds]
        self.of_image: dict[int, list[Mapping[str, Any]]] = {}
        for one in self._entries("annotations"):
            self.of_image.setdefault(int(self._number(one, "image_id")), []).append(one)

    def _of_top(self, part: str) -> Any:
        return self.data.get(part) if isinstance(self.data, dict) else None

    def images(self) -> list[Mapping[str, Any]]:
        """Return the entries of images, in the order of the file."""
        return list(self._entries("images"))

    def _entries(self, part: str) -> Iterator[Mapping[str, Any]]:
        for place, one in enumerate(self.data[part]):
            if not isinstance(one, dict):
                raise FileFormatError(f"{self.name}: {part}[{place}] is {describe(one)}")
            yield one

    def annotated(
        self, image: Mapping[str, Any], places: Mapping[str, str], folder: Folder, task: str
    ) -> Annotated:
        """Return an image with its objects."""
        file = str(image.get("file_name"))
        path = places.get(file)
        if path is None:
            raise DataError(f"{folder.name(file)}: no such file, an image of {self.name}")
        objects = self.of_image.get(int(self._number(image, "id")), [])
        labels = np.array([self._label(one) for one in objects], np.int32)
        crowd = np.array([bool(one.get("iscrowd", 0)) for one in objects], bool)
        if task == "detection":
            boxes = np.array([self._box(one) for one in objects], np.float32).reshape(-1, 4)
            return Annotated(path, boxes, labels, {"crowd": crowd})
        size = int(self._number(image, "height")), int(self._number(image, "width"))
        if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
            raise FileFormatError(f"{self.name}: {file!r} has the size {size}")
        values = labels + 1 if task == "segmentation" else np.arange(len(objects)) + 1
        if values.max(initial=0) >= VOID:
            raise DataError(f"{self.name}: {file!r} has more than {VOID - 1} classes or objects")
        values = np.where(crowd, VOID, values)
        return Annotated(path, mask=functools.partial(self._mask, objects, values, size))

    def _mask(self, objects: Any, values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        mask = np.zeros(size, np.uint8)
        for one, value in zip(objects, values, strict=True):
            try:
                mask[filled(one.get("segmentation"), size)] = value
            except ValueError as error:
                raise FileFormatError(f"{self._said(one)}: {error}") from error
        return mask

    def _label(self, one: Mapping[str, Any]) -> int:
        kind = int(self._number(one, "category_id"))
        if kind not in self.labels:
            raise FileFormatError(f"{self._said(one)}: category_id {kind} is not in 'categories'")
        return self.labels[kind]

    def _box(self, one: Mapping[str, Any]) -> tuple[float, float, float, float]:
        box = one.get("bbox")
        try:
            left, top, width, height = (float(v) for v in box)  # type: ignore[union-attr]
            if not all(math.isfinite(v) for v in (left, top, width, height)):
                raise ValueError
        except (TypeError, ValueError) as error:
            raise FileFormatError(
                f"{self._said(one)}: bbox is {describe(box)} (expected [x, y, width, height])"
            ) from error
        return left, top, left + width, top + height

    def _number(self, one: Mapping[str, Any], name: str) -> float:
        value = one.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise FileFormatError(f"{self._said(one)}: {name} is {describe(value)}")
        return value

    def _said(self, one: Mapping[str, Any]) -> str:
        return f"{self.name}: entry with id {one.get('id')!r}"
