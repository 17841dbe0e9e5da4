"""Forms of data: those that are accepted, and the message for each that is not."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from lamina.data.arrays import as_array, check_finite, check_lengths, data_array
from lamina.data.splitting import class_labels, shuffled, stratified_split
from lamina.errors import DataError, DTypeError, RangeError, ShapeError


class Frame:
    """The parts that pandas and polars share: named columns, and `__array__`."""

    def __init__(self, **columns):
        self.columns = list(columns)
        self._values = list(columns.values())

    def __array__(self, dtype=None, copy=None):
        types = {type(value) for column in self._values for value in column}
        kind = object if len(types) > 1 else None
        return np.array(self._values, dtype=kind).T


class Series:
    def __init__(self, name, values):
        self.name, self._values = name, values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values)


class OnlyDlpack:
    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class OnTheGpu:
    """A tensor of another framework that refuses to leave its device."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class TestAccepted:
    def test_float64_becomes_float32_once(self):
        array = as_array(np.array([[1.0, 2.0]]), "x")
        assert array.dtype == np.float32
        assert as_array(array, "x") is array

    @pytest.mark.parametrize(("dtype", "expected"), [("float64", "float64"), (None, "float16")])
    def test_configurable_type(self, dtype, expected):
        given = np.ones(3, "float16")
        assert as_array(given, "x", dtype).dtype == expected

    @pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "uint32"])
    def test_integers_and_booleans_keep_their_type(self, kind):
        given = np.ones((2, 3), kind)
        assert as_array(given, "y") is given

    @pytest.mark.parametrize(
        "data",
        [
            [[1.0, 2.0], [3.0, 4.0]],
            ((1.0, 2.0), (3.0, 4.0)),
            [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
            Frame(a=[1.0, 3.0], b=[2.0, 4.0]),
            Frame(a=[1, 3], b=[2.0, 4.0]),
            OnlyDlpack(np.array([[1.0, 2.0], [3.0, 4.0]])),
            np.array([[1.0, 2.0], [3.0, 4.0]], object),
            np.array([[1.0, 2.0], [3.0, 4.0]], ">f8"),
            np.array([[1.0, 3.0], [2.0, 4.0]]).T,
            np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]]),
        ],
        ids=lambda data: type(data).__name__,
    )
    def test_forms(self, data):
        array = as_array(data, "x")
        np.testing.assert_array_equal(array, [[1, 2], [3, 4]])
        assert array.dtype == np.float32
        assert array.dtype.isnative and array.flags.c_contiguous
        assert type(array) is np.ndarray

    def test_objects_that_are_all_integers_stay_integers(self):
        assert as_array(np.array([1, np.int8(2), True], object), "y").dtype == np.int64

    def test_objects_that_are_numbers(self):
        array = as_array(np.array([1, 2.5, Fraction(1, 2), None], object), "x")
        np.testing.assert_array_equal(array, np.array([1, 2.5, 0.5, np.nan], np.float32))

    def test_integers_of_more_than_64_bits(self):
        assert as_array([2**70, 1], "x").tolist() == [2.0**70, 1.0]

    def test_empty_list(self):
        assert as_array([], "x").shape == (0,)


class TestStrings:
    def test_a_named_column(self):
        ages = [float(i) for i in range(20)]
        for row, text in ((17, "n/a"), (18, ""), (19, "?")):
            ages[row] = text
        frame = Frame(id=range(20), size=[1.5] * 20, age=ages)
        with pytest.raises(DTypeError) as caught:
            as_array(frame, "x_train")
        assert caught.value.message == (
            "x_train: column 'age' (2) holds 3 strings, first 'n/a' at row 17"
        )
        assert "pandas.to_numeric" in caught.value.hint

    def test_several_columns(self):
        frame = Frame(a=[1, 2], city=["Bern", "Rome"], b=[None, 0.5], when=["now", 3])
        with pytest.raises(DTypeError) as caught:
            as_array(frame, "x")
        assert caught.value.message.splitlines() == [
            "x:",
            "  column 'city' (1) holds 2 strings, first 'Bern' at row 0",
            "  column 'when' (3) holds 1 string, first 'now' at row 0",
        ]

    def test_many_columns_are_counted(self):
        with pytest.raises(DTypeError, match="and 4 more columns"):
            as_array(np.full((3, 9), "x"), "x")

    def test_columns_of_an_array_have_numbers(self):
        with pytest.raises(DTypeError, match=r"x: column 1 holds 1 string, first 'b' at row 0"):
            as_array(np.array([[1, "b"]], object), "x")

    def test_numbers_as_text_are_refused(self):
        with pytest.raises(DTypeError, match="y: holds 2 strings, first '1' at row 0"):
            as_array(["1", "2"], "y")

    def test_a_series_has_a_name(self):
        with pytest.raises(DTypeError, match="y: column 'label' holds 1 string, first 'cat'"):
            as_array(Series("label", np.array(["cat", 1], object)), "y")

    def test_other_objects_are_called_by_their_type(self):
        with pytest.raises(DTypeError, match=r"holds 1 dict, first \{'a': 1\} at row 1"):
            as_array(np.array([1, {"a": 1}], object), "x")

    def test_higher_dimensions_give_the_index(self):
        data = np.ones((2, 3, 4), object)
        data[1, 2, 3] = "x"
        with pytest.raises(DTypeError, match=r"1 string, first 'x' at index \(1, 2, 3\)"):
            as_array(data, "x")


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "error", "message"),
        [
            ([[1, 2], [3]], ShapeError, "row 0 has 2 values, row 1 has 1"),
            (3.5, ShapeError, "x: is the single value 3.5, expected rows"),
            (None, DTypeError, r"x: is None \(NoneType\), expected an array"),
            ("text", DTypeError, r"x: is 'text' \(str\), expected an array"),
            ({"a": [1]}, DTypeError, r"\(dict\), expected an array"),
            ((i for i in range(3)), DTypeError, r"\(generator\), expected an array"),
            (np.array(None, object), DTypeError, "expected an array of numbers"),
            (np.ones(2, complex), DTypeError, "complex numbers"),
            (np.array([1j, None], object), DTypeError, "holds 1 complex, first 1j at row 0"),
            (np.array(["2020-01-01"], "datetime64[D]"), DTypeError, "dates"),
            (np.array([1], "timedelta64[s]"), DTypeError, "time differences"),
            (np.array([(1, 2.0)], "i4,f4"), DTypeError, "records with named fields"),
            (OnTheGpu(), DTypeError, "OnTheGpu cannot become an array: can't convert cuda"),
            (np.ma.masked_equal([1, 2, 2], 2), DataError, "x: 2 of 3 values are masked"),
        ],
    )
    def test_message(self, data, error, message):
        with pytest.raises(error, match=message) as caught:
            as_array(data, "x")
        assert str(caught.value).startswith("x: ")


class TestFinite:
    def test_names_column_and_first_row(self):
        frame = Frame(a=[1.0, 2.0, 3.0], age=[1.0, np.nan, np.nan], b=[0.0, 0.0, np.inf])
        with pytest.raises(DataError) as caught:
            data_array(frame, "x_train")
        assert caught.value.message.splitlines() == [
            "x_train:",
            "  column 'age' (1) holds 2 NaN, first at row 1",
            "  column 'b' (2) holds 1 infinite value, first at row 2",
        ]
        assert "numpy.nan_to_num" in caught.value.hint

    @pytest.mark.parametrize(
        ("shape", "index", "place"),
        [
            ((5,), 3, "y: holds 1 NaN, first at row 3"),
            ((5, 2), (3, 1), "y: column 1 holds 1 NaN, first at row 3"),
            ((5, 2, 2), (3, 1, 0), r"y: holds 1 NaN, first at index \(3, 1, 0\)"),
        ],
    )
    def test_place(self, shape, index, place):
        array = np.zeros(shape, np.float32)
        array[index] = np.nan
        with pytest.raises(DataError, match=place):
            check_finite(array, "y")

    def test_both_infinities_are_found_though_their_sum_is_not_infinite(self):
        with pytest.raises(DataError, match="holds 2 infinite values, first at row 0"):
            check_finite(np.array([np.inf, -np.inf]), "x")

    def test_numbers_too_large_for_float32_raise(self):
        with pytest.raises(DataError, match=r"infinite value, first at row 1[\s\S]*3.4e38"):
            data_array(np.array([1.0, 1e39]), "x")

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_large_numbers_are_fine(self, dtype):
        check_finite(np.full(100, np.finfo(dtype).max, dtype), "x")

    @pytest.mark.parametrize("array", [np.ones(3, int), np.ones(0), np.ones((0, 4))])
    def test_nothing_to_find(self, array):
        check_finite(array, "x")

    def test_good_data_is_not_copied_or_marked(self):
        array = np.ones((1000, 1000), np.float32)
        tracemalloc.start()
        try:
            assert data_array(array, "x") is array
            assert tracemalloc.get_traced_memory()[1] < array.nbytes / 20
        finally:
            tracemalloc.stop()


class TestLengths:
    def test_equal(self):
        assert check_lengths(x=np.ones((3, 2)), y=np.ones(3), sample_weight=None) == 3

    def test_unequal(self):
        with pytest.raises(DataError) as caught:
            check_lengths(x=np.ones((1000, 2)), y=np.ones(999))
        assert caught.value.message == "unequal numbers of rows: x has 1,000, y has 999"

    def test_empty(self):
        with pytest.raises(DataError, match="no rows: x is empty"):
            check_lengths(x=np.ones((0, 2)))
        with pytest.raises(DataError, match="no rows: x and y are empty"):
            check_lengths(x=np.ones((0, 2)), y=np.ones(0))


class TestSplit:
    def test_parts_are_everything_and_in_order(self):
        train, validation = stratified_split(np.arange(100) % 7, 0.3, seed=1)
        assert (len(train), len(validation)) == (70, 30)
        assert sorted([*train, *validation]) == list(range(100))
        assert (np.diff(train) > 0).all() and (np.diff(validation) > 0).all()

    @pytest.mark.parametrize("fraction", [0.1, 0.2, 0.33, 0.5, 0.9])
    @pytest.mark.parametrize("form", ["indices", "column", "one-hot", "booleans"])
    def test_each_class_has_its_share(self, fraction, form):
        labels = np.random.default_rng(0).choice(3, 500, p=[0.7, 0.25, 0.05])
        y = {
            "indices": labels,
            "column": labels[:, None],
            "one-hot": np.eye(3, dtype=np.float32)[labels],
            "booleans": labels == 0,
        }[form]
        _, validation = stratified_split(y, fraction)
        classes = class_labels(y)
        share = np.bincount(classes[validation]) - fraction * np.bincount(classes)
        assert np.abs(share).max() <= 1
        assert len(validation) == round(500 * fraction)

    def test_the_tail_is_not_taken(self):
        """Sorted labels, as Keras' validation_split would cut them: a whole class unseen."""
        labels = np.repeat([0, 1, 2, 3], 25)
        train, validation = stratified_split(labels, 0.25)
        assert set(labels[validation]) == set(labels[train]) == {0, 1, 2, 3}

    def test_rare_classes_and_numbers_that_are_all_different(self):
        train, validation = stratified_split(np.arange(10), 0.3)
        assert (len(train), len(validation)) == (7, 3)
        validations = {tuple(stratified_split(np.arange(10), 0.3, seed)[1]) for seed in range(20)}
        assert len(validations) > 10  # drawn, not cut at fixed places

    def test_seed(self):
        y = np.random.default_rng(0).normal(size=200)
        first = stratified_split(y, 0.2, seed=5)
        for one, other in zip(first, stratified_split(y, 0.2, seed=5), strict=True):
            np.testing.assert_array_equal(one, other)
        assert not np.array_equal(first[1], stratified_split(y, 0.2, seed=6)[1])

    def test_the_same_for_every_version_of_numpy(self):
        """Philox's counter is fixed; these numbers may never change."""
        assert shuffled(8, seed=0).tolist() == [0, 2, 1, 5, 4, 3, 6, 7]

    @pytest.mark.parametrize(
        "y",
        [
            np.linspace(0, 1, 10),
            np.random.default_rng(0).normal(size=(10, 3)),
            np.array([[1, 1], [0, 1]]),
            np.zeros((4, 2, 2), int),
        ],
    )
    def test_class_labels_returns_none_for_other_targets(self, y):
        assert class_labels(y) is None
        assert len(stratified_split(y, 0.5)[1]) == len(y) // 2

    def test_negative_labels_are_classes(self):
        train, validation = stratified_split(np.array([-1, 1] * 10), 0.5)
        assert len(train) == len(validation) == 10

    @pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
    def test_bad_fraction(self, fraction):
        with pytest.raises(RangeError, match=f"validation_split is {fraction}, expected"):
            stratified_split(np.arange(10), fraction)

    def test_a_split_of_one_row_raises(self):
        with pytest.raises(DataError, match="cannot be split"):
            stratified_split(np.arange(1), 0.5)

    def test_both_parts_get_a_row(self):
        assert [len(part) for part in stratified_split(np.arange(3), 0.01)] == [2, 1]
        assert [len(part) for part in stratified_split(np.arange(3), 0.99)] == [1, 2]
