"""Layers that change images together with labels, boxes and masks."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import ArgumentError, RangeError, ShapeError

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (6, 8, 8, 3)).astype("float32")
ONE_HOT = np.eye(6, dtype="float32")
# a bright rectangle on black: its box is where the image is bright
BRIGHT = np.zeros((6, 16, 20, 1), "float32")
BRIGHT[:, 2:6, 3:11] = 255.0
BOX = np.tile(np.float32([[[3, 2, 11, 6]]]), (6, 1, 1))


def data(form="xyxy", size=(16, 20)):
    boxes = lm.keras.utils.bounding_boxes.convert_format(BOX, "xyxy", form, *size)
    return {
        "images": BRIGHT,
        "segmentation_masks": (BRIGHT > 0).astype("uint8"),
        "bounding_boxes": {"boxes": boxes, "labels": np.ones((6, 1), "int32")},
    }


@pytest.mark.parametrize("form", ["xyxy", "rel_center_xywh"])
@pytest.mark.parametrize(
    "make",
    [
        lambda **more: L.RandomFlip(**more),
        lambda **more: L.RandomTranslation(0.2, 0.2, "constant", **more),
        lambda **more: L.RandomZoom((-0.1, 0.4), fill_mode="constant", **more),
        lambda **more: L.RandomCrop(12, 16, **more),
        lambda **more: L.CenterCrop(14, 17, **more),
        lambda **more: L.Resizing(24, 40, crop_to_aspect_ratio=True, **more),
        lambda **more: L.Resizing(24, 40, pad_to_aspect_ratio=True, **more),
    ],
)
def test_boxes_and_masks_stay_on_what_they_marked(make, form):
    layer = make(bounding_box_format=form)
    found = layer(data(form))
    size = found["images"].shape[1:3]
    boxes = found["bounding_boxes"]["boxes"]
    boxes = lm.keras.utils.bounding_boxes.convert_format(boxes, form, "xyxy", *size).numpy()
    for image, mask, (left, top, right, bottom) in zip(
        found["images"].numpy(), found["segmentation_masks"].numpy(), boxes[:, 0], strict=True
    ):
        np.testing.assert_array_equal(mask.any((1, 2)), (mask > 0).any((1, 2)))
        rows, columns = (np.flatnonzero((image[..., 0] > 127).any(axis)) for axis in (1, 0))
        edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        np.testing.assert_allclose((left, top, right, bottom), edges, atol=1.6)
        inner = mask[round(top) + 2 : round(bottom) - 2, round(left) + 2 : round(right) - 2]
        assert (inner == 1).all()


def test_boxes_that_leave_the_image_are_marked():
    layer = L.RandomTranslation(0.0, (0.9, 0.9), "constant", bounding_box_format="xyxy")
    boxes = layer(data())["bounding_boxes"]
    assert (boxes["labels"] == -1).all()


def test_a_single_image_with_lists_of_boxes():
    layer = L.RandomFlip("horizontal", bounding_box_format="xyxy", seed=1)
    one = {
        "images": BRIGHT[0],
        "labels": np.float32([1.0]),
        "bounding_boxes": {"boxes": [[3, 2, 11, 6], [0, 0, 1, 1]], "labels": [4, 5]},
    }
    found = layer(one)
    assert found["images"].shape == (16, 20, 1)
    assert found["labels"].shape == (1,)
    assert found["bounding_boxes"]["labels"].tolist() == [4, 5]
    assert "images" in one
    assert one["bounding_boxes"]["labels"] == [4, 5]


def test_lists_of_boxes_of_different_lengths_are_filled_up():
    layer = L.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    boxes = {"boxes": [[[0, 0, 1, 1]], [[0, 0, 2, 2], [1, 1, 2, 2]]], "labels": [[7], [8, 9]]}
    found = layer({"images": BRIGHT[:2], "bounding_boxes": boxes})["bounding_boxes"]
    assert found["labels"].tolist() == [[7, -1, -1], [8, 9, -1]]
    assert found["boxes"].shape == (2, 3, 4)


def test_mixed_labels_are_the_shares_of_the_images():
    images = np.broadcast_to(np.arange(6, dtype="float32")[:, None, None, None], (6, 20, 20, 1))
    for layer in (L.MixUp(1.0), L.CutMix()):
        found = layer({"images": images, "labels": ONE_HOT})
        share = found["labels"].numpy() @ np.arange(6)
        np.testing.assert_allclose(found["images"].numpy().mean((1, 2, 3)), share, atol=0.5)
        np.testing.assert_allclose(found["labels"].numpy().sum(1), 1.0, rtol=1e-5)


def test_weights_of_a_sample_do_not_depend_on_the_batch():
    lm.set_seed(3)
    whole = L.MixUp(0.4).get_random_transformation(IMAGES)["mix_weight"].numpy()
    lm.set_seed(3)
    part = L.MixUp(0.4).get_random_transformation(IMAGES[:2])["mix_weight"].numpy()
    np.testing.assert_array_equal(part, whole[:2])


@pytest.mark.parametrize("make", [L.RandAugment, L.AugMix, lambda: L.RandAugment(num_ops=0)])
def test_policies_keep_shape_and_range(make):
    found = make()(IMAGES).numpy()
    assert found.shape == IMAGES.shape
    assert found.min() >= 0
    assert found.max() <= 255.001
    np.testing.assert_array_equal(make()(IMAGES, training=False).numpy(), IMAGES)


def test_policies_move_boxes():
    layer = L.RandAugment(bounding_box_format="xyxy", factor=0.2)
    found = layer(data())["bounding_boxes"]["boxes"]
    assert found.shape == (6, 1, 4)


def test_images_of_a_batch_get_different_operations():
    same = np.repeat(IMAGES[:1], 32, axis=0)
    found = L.RandAugment(num_ops=1)(same).numpy()
    assert len({image.tobytes() for image in found}) > 6


def test_a_seed_generator_draws_again_and_is_reproducible():
    def two():
        layer = L.RandomBrightness(0.5, seed=lm.random.SeedGenerator(5))
        return layer(IMAGES).numpy(), layer(IMAGES).numpy()

    (a, b), (c, d) = two(), two()
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)


def test_dictionaries_in_a_functional_model():
    inputs = {"images": lm.Input((8, 8, 3)), "labels": lm.Input((6,))}
    model = lm.Model(inputs, L.MixUp()(inputs))
    found = model.predict({"images": IMAGES, "labels": ONE_HOT}, verbose=0)
    np.testing.assert_array_equal(found["labels"], ONE_HOT)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: L.RandomFlip()(data()), ArgumentError, "format is not known"),
        (lambda: L.MixUp()({"images": IMAGES, "labels": np.arange(6)}), ArgumentError, "one-hot"),
        (lambda: L.CutMix(bounding_box_format="xyxy")(data()), ArgumentError, "cannot be cut"),
        (lambda: L.RandomHue(2.0), RangeError, "factor"),
        (lambda: L.RandomShear((-0.1, 0.2)), RangeError, "x_factor"),
        (lambda: L.RandomGaussianBlur(kernel_size=4), RangeError, "odd"),
        (lambda: L.RandomHue(0.1, (3, 3)), RangeError, "value_range"),
        (lambda: L.RandomGrayscale()(np.zeros((2, 4, 4, 2))), ShapeError, "1 or 3 channels"),
        (lambda: L.RandomFlip()({"labels": ONE_HOT}), ArgumentError, "images"),
        (lambda: L.Pipeline([1]), ArgumentError, "expected a list of layers"),
    ],
)
def test_errors(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_layers_that_change_colors_only_need_no_format_of_boxes():
    for layer in (L.RandomColorJitter(), L.RandomBrightness(0.2), L.RandomErasing()):
        found = layer(data())
        np.testing.assert_array_equal(found["bounding_boxes"]["boxes"], BOX)
        np.testing.assert_array_equal(found["segmentation_masks"], data()["segmentation_masks"])


@pytest.mark.parametrize(
    "make",
    [
        lambda **more: L.RandomRotation((0.05, 0.1), "constant", **more),
        lambda **more: L.RandomShear(0.2, 0.1, fill_mode="constant", **more),
        lambda **more: L.RandomPerspective((1.0, 1.0), 0.3, **more),
        lambda **more: L.RandomElasticTransform((1.0, 1.0), 0.4, fill_mode="constant", **more),
    ],
)
def test_warped_masks_stay_on_the_object_and_boxes_around_it(make):
    layer = make(bounding_box_format="xyxy")
    found = layer(data())
    for image, mask, (left, top, right, bottom) in zip(
        found["images"].numpy(),
        found["segmentation_masks"].numpy(),
        found["bounding_boxes"]["boxes"].numpy()[:, 0],
        strict=True,
    ):
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 1}
        assert (image[mask[..., 0] == 1] > 60).mean() > 0.9  # bright, but for interpolated edges
        assert (image[mask[..., 0] == 0] < 200).mean() > 0.98
        rows, columns = np.nonzero(mask[..., 0])
        if isinstance(layer, L.RandomElasticTransform):  # leaves boxes as they are
            continue
        assert left - 1.5 <= columns.min() and columns.max() <= right + 1.5
        assert top - 1.5 <= rows.min() and rows.max() <= bottom + 1.5


def test_further_values_of_boxes_are_filled_up_with_them():
    layer = L.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    given = data()
    given["bounding_boxes"]["difficult"] = np.ones((6, 1), bool)
    found = layer(L.RandomFlip(bounding_box_format="xyxy")(given))["bounding_boxes"]
    assert found["difficult"].tolist() == [[True, False, False]] * 6
