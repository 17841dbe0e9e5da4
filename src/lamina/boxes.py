"""`lm.boxes`: bounding boxes, their formats, overlaps and selection.

Functions that Keras has, too, have its names and arguments (`keras.utils.bounding_boxes`).
"""

from lamina import namespaces
from lamina.operations.box_overlaps import (
    compute_ciou,
    compute_giou,
    compute_iou,
    decode_deltas_to_boxes,
    encode_box_to_deltas,
)
from lamina.operations.box_selection import non_max_suppression
from lamina.operations.boxes import (
    affine_transform,
    clip_to_image_size,
    convert_format,
    crop,
    pad,
)

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_giou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "non_max_suppression",
    "pad",
]

namespaces.declare(
    __name__,
    instead={
        "box_iou": "lamina.boxes.compute_iou",
        "giou": "lamina.boxes.compute_giou",
        "iou": "lamina.boxes.compute_iou",
        "nms": "lamina.boxes.non_max_suppression",
    },
)
