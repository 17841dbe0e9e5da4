"""FeatureSpace: tables of named columns as arrays."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import ArgumentError, StateError, UnknownNameError
from lamina.keras.utils import FeatureSpace

TABLE = {
    "age": [20.0, 40.0, 30.0, 50.0],
    "city": ["Ulm", "Bonn", "Ulm", "Jena"],
    "code": [7, 7, 9, 3],
}
Y = np.float32([[0.0], [1.0], [1.0], [0.0]])
ROW = {name: values[0] for name, values in TABLE.items()}


def dataset():
    return lm.data.Dataset.from_tensor_slices(TABLE)


def space(**options):
    features = {"age": "float_normalized", "city": "string_categorical", "code": "integer_hashed"}
    made = FeatureSpace(features, crosses=[("city", "code")], **options)
    made.adapt(dataset().batch(3))
    return made


def test_columns_are_joined_in_order_with_crosses_at_the_end():
    found = space(crossing_dim=8, hashing_dim=4)
    rows = found(TABLE).numpy()
    assert rows.shape == (4, 1 + 4 + 4 + 8) and rows.dtype == np.float32
    age = np.float64(TABLE["age"])
    np.testing.assert_allclose(rows[:, 0], (age - age.mean()) / age.std(), rtol=1e-6)
    assert rows[:, 1:5].argmax(1).tolist() == [1, 3, 1, 2]  # the most frequent comes first
    bins = lm.layers.Hashing(4)(TABLE["code"])
    assert rows[:, 5:9].argmax(1).tolist() == bins.tolist()
    assert (rows[:, 1:5].sum(1) == 1).all() and (rows[:, 9:].sum(1) == 1).all()
    np.testing.assert_array_equal(found(ROW), rows[0])


def test_a_dict_keeps_each_feature_with_its_integers():
    features = {
        "age": FeatureSpace.float_discretized(2, output_mode="int"),
        "city": FeatureSpace.string_hashed(5, output_mode="int"),
        "code": FeatureSpace.integer_categorical(output_mode="int"),
    }
    cross = FeatureSpace.cross(("age", "code"), 6, output_mode="int")
    made = FeatureSpace(features, output_mode="dict", crosses=[cross])
    made.adapt(TABLE)
    found = made(TABLE)
    assert list(found) == ["age", "city", "code", "age_X_code"]
    assert {x.shape for x in found.values()} == {(4, 1)}
    assert found["age"].tolist() == [[0], [1], [0], [1]]
    assert all(x.dtype.is_integer and x.shape == (1,) for x in made(ROW).values())


def test_a_layer_of_the_callers_own_prepares_a_feature():
    words = keras.layers.TextVectorization(output_mode="tf_idf")
    feature = FeatureSpace.feature("string", words, "float")
    rescaled = FeatureSpace.float_rescaled(0.1, 1.0)
    made = FeatureSpace({"text": feature, "x": rescaled})
    table = {"text": ["one two", "two", "three"], "x": [10.0, 20.0, 30.0]}
    made.adapt(table)
    assert made(table).shape == (3, 4 + 1)
    np.testing.assert_allclose(made(table)[:, -1], [2.0, 3.0, 4.0])


def test_models_train_on_raw_columns_and_are_saved_with_what_was_learned(tmp_path):
    found = space()
    model = lm.Sequential([found, lm.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(TABLE, Y, verbose=0)
    labeled = lm.data.Dataset.from_tensor_slices((TABLE, Y)).batch(2)
    model.fit(labeled, verbose=0)
    model.save(tmp_path / "m.lamina")
    again = keras.models.load_model(tmp_path / "m.lamina")
    np.testing.assert_array_equal(again.predict(TABLE, verbose=0), model.predict(TABLE, verbose=0))


def test_functional_models_take_raw_columns_or_encoded_ones():
    found = space()
    labeled = lm.data.Dataset.from_tensor_slices((TABLE, Y)).batch(2)
    encoded = found.get_encoded_features()
    outputs = lm.layers.Dense(1)(encoded)
    other = lm.Model(encoded, outputs)
    other.compile("adam", "mse")
    other.fit(labeled.map(lambda x, y: (found(x), y)), verbose=0)
    whole = lm.Model(found.get_inputs(), outputs)
    np.testing.assert_array_equal(
        whole.predict(TABLE, verbose=0), other.predict(found(TABLE), verbose=0)
    )


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: FeatureSpace({}), ArgumentError, "at least one feature"),
        (lambda: FeatureSpace({"a": "flaot"}), UnknownNameError, "kind of feature 'flaot'"),
        (lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]), UnknownNameError, "'b'"),
        (lambda: FeatureSpace({"a": FeatureSpace.string_hashed(3, "int")}), ArgumentError, "'a'"),
        (lambda: FeatureSpace({"a": "string_categorical"})({"a": "x"}), StateError, "vocabulary"),
        (lambda: FeatureSpace({"a": "float"})({"b": 1.0}), ArgumentError, r"features \['a'\]"),
        (
            lambda: FeatureSpace({"a": "float_discretized"}).get_encoded_features(),
            StateError,
            "no boundaries",
        ),
    ],
)
def test_mistakes(call, kind, text):
    with pytest.raises(kind, match=text):
        call()
