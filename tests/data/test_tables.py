"""CSV and Parquet files that are larger than memory, and memory-mapped arrays."""

import sys
import tracemalloc

import numpy as np
import pytest

import lamina as lm
from lamina.callbacks import Callback
from lamina.data import Dataset
from lamina.errors import ArgumentError, DataError, FileFormatError, MissingExtraError

RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal((10_000, 3)).astype(np.float32)
LABELS = (VALUES.sum(axis=1) > 0).astype(np.int64)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "rows.csv"
    lines = [f"{a!r},{b!r},{c!r},{y}" for (a, b, c), y in zip(VALUES.tolist(), LABELS, strict=True)]
    path.write_text("\n".join(["a,b,c,kind", *lines]) + "\n")
    return path


def passes(data, epoch=0):
    return list(data.epoch(epoch))


def test_csv_rows_come_in_order_without_shuffle(file):
    data = Dataset.from_csv(file, 128, label="kind", shuffle=False)
    batches = passes(data)
    assert len(batches) == len(data) == 79
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), VALUES)
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), LABELS)
    assert batches[0][0].dtype == np.float32 and batches[0][1].dtype == np.int64


def test_csv_passes_hold_each_row_once_in_orders_that_the_seed_fixes(file):
    def rows(seed, epoch, window=4096):
        data = Dataset.from_csv(file, 100, seed=seed, columns=["a"], window=window)
        return np.concatenate(passes(data, epoch))[:, 0]

    first = rows(1, 0)
    np.testing.assert_array_equal(np.sort(first), np.sort(VALUES[:, 0]))
    np.testing.assert_array_equal(rows(1, 0), first)
    assert (rows(1, 1) != first).any() and (rows(2, 0) != first).any()
    assert (first != VALUES[:, 0]).mean() > 0.99
    whole = rows(1, 0, window=100_000)  # one window: neighbors in the file are separated
    places = np.argsort(np.argsort(VALUES[:, 0]))[np.argsort(np.argsort(whole))]
    assert np.abs(np.diff(places)).mean() > 2000


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_csv_batches_do_not_depend_on_the_number_of_threads(file, workers):
    one = Dataset.from_csv(file, 64, label="kind", seed=3, window=1000)
    other = Dataset.from_csv(file, 64, label="kind", seed=3, window=1000)._with(workers=workers)
    for (x, y), (u, v) in zip(passes(one, 2), passes(other, 2), strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def test_columns_of_a_table_are_inputs_by_name(file):
    a, b = lm.Input((1,), name="a"), lm.Input((1,), name="b")
    joined = lm.layers.Concatenate()([a, b])
    model = lm.Model([a, b], lm.layers.Dense(1, "sigmoid")(joined))
    model.compile("adam", "binary_crossentropy")
    data = Dataset.from_csv(file, label="kind", columns=["b", "a"], as_dict=True)
    x, _ = next(iter(data))
    assert sorted(x) == ["a", "b"]
    losses = model.fit(data, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


def test_training_on_a_csv_file_that_is_interrupted_resumes_with_the_same_bits(file, tmp_path):
    class Break(Callback):
        fails = True

        def on_train_batch_end(self, batch, logs=None):
            if self.fails and batch == 40:
                raise KeyboardInterrupt

    def train(folder, fails, **options):
        lm.set_seed(1)
        model = lm.Sequential([lm.Input((3,)), lm.layers.Dropout(0.1), lm.layers.Dense(2)])
        loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        data = Dataset.from_csv(file, 64, label="kind", seed=5, window=1000)
        note = Break()
        note.fails = fails
        model.fit(
            data, epochs=2, verbose=0, seed=1, checkpoint=tmp_path / folder, every=16,
            callbacks=[note], **options,
        )  # fmt: skip
        return model.get_weights()

    whole = train("whole", False)
    with pytest.raises(KeyboardInterrupt):
        train("cut", True)
    for a, b in zip(train("cut", False, resume=True), whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_csv_values_may_be_quoted_missing_or_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(
        b'\xef\xbb\xbfname;size\r\n"two\r\nlines; ""x""";1.5\r\n\r\nplain;\r\n'
    )
    data = Dataset.from_csv(tmp_path / "*.csv", as_dict=True, delimiter=";", shuffle=False)
    (row,) = passes(data)
    assert row["name"].tolist() == ['two\r\nlines; "x"', "plain"]
    np.testing.assert_array_equal(row["size"], np.float32([1.5, np.nan]))
    (tmp_path / "b.txt").write_text("1,2\n3,4\n")
    data = Dataset.from_csv(
        tmp_path / "b.txt", names=["u", "v"], as_dict=True, shuffle=False, dtypes={"v": "float64"}
    )
    (row,) = passes(data)
    assert row["u"].dtype == np.int64 and row["v"].dtype == np.float64


def test_csv_files_with_the_same_columns_are_one_table(tmp_path):
    for k in range(3):
        (tmp_path / f"{k}.csv").write_text(f"a\n{k}\n{k + 10}\n")
    data = Dataset.from_csv(tmp_path / "?.csv", 4, shuffle=False)
    assert np.concatenate(passes(data)).ravel().tolist() == [0, 10, 1, 11, 2, 12]


@pytest.mark.parametrize(
    ("content", "options", "error", "message"),
    [
        ("a,b\n1,2\n3\n", {}, DataError, r"row 1 has 1 values \(expected 2"),
        ("a\n", {}, DataError, "has no rows"),
        ("a,a\n1,2\n", {}, DataError, "comes twice"),
        ("a\n1\n", {"label": "y"}, DataError, "no column 'y'"),
        ("a\n1\n", {"label": "a"}, DataError, "no column is left"),
        ("a\nx\n", {}, DataError, "column 'a' holds no single numbers"),
        ("a\n1.5\n", {"dtypes": {"a": "int32"}}, DataError, r"row 0, column 'a': expected int32"),
        ('a\n"x\n', {}, FileFormatError, "never closes"),
        ("a\n1\n", {"batch_size": 0}, (ArgumentError, ValueError), "batch_size"),
    ],
)
def test_csv_errors_name_file_row_and_column(tmp_path, content, options, error, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(error, match=message):
        passes(Dataset.from_csv(tmp_path / "a.csv", **options))


def test_csv_values_that_do_not_fit_the_first_rows_are_named(tmp_path):
    lines = ["a", *["1"] * 5000, "1.5"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"row 5000, column 'a': expected int64, got '1.5'"):
        passes(Dataset.from_csv(tmp_path / "a.csv", shuffle=False))
    with pytest.raises(DataError, match="no file matches"):
        Dataset.from_csv(tmp_path / "none.csv")


def test_reading_a_csv_file_needs_the_memory_of_two_windows(file):
    data = Dataset.from_csv(file, 64, seed=1, window=500)
    passes(data)
    whole = len(passes(data))
    tracemalloc.start()
    for _ in data.epoch(1):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole == 157
    assert peak < 4e6  # the text of a group of 4096 rows, as strings; the whole file has 10,000


def test_batches_of_a_memory_mapped_array_read_only_their_rows(tmp_path):
    path = tmp_path / "x.npy"
    made = np.lib.format.open_memmap(path, "w+", np.float32, (50_000, 100))
    made[:] = np.arange(50_000, dtype=np.float32)[:, None]
    made.flush()
    x = np.load(path, mmap_mode="r", allow_pickle=False)
    y = np.arange(50_000, dtype=np.float32)
    tracemalloc.start()
    data = Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=1).batch(64)
    for rows, numbers in data.epoch(0):
        assert (rows[:, 0] == numbers).all()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4e6  # of 20 MB


@pytest.fixture
def parquet(tmp_path):
    arrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {name: VALUES[:, k] for k, name in enumerate("abc")}
    pairs = arrow.array([[float(v), 1.0] for v in VALUES[:, 0]], arrow.list_(arrow.float32(), 2))
    columns |= {"kind": LABELS, "word": np.where(LABELS, "yes", "no"), "pair": pairs}
    path = tmp_path / "rows.parquet"
    writer.write_table(arrow.table(columns), path, row_group_size=1500)
    return path


def test_parquet_rows_come_in_order_without_shuffle_and_once_with_it(parquet):
    options = {"label": "kind", "columns": ["a", "b", "c"]}
    x, y = zip(*passes(Dataset.from_parquet(parquet, 64, shuffle=False, **options)), strict=True)
    np.testing.assert_array_equal(np.concatenate(x), VALUES)
    np.testing.assert_array_equal(np.concatenate(y), LABELS)
    x, _ = zip(*passes(Dataset.from_parquet(parquet, 64, seed=1, window=3000, **options)),
               strict=True)  # fmt: skip
    rows = np.concatenate(x)
    assert (rows != VALUES).any()
    np.testing.assert_array_equal(np.sort(rows[:, 0]), np.sort(VALUES[:, 0]))


def test_parquet_columns_may_be_text_and_lists(parquet):
    data = Dataset.from_parquet(parquet, 10, columns=["word", "pair"], as_dict=True, shuffle=False)
    first = passes(data)[0]
    assert first["pair"].shape == (10, 2) and set(first["word"]) <= {"yes", "no"}


def test_parquet_without_pyarrow_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"Dataset\.from_parquet needs pyarrow"):
        Dataset.from_parquet(tmp_path / "a.parquet")


def test_damaged_parquet_files_are_named(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 this is not one PAR1")
    with pytest.raises(FileFormatError, match=r"a\.parquet: not a Parquet file"):
        Dataset.from_parquet(tmp_path / "a.parquet")
