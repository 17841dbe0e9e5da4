"""Pairs of bounding boxes: how far they overlap, and one in terms of the other.

Names and results are those of `keras.utils.bounding_boxes`, but for `compute_giou`; formats are in
`boxes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lamina.annotations import ArrayLike, ShapeLike
from lamina.errors import ArgumentError, ShapeError, UnknownNameError
from lamina.operations.boxes import convert_format, numbers_of
from lamina.operations.creation import astype
from lamina.operations.elementwise import exp, log, logical_or, maximum, minimum, where
from lamina.operations.joining import concat
from lamina.operations.reductions import max
from lamina.operations.shaping import expand_dims, matrix_transpose
from lamina.operations.trigonometry import atan
from lamina.tensor import Tensor, as_tensor

__all__ = [
    "compute_ciou",
    "compute_giou",
    "compute_iou",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
]

EPSILON = 1e-7  # what Keras adds to divisors


def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: ShapeLike | None = None,
) -> Tensor:
    """Return the intersection over union of each box of one set with each box of another.

    Args:
        boxes1: tensor (n, 4) or (batch, n, 4).
        boxes2: tensor (m, 4) or (batch, m, 4).
        bounding_box_format: format of both, see `convert_format`.
        use_masking: give `mask_val` for boxes whose numbers are all negative, which fill up a row.
        mask_val: the value of pairs that do not count.
        image_shape: (height, width, channels), for relative formats.

    Shapes:
        (..., n, 4), (..., m, 4) -> (..., n, m)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> iou = bounding_boxes.compute_iou(
        ...     [[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]], "xyxy")
        >>> [round(float(v), 4) for v in iou[0]]
        [0.3333, 0.0]
    """
    one, two = (
        convert_format(b, bounding_box_format, "yxyx", *_size(image_shape))
        for b in (boxes1, boxes2)
    )
    for x in (one, two):
        if x.ndim not in (2, 3):
            raise ShapeError(f"compute_iou: needs boxes (n, 4) or (batch, n, 4); got {x.shape}")
    top, left, bottom, right = numbers_of(one)
    top2, left2, bottom2, right2 = (matrix_transpose(v) for v in numbers_of(two))
    tall = maximum(minimum(bottom, bottom2) - maximum(top, top2), 0.0)
    wide = maximum(minimum(right, right2) - maximum(left, left2), 0.0)
    both = tall * wide
    either = (bottom - top) * (right - left) + (bottom2 - top2) * (right2 - left2) - both
    found = both / (either + EPSILON)
    if not use_masking:
        return found
    empty = expand_dims(max(one, axis=-1) < 0, -1)
    empty2 = expand_dims(max(two, axis=-1) < 0, -2)
    return where(logical_or(empty, empty2), as_tensor(mask_val, found.dtype), found)


def compute_ciou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    image_shape: ShapeLike | None = None,
) -> Tensor:
    """Return the complete intersection over union of pairs of boxes.

        iou - distance^2 / diagonal^2 - v^2 / (1 - iou + v)

    distance is that of the centers, diagonal that of the box around both, and v measures how much
    the ratios of width and height differ.

    Args:
        boxes1: tensor (..., 4).
        boxes2: tensor (..., 4).
        bounding_box_format: format of both, see `convert_format`.
        image_shape: (height, width, channels), for relative formats.

    Shapes:
        (..., 4), (..., 4) -> (...)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> box = [[0.0, 0.0, 2.0, 2.0]]
        >>> round(float(bounding_boxes.compute_ciou(box, box, "xyxy")[0]), 4)
        1.0

    Source: Zheng et al. (2020), Distance-IoU loss: faster and better learning for bounding box
        regression, equation 10.
    """
    one, two = (
        convert_format(b, bounding_box_format, "xyxy", *_size(image_shape))
        for b in (boxes1, boxes2)
    )
    left, top, right, bottom = (v[..., 0] for v in numbers_of(one))
    left2, top2, right2, bottom2 = (v[..., 0] for v in numbers_of(two))
    wide, tall = right - left, bottom - top + EPSILON
    wide2, tall2 = right2 - left2, bottom2 - top2 + EPSILON
    both = maximum(minimum(right, right2) - maximum(left, left2), 0.0) * maximum(
        minimum(bottom, bottom2) - maximum(top, top2), 0.0
    )
    iou = both / (wide * tall + wide2 * tall2 - both + 2 * EPSILON)
    around_x = maximum(right, right2) - minimum(left, left2)
    around_y = maximum(bottom, bottom2) - minimum(top, top2)
    diagonal = around_x**2 + around_y**2 + EPSILON
    distance = ((left + right - left2 - right2) / 2) ** 2 + (
        (top + bottom - top2 - bottom2) / 2
    ) ** 2
    v = (4 / math.pi**2) * (atan(wide2 / tall2) - atan(wide / tall)) ** 2
    return iou - distance / diagonal - v * v / (v - iou + (1 + EPSILON))


def compute_giou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    image_shape: ShapeLike | None = None,
) -> Tensor:
    """Return the generalized intersection over union of pairs of boxes, from -1 to 1.

        iou - (around - union) / around

    where around is the area of the box around both. It has a gradient also for boxes that do not
    overlap; 1 - giou is a loss.

    Args:
        boxes1: tensor (..., 4).
        boxes2: tensor (..., 4).
        bounding_box_format: format of both, see `convert_format`.
        image_shape: (height, width, channels), for relative formats.

    Shapes:
        (..., 4), (..., 4) -> (...)

    Example:
        >>> import lamina as lm
        >>> found = lm.boxes.compute_giou([[0.0, 0.0, 1.0, 1.0]], [[2.0, 0.0, 3.0, 1.0]], "xyxy")
        >>> round(float(found[0]), 4)
        -0.3333

    Source: Rezatofighi et al. (2019), Generalized intersection over union: a metric and a loss for
        bounding box regression, algorithm 1.
    """
    one, two = (
        convert_format(b, bounding_box_format, "xyxy", *_size(image_shape))
        for b in (boxes1, boxes2)
    )
    left, top, right, bottom = (v[..., 0] for v in numbers_of(one))
    left2, top2, right2, bottom2 = (v[..., 0] for v in numbers_of(two))
    both = maximum(minimum(right, right2) - maximum(left, left2), 0.0) * maximum(
        minimum(bottom, bottom2) - maximum(top, top2), 0.0
    )
    either = (right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2) - both
    around = (maximum(right, right2) - minimum(left, left2)) * (
        maximum(bottom, bottom2) - minimum(top, top2)
    )
    return both / (either + EPSILON) - (around - either) / (around + EPSILON)


def encode_box_to_deltas(
    anchors: ArrayLike,
    boxes: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: ShapeLike | None = None,
) -> Tensor:
    """Return boxes relative to anchors: shift of the center over the extent, log of the ratio.

    Args:
        anchors: tensor (..., 4).
        boxes: tensor (..., 4).
        anchor_format: format of the anchors, see `convert_format`.
        box_format: format of the boxes.
        encoding_format: "center_yxhw" or "center_xywh", the order of the result.
        variance: four numbers that the result is divided by; None is 1.
        image_shape: (height, width, channels), for relative formats.

    Shapes:
        (..., 4), (..., 4) -> (..., 4)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> bounding_boxes.encode_box_to_deltas(
        ...     [[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0]], "xyxy", "xyxy").tolist()
        [[0.0, 0.5, 0.0, 0.0]]

    Source: Girshick et al. (2014), Rich feature hierarchies for accurate object detection and
        semantic segmentation, appendix C.
    """
    spread = _variance("encode_box_to_deltas", encoding_format, variance)
    size = _size(image_shape)
    anchor = convert_format(anchors, anchor_format, encoding_format, *size)
    box = convert_format(boxes, box_format, encoding_format, *size)
    extents, own = maximum(anchor[..., 2:], EPSILON), maximum(box[..., 2:], EPSILON)
    shift = (box[..., :2] - anchor[..., :2]) / extents
    deltas = concat([shift, log(own / extents)], axis=-1)
    return deltas if spread is None else deltas / spread


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: ShapeLike | None = None,
) -> Any:
    """Return the boxes that `encode_box_to_deltas` encoded.

    Args:
        anchors: tensor (..., 4), or a dictionary of tensors by level.
        boxes_delta: tensor (..., 4), or a dictionary of tensors by level.
        anchor_format: format of the anchors, see `convert_format`.
        box_format: format of the result.
        encoded_format: "center_yxhw" or "center_xywh", the order of `boxes_delta`.
        variance: four numbers that `boxes_delta` is multiplied by; None is 1.
        image_shape: (height, width, channels), for relative formats.

    Shapes:
        (..., 4), (..., 4) -> (..., 4)

    Example:
        >>> from lamina.keras.utils import bounding_boxes
        >>> bounding_boxes.decode_deltas_to_boxes(
        ...     [[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.5, 0.0, 0.0]], "xyxy", "xyxy").tolist()
        [[1.0, 0.0, 3.0, 2.0]]
    """
    spread = _variance("decode_deltas_to_boxes", encoded_format, variance)
    size = _size(image_shape)

    def decoded(anchors: Any, deltas: Any) -> Tensor:
        anchor = convert_format(anchors, anchor_format, encoded_format, *size)
        delta = as_tensor(deltas, anchor.dtype)
        delta = delta if spread is None else delta * spread
        middle = delta[..., :2] * anchor[..., 2:] + anchor[..., :2]
        box = concat([middle, exp(delta[..., 2:]) * anchor[..., 2:]], axis=-1)
        found: Tensor = convert_format(box, encoded_format, box_format, *size)
        return found

    if isinstance(anchors, Mapping) and isinstance(boxes_delta, Mapping):
        return {level: decoded(anchors[level], boxes_delta[level]) for level in anchors}
    return decoded(anchors, boxes_delta)


def _size(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def _variance(function: str, encoding: str, variance: Any) -> Tensor | None:
    if encoding not in ("center_xywh", "center_yxhw"):
        raise UnknownNameError(
            f"{function}: unknown encoding (expected 'center_xywh' or 'center_yxhw', got "
            f"{encoding!r})"
        )
    if variance is None:
        return None
    found = astype(as_tensor(variance), "float32")
    if found.ndim == 0 or found.shape[-1] != 4:
        raise ArgumentError(f"{function}: variance has 4 numbers; got shape {found.shape}")
    return found
