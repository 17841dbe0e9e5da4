"""Inputs of another structure than the model's, and models that are not built yet."""

import pickle

import numpy as np
import pytest

from lamina import keras

X = np.ones((2, 3), np.float32)


def of_dict():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    return keras.Model({"a": a, "b": b}, keras.layers.Add()([a, b]))


def test_inputs_of_another_structure_warn_once():
    model = of_dict()
    with pytest.warns(UserWarning, match="another structure") as found:
        result = model([X, X])
        model([X, X])
    assert len(found) == 1
    np.testing.assert_array_equal(result.numpy(), X + X)


def test_clones_need_input_tensors_in_the_structure_of_the_inputs():
    model = of_dict()
    tensors = (keras.Input((3,)), keras.Input((3,)))
    with pytest.raises(ValueError, match="structure of the inputs"):
        keras.models.clone_model(model, input_tensors=tensors)


def test_an_unbuilt_model_is_pickled_by_its_configuration():
    model = keras.Sequential([keras.layers.Dense(4)])
    again = pickle.loads(pickle.dumps(model))
    assert [layer.units for layer in again.layers] == [4]


def test_operations_of_a_functional_model_are_its_layers():
    model = of_dict()
    assert model.operations == model.layers
