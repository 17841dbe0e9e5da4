"""Data and functions of other libraries; a test whose library is not installed skips itself."""

import copy
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DataError

X = np.random.default_rng(0).standard_normal((40, 4)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5], [3.0]], "float32")).astype("float32")


def compiled(name=None):
    model = lm.Sequential(
        [lm.Input((4,), name=name), lm.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(lm.optimizers.SGD(0.1), "mse")
    return model


def two_inputs():
    a, b = lm.Input((1,), name="a"), lm.Input((3,), name="b")
    model = lm.Model([a, b], lm.layers.Dense(1)(lm.layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    return model


def trained(*data, **options):
    model = compiled()
    model.fit(*data, shuffle=False, verbose=0, seed=1, **options)
    return model.get_weights()


def same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- rows by number, with substitutes for the libraries ----------------------------------------
class FakeSparse:
    """A sparse matrix that counts how many rows it makes dense at once."""

    __module__ = "scipy.sparse"
    most = 0

    def __init__(self, rows):
        self.rows, self.shape = rows, rows.shape

    def tocsr(self):
        return self

    def __getitem__(self, numbers):
        return FakeSparse(self.rows[numbers])

    def toarray(self):
        FakeSparse.most = max(FakeSparse.most, len(self.rows))
        return self.rows


class FakeTable:
    """A Hugging Face Dataset, as far as fit asks it."""

    def __init__(self, **columns):
        self.columns, self.format = columns, {"type": None}

    def with_format(self, kind):
        assert kind == "numpy"
        return self

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, numbers):
        return {name: column[numbers] for name, column in self.columns.items()}


FakeTable.__name__, FakeTable.__module__ = "Dataset", "datasets.arrow_dataset"


@pytest.mark.parametrize("size", [None, 16])
def test_fit_on_a_sparse_matrix_is_fit_on_its_dense_rows_and_makes_one_batch_dense(size):
    FakeSparse.most = 0
    same(trained(FakeSparse(X), Y, batch_size=size), trained(X, Y, batch_size=size))
    assert FakeSparse.most == (size or 32)


def test_a_sparse_matrix_is_shuffled_like_the_dense_one():
    results = []
    for x in (X, FakeSparse(X)):
        model = compiled()
        model.fit(x, Y, batch_size=8, epochs=2, verbose=0, seed=3)
        results.append(model.get_weights())
    same(*results)


def test_sparse_matrices_are_evaluated_and_predicted_and_validated():
    model = compiled()
    history = model.fit(X, Y, validation_data=(FakeSparse(X), Y), verbose=0, seed=1).history
    assert model.evaluate(FakeSparse(X), Y, verbose=0) == pytest.approx(history["val_loss"][0])
    np.testing.assert_array_equal(
        model.predict(FakeSparse(X), verbose=0), model.predict(X, verbose=0)
    )


def test_sparse_targets_and_weights_go_with_sparse_inputs():
    weights = np.linspace(0, 1, 40, dtype="float32")
    expected = trained(X, Y, sample_weight=weights)
    same(trained(FakeSparse(X), FakeSparse(Y), sample_weight=weights), expected)
    same(trained(X, FakeSparse(Y), sample_weight=weights), expected)


def test_one_of_several_inputs_may_be_sparse():
    model = two_inputs()
    found = model.predict({"a": X[:, :1], "b": FakeSparse(X[:, 1:])}, verbose=0)
    expected = model.predict({"a": X[:, :1], "b": X[:, 1:]}, verbose=0)
    np.testing.assert_array_equal(found, expected)


def test_unequal_rows_of_a_sparse_matrix_and_targets_raise():
    with pytest.raises(DataError, match="unequal numbers of rows"):
        compiled().fit(FakeSparse(X), Y[:-1], verbose=0)


def test_columns_of_a_table_are_inputs_and_targets_by_name():
    same(trained(FakeTable(features=X, label=Y)), trained(X, Y))
    model = two_inputs()
    table = FakeTable(a=X[:, 0], b=X[:, 1:], price=Y)
    model.fit(table, epochs=2, verbose=0)
    found = model.predict(table, verbose=0)
    np.testing.assert_array_equal(found, model.predict({"a": X[:, :1], "b": X[:, 1:]}, verbose=0))


def test_a_column_of_sample_weights_weighs_rows():
    weights = np.linspace(0, 1, 40, dtype="float32")
    table = FakeTable(features=X, label=Y, sample_weight=weights)
    same(trained(table), trained(X, Y, sample_weight=weights))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": X, "b": X, "label": Y}, "the columns are a, b, label"),
        ({"input_layer": X, "p": Y, "q": Y}, "which column is the target is not clear: p, q"),
        ({"features": X}, "which column is the target is not clear: none"),
    ],
)
def test_columns_that_fit_no_input_or_target_raise_with_their_names(columns, message):
    model = compiled("input_layer")
    with pytest.raises(ArgumentError, match=message):
        model.fit(FakeTable(**columns), verbose=0)


def test_targets_in_addition_to_a_table_raise():
    with pytest.raises(ArgumentError, match="y goes with arrays"):
        compiled().fit(FakeTable(x=X, label=Y), Y, verbose=0)


def test_a_list_of_lists_of_two_arrays_is_batches():
    batches = [[X[k : k + 8], Y[k : k + 8]] for k in range(0, 40, 8)]
    same(trained(batches), trained(X, Y, batch_size=8))


def test_a_torch_dataset_of_samples_raises_with_the_loader():
    class Samples:
        pass

    Samples.__name__, Samples.__module__ = "Dataset", "torch.utils.data.dataset"
    with pytest.raises(ArgumentError, match="DataLoader"):
        compiled().fit(Samples(), verbose=0)


def test_an_image_that_has_only_the_array_interface_keeps_its_uint8():
    array = np.arange(12, dtype="uint8").reshape(2, 2, 3)
    image = SimpleNamespace(__array_interface__=array.__array_interface__, kept=array)
    assert lm.asarray(image).dtype == lm.uint8
    assert lm.asarray([array, array]).dtype == lm.uint8
    assert lm.asarray([1, 2]).dtype == lm.int32
    assert lm.asarray([1.0, 2.0]).dtype == lm.float32


# ---- the libraries themselves ------------------------------------------------------------------
def loader(batches=8, **columns):
    torch = pytest.importorskip("torch")
    if columns:
        rows = [{n: torch.tensor(c[k]) for n, c in columns.items()} for k in range(40)]
    else:
        rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(rows, batch_size=batches)


@pytest.mark.parity
def test_a_dataloader_gives_batches_to_fit_evaluate_and_predict():
    same(trained(loader()), trained(X, Y, batch_size=8))
    model = compiled()
    assert model.evaluate(loader(), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
    np.testing.assert_array_equal(model.predict(loader(), verbose=0), model.predict(X, verbose=0))


@pytest.mark.parity
def test_dictionaries_of_a_dataloader_are_columns_by_name():
    same(trained(loader(features=X, label=Y)), trained(X, Y, batch_size=8))
    history = compiled().fit(X, Y, validation_data=loader(features=X, label=Y), verbose=0).history
    assert "val_loss" in history


@pytest.mark.parity
def test_a_dataloader_without_a_length_is_gone_through_to_its_end():
    torch = pytest.importorskip("torch")

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(zip(torch.tensor(X), torch.tensor(Y), strict=True))

    same(trained(torch.utils.data.DataLoader(Endless(), batch_size=8)), trained(X, Y, batch_size=8))


@pytest.mark.parity
def test_hugging_face_datasets_are_rows_and_columns():
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"features": X, "label": Y})
    same(trained(table), trained(X, Y))
    same(trained(table.with_format("torch") if "torch" in sys.modules else table), trained(X, Y))
    same(trained(np.asarray(table["features"]), Y), trained(table["features"], table["label"]))
    with pytest.raises(ArgumentError, match="DatasetDict of the splits train"):
        compiled().fit(datasets.DatasetDict(train=table), verbose=0)
    stream = table.to_iterable_dataset()
    same(trained(stream.batch(8)), trained(X, Y, batch_size=8))
    with pytest.raises(DataError, match=r"dataset.batch\(32\)"):
        compiled().fit(stream, verbose=0)


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array", "coo_array", "lil_array"])
def test_sparse_matrices_of_scipy_are_rows(kind):
    sparse = pytest.importorskip("scipy.sparse")
    same(trained(getattr(sparse, kind)(X), Y), trained(X, Y))


@pytest.mark.parity
def test_frames_of_pandas_and_polars_are_arrays_and_their_columns_are_inputs_by_name():
    model = lm.Model(
        inputs := [lm.Input((1,), name=n) for n in "pqrs"],
        lm.layers.Dense(1)(lm.layers.Concatenate()(inputs)),
    )
    expected = model.predict([X[:, k : k + 1] for k in range(4)], verbose=0)
    for name in ("pandas", "polars"):
        library = pytest.importorskip(name)
        frame = library.DataFrame({n: X[:, k] for k, n in enumerate("pqrs")})
        same(trained(frame, Y), trained(X, Y))
        np.testing.assert_array_equal(model.predict(frame, verbose=0), expected)
    with pytest.raises(ArgumentError, match="lazy frame"):
        model.predict(frame.lazy(), verbose=0)


EINOPS = """
import sys
first = sys.argv[1] == "first"
if first:
    import einops
import lamina as lm
assert first or "einops" not in sys.modules
import einops
x = lm.asarray([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
split = einops.rearrange(x, "b (h w) -> b h w", h=2)
assert isinstance(split, lm.Tensor) and split.shape == (2, 2, 2)
assert einops.reduce(x, "b c -> c", "mean").tolist() == [3, 4, 5, 6]
assert einops.repeat(x, "a b -> a b k", k=3).shape == (2, 4, 3)
assert einops.einsum(x, x, "a b, c b -> a c").shape == (2, 2)
assert einops.pack([x, x], "* b")[0].shape == (4, 4)
f = lm.compile(lambda x: einops.rearrange(x, "b (h w) -> (b h) w", h=2))
assert f(x).shape == (4, 2) and f(x[:1]).shape == (2, 2)
inputs = lm.Input((None, 4))
model = lm.Model(inputs, einops.rearrange(inputs, "b t c -> (b t) c"))
assert model.predict(x[None], verbose=0).shape == (2, 4)
"""


@pytest.mark.parity
@pytest.mark.parametrize("order", ["first", "last"])
def test_einops_takes_tensors_whichever_is_imported_first(order):
    pytest.importorskip("einops")
    subprocess.run([sys.executable, "-c", EINOPS, order], check=True)


@pytest.mark.parity
def test_opt_einsum_contracts_tensors():
    opt_einsum = pytest.importorskip("opt_einsum")
    a, b, c = (np.random.default_rng(k).standard_normal((5, 5)) for k in range(3))
    found = opt_einsum.contract("ij,jk,kl->il", *map(lm.asarray, (a, b, c)))
    assert isinstance(found, lm.Tensor)
    np.testing.assert_allclose(found.numpy(), a @ b @ c)


@pytest.mark.parity
def test_pillows_images_keep_their_uint8():
    image = pytest.importorskip("PIL.Image").fromarray(np.zeros((3, 2, 3), "uint8"))
    assert lm.asarray(image).dtype == lm.uint8
    assert lm.asarray([image, image]).dtype == lm.uint8
    model = lm.Sequential([lm.Input((3, 2, 3)), lm.layers.Flatten()])
    assert model.predict([image, image], verbose=0).shape == (2, 18)


@pytest.mark.parity
def test_joblib_dumps_models_and_runs_them_in_processes(tmp_path):
    joblib = pytest.importorskip("joblib")
    model = compiled()
    model.fit(X, Y, verbose=0)
    expected = model.predict(X, verbose=0)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), expected)
    jobs = [joblib.delayed(model.predict)(X, verbose=0)] * 2
    for found in joblib.Parallel(n_jobs=2)(jobs):
        np.testing.assert_array_equal(found, expected)


def test_a_deep_copy_of_a_model_is_trained_by_itself():
    model = compiled()
    model.fit(X, Y, verbose=0)
    twin = copy.deepcopy(model)
    before = model.predict(X, verbose=0)
    np.testing.assert_array_equal(twin.predict(X, verbose=0), before)
    twin.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    assert np.abs(twin.predict(X, verbose=0) - before).max() > 0


UNPICKLE = """
import pickle, sys
model = pickle.load(open(sys.argv[1], "rb"))
assert model.predict([[0.0] * 4], verbose=0).shape == (1, 1)
"""


def test_a_fresh_process_unpickles_a_model_without_importing_lamina_first(tmp_path):
    import pickle

    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(compiled()))
    subprocess.run([sys.executable, "-c", UNPICKLE, str(path)], check=True)
