"""Bounding boxes compared with Keras's: same boxes, same numbers."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina.keras.utils import bounding_boxes as ours  # noqa: E402

pytestmark = pytest.mark.parity
theirs = keras.utils.bounding_boxes
RNG = np.random.default_rng(0)
CORNER = RNG.uniform(0, 20, (2, 5, 2)).astype("float32")
BOXES = np.concatenate([CORNER, CORNER + RNG.uniform(1, 12, (2, 5, 2))], -1).astype("float32")
OTHERS = BOXES[:, ::-1][:, :3] + np.float32(1.5)
FORMATS = [
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw",
    "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
]  # fmt: skip


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_conversion_of_formats(source, target):
    size = {"height": 24, "width": 32}
    boxes = np.asarray(theirs.convert_format(BOXES, "xyxy", source, **size))
    found = ours.convert_format(boxes, source, target, **size)
    close(found, theirs.convert_format(boxes, source, target, **size))


@pytest.mark.parametrize("form", ["xyxy", "rel_xyxy"])
def test_clipping_marks_boxes_without_area(form):
    boxes = BOXES / (20 if form == "rel_xyxy" else 1)
    given = {"boxes": boxes, "labels": np.arange(10).reshape(2, 5)}
    expected = theirs.clip_to_image_size(dict(given), 15, 18, form)
    found = ours.clip_to_image_size(given, 15, 18, form)
    close(found["boxes"], expected["boxes"])
    close(found["labels"], expected["labels"])


def test_affine_transformation():
    angle, shear = np.float32([20.0, -50.0]), np.float32([5.0, -8.0])
    shift, scale = np.float32([0.1, -0.2]), np.float32([1.2, 0.8])
    arguments = (angle, shift, -shift, scale, shear, 2 * shear, 24, 32)
    close(ours.affine_transform(BOXES, *arguments), theirs.affine_transform(BOXES, *arguments))
    centers = {"center_x": 0.3, "center_y": 0.7}
    close(
        ours.affine_transform(BOXES, *arguments, **centers),
        theirs.affine_transform(BOXES, *arguments, **centers),
    )


def test_cropping_and_padding():
    close(ours.crop(BOXES, 2, 3, 10, 12), theirs.crop(BOXES, 2, 3, 10, 12))
    close(ours.pad(BOXES, 2, 3), theirs.pad(BOXES, 2, 3))


@pytest.mark.parametrize("form", ["xyxy", "center_xywh", "rel_yxyx"])
@pytest.mark.parametrize("batched", [True, False])
def test_overlaps_of_all_pairs(form, batched):
    one, two = (BOXES, OTHERS) if batched else (BOXES[0], OTHERS[0])
    more = {"image_shape": (24, 32, 3)}
    close(ours.compute_iou(one, two, form, **more), theirs.compute_iou(one, two, form, **more))


def test_masked_boxes_overlap_with_none():
    one = np.concatenate([BOXES[0, :2], -np.ones((1, 4), "float32")])
    expected = theirs.compute_iou(one, one, "xyxy", use_masking=True)
    close(ours.compute_iou(one, one, "xyxy", use_masking=True), expected)


@pytest.mark.parametrize("form", ["xyxy", "xywh"])
def test_complete_overlaps_of_pairs(form):
    expected = theirs.compute_ciou(BOXES[:, :3], OTHERS, form)
    close(ours.compute_ciou(BOXES[:, :3], OTHERS, form), expected)


@pytest.mark.parametrize("encoding", ["center_yxhw", "center_xywh"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.1, 0.2, 0.2]])
def test_deltas_between_anchors_and_boxes(encoding, variance):
    arguments = ("xyxy", "rel_xywh", encoding, variance, (24, 32, 3))
    boxes = theirs.convert_format(BOXES[:, :3], "xyxy", "rel_xywh", 24, 32)
    deltas = ours.encode_box_to_deltas(OTHERS, np.asarray(boxes), *arguments)
    close(deltas, theirs.encode_box_to_deltas(OTHERS, boxes, *arguments))
    close(ours.decode_deltas_to_boxes(OTHERS, deltas, *arguments), boxes)
    by_level = ours.decode_deltas_to_boxes({"a": OTHERS}, {"a": deltas}, *arguments)
    close(by_level["a"], boxes)
