"""Layers for texts and categories: what they give, what they refuse, how they are saved."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina import layers as L
from lamina.configuration import deserialize, serialize
from lamina.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    LaminaError,
    OutOfBoundsError,
    RangeError,
    ShapeError,
    StateError,
    UnknownNameError,
)
from lamina.layers import (
    CategoryEncoding,
    Discretization,
    Hashing,
    IntegerLookup,
    StringLookup,
    TextVectorization,
)
from lamina.layers._base.fingerprints import farmhash64, siphash64

TEXTS = ["foo bar", "bar baz", "baz bada boom"]


def written_and_read(layer):
    """The layer after a trip through JSON."""
    return deserialize(json.loads(json.dumps(serialize(layer))))


class TestTextVectorization:
    def test_the_example_of_keras(self):
        layer = TextVectorization(max_tokens=5000, output_sequence_length=4)
        layer.adapt(TEXTS)
        assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]
        numbers = layer([["foo qux bar"], ["qux baz"]])
        assert numbers.tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
        assert numbers.dtype == lm.int64

    @pytest.mark.parametrize(
        "texts",
        [
            ["Foo, bar!", "BAZ"],
            [["Foo, bar!"], ["BAZ"]],
            ("Foo, bar!", "BAZ"),
            np.array(["Foo, bar!", "BAZ"]),
            np.array(["Foo, bar!", "BAZ"], object),
            np.array([b"Foo, bar!", b"BAZ"]),
            [b"Foo, bar!", "BAZ"],
        ],
    )
    def test_texts_in_many_forms(self, texts):
        layer = TextVectorization(vocabulary=["foo", "bar", "baz"])
        assert layer(texts).tolist() == [[2, 3], [4, 0]]

    def test_one_text_alone(self):
        layer = TextVectorization(vocabulary=["foo", "bar"])
        assert layer("bar foo bar").tolist() == [3, 2, 3]

    @settings(deadline=None)
    @given(st.lists(st.text(), min_size=1, max_size=5))
    def test_any_text(self, texts):
        layer = TextVectorization(split="character", standardize=None)
        layer.adapt(texts)
        numbers = np.asarray(layer(texts))
        names = layer.get_vocabulary()
        again = ["".join(names[k] for k in row if k) for row in numbers]
        assert again == texts

    def test_letters_of_all_alphabets_are_lowered(self):
        layer = TextVectorization(vocabulary=["école", "ωμέγα"])
        assert layer(["ÉCOLE ΩΜΈΓΑ"]).tolist() == [[2, 3]]

    def test_custom_functions_of_texts(self):
        layer = TextVectorization(
            standardize=lambda texts: np.char.replace(texts, "<br>", " "),
            split=lambda texts: [text.split("-") for text in texts],
        )
        layer.adapt(["a-b<br>c"])
        assert sorted(layer.get_vocabulary()) == ["", "[UNK]", "a", "b c"]
        with pytest.raises(ArgumentError, match=r"argument standardize: .* cannot be written"):
            serialize(layer)

    def test_functions_that_do_not_fit(self):
        with pytest.raises(ShapeError, match="standardize made strings of shape"):
            TextVectorization(standardize=lambda t: t[:1], vocabulary=["a"])(["a", "b"])
        with pytest.raises(ShapeError, match="split made 1 lists of 2 texts"):
            TextVectorization(split=lambda t: [["a"]], vocabulary=["a"])(["a", "b"])

    def test_adapts_to_batches(self):
        whole, parts = TextVectorization(), TextVectorization()
        whole.adapt(TEXTS)
        parts.adapt((batch, None) for batch in (TEXTS[:2], TEXTS[2:]))
        assert whole.get_vocabulary() == parts.get_vocabulary()
        parts.adapt(iter([["one"], ["two"]]), steps=1)
        assert parts.get_vocabulary(include_special_tokens=False) == ["one"]

    def test_a_vocabulary_in_a_file(self, tmp_path):
        path = tmp_path / "words.txt"
        path.write_text("foo\nbar\n")
        for name in (path, str(path)):
            layer = TextVectorization(vocabulary=name)
            assert layer.get_vocabulary() == ["", "[UNK]", "foo", "bar"]
        path.unlink()
        assert written_and_read(layer)(["bar"]).tolist() == [[3]]

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"ngrams": (1, 3), "output_mode": "count"},
            {"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True},
            {"split": None, "standardize": "lower", "output_sequence_length": 2},
        ],
    )
    def test_the_vocabulary_is_saved(self, arguments):
        layer = TextVectorization(**arguments)
        layer.adapt(TEXTS)
        again = written_and_read(layer)
        assert again.get_vocabulary() == layer.get_vocabulary()
        assert np.array_equal(again(TEXTS), layer(TEXTS))
        again.adapt(["new", "words"])
        assert again.get_vocabulary(False) == ["words", "new"]

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"standardize": "upper"}, UnknownNameError, "standardize of TextVectorization"),
            ({"split": "words"}, UnknownNameError, "split of TextVectorization 'words'"),
            ({"output_mode": "one_hot"}, UnknownNameError, "output_mode"),
            ({"ngrams": 0}, ArgumentError, "ngrams must be"),
            ({"output_mode": "count", "output_sequence_length": 3}, ArgumentError, "goes with"),
            ({"output_sequence_length": 0}, RangeError, "at least 1"),
            ({"max_tokens": 1}, RangeError, "max_tokens is 1"),
            ({"pad_to_max_tokens": True}, ArgumentError, "needs max_tokens"),
            ({"invert": True}, UnknownNameError, "argument of TextVectorization 'invert'"),
            ({"sparse": True}, ArgumentError, "sparse=True is not supported"),
            ({"ragged": True}, ArgumentError, "ragged=True is not supported"),
            ({"idf_weights": [1.0]}, ArgumentError, "idf_weights need the vocabulary"),
            ({"vocabulary": ["a", "a"]}, ArgumentError, r"holds \['a'\] more than once"),
            ({"vocabulary": []}, ArgumentError, "vocabulary is empty"),
            ({"vocabulary": ["a", ""]}, ArgumentError, "reserved token '' at position 1"),
            ({"vocabulary": list("abc"), "max_tokens": 4}, ArgumentError, "more than max_tokens"),
            ({"vocabulary": ["a"], "output_mode": "tf_idf"}, ArgumentError, "needs idf_weights"),
        ],
    )
    def test_bad_arguments(self, arguments, error, message):
        with pytest.raises(error, match=message):
            TextVectorization(**arguments)

    @pytest.mark.parametrize(
        ("texts", "error", "message"),
        [
            (np.zeros((2, 3)), DTypeError, "expected strings, got float64 array"),
            (["a", None], DTypeError, "got None as number 1"),
            ([["a", "b"]], ShapeError, r"\(batch,\) or \(batch, 1\)"),
            ([["a"], ["b", "c"]], LaminaError, "several lengths"),
            ([b"\xff"], DataError, "not text in utf-8"),
        ],
    )
    def test_bad_texts(self, texts, error, message):
        layer = TextVectorization(vocabulary=["a"], name="words")
        with pytest.raises(error, match=message) as caught:
            layer(texts)
        assert "TextVectorization 'words'" in str(caught.value)

    def test_calls_at_the_wrong_time(self):
        layer = TextVectorization()
        with pytest.raises(StateError, match="has no vocabulary yet"):
            layer(["a"])
        with pytest.raises(DataError, match="adapt got no data"):
            layer.adapt([])
        with pytest.raises(StateError, match="was given; nothing to adapt"):
            TextVectorization(vocabulary=["a"]).adapt(["b"])
        with pytest.raises(StateError, match="has no vocabulary yet"):
            layer(lm.Input((1,), dtype="string"))
        with pytest.raises(StateError, match="before a compiled program"):
            lm.compile(layer)(lm.ones((2, 1)))


class TestLookups:
    def test_several_numbers_for_the_unknown(self):
        layer = StringLookup(vocabulary=["a"], num_oov_indices=5)
        numbers = layer([f"word {k}" for k in range(200)]).numpy()
        assert set(numbers.tolist()) == {0, 1, 2, 3, 4}
        assert np.bincount(numbers).min() > 20
        assert layer(["a"]).tolist() == [5]

    def test_nothing_unknown_allowed(self):
        layer = StringLookup(vocabulary=["a", "b"], num_oov_indices=0)
        assert layer([["b", "a"]]).tolist() == [[1, 0]]
        with pytest.raises(DataError, match="'c', number 1 of the inputs, is not in"):
            layer(["a", "c"])
        numbers = IntegerLookup(vocabulary=[10, 20], num_oov_indices=0)
        assert numbers(lm.asarray([20, 10])).tolist() == [1, 0]
        with pytest.raises(DataError, match="30, number 2 of the inputs, is not in"):
            numbers(np.array([20, 10, 30]))

    @settings(deadline=None)
    @given(st.lists(st.text(), min_size=1))
    def test_there_and_back(self, words):
        layer = StringLookup(mask_token="[MASK]")
        layer.adapt(words)
        back = StringLookup(mask_token="[MASK]", vocabulary=layer.get_vocabulary(), invert=True)
        assert back(layer(words)).tolist() == words

    def test_unknown_numbers_back(self):
        back = StringLookup(vocabulary=["a", "b"], invert=True)
        assert back(np.array([[0, 2], [7, -1]])).tolist() == [["[UNK]", "b"], ["[UNK]", "[UNK]"]]
        with pytest.raises(DataError, match="expected whole numbers"):
            back(np.array([0.5]))

    @pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count", "tf_idf"])
    @pytest.mark.parametrize("mask", [None, 7])
    def test_integers_in_a_compiled_model(self, mode, mask):
        layer = IntegerLookup(output_mode=mode, mask_token=mask, num_oov_indices=2)
        data = np.random.default_rng(0).integers(0, 9, (50, 3)) ** 5
        layer.adapt(data)
        asked = data + (data == 1)
        model = lm.Sequential([lm.Input((3,), dtype="int64"), layer])
        np.testing.assert_allclose(model.predict(asked, verbose=0), layer(asked), rtol=1e-6)

    def test_integers_are_saved_with_their_model(self, tmp_path):
        layer = IntegerLookup(output_mode="multi_hot")
        layer.adapt(np.array([3, 3, 3, 10**10, 10**10, -4]))
        model = lm.Sequential([lm.Input((2,), dtype="int64"), layer, lm.layers.Dense(1)])
        model.save(tmp_path / "model.lamina")
        again = lm.load_model(tmp_path / "model.lamina")
        assert again.layers[0].get_vocabulary() == [-1, 3, 10**10, -4]
        x = np.array([[3, 10**10], [5, -4]])
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))

    def test_bad_arguments(self):
        with pytest.raises(ArgumentError, match="invert goes with output_mode='int'"):
            StringLookup(invert=True, output_mode="count")
        with pytest.raises(RangeError, match="num_oov_indices is -1"):
            StringLookup(num_oov_indices=-1)
        with pytest.raises(DataError, match="expected whole numbers, got"):
            IntegerLookup(vocabulary=[1])(np.array([1.0]))
        with pytest.raises(ArgumentError, match="vocabulary_dtype"):
            IntegerLookup(vocabulary_dtype="int32")
        with pytest.raises(ArgumentError, match="salt must be one whole number or two"):
            StringLookup(salt=[1, 2, 3])


class TestHashing:
    @pytest.mark.parametrize(
        ("text", "number"),  # as TensorFlow's strings.to_hash_bucket_fast, modulo 2^61 - 1
        [
            ("", 1936946117179621459),
            ("a", 1388589064740894184),
            ("hello", 1480529417359330541),
            ("hello world", 1769834696496558109),
            ("x" * 17, 2082709914559524777),
            ("y" * 33, 1693206010124439297),
            ("z" * 64, 294799756062990872),
            ("w" * 65, 966168557997798021),
            ("v" * 200, 1113080548289952541),
        ],
    )
    def test_farmhash(self, text, number):
        assert farmhash64(text.encode()) % (2**61 - 1) == number

    def test_siphash_of_its_paper(self):
        key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
        assert siphash64(bytes(range(15)), key) == 0xA129CA6149BE45E5

    def test_the_examples_of_keras(self):
        letters = [["A"], ["B"], ["C"], ["D"], ["E"]]
        assert Hashing(3)(letters).tolist() == [[1], [0], [1], [1], [2]]
        assert Hashing(3, salt=[133, 137])(letters).tolist() == [[1], [2], [1], [0], [2]]
        assert Hashing(3, salt=133)(letters).tolist() == [[0], [0], [2], [1], [0]]
        masked = Hashing(3, mask_value="")([["A"], ["B"], [""], ["C"], ["D"]])
        assert masked.tolist() == [[1], [1], [0], [2], [2]]

    def test_numbers_are_hashed_as_their_text(self):
        words, numbers = Hashing(100)(["12", "-7"]), Hashing(100)([12, -7])
        assert words.tolist() == numbers.tolist()
        assert Hashing(100)(np.array([12.9, -7.2])).tolist() == numbers.tolist()

    def test_rows_and_files(self):
        layer = Hashing(4, output_mode="count", salt=5)
        rows = layer([["a", "b", "a"]])
        assert rows.shape == (1, 4)
        assert float(rows.numpy().sum()) == 3
        assert np.array_equal(written_and_read(layer)([["a", "b", "a"]]), rows)

    def test_bad_arguments(self):
        with pytest.raises(LaminaError, match="num_bins"):
            Hashing(0)
        with pytest.raises(ArgumentError, match="salt must be"):
            Hashing(3, salt=[1.5, 2])
        with pytest.raises(UnknownNameError, match="output_mode of Hashing"):
            Hashing(3, output_mode="tf_idf")


class TestCategories:
    @pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
    def test_compiled_as_at_once(self, mode):
        layer = CategoryEncoding(7, mode)
        x = np.random.default_rng(0).integers(0, 7, (20, 4)).astype("int32")
        model = lm.Sequential([lm.Input((4,), dtype="int32"), layer])
        np.testing.assert_array_equal(model.predict(x, verbose=0), layer(x))
        counts = (x[..., None] == np.arange(7)).astype("float32")
        expected = counts if mode == "one_hot" else counts.sum(1)
        np.testing.assert_array_equal(
            layer(x), np.minimum(expected, 1) if mode == "multi_hot" else expected
        )

    def test_weights(self):
        layer = CategoryEncoding(3, "count")
        found = layer(np.array([[0, 2, 2]]), count_weights=np.array([[0.5, 1.0, 2.0]]))
        assert found.tolist() == [[0.5, 0.0, 3.0]]
        with pytest.raises(ArgumentError, match="count_weights go with"):
            CategoryEncoding(3)(np.array([[0]]), count_weights=np.array([[1.0]]))

    def test_numbers_outside(self):
        with pytest.raises(OutOfBoundsError, match=r"number 3 at position \(1, 0\)"):
            CategoryEncoding(3)(np.array([[0, 1], [3, 2]]))

    def test_bins(self):
        layer = Discretization([0.0, 1.0, 2.0])
        x = np.array([[-1.5, 1.0, 3.4, 0.5]], "float32")
        assert layer(x).tolist() == [[0, 2, 3, 1]]
        model = lm.Sequential([lm.Input((4,)), written_and_read(layer)])
        assert model.predict(x, verbose=0).tolist() == [[0, 2, 3, 1]]
        with pytest.raises(RangeError, match="must increase"):
            Discretization([1.0, 1.0])
        with pytest.raises(ArgumentError, match="either bin_boundaries or num_bins"):
            Discretization()

    def test_bins_of_equal_shares(self):
        data = np.random.default_rng(0).normal(size=4000)
        layer = Discretization(num_bins=4, output_mode="one_hot")
        with pytest.raises(StateError, match="has no boundaries yet"):
            layer(data)
        layer.adapt(iter([data[:1000], data[1000:]]))
        shares = layer(data[:, None]).numpy().mean(axis=0)
        np.testing.assert_allclose(shares, 0.25, atol=1e-3)
        np.testing.assert_array_equal(written_and_read(layer)(data), layer(data))


def test_keras_users_find_them():
    for name in ("TextVectorization", "StringLookup", "IntegerLookup", "Hashing"):
        assert getattr(lm.keras.layers, name) is getattr(lm.layers, name)


# ---- first in a model --------------------------------------------------------------------------
REVIEWS = ["a good film", "good, very good!", "a bad film", "bad, so bad"] * 8
GOOD = np.array([1, 1, 0, 0] * 8, "float32")


def sentiment(**arguments):
    """Texts in, a probability out."""
    vectorize = TextVectorization(**{"output_sequence_length": 4, **arguments})
    vectorize.adapt(REVIEWS)
    model = lm.Sequential(
        [
            vectorize,
            lm.layers.Embedding(vectorize.vocabulary_size(), 4, mask_zero=True),
            lm.layers.GlobalAveragePooling1D(),
            lm.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(lm.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model


class TestFirstInAModel:
    def test_a_model_that_begins_with_text_vectorization_learns_from_texts(self):
        model = sentiment()
        model.fit(REVIEWS, GOOD, epochs=10, validation_data=(REVIEWS[:4], GOOD[:4]), verbose=0)
        assert model.history.history["val_accuracy"][-1] == 1
        assert model.evaluate(np.array(REVIEWS), GOOD, verbose=0)[1] == 1
        odds = model.predict(["good", "so bad"], verbose=0)
        assert odds[0] > 0.5 > odds[1]
        np.testing.assert_allclose(model(["good", "so bad"]), odds, rtol=1e-5)
        numbers = model.layers[0](["good", "so bad"])
        np.testing.assert_allclose(model(numbers), odds, rtol=1e-5)
        assert np.isfinite(model.train_on_batch(REVIEWS[:3], GOOD[:3])[0])

    def test_a_model_that_begins_with_text_vectorization_is_saved_whole(self, tmp_path):
        model = sentiment()
        model.fit(REVIEWS, GOOD, epochs=1, verbose=0)
        model.save(tmp_path / "texts.lamina")
        again = lm.load_model(tmp_path / "texts.lamina")
        expected = model.predict(REVIEWS, verbose=0)
        np.testing.assert_array_equal(again.predict(REVIEWS, verbose=0), expected)
        assert again.layers[0].get_vocabulary() == model.layers[0].get_vocabulary()

    def test_a_model_that_was_trained_on_numbers(self):
        """Keras' way: texts are vectorized for training, and a model around is for use."""
        vectorize = TextVectorization(output_mode="multi_hot")
        vectorize.adapt(REVIEWS)
        inner = lm.Sequential(
            [lm.Input((vectorize.vocabulary_size(),)), lm.layers.Dense(1, activation="sigmoid")]
        )
        inner.compile("adam", "binary_crossentropy")
        inner.fit(vectorize(REVIEWS), GOOD, verbose=0)
        model = lm.Sequential([vectorize, inner])
        expected = inner.predict(vectorize(REVIEWS), verbose=0)
        np.testing.assert_array_equal(model.predict(REVIEWS, verbose=0), expected)

    @pytest.mark.parametrize("counted", [True, False])
    def test_batches_of_texts(self, counted):
        batches = [(REVIEWS[k : k + 4], GOOD[k : k + 4]) for k in range(0, 32, 4)]
        model = sentiment()
        given = batches if counted else (batch for batch in batches)
        model.fit(given, epochs=1, validation_data=batches, verbose=0)
        whole = model.predict(REVIEWS, verbose=0)
        parts = model.predict((texts for texts, _ in batches), verbose=0)
        np.testing.assert_allclose(parts, whole, rtol=1e-5)

    def test_datasets_of_texts(self):
        data = lm.data.Dataset(
            lambda epoch, k: (
                np.array(REVIEWS[4 * k : 4 * k + 4], object),
                GOOD[4 * k : 4 * k + 4],
            ),
            8,
        )
        model = sentiment()
        model.fit(data, epochs=5, verbose=0)
        assert model.evaluate(data, verbose=0)[1] == 1

    def test_step_by_step_in_python(self):
        model = sentiment()
        model.compile("sgd", "binary_crossentropy", run_eagerly=True)
        assert np.isfinite(model.fit(REVIEWS, GOOD, verbose=0).history["loss"][0])

    def test_summary_and_pop(self, capsys):
        model = sentiment()
        model.fit(REVIEWS, GOOD, verbose=0)
        model.summary()
        assert "text_vectorization (TextVectorization)             (None, 4)" in (
            capsys.readouterr().out
        )
        for _ in range(4):
            model.pop()
        assert model.layers == []

    def test_places_where_it_cannot_be(self):
        layer = TextVectorization(vocabulary=["a"])
        with pytest.raises(ArgumentError, match="takes strings, so it can only come first"):
            lm.Sequential([lm.layers.Dense(1), layer])
        with pytest.raises(ArgumentError, match="can only come first"):
            lm.Sequential([lm.Input((1,)), layer])
        model = lm.Sequential([layer, lm.layers.CategoryEncoding(3, "count")])
        with pytest.raises(ArgumentError, match="a single string came"):
            model("a a")
        assert model(["a a b"]).tolist() == [[0, 1, 2]]
        with pytest.raises(StateError, match="before a compiled program"):
            lm.layers.TimeDistributed(layer)(lm.Input((2, 1)))


def test_crossed_columns_have_the_bins_of_tensorflow():
    words, numbers = ["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]
    assert L.HashedCrossing(5)([words, numbers]).tolist() == [1, 4, 1, 1, 3]
    assert L.HashedCrossing(10)(["A", 101]).tolist() == 1
    column = L.HashedCrossing(5)([np.array(words)[:, None], np.array(numbers)[:, None]])
    assert column.shape == (5, 1)
    hot = L.HashedCrossing(5, output_mode="one_hot")([words[:2], numbers[:2]])
    assert hot.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    again = L.deserialize(L.serialize(L.HashedCrossing(5, dtype="int32")))
    assert again([words, numbers]).dtype == "int32"


@pytest.mark.parametrize(
    ("inputs", "match"),
    [
        (["A"], "at least two inputs"),
        ([["A"], [1, 2]], "equal shapes"),
        ([np.array([1.0]), np.array([1.0])], "strings and integers"),
        ([np.ones((2, 2), int), np.ones((2, 2), int)], "should have shape"),
    ],
)
def test_crossed_columns_refuse_other_inputs(inputs, match):
    with pytest.raises(lm.errors.LaminaError, match=match):
        L.HashedCrossing(5)(inputs)
