"""Images with boxes and masks: what readers of data sets for detection and segmentation share.

A reader lists what it has as `Annotated` images. This module decodes them, brings them to one size
with their boxes and masks, and makes batches of dictionaries, which the augmentation layers take:

    {"images": (batch, rows, columns, 3), "segmentation_masks": (batch, rows, columns, 1),
     "bounding_boxes": {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.arguments import integer
from lamina.data.background import default_workers
from lamina.data.dataset import Dataset, order_seed
from lamina.data.folders import UNREADABLE, Folder
from lamina.data.image_folders import checked_size, reason
from lamina.data.images import INTERPOLATIONS, Decoder, MaskDecoder, pillow, unreadable
from lamina.errors import ArgumentError, DataError, FileFormatError, ShapeError, unknown_name
from lamina.operations.boxes import FORMATS, convert_format

VOID = 255  # the class of pixels that do not count
MaskOf = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Annotated:
    """An image, and what is marked in it.

    boxes: float32 (boxes, 4), left, top, right and bottom in pixels of the file. labels: int32
    (boxes,). flags: further values of each box by name, (boxes,). mask: path of the image of
    classes, or a function that makes it, uint8 (rows, columns). size: (rows, columns), where the
    annotation says it.
    """

    path: str
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    flags: dict[str, np.ndarray] = field(default_factory=dict)
    mask: str | MaskOf | None = None


@dataclass(frozen=True)
class Form:
    """The form of batches: sizes, formats, and their parts."""

    image_size: tuple[int, int] | None
    bounding_box_format: str | None  # None leaves boxes out
    masks: bool
    max_boxes: int | None
    interpolation: str
    crop: bool
    pad: bool

    @property
    def decoder(self) -> Decoder:
        return Decoder(
            self.image_size, "rgb", self.interpolation, self.crop, self.pad, upright=False
        )

    @property
    def mask_decoder(self) -> MaskDecoder:
        return MaskDecoder(self.image_size, crop=self.crop, pad=self.pad)


def form(
    owner: str,
    image_size: Any,
    bounding_box_format: str | None,
    masks: bool,
    max_boxes: int | None,
    interpolation: str,
    crop: bool,
    pad: bool,
) -> Form:
    """Return a Form of arguments that were checked."""
    if interpolation not in INTERPOLATIONS:
        raise unknown_name("interpolation", interpolation, INTERPOLATIONS)
    if bounding_box_format is not None and bounding_box_format not in FORMATS:
        raise unknown_name("format of bounding boxes", bounding_box_format, FORMATS)
    if crop and pad:
        raise ArgumentError("crop_to_aspect_ratio and pad_to_aspect_ratio: give one of them")
    most = integer(owner, "max_boxes", max_boxes, 1, optional=True)
    size = None if image_size is None else checked_size(image_size)
    pillow().preinit()
    return Form(size, bounding_box_format, masks, most, interpolation, crop, pad)


class AnnotatedImages:
    """Images with boxes and masks by number, decoded when they are needed.

    Args:
        folder: folder of the images and masks.
        found: the images.
        shape: how batches are made.
    """

    def __init__(self, folder: Folder, found: Sequence[Annotated], shape: Form) -> None:
        self.folder, self.found, self.form = folder, found, shape
        self._expected: tuple[type[Exception], ...] = (*unreadable(), *UNREADABLE)
        longest = max((len(each.labels) for each in found), default=0)
        self.room = longest if shape.max_boxes is None else shape.max_boxes

    def dataset(
        self,
        batch_size: int | None,
        shuffle: bool,
        seed: int | None,
        workers: int | None,
        class_names: Sequence[str],
        rows: Callable[[Any], Any] | None = None,
    ) -> Dataset:
        """Return batches of them; `rows` makes a batch of numbers, or a sample of one."""
        made = rows or (self.sample if batch_size is None else self.batch)
        data = Dataset.of_rows(
            made,
            len(self.found),
            batch_size,
            order_seed(seed) if shuffle else None,
            workers=default_workers() if workers is None else workers,
            class_names=class_names,
        )
        data.file_paths = [self.folder.name(each.path) for each in self.found]
        return data

    def batch(self, rows: np.ndarray) -> dict[str, Any]:
        """Return the images of these numbers as one dictionary."""
        samples = [self.sample(row) for row in rows]
        shapes = {each["images"].shape for each in samples}
        if len(shapes) > 1:
            raise ShapeError(
                f"images of different sizes in one batch: {', '.join(map(str, sorted(shapes)))}",
                hint="give image_size=(height, width), or batch_size=None for single samples",
            )
        return _stacked(samples)

    def sample(self, row: Any) -> dict[str, Any]:
        """Return one image, its boxes and its mask."""
        one = self.found[int(row)]
        pixels, size = self._decoded(one.path, self.form.decoder.sized)
        sample: dict[str, Any] = {"images": pixels.astype(np.float32)}
        if self.form.bounding_box_format is not None:
            sample["bounding_boxes"] = self._boxes(one, size, pixels.shape)
        if self.form.masks:
            sample["segmentation_masks"] = self._mask(one, pixels.shape)
        return sample

    def image(self, row: Any) -> np.ndarray:
        """Return the pixels of one image, float32."""
        return self._decoded(self.found[int(row)].path, self.form.decoder).astype(np.float32)

    def _decoded(self, path: str, decode: Callable[[bytes], Any]) -> Any:
        try:
            return decode(self.folder.read(path))
        except self._expected as error:
            raise FileFormatError(
                f"{self.folder.name(path)}: cannot be read: {reason(error)}"
            ) from error

    def _boxes(self, one: Annotated, size: tuple[int, int], shape: Any) -> dict[str, np.ndarray]:
        """Return boxes of the resized image, those that are left of it, and empty ones up to the
        number that all images have: zeros, with the label -1."""
        down, right, top, left = self.form.decoder.placement(size)
        height, width = shape[:2]
        factors = np.array([right, down, right, down], np.float32)
        shifts = np.array([left, top, left, top], np.float32)
        limits = np.array([width, height, width, height], np.float32)
        moved = np.clip(one.boxes * factors + shifts, 0, limits)
        there = (moved[:, 2] > moved[:, 0]) & (moved[:, 3] > moved[:, 1])
        count = min(int(there.sum()), self.room)
        boxes = np.zeros((self.room, 4), np.float32)
        labels = np.full(self.room, -1, np.int32)
        boxes[:count], labels[:count] = moved[there][:count], one.labels[there][:count]
        target = self.form.bounding_box_format or "xyxy"
        if target != "xyxy":
            boxes = convert_format(boxes, "xyxy", target, height, width).numpy()
        found: dict[str, np.ndarray] = {"boxes": boxes, "labels": labels}
        for name, values in one.flags.items():
            found[name] = np.zeros(self.room, values.dtype)
            found[name][:count] = values[there][:count]
        return found

    def _mask(self, one: Annotated, shape: Any) -> np.ndarray:
        decode = self.form.mask_decoder
        if callable(one.mask):
            mask = decode.of_array(one.mask())
        elif one.mask is not None:
            mask = self._decoded(one.mask, decode)
        else:
            raise DataError(f"{self.folder.name(one.path)}: has no segmentation mask")
        if mask.shape[:2] != shape[:2]:
            raise FileFormatError(
                f"{self.folder.name(one.path)}: the mask has {mask.shape[:2]} pixels, the image "
                f"{tuple(shape[:2])}"
            )
        return mask


def _stacked(samples: Sequence[Any]) -> Any:
    first = samples[0]
    if isinstance(first, dict):
        return {name: _stacked([each[name] for each in samples]) for name in first}
    return np.stack(samples)
