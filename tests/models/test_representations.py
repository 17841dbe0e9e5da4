"""Model.representations: every layer's output by name, batched, from one program."""

import copy

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import ArgumentError, UnknownNameError

X = np.random.default_rng(0).standard_normal((70, 6, 6, 2)).astype(np.float32)


def network():
    return lm.Sequential(
        [
            lm.Input((6, 6, 2)),
            L.Conv2D(3, 3, activation="relu", name="conv"),
            L.BatchNormalization(name="norm"),
            L.Dropout(0.5, name="drop"),
            lm.Sequential([L.Flatten(name="flat"), L.Dense(4, name="dense")], name="inner"),
            L.Dense(2, name="out"),
        ]
    )


def test_all_layers_in_order_with_the_shapes_of_the_rows():
    found = network().representations(X)
    shapes = {name: array.shape for name, array in found.items()}
    assert list(shapes) == ["conv", "norm", "drop", "inner/flat", "inner/dense", "inner", "out"]
    assert shapes["conv"] == (70, 4, 4, 3) and shapes["inner/flat"] == (70, 48)
    assert all(isinstance(array, np.ndarray) for array in found.values())


def test_each_is_what_the_layer_makes_of_the_one_before():
    model = network()
    found = model.representations(X)
    conv = model.get_layer("conv")
    np.testing.assert_allclose(found["conv"], conv(X).numpy(), atol=1e-5)
    np.testing.assert_allclose(found["norm"], found["conv"] / np.sqrt(1.001), atol=1e-5)
    np.testing.assert_array_equal(found["drop"], found["norm"])  # nothing dropped
    np.testing.assert_array_equal(found["inner"], found["inner/dense"])
    np.testing.assert_allclose(found["out"], model.predict(X, verbose=0), atol=1e-5)


def test_the_batch_size_changes_no_value_and_compiles_nothing():
    model = network()
    whole = model.representations(X, batch_size=70)
    before = lm.compile_stats().count
    for size in (1, 32, 64):
        parts = model.representations(X, batch_size=size)
        for name, array in parts.items():
            np.testing.assert_allclose(array, whole[name], atol=1e-6)
    model.representations(X[:3])
    assert lm.compile_stats().count == before


def test_data_sets_of_batches():
    model = network()
    data = lm.data.Dataset.from_tensor_slices(X).batch(32)
    found, whole = model.representations(data), model.representations(X)
    assert found["conv"].shape == (70, 4, 4, 3)
    np.testing.assert_allclose(found["out"], whole["out"], atol=1e-6)


def test_chosen_layers_by_name_or_as_they_are():
    model = network()
    every = model.representations(X)
    assert list(model.representations(X, layers="norm")) == ["norm"]
    chosen = model.representations(X, layers=["inner/dense", model.get_layer("conv")])
    assert list(chosen) == ["inner/dense", "conv"]
    np.testing.assert_allclose(chosen["inner/dense"], every["inner/dense"], atol=1e-6)


def test_unknown_layers_raise():
    model = network()
    with pytest.raises(UnknownNameError, match="did you mean 'conv'"):
        model.representations(X, layers=["conw"])
    with pytest.raises(ArgumentError, match="not in this model"):
        model.representations(X, layers=L.Dense(2))
    with pytest.raises(ArgumentError, match="no output of 'conv:2'"):
        model.representations(X, layers="conv:2")


def test_shared_layers_several_inputs_and_several_outputs():
    a, b = lm.Input((4,), name="a"), lm.Input((4,), name="b")
    shared = L.Dense(3, name="shared")
    steps = L.Reshape((3, 1))(shared(a) + shared(b))
    sequence, state = L.SimpleRNN(5, return_sequences=True, return_state=True, name="rnn")(steps)
    model = lm.Model([a, b], L.Dense(1, name="out")(L.Flatten()(sequence)) + state[:, :1])
    u, v = X[:, 0, 0:2].reshape(70, 4), X[:, 1, 0:2].reshape(70, 4)
    found = model.representations([u, v])
    assert list(found) == ["shared", "shared:2", "reshape", "rnn", "flatten", "out"]
    np.testing.assert_allclose(found["shared:2"], shared(v).numpy(), atol=1e-5)
    together = found["shared"] + found["shared:2"]
    np.testing.assert_allclose(found["reshape"][..., 0], together, atol=1e-5)
    sequences, last = found["rnn"]
    np.testing.assert_array_equal(sequences[:, -1], last)


class Branching(lm.Model):
    def __init__(self):
        super().__init__()
        self.first, self.unused = L.Dense(3), L.Dense(3)

    def call(self, inputs):
        return lm.sum(self.first(inputs), axis=-1)


def test_a_subclassed_model_is_built_by_the_data():
    model = Branching()
    found = model.representations(X[:, 0, 0])
    assert {name: array.shape for name, array in found.items()} == {"dense": (70, 3)}
    with pytest.raises(ArgumentError, match="does not call it"):
        model.representations(X[:, 0, 0], layers="dense_1")


def test_layers_added_later_are_there():
    model = network()
    model.representations(X)
    model.add(L.Dense(7, name="later"))
    assert model.representations(X)["later"].shape == (70, 7)


def test_after_training_the_new_weights_count():
    model = network()
    before = model.representations(X)["conv"]
    model.compile("sgd", "mse")
    model.fit(X, np.ones((70, 2), np.float32), verbose=0)
    after = model.representations(X)["conv"]
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(after, model.get_layer("conv")(X).numpy(), atol=1e-5)


def test_models_are_copied_and_saved_as_before(tmp_path):
    model = network()
    found = model.representations(X)
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina").representations(X)
    for name, array in found.items():
        np.testing.assert_allclose(again[name], array, atol=1e-6)
    copied = copy.deepcopy(model).representations(X)
    np.testing.assert_allclose(copied["out"], found["out"], atol=1e-6)
