"""Layers that prepare images and features: values, learned statistics, random changes."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.configuration import deserialize, serialize
from lamina.errors import ArgumentError, RangeError, ShapeError, StateError

rng = np.random.default_rng(0)
BYTES = rng.integers(0, 256, (3, 4, 6, 2)).astype("uint8")
TABLE = rng.normal(size=(50, 3)).astype("float32") * [1, 10, 0.1] + [0, 5, -3]


def test_rescaling_takes_bytes():
    found = L.Rescaling(1 / 127.5, offset=-1)(BYTES)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.numpy(), BYTES / 127.5 - 1, rtol=1e-6, atol=1e-6)
    found = L.Rescaling([0.5, 2.0])(BYTES)
    np.testing.assert_allclose(found.numpy(), BYTES * np.array([0.5, 2.0]))


def batches():
    yield TABLE[:7]
    yield TABLE[7:40], np.zeros(33)  # with labels
    yield TABLE[40:]


@pytest.mark.parametrize("data", [TABLE, TABLE.astype("float64"), batches()])
def test_adapt_learns_mean_and_variance(data):
    layer = L.Normalization()
    layer.adapt(data)
    found = layer(TABLE).numpy()
    np.testing.assert_allclose(found, (TABLE - TABLE.mean(0)) / TABLE.std(0), atol=1e-4)
    mean, variance, count = layer.get_weights()
    np.testing.assert_allclose(mean, TABLE.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, TABLE.var(0), rtol=1e-5)
    assert count == 50
    assert layer.trainable_weights == []


def test_normalization_that_was_not_adapted_raises():
    model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(3), L.Normalization()])
    model.compile("sgd", "mse")
    uses = [
        lambda: L.Normalization()(TABLE),
        lambda: model(TABLE),
        lambda: model.predict(TABLE, verbose=0),
        lambda: model.fit(TABLE, TABLE, verbose=0),
    ]
    for use in uses:
        with pytest.raises(StateError, match=r"Normalization '.*normalization'.*\n.*adapt\(data\)"):
            use()
    model.layers[-1].adapt(TABLE)
    model.fit(TABLE, TABLE, verbose=0)
    copy = deserialize(serialize(model))
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(TABLE), model.predict(TABLE))
    by_hand = L.Normalization()
    by_hand.build((None, 3))
    by_hand.set_weights([np.ones(3), np.full(3, 4.0), 0])
    np.testing.assert_allclose(by_hand(TABLE).numpy(), (TABLE - 1) / 2, rtol=1e-5, atol=1e-6)


def test_normalization_along_several_axes_or_none():
    layer = L.Normalization(axis=None)
    layer.adapt(TABLE)
    np.testing.assert_allclose(layer(TABLE).numpy().std(), 1, rtol=1e-5)
    layer = L.Normalization(axis=(1, 3))
    layer.adapt(BYTES.astype("float32"))
    assert layer.mean.shape == (4, 2)
    np.testing.assert_allclose(layer(BYTES).numpy().mean((0, 2)), np.zeros((4, 2)), atol=1e-5)


def test_given_statistics_and_back():
    there = L.Normalization(mean=[1, 2, 3], variance=[4, 4, 4])
    back = L.Normalization(mean=[1, 2, 3], variance=[4, 4, 4], invert=True)
    np.testing.assert_allclose(there(TABLE).numpy(), (TABLE - [1, 2, 3]) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(back(there(TABLE)).numpy(), TABLE, rtol=1e-5, atol=1e-5)
    with pytest.raises(StateError, match="given"):
        there.adapt(TABLE)


def test_an_adapted_model_is_saved_with_what_it_learned(tmp_path):
    layer = L.Normalization()
    layer.adapt(TABLE)
    model = lm.Sequential([lm.Input((3,)), layer, L.Dense(2)])
    expected = model.predict(TABLE, verbose=0)
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina")
    np.testing.assert_array_equal(again.predict(TABLE, verbose=0), expected)


def test_resizing_and_cropping():
    ramp = np.arange(6, dtype=np.float32).reshape(1, 1, 6, 1).repeat(4, 1)
    assert L.Resizing(2, 3)(ramp).numpy()[0, 0, :, 0].tolist() == [0.5, 2.5, 4.5]
    assert L.Resizing(2, 2, crop_to_aspect_ratio=True)(ramp).numpy()[0, 0, :, 0].tolist() == [
        1.5,
        3.5,
    ]
    padded = L.Resizing(6, 6, pad_to_aspect_ratio=True, fill_value=9.0)(ramp).numpy()[0, :, 1, 0]
    assert padded.tolist() == [9, 1, 1, 1, 1, 9]
    assert L.CenterCrop(2, 4)(ramp).numpy()[0, :, :, 0].tolist() == [[1, 2, 3, 4]] * 2
    assert L.CenterCrop(8, 8)(ramp).shape == (1, 8, 8, 1)
    first = L.Resizing(2, 3, data_format="channels_first")(ramp.transpose(0, 3, 1, 2))
    assert first.shape == (1, 1, 2, 3)


RANDOM = [
    L.RandomFlip(), L.RandomFlip("horizontal"), L.RandomContrast(0.5), L.RandomBrightness(0.2),
    L.RandomTranslation(0.3, (0.0, 0.5)), L.RandomRotation(0.2, "wrap"),
    L.RandomZoom(0.4, fill_mode="nearest"), L.RandomZoom(0.4, 0.2, "constant", "nearest"),
]  # fmt: skip


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: layer.name)
def test_random_layers_act_in_training_only_and_repeat_with_the_seed(layer):
    x = BYTES.astype("float32")
    np.testing.assert_array_equal(layer(x, training=False).numpy(), x)
    runs = []
    for _ in range(2):
        lm.set_seed(3)
        runs.append(layer(np.tile(x, (6, 1, 1, 1)), training=True).numpy())
    np.testing.assert_array_equal(*runs)
    assert (runs[0].reshape(6, *x.shape) != runs[0][:3]).any()
    assert runs[0].min() >= 0
    assert runs[0].max() <= 255


def test_flips_are_the_image_or_its_mirror_image():
    x = np.tile(BYTES[:1].astype("float32"), (64, 1, 1, 1))
    found = L.RandomFlip("vertical", seed=1)(x, training=True).numpy()
    turned = (found == x[:, ::-1]).all((1, 2, 3))
    assert ((found == x).all((1, 2, 3)) ^ turned).all()
    assert 15 < turned.sum() < 49


def test_brightness_is_one_number_an_image():
    x = np.full((40, 2, 2, 3), 100.0, np.float32)
    found = L.RandomBrightness((0.0, 0.2))(x, training=True).numpy()
    assert (found == found[:, :1, :1, :1]).all()
    assert found.min() >= 100
    assert found.max() <= 100 + 0.2 * 255
    assert found.std() > 5


def test_contrast_keeps_the_mean():
    x = rng.uniform(100, 150, (20, 8, 8, 1)).astype("float32")
    found = L.RandomContrast(0.5)(x, training=True).numpy()
    np.testing.assert_allclose(found.mean((1, 2)), x.mean((1, 2)), rtol=1e-4)
    assert (found.std((1, 2)) / x.std((1, 2))).min() < 0.8


def exactly(f):
    """A range of one number: nothing is random."""
    return (f, f)


def test_translations_by_whole_pixels():
    x = BYTES.astype("float32")
    moved = L.RandomTranslation(exactly(0.25), exactly(-1 / 3), "constant", fill_value=7.0)
    found = moved(x, training=True).numpy()
    np.testing.assert_allclose(found[:, 1:, :4], x[:, :-1, 2:], atol=1e-2)
    np.testing.assert_allclose(found[:, 0], 7)
    around = L.RandomTranslation(exactly(0.25), exactly(0.0), "wrap")(x, training=True).numpy()
    np.testing.assert_allclose(around, np.roll(x, 1, axis=1), atol=1e-2)
    mirrored = L.RandomTranslation(exactly(0.5), exactly(0.0))(x, training=True).numpy()
    np.testing.assert_allclose(mirrored, x[:, [1, 0, 0, 1]], atol=1e-2)


def test_a_quarter_rotation_is_counterclockwise():
    x = rng.normal(size=(2, 5, 5, 3)).astype("float32")
    found = L.RandomRotation(exactly(0.25))(x, training=True).numpy()
    np.testing.assert_allclose(found, np.rot90(x, axes=(1, 2)), atol=1e-4)


def test_zooming_in_shows_the_middle():
    x = rng.normal(size=(1, 9, 9, 1)).astype("float32")
    found = L.RandomZoom(exactly(-0.5))(x, training=True).numpy()
    np.testing.assert_allclose(found[:, ::2, ::2], x[:, 2:7, 2:7], atol=1e-5)


def test_random_crops_are_parts_of_the_image():
    x = np.arange(30, dtype=np.float32).reshape(1, 5, 6, 1).repeat(60, 0)
    found = L.RandomCrop(2, 4)(x, training=True).numpy()
    first = found[:, 0, 0, 0]
    np.testing.assert_array_equal(
        found[..., 0] - first[:, None, None], np.tile([[0, 1, 2, 3], [6, 7, 8, 9]], (60, 1, 1))
    )
    assert {*first} == {6 * i + j for i in range(4) for j in range(3)}
    middle = L.RandomCrop(2, 4)(x, training=False).numpy()
    np.testing.assert_array_equal(middle, x[:, 1:3, 1:5])


def test_random_layers_train_inside_a_model():
    model = lm.Sequential(
        [
            lm.Input((4, 6, 2), dtype="uint8"),
            L.RandomFlip(),
            L.RandomTranslation(0.2, 0.2),
            L.RandomRotation(0.1),
            L.RandomCrop(3, 4),
            L.RandomContrast(0.2),
            L.Rescaling(1 / 255),
            L.Flatten(),
            L.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(BYTES, np.array([0, 1, 0]), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    "layer",
    [
        L.Rescaling(2.0), L.Normalization(mean=1.0, variance=4.0), L.Resizing(3, 3, "nearest"),
        L.CenterCrop(2, 2), L.RandomCrop(2, 2), *RANDOM,
    ],
    ids=lambda layer: layer.name,
)  # fmt: skip
def test_configurations_make_equal_layers(layer):
    copy = deserialize(serialize(layer))
    assert copy.get_config() == layer.get_config()
    how = {"training": False} if layer.needs_samples else {}
    np.testing.assert_array_equal(copy(BYTES, **how).numpy(), layer(BYTES, **how).numpy())


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: L.Normalization(mean=1.0), ArgumentError, "both"),
        (lambda: L.Normalization(axis=0)(TABLE), ArgumentError, "batch axis"),
        (lambda: L.Normalization().adapt([]), ArgumentError, "no data"),
        (lambda: L.Resizing(0, 3), RangeError, "height"),
        (lambda: L.CenterCrop(3, 3)(TABLE), ShapeError, "at least 3 axes"),
        (lambda: L.RandomFlip("sideways"), ArgumentError, "horizontal"),
        (lambda: L.RandomZoom((0.2, -2.0)), RangeError, "height_factor"),
        (lambda: L.RandomRotation(0.1, fill_mode="mirror"), RangeError, "fill_mode"),
        (lambda: L.RandomContrast(2.0), RangeError, "factor"),
        (lambda: L.RandomBrightness((-2, 0)), RangeError, "factor"),
    ],
)
def test_errors(make, error, match):
    with pytest.raises(error, match=match):
        make()
