"""Boxes and masks drawn into images, and galleries."""

import numpy as np
import pytest

from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.keras import visualization

pytest.importorskip("PIL")
pytest.importorskip("matplotlib")
IMAGES = np.zeros((2, 20, 24, 3), "uint8")
BOXES = {
    "boxes": np.float32([[[4, 5, 14, 15], [0, 0, 3, 3]], [[2, 2, 8, 9], [1, 1, 9, 9]]]),
    "labels": np.array([[1, -1], [0, -1]]),
}


def test_rectangles_are_drawn_in_the_color_and_missing_boxes_are_not():
    drawn = visualization.draw_bounding_boxes(
        IMAGES, BOXES, "xyxy", color=(10, 200, 30), line_thickness=1
    )
    assert drawn.dtype == np.uint8
    assert not IMAGES.any()
    assert drawn[0, 5, 4:15].tolist() == [[10, 200, 30]] * 11
    assert not drawn[0, :4, :4].any()
    named = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", {1: "cat", 0: "dog"})
    assert (named > 0).sum() > (drawn > 0).sum()


def test_masks_color_all_classes_but_the_ignored_one():
    masks = np.full((2, 20, 24, 1), -1)
    masks[:, :5] = 1
    drawn = visualization.draw_segmentation_masks(IMAGES, masks, 2, blend=False)
    assert drawn[0, 0, 0].tolist() == [(2**25 - 1) % 255, (2**15 - 1) % 255, (2**21 - 1) % 255]
    assert not drawn[:, 5:].any()


def test_galleries_have_an_axes_per_image(tmp_path):
    path = tmp_path / "gallery.png"
    names = {0: "dog", 1: "cat"}
    figure = visualization.plot_image_gallery(IMAGES, [0, 1], [1, 5], names, path=path)
    assert [a.get_title() for a in figure.axes] == [
        "Label: dog  Pred: cat",
        "Label: cat  Pred: Unknown",
    ]
    assert path.stat().st_size > 0
    assert (
        len(visualization.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES, BOXES, legend=True).axes)
        == 2
    )
    masks = np.zeros((2, 20, 24, 1), int)
    gallery = visualization.plot_segmentation_mask_gallery(IMAGES, 2, y_true=masks, y_pred=masks)
    assert len(gallery.axes) == 6


def test_errors():
    with pytest.raises(ShapeError, match="batch of images"):
        visualization.draw_bounding_boxes(IMAGES[0], BOXES, "xyxy")
    with pytest.raises(ArgumentError, match="boxes"):
        visualization.draw_bounding_boxes(IMAGES, BOXES["boxes"], "xyxy")
    with pytest.raises(DTypeError, match="integers"):
        visualization.draw_segmentation_masks(IMAGES, np.zeros((2, 20, 24, 1)))
    with pytest.raises(ArgumentError, match="label_map"):
        visualization.plot_image_gallery(IMAGES, [0, 1])
