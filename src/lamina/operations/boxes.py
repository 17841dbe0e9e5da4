"""Bounding boxes (..., boxes, 4): formats, and what becomes of boxes when an image is changed.

Formats are named after their four numbers: "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left,
top, width, height), "center_xywh" and "center_yxhw" (center and extents), in pixels; "rel_" in
front means fractions of the width and height of the image. Names and results are those of
`keras.utils.bounding_boxes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError, ShapeError, UnknownNameError, unknown_name
from lamina.operations.creation import astype, ones_like
from lamina.operations.elementwise import add, clip, cos, sin, where
from lamina.operations.joining import concat, stack
from lamina.operations.linear_algebra import matmul
from lamina.operations.reductions import max, min
from lamina.operations.shaping import permute_dims, reshape
from lamina.operations.trigonometry import tan
from lamina.tensor import Tensor, as_tensor

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "convert_format",
    "crop",
    "pad",
]

FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw",
    "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    dtype: DTypeLike = "float32",
) -> Any:
    """Return boxes in another format.

    Args:
        boxes: tensor (..., 4), or a dictionary {"boxes": tensor, "labels": ...}, of which a new one
            with the converted boxes is returned.
        source: format of `boxes`: "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy",
            "rel_yxyx", "rel_xywh" or "rel_center_xywh".
        target: format of the result.
        height: rows of the image; needed between pixels and fractions.
        width: columns of the image; needed between pixels and fractions.
        dtype: dtype of the result.

    Shapes:
        (..., 4) -> (..., 4)

    Raises:
        UnknownNameError: for an unknown format.
        ArgumentError: if the size of the image is needed and missing.

    Example:
        >>> import lamina as lm
        >>> from lamina.keras.utils import bounding_boxes
        >>> bounding_boxes.convert_format([[10.0, 20.0, 30.0, 60.0]], "xyxy", "xywh").tolist()
        [[10.0, 20.0, 20.0, 40.0]]
    """
    if isinstance(boxes, Mapping):
        changed = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": changed}
    source, target = _format(source), _format(target)
    from_relative, to_relative = source.startswith("rel_"), target.startswith("rel_")
    if (from_relative or to_relative) and (height is None or width is None):
        raise ArgumentError(
            f"convert_format: {source!r} to {target!r} depends on the size of the image (expected "
            "height= and width=, got None)"
        )
    x = astype(as_tensor(boxes), dtype)
    if x.ndim == 0 or x.shape[-1] != 4:
        raise ShapeError(f"convert_format: needs boxes of 4 numbers (..., 4); got {x.shape}")
    if source == target:
        return x
    corners = _corners(x, source.removeprefix("rel_"))
    if from_relative != to_relative:
        assert height is not None and width is not None
        tall, wide = as_tensor(height, x.dtype), as_tensor(width, x.dtype)
        scales = (wide, tall, wide, tall)
        if from_relative:
            corners = [c * s for c, s in zip(corners, scales, strict=True)]
        else:
            corners = [c / s for c, s in zip(corners, scales, strict=True)]
    return concat(_written(corners, target.removeprefix("rel_")), axis=-1)


def _format(name: str) -> str:
    found = str(name).lower()
    if found not in FORMATS:
        raise unknown_name("format of bounding boxes", name, FORMATS)
    return found


def numbers_of(boxes: Any) -> list[Tensor]:
    """Return the four numbers of boxes (..., 4), each (..., 1)."""
    tensor = as_tensor(boxes)
    return [tensor[..., k : k + 1] for k in range(4)]


def _corners(boxes: Tensor, form: str) -> list[Tensor]:
    """Return left, top, right and bottom."""
    a, b, c, d = numbers_of(boxes)
    if form == "yxyx":
        return [b, a, d, c]
    if form == "xywh":
        return [a, b, a + c, b + d]
    if form == "center_yxhw":
        a, b, c, d = b, a, d, c
    if form.startswith("center"):
        return [a - c / 2, b - d / 2, a + c / 2, b + d / 2]
    return [a, b, c, d]


def _written(corners: list[Tensor], form: str) -> list[Tensor]:
    left, top, right, bottom = corners
    if form == "yxyx":
        return [top, left, bottom, right]
    if form == "xyxy":
        return corners
    wide, tall = right - left, bottom - top
    if form == "xywh":
        return [left, top, wide, tall]
    x, y = left + wide / 2, top + tall / 2
    return [y, x, tall, wide] if form == "center_yxhw" else [x, y, wide, tall]


def clip_to_image_size(
    bounding_boxes: Mapping[str, Any],
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Return boxes restricted to the image; the label of a box without area becomes -1.

    Args:
        bounding_boxes: dictionary {"boxes": (..., boxes, 4), "labels": (..., boxes)}.
        height: rows of the image, for the format "xyxy".
        width: columns of the image, for the format "xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".

    Shapes:
        (..., boxes, 4) -> (..., boxes, 4)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> boxes = {"boxes": [[-5.0, 2.0, 20.0, 8.0], [12.0, 0.0, 15.0, 5.0]], "labels": [1, 2]}
        >>> clipped = bounding_boxes.clip_to_image_size(boxes, height=10, width=10)
        >>> clipped["boxes"].tolist(), clipped["labels"].tolist()
        ([[0.0, 2.0, 10.0, 8.0], [10.0, 0.0, 10.0, 5.0]], [1, -1])
    """
    only_corners("clip_to_image_size", bounding_box_format, ("xyxy", "rel_xyxy"))
    if bounding_box_format == "rel_xyxy":
        height, width = 1.0, 1.0
    elif height is None or width is None:
        raise ArgumentError(
            "clip_to_image_size: boxes in pixels need the size of the image (expected height= and "
            "width=, got None)"
        )
    boxes = as_tensor(bounding_boxes["boxes"])
    tall, wide = (as_tensor(n, boxes.dtype) for n in (height, width))
    corners = numbers_of(boxes)
    limits = (wide, tall, wide, tall)
    left, top, right, bottom = (clip(c, 0, n) for c, n in zip(corners, limits, strict=True))
    result = {**bounding_boxes, "boxes": concat([left, top, right, bottom], axis=-1)}
    if bounding_boxes.get("labels") is not None:
        labels = as_tensor(bounding_boxes["labels"])
        area = ((right - left) * (bottom - top))[..., 0]
        full = area > 0
        if labels.ndim == full.ndim + 1:
            full = full[..., None]
        result["labels"] = where(full, labels, as_tensor(-1, labels.dtype))
    return result


def affine_transform(
    boxes: ArrayLike,
    angle: ArrayLike,
    translate_x: ArrayLike,
    translate_y: ArrayLike,
    scale: ArrayLike,
    shear_x: ArrayLike,
    shear_y: ArrayLike,
    height: ArrayLike,
    width: ArrayLike,
    center_x: ArrayLike | None = None,
    center_y: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Return the upright boxes around rotated, moved, scaled and sheared boxes.

    Args:
        boxes: tensor (batch, boxes, 4).
        angle: rotation of each image in degrees, counter-clockwise, (batch,).
        translate_x: shift to the right as a fraction of the width, (batch,).
        translate_y: shift down as a fraction of the height, (batch,).
        scale: factor of all lengths, (batch,).
        shear_x: horizontal shear in degrees, (batch,).
        shear_y: vertical shear in degrees, (batch,).
        height: rows of the image.
        width: columns of the image.
        center_x: center of the rotation as a fraction of the width; None is 0.5.
        center_y: center of the rotation as a fraction of the height; None is 0.5.
        bounding_box_format: must be "xyxy".

    Shapes:
        (batch, boxes, 4) -> (batch, boxes, 4)

    Example:
        >>> import lamina as lm
        >>> from lamina.keras.utils import bounding_boxes
        >>> zero, one = lm.zeros((1,)), lm.ones((1,))
        >>> moved = bounding_boxes.affine_transform(
        ...     [[[0.0, 0.0, 2.0, 1.0]]], zero, one * 0.5, zero, one, zero, zero, 9, 9)
        >>> moved.tolist()
        [[[4.0, 0.0, 6.0, 1.0]]]
    """
    only_corners("affine_transform", bounding_box_format, ("xyxy",))
    x = as_tensor(boxes)
    x = x if x.dtype.is_float else astype(x, "float32")
    angle, shear_x, shear_y = (
        as_tensor(v, x.dtype) * (-math.pi / 180) for v in (angle, shear_x, shear_y)
    )
    scale = as_tensor(scale, x.dtype)
    wide, tall = (as_tensor(n, x.dtype) - 1 for n in (width, height))
    middle_x = wide * (0.5 if center_x is None else center_x)
    middle_y = tall * (0.5 if center_y is None else center_y)
    to_x = middle_x - as_tensor(translate_x, x.dtype) * wide
    to_y = middle_y - as_tensor(translate_y, x.dtype) * tall
    a, c = cos(angle - shear_y) / cos(shear_y), -sin(angle - shear_y) / cos(shear_y)
    b, d = a * tan(shear_x) + sin(angle), cos(angle) - c * tan(shear_x)
    rows = [(d * scale, -b * scale, middle_x), (-c * scale, a * scale, middle_y)]
    matrix = [[p, q, middle - p * to_x - q * to_y] for p, q, middle in rows]
    return around(x, stack([stack(row, axis=-1) for row in matrix], axis=-2))


def around(boxes: Tensor, matrix: Tensor) -> Tensor:
    """Return the upright boxes around the images of boxes (batch, boxes, 4) under the projective
    maps (batch, 2 or 3, 3)."""
    batch, count = boxes.shape[:2]
    left, top, right, bottom = (boxes[..., k] for k in range(4))
    xs, ys = stack([left, right, right, left], axis=-1), stack([top, top, bottom, bottom], axis=-1)
    points = reshape(stack([xs, ys, ones_like(xs)], axis=-1), (batch, count * 4, 3))
    found = matmul(points, permute_dims(matrix, (0, 2, 1)))
    if matrix.shape[1] == 3:
        found = found[..., :2] / found[..., 2:]
    found = reshape(found, (batch, count, 4, 2))
    return concat([min(found, axis=2), max(found, axis=2)], axis=-1)


def crop(
    boxes: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    height: ArrayLike,
    width: ArrayLike,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Return boxes relative to a part of the image, restricted to it.

    Args:
        boxes: tensor (..., boxes, 4).
        top: first row of the part.
        left: first column of the part.
        height: rows of the part.
        width: columns of the part.
        bounding_box_format: must be "xyxy".

    Shapes:
        (..., boxes, 4) -> (..., boxes, 4)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> bounding_boxes.crop([[2.0, 3.0, 9.0, 9.0]], top=1, left=1, height=5, width=5).tolist()
        [[1.0, 2.0, 5.0, 5.0]]
    """
    only_corners("crop", bounding_box_format, ("xyxy",))
    moved = _shifted(boxes, -as_tensor(top), -as_tensor(left))
    limits = (width, height, width, height)
    return concat([clip(c, 0, n) for c, n in zip(moved, limits, strict=True)], axis=-1)


def pad(
    boxes: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Return boxes relative to an image with added rows and columns.

    Args:
        boxes: tensor (..., boxes, 4).
        top: rows added on top.
        left: columns added on the left.
        height: accepted for compatibility with Keras; has no effect.
        width: accepted for compatibility with Keras; has no effect.
        bounding_box_format: must be "xyxy".

    Shapes:
        (..., boxes, 4) -> (..., boxes, 4)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> bounding_boxes.pad([[2.0, 3.0, 9.0, 9.0]], top=1, left=10).tolist()
        [[12.0, 4.0, 19.0, 10.0]]
    """
    only_corners("pad", bounding_box_format, ("xyxy",))
    return concat(_shifted(boxes, top, left), axis=-1)


def _shifted(boxes: ArrayLike, down: Any, right: Any) -> list[Tensor]:
    x = as_tensor(boxes)
    down, right = as_tensor(down, x.dtype), as_tensor(right, x.dtype)
    return [add(c, n) for c, n in zip(numbers_of(x), (right, down, right, down), strict=True)]


def only_corners(function: str, name: str, allowed: tuple[str, ...]) -> None:
    """Raise UnknownNameError if a function does not take this format."""
    if name not in allowed:
        raise UnknownNameError(
            f"{function}: invalid bounding_box_format (expected {' or '.join(map(repr, allowed))}, "
            f"got {name!r})",
            hint="convert_format(boxes, source, 'xyxy') converts boxes",
        )


def without_boxes(boxes: Tensor) -> Tensor:
    """True for the entries of (..., boxes, 4) that only fill up the row: all 0, or all -1."""
    return (max(boxes, axis=-1) == min(boxes, axis=-1)) & (
        (boxes[..., 0] == 0) | (boxes[..., 0] == -1)
    )
