"""Bounding boxes: formats, overlaps, and what becomes of boxes with their image."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, UnknownNameError
from lamina.keras.utils import bounding_boxes

BOXES = np.float32([[[2, 4, 10, 8], [0, 0, 4, 16]]])


def test_relative_boxes_are_fractions_of_width_and_height():
    found = bounding_boxes.convert_format(BOXES, "xyxy", "rel_xywh", height=16, width=20)
    expected = [[[0.1, 0.25, 0.4, 0.25], [0.0, 0.0, 0.2, 1.0]]]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    again = bounding_boxes.convert_format(found, "rel_xywh", "xyxy", height=16, width=20)
    np.testing.assert_allclose(again.numpy(), BOXES, rtol=1e-6)


def test_rotation_by_90_degrees_exchanges_width_and_height():
    zero, one = np.zeros(1, "float32"), np.ones(1, "float32")
    turned = bounding_boxes.affine_transform(BOXES, 90 * one, zero, zero, one, zero, zero, 17, 17)
    extents = (turned[..., 2:] - turned[..., :2]).numpy()
    np.testing.assert_allclose(extents, (BOXES[..., 2:] - BOXES[..., :2])[..., ::-1], atol=1e-4)


def test_overlaps_have_a_gradient():
    grad = lm.grad(lambda b: lm.sum(bounding_boxes.compute_ciou(b, BOXES[0], "xyxy")))
    slope = grad(lm.asarray(BOXES[0] + np.float32([1, 0, 1, 0]))).numpy()
    assert np.isfinite(slope).all()
    assert slope[0, 0] < 0  # further to the right is a smaller overlap


def test_errors_name_the_formats():
    with pytest.raises(UnknownNameError, match="format of bounding boxes"):
        bounding_boxes.convert_format(BOXES, "xyyx", "xyxy")
    with pytest.raises(ArgumentError, match="depends on the size of the image"):
        bounding_boxes.convert_format(BOXES, "xyxy", "rel_xyxy")
    with pytest.raises(UnknownNameError, match="crop: invalid bounding_box_format"):
        bounding_boxes.crop(BOXES, 0, 0, 2, 2, bounding_box_format="xywh")
