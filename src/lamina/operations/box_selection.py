"""The boxes that remain of many that overlap: non-maximum suppression, computed at once."""

from __future__ import annotations

import numpy as np

from lamina.annotations import ArrayLike
from lamina.arguments import integer, number
from lamina.errors import ShapeError
from lamina.operations.box_overlaps import compute_iou
from lamina.operations.boxes import convert_format
from lamina.tensor import Tensor, as_tensor

__all__ = ["non_max_suppression"]


def non_max_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    iou_threshold: float = 0.5,
    score_threshold: float | None = None,
    max_boxes: int | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Return the indices of the boxes that no box with a higher score overlaps too far, from the
    highest score to the lowest.

    The number of boxes depends on the values, so that the function cannot be part of a compiled
    program.

    Args:
        boxes: boxes of one image, (boxes, 4).
        scores: score of each box, (boxes,); equal ones go by their index.
        labels: class of each box, (boxes,); boxes of other classes do not count. None compares all.
        iou_threshold: largest intersection over union of two boxes that remain.
        score_threshold: boxes with lower scores are left out; None keeps all.
        max_boxes: number of boxes that remain at most; None for all.
        bounding_box_format: format of the boxes, see `convert_format`.

    Returns:
        int64 (boxes that remain,).

    Raises:
        ShapeError: if boxes and scores do not go together.

    Example:
        >>> import lamina as lm
        >>> boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 1.0, 4.0, 5.0], [6.0, 0.0, 9.0, 3.0]]
        >>> lm.boxes.non_max_suppression(boxes, [0.7, 0.9, 0.8]).tolist()
        [1, 2]
    """
    own = "non_max_suppression"
    number(own, "iou_threshold", iou_threshold, 0, 1)
    most = integer(own, "max_boxes", max_boxes, 0, optional=True)
    corners = convert_format(boxes, bounding_box_format, "xyxy", 1, 1).numpy().reshape(-1, 4)
    points = as_tensor(scores).numpy()
    kinds = np.zeros(len(points), np.int64) if labels is None else as_tensor(labels).numpy()
    if points.shape != (len(corners),) or kinds.shape != points.shape:
        raise ShapeError(
            f"{own}: {len(corners)} boxes, scores of shape {points.shape}, labels of shape "
            f"{kinds.shape} (expected one of each for each box)"
        )
    order = np.argsort(-points, kind="stable")
    if score_threshold is not None:
        order = order[points[order] >= score_threshold]
    kept: list[int] = []
    while len(order) and (most is None or len(kept) < most):
        best, order = order[0], order[1:]
        kept.append(int(best))
        near = compute_iou(corners[best : best + 1], corners[order], "xyxy").numpy()[0]
        order = order[(near <= iou_threshold) | (kinds[order] != kinds[best])]
    return as_tensor(np.array(kept, np.int64))
