"""Functional models with Inputs of strings: their first layers run before the program."""

import copy

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import DTypeError, StateError
from lamina.keras import layers

TEXTS = np.array(["good film", "bad film", "a good one", "bad bad"])
NUMBERS = np.float32([[0, 1], [1, 1], [2, 0], [1, 2]])
Y = np.float32([[1], [0], [1], [0]])


def vectorization():
    layer = layers.TextVectorization(output_sequence_length=4)
    layer.adapt(TEXTS)
    return layer


def two_inputs():
    """A model of texts and numbers, and the layers of its program on numbers alone."""
    text = keras.Input((1,), dtype="string", name="text")
    numbers = keras.Input((2,), name="numbers")
    words = vectorization()(text)
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(10, 3)(words))
    outputs = layers.Dense(1)(layers.Concatenate()([pooled, numbers]))
    model = keras.Model([text, numbers], outputs)
    return model, keras.Model([words, numbers], outputs)


def test_a_model_of_texts_and_numbers_is_its_program_after_the_layer_for_strings():
    model, program = two_inputs()
    expected = program.predict([vectorization()(TEXTS), NUMBERS], verbose=0)
    for data in ([TEXTS, NUMBERS], {"text": TEXTS.reshape(4, 1), "numbers": NUMBERS}):
        np.testing.assert_array_equal(model.predict(data, verbose=0), expected)
        np.testing.assert_allclose(model(data), expected, rtol=1e-5, atol=1e-7)  # not compiled
    assert model.input_names == ["text", "numbers"] and model.inputs[0].dtype == "string"
    assert [layer.name for layer in model.layers][:2] == ["text", "numbers"]


def test_fit_takes_arrays_and_data_sets_of_strings():
    model, _ = two_inputs()
    model.compile("adam", "mse")
    before = model.predict([TEXTS, NUMBERS], verbose=0)
    model.fit([TEXTS, NUMBERS], Y, validation_data=([TEXTS, NUMBERS], Y), verbose=0)
    table = {"text": TEXTS, "numbers": NUMBERS}
    batches = lm.data.Dataset.from_tensor_slices((table, Y)).batch(2)
    model.fit(batches, validation_data=batches, verbose=0)
    assert model.evaluate(batches, verbose=0) == pytest.approx(
        model.evaluate(table, Y, verbose=0), rel=1e-5
    )
    assert model.train_on_batch([TEXTS, NUMBERS], Y) > 0
    assert np.abs(model.predict(table, verbose=0) - before).max() > 0
    model.compile("adam", "mse", run_eagerly=True)
    model.fit([TEXTS, NUMBERS], Y, verbose=0)


def test_such_models_are_saved_copied_and_cloned_with_their_vocabulary(tmp_path):
    model, _ = two_inputs()
    expected = model.predict([TEXTS, NUMBERS], verbose=0)
    model.save(tmp_path / "m.lamina")
    again = keras.models.load_model(tmp_path / "m.lamina")
    np.testing.assert_array_equal(again.predict([TEXTS, NUMBERS], verbose=0), expected)
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin.predict([TEXTS, NUMBERS], verbose=0), expected)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict([TEXTS, NUMBERS], verbose=0), expected)


def test_a_trained_model_gets_a_layer_for_strings_in_front():
    inner = keras.Sequential([keras.Input((4,)), layers.Embedding(10, 3), layers.Flatten()])
    text = keras.Input((1,), dtype="string")
    whole = keras.Model(text, inner(vectorization()(text)))
    expected = inner.predict(vectorization()(TEXTS), verbose=0)
    np.testing.assert_array_equal(whole.predict(TEXTS, verbose=0), expected)
    first = keras.Sequential([keras.Input((1,), dtype="string"), vectorization()])
    assert first.layers[0].name.startswith("text_vectorization")


@pytest.mark.parametrize(
    ("layer", "shape", "dtype", "expected"),
    [
        (layers.TextVectorization(vocabulary=["a"]), (1,), "string", ((None, None), "int64")),
        (layers.StringLookup(vocabulary=["a", "b"]), (3,), "string", ((None, 3), "int64")),
        (
            layers.StringLookup(vocabulary=["a"], num_oov_indices=0),
            (None,),
            "string",
            ((None, None), "int64"),
        ),
        (layers.Hashing(5, output_mode="one_hot"), (1,), "int32", ((None, 5), "float32")),
        (layers.Hashing(5), (2, 1), "string", ((None, 2, 1), "int64")),
    ],
)
def test_shapes_and_dtypes_of_layers_that_run_on_data(layer, shape, dtype, expected):
    found = layer(keras.Input(shape, dtype=dtype))
    assert (tuple(found.shape), found.dtype.name) == expected


def test_output_shapes_are_known_before_data():
    assert layers.Hashing(5).compute_output_shape((None, 3)) == (None, 3)
    counts = layers.TextVectorization(vocabulary=["a", "b"], output_mode="count")
    assert counts.compute_output_shape((None, 1)) == (None, 3)
    rows = layers.Discretization(num_bins=4, output_mode="one_hot")  # not adapted
    assert rows.compute_output_shape((None, 1)) == (None, 4)
    assert keras.Input((2,)).sparse is False is keras.Input((2,)).ragged


def test_given_statistics_have_the_axes_of_the_data():
    given = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])
    given.build((None, 3, 2))
    assert given.mean.shape == given.variance.shape == (1, 1, 2)
    partly = layers.Normalization(axis=(1, 2), mean=[1.0, 2.0], variance=4.0)
    x = np.float32([[[1, 2], [3, 4], [5, 6]]])
    np.testing.assert_allclose(partly(x), (x - np.float32([1, 2])) / 2)


def test_columns_are_crossed_in_a_functional_model():
    city, code = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int32")
    cross = layers.HashedCrossing(6, output_mode="one_hot")
    model = keras.Model([city, code], layers.Identity()(cross([city, code])))
    data = [np.array(["a", "b"]), np.array([1, 2])]
    np.testing.assert_array_equal(model.predict(data, verbose=0), cross(data))


def test_a_layer_for_strings_on_an_input_of_floats_raises_at_the_call():
    with pytest.raises(DTypeError, match=r"text_vectorization.*expected strings"):
        vectorization()(keras.Input((1,)))


def test_strings_stay_outside_of_the_program():
    text = keras.Input((1,), dtype="string")
    with pytest.raises(DTypeError, match=r"strings of Input .* cannot enter a compiled program"):
        keras.Model(text, text)
    dense = layers.Dense(1)(keras.Input((1,)))
    with pytest.raises(StateError, match="called inside of one"):
        layers.Hashing(3)(dense)
    model, _ = two_inputs()
    with pytest.raises(DTypeError, match="layers for strings was called on an Input"):
        model([text, keras.Input((2,))])
