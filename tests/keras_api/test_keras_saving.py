"""Objects as data by the names of Keras, and the user's own classes and functions in them."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.configuration import REGISTERED
from lamina.errors import ArgumentError, UnknownNameError
from lamina.keras import layers, saving

VALUES = {
    "numbers": 3,
    "nests": {"a": [1, (2.5, None)], "b": "text"},
    "bytes": b"ab",
    "slices": slice(1, None, 2),
    "the ellipsis": Ellipsis,
}


@pytest.fixture(autouse=True)
def registered_objects():
    """Removes what tests register."""
    before = dict(REGISTERED)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back(name):
    value = VALUES[name]
    assert saving.deserialize_keras_object(saving.serialize_keras_object(value)) == value


def test_arrays_and_tensors_come_back():
    array = np.float32([[1.0, 2.0]])
    found = saving.deserialize_keras_object(
        saving.serialize_keras_object([array, lm.asarray(array)])
    )
    assert isinstance(found[0], np.ndarray) and isinstance(found[1], lm.Tensor)
    np.testing.assert_array_equal(found[0], found[1])
    x = keras.KerasTensor((None, 3), "int32")
    again = saving.deserialize_keras_object(saving.serialize_keras_object(x))
    assert again.shape == x.shape and again.dtype == "int32"


def test_a_built_compiled_model_comes_back_built_and_compiled():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    config = json.loads(json.dumps(saving.serialize_keras_object(model)))
    again = saving.deserialize_keras_object(config)
    assert again.compiled and again.built and type(again.optimizer) is type(model.optimizer)


class Scale:
    """A class of a user's that derives from nothing of Lamina."""

    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x * self.by

    def get_config(self):
        return {"by": self.by}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_an_object_with_a_configuration_is_found_by_its_registered_name(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation=Scale(3.0))])
    model.save(tmp_path / "model.lamina")
    with pytest.raises(UnknownNameError, match="Scale"):
        keras.models.load_model(tmp_path / "model.lamina")
    saving.register_keras_serializable("mine")(Scale)
    assert saving.get_registered_name(Scale) == "mine>Scale"
    assert saving.get_registered_object("mine>Scale") is Scale
    model.save(tmp_path / "model.lamina")
    again = keras.models.load_model(tmp_path / "model.lamina")
    assert again.layers[0].activation.by == 3.0


def test_custom_objects_are_known_in_a_scope_or_for_good():
    def doubled(x):
        return 2 * x

    with pytest.raises(UnknownNameError):
        keras.activations.get("doubled")
    with keras.utils.CustomObjectScope({"doubled": doubled}):
        assert keras.activations.get("doubled") is doubled
    saving.get_custom_objects()["doubled"] = doubled
    assert layers.Dense(1, activation="doubled").activation(2) == 4
    assert saving.get_registered_object("missing", {"missing": 1}) == 1
    assert saving.get_registered_object("missing") is None


def test_a_class_without_a_configuration_cannot_be_registered():
    with pytest.raises(ArgumentError, match="expected a method get_config"):
        saving.register_keras_serializable()(type("Bare", (), {}))


def test_families_write_and_read_their_own():
    for family, made in (
        (keras.initializers, keras.initializers.Constant(0.5)),
        (keras.constraints, keras.constraints.MaxNorm(3.0)),
        (keras.regularizers, keras.regularizers.L2(0.5)),
        (keras.optimizers, keras.optimizers.Muon(0.5)),
        (layers, layers.Dense(3)),
    ):
        assert type(family.deserialize(family.serialize(made))) is type(made)
    assert isinstance(
        keras.optimizers.get({"class_name": "adam", "config": {}}), lm.optimizers.Adam
    )


def test_weights_are_also_saved_by_functions(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    other = keras.models.clone_model(model)
    saving.save_weights(model, tmp_path / "w.safetensors", max_shard_size=1)
    saving.load_weights(other, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_layers_can_be_left_out_of_files_of_weights(tmp_path):
    def made():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(5), keras.layers.Dense(5)])

    model, other, path = made(), made(), str(tmp_path / "w.safetensors")
    first = other.layers[0].kernel.numpy()
    for skipped in ([model.layers[0]], None):
        model.save_weights(path, objects_to_skip=skipped)
        other.load_weights(path, objects_to_skip=[other.layers[0]])
        np.testing.assert_array_equal(other.layers[0].kernel.numpy(), first)
        np.testing.assert_array_equal(
            other.layers[1].kernel.numpy(), model.layers[1].kernel.numpy()
        )


def test_files_that_do_not_exist_and_other_arguments_are_value_errors(tmp_path):
    for kind in (ValueError, FileNotFoundError):
        with pytest.raises(kind, match="no such file"):
            keras.models.load_model(str(tmp_path / "none.keras"))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    with pytest.raises(ValueError, match="save_format"):
        model.save(str(tmp_path / "m.keras"), save_format="keras")


def test_layer_that_was_built_by_keyword_is_written_with_its_shape():
    layer = keras.layers.Dense(2)
    layer.build(input_shape=(None, 8))
    written = keras.saving.serialize_keras_object(layer)
    assert keras.saving.deserialize_keras_object(written).kernel.shape == (8, 2)
