"""The change of an image in training depends on seed, epoch, layer and the image's number."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.models.trainee import Trainee
from lamina.operations import random_keys, samples, updating

RNG = np.random.default_rng(2)
IMAGES = RNG.uniform(0, 255, (7, 6, 5, 2)).astype("float32")
NUMBERS = np.arange(7, dtype="float32")

LAYERS = [
    L.RandomFlip, lambda: L.RandomCrop(3, 3), lambda: L.RandomTranslation(0.4, 0.4),
    lambda: L.RandomRotation(0.2), lambda: L.RandomZoom(0.4), lambda: L.RandomContrast(0.5),
    lambda: L.RandomBrightness(0.5), lambda: L.RandomShear(0.5, 0.5), L.RandomErasing,
    L.RandomPerspective, L.RandomElasticTransform, lambda: L.RandomInvert((0.5, 0.5)),
    lambda: L.Pipeline([L.RandomFlip(), L.RandomSharpness(0.5)]),
]  # fmt: skip


class Diary(lm.Model):
    """Writes down what its layer makes of each image: pages (epochs, images, ...)."""

    def __init__(self, layer, epochs, shape, batches):
        super().__init__()
        self.layer, self.one = layer, L.Dense(1)
        self.batches = batches
        self.pages = lm.Variable(np.zeros((epochs, 7, *shape), "float32"), trainable=False)
        self.taken = lm.Variable(np.int32(0), trainable=False)

    def call(self, x):
        return self.one(lm.reshape(self.layer(x), (-1, int(np.prod(self.pages.shape[2:])))))

    def train_step(self, data):
        x, numbers = data
        self.optimizer.build(self.trainable_weights)
        changed = self.layer(x, training=True)
        epoch = self.taken.read() // self.batches
        at = (epoch, lm.astype(numbers, "int32"))
        self.pages.assign(updating.at(self.pages.read())[at].set(changed))
        self.taken.assign(self.taken.read() + 1)
        return {"loss": lm.mean(changed)}


def seen(make, batch_size=7, epochs=2, iterable=False, seed=3, shape=None, **how):
    """Return the images that training sees: (epochs, images, ...)."""
    layer = make()
    shape = shape or layer(IMAGES).shape[1:]
    layer = make()
    model = Diary(layer, epochs, shape, -(-7 // batch_size))
    model.compile("sgd", "mse")
    cuts = range(0, 7, batch_size)
    batches = [(IMAGES[k : k + batch_size], NUMBERS[k : k + batch_size]) for k in cuts]
    data = {"x": batches} if iterable else {"x": IMAGES, "y": NUMBERS, "batch_size": batch_size}
    model.fit(**data, epochs=epochs, seed=seed, verbose=0, **how)
    return model.pages.numpy()


@pytest.mark.parametrize("make", LAYERS)
def test_an_image_is_changed_in_the_same_way_for_any_batches_and_order(make):
    alone = seen(make, batch_size=1, shuffle=False)
    assert not np.array_equal(alone[0], alone[1])
    np.testing.assert_array_equal(seen(make, batch_size=3), alone)
    np.testing.assert_array_equal(seen(make, batch_size=4, iterable=True), alone)


def test_seed_epoch_and_layer_decide():
    first = seen(L.RandomFlip, epochs=3)
    assert not np.array_equal(first, seen(L.RandomFlip, epochs=3, seed=4))
    assert not np.array_equal(first, seen(lambda: L.RandomFlip(seed=5), epochs=3))
    np.testing.assert_array_equal(first, seen(L.RandomFlip, epochs=3))
    later = seen(L.RandomFlip, epochs=3, initial_epoch=2)
    np.testing.assert_array_equal(later[0], first[2])


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_nothing(threads):
    def trained(count):
        lm.set_seed(1)
        with lm.settings(threads=count):
            model = lm.Sequential(
                [L.RandomFlip(), L.RandomTranslation(0.2, 0.2), L.RandomContrast(0.4), L.Flatten()]
            )
            model.add(L.Dense(3))
            model.compile("adam", "mse")
            model.fit(IMAGES, RNG_TARGETS, epochs=3, batch_size=2, verbose=0, seed=1)
            return model.get_weights()

    for a, b in zip(trained(1), trained(threads), strict=True):
        np.testing.assert_array_equal(a, b)


RNG_TARGETS = RNG.normal(size=(7, 3)).astype("float32")


def test_eager_training_sees_the_same():
    def trained(eagerly):
        lm.set_seed(1)
        model = lm.Sequential([L.RandomBrightness(0.5), L.Rescaling(1 / 255), L.Flatten()])
        model.add(L.Dense(3))
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(IMAGES, RNG_TARGETS, epochs=2, batch_size=3, verbose=0, seed=1)
        return model.get_weights()

    for a, b in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_single_batches_each_see_something_new():
    model = lm.Sequential([L.RandomBrightness(0.5), L.GlobalAveragePooling2D(), L.Dense(1)])
    model.compile(lm.optimizers.SGD(0.0), "mse")
    losses = {model.train_on_batch(IMAGES, np.zeros((7, 1), "float32")) for _ in range(4)}
    assert len(losses) == 4


def test_evaluation_and_prediction_change_nothing():
    model = lm.Sequential([L.RandomFlip(), L.RandomBrightness(0.5)])
    model.compile("sgd", "mse")
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)
    assert model.evaluate(IMAGES, IMAGES, verbose=0) == 0
    np.testing.assert_array_equal(model(IMAGES, training=False).numpy(), IMAGES)


def test_called_directly_position_and_call_decide():
    lm.set_seed(9)
    layer = L.RandomBrightness(0.5)
    first, second = layer(IMAGES).numpy(), layer(IMAGES).numpy()
    assert not np.array_equal(first, second)
    lm.set_seed(9)
    np.testing.assert_array_equal(layer(IMAGES[:4]).numpy(), first[:4])
    np.testing.assert_array_equal(layer(IMAGES[0]).numpy(), second[0])


def test_compiled_without_a_key_is_refused():
    layer = L.RandomFlip()
    with pytest.raises(lm.errors.StateError, match="random numbers in a compiled function"):
        lm.compile(lambda x: layer(x))(IMAGES)


def test_bits_at_places_are_those_of_the_whole():
    whole = random_keys.bits(7, (10, 3)).numpy()
    places = np.array([4, 0, 9], np.uint32)[:, None] * 3 + np.arange(3, dtype=np.uint32)
    found = samples.bits_at(random_keys.key(7), lm.asarray(places)).numpy()
    np.testing.assert_array_equal(found, whole[[4, 0, 9]])


def test_models_without_random_layers_get_no_sample_numbers():
    model = lm.Sequential([L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(IMAGES, NUMBERS[:, None])
    data = lm.training.columns.columns(IMAGES, NUMBERS[:, None])
    model._session.prepare(Trainee(model), data, "fit")
    assert data.numbers is None
