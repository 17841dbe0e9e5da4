"""Layers that prepare images and features compared with Keras's."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import Sequential, layers  # noqa: E402

pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
PICTURE = rng.uniform(0, 255, size=(2, 9, 6, 3)).astype("float32")
CASES = [
    ("Rescaling", {"scale": 1 / 255, "offset": -0.5}),
    ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 5.0, 6.0]}),
    ("Normalization", {"mean": 100.0, "variance": 25.0, "axis": None, "invert": True}),
    ("Resizing", {"height": 5, "width": 8}),
    ("Resizing", {"height": 12, "width": 4, "interpolation": "nearest"}),
    ("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True}),
    ("Resizing", {"height": 4, "width": 7, "pad_to_aspect_ratio": True, "fill_value": 7.0}),
    ("Resizing", {"height": 3, "width": 3, "interpolation": "bicubic", "antialias": True}),
    ("CenterCrop", {"height": 4, "width": 3}),
    ("CenterCrop", {"height": 5, "width": 5}),
    ("CenterCrop", {"height": 8, "width": 12}),
    ("RandomFlip", {}),
    ("RandomContrast", {"factor": 0.5}),
    ("RandomBrightness", {"factor": 0.5}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_layers(name, arguments):
    more = {"training": False} if name.startswith("Random") else {}
    expected = np.asarray(getattr(keras.layers, name)(**arguments)(PICTURE, **more))
    found = getattr(layers, name)(**arguments)(PICTURE, **more).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-4)


def test_random_layers_called_directly_change_images_as_in_keras():
    for m, model in ((keras.layers, keras.Sequential), (layers, Sequential)):
        one = m.RandomBrightness(0.5, seed=1)
        assert not np.array_equal(np.asarray(one(PICTURE)), PICTURE)
        assert not np.array_equal(np.asarray(model([one])(PICTURE)), PICTURE)
        assert np.array_equal(np.asarray(model([one]).predict(PICTURE, verbose=0)), PICTURE)
        assert np.asarray(one(PICTURE[0])).shape == PICTURE[0].shape


@pytest.mark.parametrize("axis", [-1, None, (1, 3)])
def test_adapt(axis):
    theirs, ours = keras.layers.Normalization(axis=axis), layers.Normalization(axis=axis)
    theirs.adapt(PICTURE)
    ours.adapt(PICTURE)
    np.testing.assert_allclose(ours(PICTURE).numpy(), np.asarray(theirs(PICTURE)), atol=2e-4)


# ranges of one number: nothing random
GEOMETRY = [
    ("RandomTranslation", {"height_factor": (0.25, 0.25), "width_factor": (-0.3, -0.3)}),
    ("RandomRotation", {"factor": (0.1, 0.1)}),
    ("RandomRotation", {"factor": (-0.3, -0.3)}),
    ("RandomZoom", {"height_factor": (0.3, 0.3)}),
    ("RandomZoom", {"height_factor": (-0.3, -0.3), "width_factor": (0.22, 0.22)}),
]
FILLS = ["reflect", "wrap", "nearest", "constant"]


@pytest.mark.parametrize(("name", "arguments"), GEOMETRY)
@pytest.mark.parametrize("fill_mode", FILLS)
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_geometry(name, arguments, fill_mode, interpolation):
    more = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 3.0}
    theirs = getattr(keras.layers, name)(**arguments, **more)
    expected = np.asarray(theirs(PICTURE, training=True))
    found = getattr(layers, name)(**arguments, **more)(PICTURE, training=True).numpy()
    wrong = np.abs(found - expected) > 1e-2
    assert wrong.mean() < (0.02 if interpolation == "nearest" else 0.001)  # ties round either way
