"""Layers that change images against Keras's: factors of one value, or the same transformation."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import layers  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:Explicitly requested dtype")]
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (3, 12, 10, 3)).astype("float32")
SQUARE = RNG.uniform(0, 255, (3, 10, 10, 3)).astype("float32")
SMALL = IMAGES / 255
LABELS = np.eye(3, 5, dtype="float32")
CORNER = RNG.uniform(0, 6, (3, 4, 2)).astype("float32")
BOXES = np.concatenate([CORNER, CORNER + RNG.uniform(1, 5, (3, 4, 2))], -1).astype("float32")
CLASSES = np.arange(12).reshape(3, 4)

# class, arguments, images: nothing random
CASES = [
    ("AutoContrast", {}, IMAGES),
    ("AutoContrast", {"value_range": (0, 1)}, SMALL),
    ("AutoContrast", {}, np.full((1, 4, 4, 3), 7, "float32")),
    ("Equalization", {}, IMAGES[:1]),
    ("Equalization", {"bins": 16}, IMAGES[1:2]),
    ("Equalization", {"value_range": (0, 1)}, SMALL[:1]),
    ("Equalization", {}, np.full((1, 4, 4, 3), 7, "float32")),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (3, 2)}, IMAGES),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"clip_limit": 0.0}, SQUARE),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"value_range": (0, 1)}, SMALL),
    ("RandomBrightness", {"factor": (0.3, 0.3)}, IMAGES),
    ("RandomColorDegeneration", {"factor": (0.4, 0.4)}, IMAGES),
    ("RandomColorDegeneration", {"factor": (0.4, 0.4), "data_format": "channels_first"},
     IMAGES.transpose(0, 3, 1, 2).copy()),
    ("RandomGrayscale", {"factor": 1.0}, IMAGES),
    ("RandomGrayscale", {"factor": 0.0}, IMAGES),
    ("RandomSaturation", {"factor": (0.3, 0.3)}, IMAGES),
    ("RandomSaturation", {"factor": (0.5, 0.5), "value_range": (0, 1)}, SMALL),
    ("RandomInvert", {"factor": (1.0, 1.0)}, IMAGES),
    ("RandomPosterization", {"factor": (3, 3)}, IMAGES),
    ("RandomPosterization", {"factor": 1, "value_range": (0, 1)}, SMALL),
    ("RandomSharpness", {"factor": (0.8, 0.8)}, IMAGES),
    ("RandomSharpness", {"factor": (0.1, 0.1)}, IMAGES),
    ("RandomGaussianBlur", {"factor": (1, 1), "kernel_size": (5, 3), "sigma": (0.7, 0.7)}, IMAGES),
    ("RandomColorJitter", {"brightness_factor": (0.1, 0.1), "saturation_factor": (0.4, 0.4)},
     IMAGES),
    ("CenterCrop", {"height": 5, "width": 4}, IMAGES),
    ("MaxNumBoundingBoxes", {"max_number": 3}, IMAGES),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "images"), CASES)
def test_images_without_random_draws(name, arguments, images):
    expected = np.asarray(getattr(keras.layers, name)(**arguments)(images, training=True))
    found = getattr(layers, name)(**arguments)(images, training=True).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)
    one = getattr(layers, name)(**arguments)(images[0], training=True).numpy()
    np.testing.assert_allclose(one, found[0], rtol=1e-5, atol=1e-4)


# class, arguments: with the transformation that Keras draws
SAME = [
    ("RandomHue", {"factor": 0.4}),
    ("RandomContrast", {"factor": 0.5}),
    ("Solarization", {"addition_factor": 0.4, "threshold_factor": 0.7}),
    ("RandomErasing", {"fill_value": 7.0}),
    ("RandomShear", {"x_factor": 0.5, "y_factor": 0.3}),
    ("RandomPerspective", {"factor": (0.7, 0.7), "scale": 0.6}),
    ("RandomPerspective", {"factor": (1.0, 1.0), "interpolation": "nearest"}),
    ("MixUp", {}),
    ("CutMix", {}),
]


def arrays(transformation):
    return {
        name: value if isinstance(value, tuple) else np.asarray(value)
        for name, value in transformation.items()
        if name != "fill_value"
    }


@pytest.mark.parametrize(("name", "arguments"), SAME)
def test_images_and_labels_of_one_transformation(name, arguments):
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(layers, name)(**arguments)
    drawn = theirs.get_random_transformation(IMAGES, training=True)
    expected = np.asarray(theirs.transform_images(keras.ops.array(IMAGES), drawn, training=True))
    found = ours.transform_images(IMAGES, arrays(drawn), training=True).numpy()
    wrong = np.abs(found - expected) > 0.02
    assert wrong.mean() < (0.03 if arguments.get("interpolation") == "nearest" else 0.002)
    expected = np.asarray(theirs.transform_labels(keras.ops.array(LABELS), drawn, training=True))
    found = np.asarray(ours.transform_labels(LABELS, arrays(drawn), training=True))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


MOVES = [
    ("RandomTranslation", {"height_factor": (0.25, 0.25), "width_factor": (-0.3, -0.3)}, IMAGES),
    ("RandomRotation", {"factor": (0.1, 0.1)}, IMAGES),
    ("RandomZoom", {"height_factor": (0.3, 0.3), "width_factor": (-0.2, -0.2)}, IMAGES),
    ("CenterCrop", {"height": 6, "width": 5}, IMAGES),
    ("CenterCrop", {"height": 20, "width": 14}, IMAGES),
    ("Resizing", {"height": 6, "width": 15}, IMAGES),
    ("Resizing", {"height": 5, "width": 10, "crop_to_aspect_ratio": True}, SQUARE),
    ("Resizing", {"height": 20, "width": 40, "pad_to_aspect_ratio": True}, SQUARE),
]


@pytest.mark.parametrize("form", ["xyxy", "rel_xywh"])
@pytest.mark.parametrize(("name", "arguments", "images"), MOVES)
def test_boxes_move_with_the_images(name, arguments, images, form):
    if name == "RandomRotation" and form != "xyxy":
        pytest.skip("Keras takes the boxes of RandomRotation for xyxy, whatever their format")
    size = {"height": images.shape[1], "width": images.shape[2]}
    convert = keras.utils.bounding_boxes.convert_format
    boxes = np.asarray(convert(BOXES, "xyxy", form, **size))

    def data():
        return {
            "images": images,
            "bounding_boxes": {"boxes": boxes.copy(), "labels": CLASSES.copy()},
        }

    arguments = {**arguments, "bounding_box_format": form}
    expected = getattr(keras.layers, name)(**arguments)(data(), training=True)
    found = getattr(layers, name)(**arguments)(data(), training=True)
    for part in ("boxes", "labels"):
        a, b = (np.asarray(each["bounding_boxes"][part]) for each in (found, expected))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_boxes_of_one_perspective():
    arguments = {"factor": (1.0, 1.0), "scale": 0.5, "bounding_box_format": "xyxy"}
    theirs, ours = (
        keras.layers.RandomPerspective(**arguments),
        layers.RandomPerspective(**arguments),
    )
    drawn = theirs.get_random_transformation(IMAGES, training=True)
    boxes = {"boxes": keras.ops.array(BOXES), "labels": CLASSES}
    expected = theirs.transform_bounding_boxes(dict(boxes), drawn)
    found = ours.transform_bounding_boxes({"boxes": BOXES, "labels": CLASSES}, arrays(drawn))
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=1e-3, atol=1e-2)


def test_mixed_images_have_the_boxes_of_both():
    theirs, ours = keras.layers.MixUp(), layers.MixUp()
    drawn = theirs.get_random_transformation(IMAGES, training=True)
    boxes = {"boxes": BOXES, "labels": CLASSES}
    expected = theirs.transform_bounding_boxes(dict(boxes), drawn)
    found = ours.transform_bounding_boxes(boxes, arrays(drawn))
    np.testing.assert_allclose(found["boxes"], np.asarray(expected["boxes"]))
    assert found["labels"].shape == (3, 8)


def test_segmentation_masks_move_with_the_images():
    masks = RNG.integers(0, 3, (3, 12, 10, 1)).astype("uint8")
    arguments = {"height_factor": (0.25, 0.25), "width_factor": (-0.3, -0.3)}
    data = {"images": IMAGES, "segmentation_masks": masks}
    expected = keras.layers.RandomTranslation(**arguments)(dict(data), training=True)
    found = layers.RandomTranslation(**arguments)(data, training=True)
    a, b = (np.asarray(each["segmentation_masks"]) for each in (found, expected))
    assert found["segmentation_masks"].dtype == "uint8"
    np.testing.assert_array_equal(a, b)


def test_distribution_of_weights_is_that_of_keras():
    theirs = keras.layers.MixUp(alpha=0.4, seed=1)
    many = np.zeros((4000, 1, 1, 1), "float32")
    expected = np.sort(np.asarray(theirs.get_random_transformation(many)["mix_weight"]))
    found = layers.MixUp(alpha=0.4).get_random_transformation(many)["mix_weight"]
    np.testing.assert_allclose(np.sort(found.numpy())[::200], expected[::200], atol=0.05)
