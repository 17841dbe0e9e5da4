"""Images and sequences of any size: one program does what a program for each size does."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L

rng = np.random.default_rng(0)
SIZES = [(9, 7), (6, 8), (1, 2)]

MAKERS = {
    "strided": lambda: [L.Conv2D(4, 3, 2, "same", activation="relu")],
    "strided along one axis": lambda: [L.Conv2D(4, (5, 3), (1, 3), "same")],
    "a stride larger than the window": lambda: [L.Conv2D(4, 1, 2, "same")],
    "two in a row": lambda: [L.Conv2D(4, 4, 2, "same"), L.Conv2D(4, 3, 3, "same")],
    "depthwise": lambda: [L.DepthwiseConv2D(3, 2, "same")],
    "separable": lambda: [L.SeparableConv2D(4, 3, 2, "same")],
    "max": lambda: [L.MaxPooling2D(3, 2, "same")],
    "average": lambda: [L.AveragePooling2D(3, 2, "same")],
    "average of all": lambda: [L.AveragePooling2D(3, 1, "same")],
    "resized": lambda: [L.Resizing(6, 5)],
    "resized, all in one": lambda: [L.Resizing(3, 4, "bicubic", antialias=True)],
    "nearest": lambda: [L.Resizing(6, 5, "nearest")],
    "larger": lambda: [L.UpSampling2D((2, 3), interpolation="bilinear")],
    "much larger": lambda: [L.UpSampling2D(2, interpolation="lanczos3")],
}


def network(layers, shape):
    lm.set_seed(1)
    body = [lm.Input(shape), *layers, L.Conv2D(3, 1), L.GlobalAveragePooling2D()]
    model = lm.Sequential(body)
    model.compile(lm.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_open_extents(make):
    network_of_any = network(make(), (None, None, 2))
    first = network_of_any.get_weights()
    for height, width in SIZES:
        x = rng.normal(size=(4, height, width, 2)).astype("float32")
        y = rng.normal(size=(4, 3)).astype("float32")
        fixed = network(make(), (height, width, 2))
        outputs = []
        for model in (network_of_any, fixed):
            model.set_weights(first)
            before = lm.compile_stats().count
            model.fit(x, y, epochs=2, batch_size=2, shuffle=False, verbose=0)
            outputs.append(model.predict(x, verbose=0))
            is_known = model is network_of_any and (height, width) != SIZES[0]
            assert lm.compile_stats().count - before == (0 if is_known else 2)
        np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)
        for own, theirs in zip(network_of_any.get_weights(), fixed.get_weights(), strict=True):
            np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-6)


def test_sequences_with_strides():
    lm.set_seed(1)
    steps = lm.Sequential(
        [lm.Input((None, 3)), L.Conv1D(4, 3, 2, "same"), L.MaxPooling1D(2, 2, "same")]
    )
    for length in range(1, 9):
        x = rng.normal(size=(2, length, 3)).astype("float32")
        alone = lm.Sequential(
            [lm.Input((length, 3)), L.Conv1D(4, 3, 2, "same"), L.MaxPooling1D(2, 2, "same")]
        )
        alone.set_weights(steps.get_weights())
        np.testing.assert_allclose(steps.predict(x), alone.predict(x), rtol=1e-5, atol=1e-6)


def test_layers_that_need_the_size_raise_for_open_images():
    for layer in (L.CenterCrop(2, 2), L.Resizing(4, 4, crop_to_aspect_ratio=True)):
        with pytest.raises(lm.errors.ShapeError, match=r"\(None, None, None, 3\)\n.*Resizing"):
            lm.Sequential([lm.Input((None, None, 3)), layer])


def test_merging_sizes_that_may_differ_raises():
    """Halved and doubled again is not the same size for odd ones."""
    images = lm.Input((None, None, 1))
    there_and_back = L.Conv2DTranspose(1, 3, 2, "same")(L.Conv2D(4, 3, 2, "same")(images))
    for merge in (L.Concatenate(), L.Add()):
        with pytest.raises(lm.errors.ShapeError, match="give the Input its sizes"):
            merge([images, there_and_back])
