"""`keras.utils` and `keras.backend`: downloads, progress, diagrams of models, names of Keras 2."""

import hashlib
import io
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import ArgumentError, DownloadError, FileFormatError, NotBuiltError
from lamina.keras import backend as K
from lamina.keras import layers, legacy_backend, utils


# ---- get_file ----------------------------------------------------------------------------------
@pytest.fixture
def published(tmp_path):
    """A folder that stands for a server."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "a.txt").write_text("content")
    return tmp_path / "server"


def test_a_file_is_downloaded_once_and_checked(published, tmp_path):
    address = (published / "a.txt").as_uri()
    digest = hashlib.sha256(b"content").hexdigest()
    path = utils.get_file(origin=address, cache_dir=tmp_path, file_hash=digest)
    assert path == str(tmp_path / "datasets" / "a.txt")
    (published / "a.txt").write_text("other")
    assert utils.get_file(origin=address, cache_dir=tmp_path) == path
    assert Path(path).read_text() == "content"
    with pytest.raises(FileFormatError, match="is not the file that was expected"):
        utils.get_file(origin=address, cache_dir=tmp_path, file_hash=digest, force_download=True)
    assert Path(path).read_text() == "content"
    utils.get_file(origin=address, cache_dir=tmp_path, force_download=True)
    assert Path(path).read_text() == "other"
    md5 = hashlib.md5(b"other").hexdigest()
    assert utils.get_file("b.txt", address, md5_hash=md5, cache_dir=tmp_path).endswith("b.txt")


def test_mistakes_in_downloads_are_named(published, tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="address of a file"):
        utils.get_file("a.txt")
    with pytest.raises(ArgumentError, match="without a folder"):
        utils.get_file("../a.txt", (published / "a.txt").as_uri(), cache_dir=tmp_path)
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        utils.get_file(origin=(published / "none.txt").as_uri(), cache_dir=tmp_path)
    monkeypatch.setenv("LAMINA_OFFLINE", "1")
    with pytest.raises(DownloadError, match="LAMINA_OFFLINE forbids"):
        utils.get_file(origin=(published / "a.txt").as_uri(), cache_dir=tmp_path)


def archive(path, names, kind=tarfile.REGTYPE):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, "inside")
        return path
    with tarfile.open(path, "w:gz") as file:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, 6, "/etc/passwd"
            file.addfile(member, io.BytesIO(b"inside"))
    return path


@pytest.mark.parametrize("name", ["data.tar.gz", "data.zip"])
def test_archives_are_extracted(published, tmp_path, name):
    address = archive(published / name, ["top/a.txt", "b.txt"]).as_uri()
    folder = tmp_path / "datasets"
    assert utils.get_file(origin=address, cache_dir=tmp_path, extract=True) == str(folder / name)
    assert (folder / name / "top" / "a.txt").read_text() == "inside"
    found = utils.get_file("named", address, cache_dir=tmp_path, extract=True)
    assert sorted(p.name for p in (folder / "named").iterdir()) == ["b.txt", "top"]
    assert found == str(folder / "named")


@pytest.mark.parametrize("name", ["data.tar.gz", "data.zip"])
@pytest.mark.parametrize("member", ["../out.txt", "/tmp/out.txt", "a/../../out.txt"])
def test_members_outside_of_the_folder_are_refused(published, tmp_path, name, member):
    address = archive(published / name, ["fine.txt", member]).as_uri()
    with pytest.raises(FileFormatError, match="outside of the archive's folder"):
        utils.get_file(origin=address, cache_dir=tmp_path / "cache", extract=True)
    assert not (tmp_path / "cache" / "datasets" / name).exists()
    assert not list(tmp_path.rglob("out.txt"))


def test_links_and_other_files_are_not_extracted(published, tmp_path):
    address = archive(published / "l.tar.gz", ["link"], tarfile.SYMTYPE).as_uri()
    with pytest.raises(FileFormatError, match="expected no links"):
        utils.get_file(origin=address, cache_dir=tmp_path, extract=True)
    with pytest.raises(FileFormatError, match="is not an archive"):
        utils.get_file(origin=(published / "a.txt").as_uri(), cache_dir=tmp_path, extract=True)


# ---- Progbar -----------------------------------------------------------------------------------
def test_a_progress_bar_averages_over_steps(capsys):
    bar = utils.Progbar(4, verbose=2, stateful_metrics=["as_is"])
    bar.update(1, [("mean", 1.0), ("as_is", 1.0)])
    bar.add(2, [("mean", 4.0), ("as_is", 5.0)])
    assert bar._values == {"mean": (9.0, 3), "as_is": (5.0, 1)}
    bar.add(1)
    line = capsys.readouterr().out
    assert line.startswith("4/4 - ") and "mean: 3.0000" in line and "as_is: 5.0000" in line
    utils.Progbar(None).update(7)
    assert capsys.readouterr().out.startswith("7/Unknown")
    with pytest.raises(ArgumentError, match="not both"):
        utils.Progbar(4, stateful_metrics=["a"], stateless_metrics=["b"])


# ---- diagrams of models ------------------------------------------------------------------------
def nested_model():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation="relu")], name="inner")
    x = keras.Input((3,), name="x")
    return keras.Model(x, inner(layers.Dense(4, name="first")(x) * 2))


def test_a_model_as_dot_has_its_layers_and_arrows():
    dot = utils.model_to_dot(nested_model(), show_shapes=True, rankdir="LR").to_string()
    assert "rankdir=LR" in dot and "Dense  first" in dot and "(None, 4)" in dot
    assert dot.count("->") == 2 and "subgraph" not in dot
    full = utils.model_to_dot(
        nested_model(), expand_nested=True, show_dtype=True, show_layer_activations=True,
        show_trainable=True,
    ).to_string()  # fmt: skip
    assert full.count("->") == 3 and 'label="inner"' in full
    assert "float32" in full and "relu" in full and "trainable" in full
    with pytest.raises(NotBuiltError):
        utils.model_to_dot(keras.Sequential([layers.Dense(1)]))


def test_plot_model_writes_the_format_of_the_ending(tmp_path):
    pytest.importorskip("matplotlib")
    for name, start in (("m.png", b"\x89PNG"), ("m.svg", b"<?xml"), ("m.dot", b"digraph")):
        utils.plot_model(nested_model(), tmp_path / name, rankdir="LR", expand_nested=True, dpi=50)
        assert (tmp_path / name).read_bytes().startswith(start)


# ---- symbolic ----------------------------------------------------------------------------------
def test_functions_of_symbolic_tensors():
    x = keras.Input((3,))
    y = layers.Dense(2)(x)
    f = keras.Function(x, [y, y + 1])
    one, other = f(np.ones((4, 3), "float32"))
    np.testing.assert_allclose(other, one + 1)
    assert f.compute_output_shape((5, 3)) == [(5, 2), (5, 2)]
    with pytest.raises(ArgumentError, match="not among the inputs"):
        keras.Function(keras.Input((2,)), y)
    assert utils.get_source_inputs(y * 2) == [x]
    assert isinstance(y, keras.KerasTensor) and not isinstance(one, keras.KerasTensor)
    assert isinstance(layers.Dense(1), keras.Operation)


def test_a_config_holds_values_until_it_is_frozen():
    config = utils.Config(a=1)
    config.b = 2
    assert config.as_dict() == {"a": 1, "b": 2} and config["b"] == 2 and "a" in config
    config.freeze()
    with pytest.raises(ArgumentError, match="frozen"):
        config.a = 3
    with pytest.raises(AttributeError, match="'c'"):
        config.c  # noqa: B018


# ---- keras.backend -----------------------------------------------------------------------------
X = np.float32([[1.0, -2.0], [3.0, 4.0]])
LEGACY = {
    "mean": (lambda: K.mean(X, axis=0), [2.0, 1.0]),
    "sum": (lambda: K.sum(X), 6.0),
    "clip": (lambda: K.clip(X, 0.0, 3.0), [[1.0, 0.0], [3.0, 3.0]]),
    "l2_normalize": (lambda: K.l2_normalize(X[1], 0), [0.6, 0.8]),
    "switch": (lambda: K.switch(X > 0, X, 0 * X), [[1.0, 0.0], [3.0, 4.0]]),
    "concatenate": (lambda: K.concatenate([X, X], 0).shape, (4, 2)),
    "batch_dot": (lambda: K.batch_dot(X, X), [[5.0], [25.0]]),
    "expand_dims": (lambda: K.expand_dims(X).shape, (2, 2, 1)),
    "int_shape": (lambda: K.int_shape(X), (2, 2)),
    "in_top_k": (lambda: K.in_top_k(X, [0, 0], 1), [True, False]),
    "gather": (lambda: K.gather(X, [1]), [[3.0, 4.0]]),
    "foldl": (lambda: K.foldl(lambda a, b: a + b, X), [4.0, 2.0]),
    "repeat": (lambda: K.repeat(X, 3).shape, (2, 3, 2)),
    "relu": (lambda: K.relu(X, alpha=0.5), [[1.0, -1.0], [3.0, 4.0]]),
    "variable": (lambda: K.variable(X).numpy(), X),
    "permute_dimensions": (lambda: K.permute_dimensions(X, (1, 0)), X.T),
}


@pytest.mark.parametrize("name", LEGACY)
def test_functions_of_keras_2_compute_and_name_what_to_write(name):
    compute, expected = LEGACY[name]
    legacy_backend._said.clear()
    with pytest.warns(DeprecationWarning, match=f"keras.backend.{name} is of Keras 2; write "):
        found = compute()
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", f"keras.backend.{name} ")
        compute()


def test_a_name_that_no_function_can_replace_gets_a_hint():
    with pytest.raises(AttributeError, match=r"lamina.grad\(f\)"):
        K.gradients  # noqa: B018
    assert K.standardize_dtype(lm.float32) == "float32" == K.result_type("int32", float)
    with pytest.raises(ValueError, match="unknown dtype"):
        K.standardize_dtype("float33")


# ---- random ------------------------------------------------------------------------------------
def test_gamma_beta_and_binomial_have_their_moments():
    n = 20_000
    gamma = keras.random.gamma((n,), [0.5] * n, seed=1).numpy()
    assert gamma.mean() == pytest.approx(0.5, abs=0.02) and gamma.var() == pytest.approx(
        0.5, abs=0.04
    )
    beta = keras.random.beta((n,), 2.0, 6.0, seed=1).numpy()
    assert beta.mean() == pytest.approx(0.25, abs=0.01) and 0 <= beta.min() < beta.max() <= 1
    for trials, p in ((3, 0.5), (100, 0.02), (5000, 0.7)):
        drawn = keras.random.binomial((n,), trials, p, seed=1).numpy()
        assert drawn.mean() == pytest.approx(trials * p, rel=0.02)
        assert drawn.var() == pytest.approx(trials * p * (1 - p), rel=0.05)
    compiled = lm.compile(lambda key: lm.random.binomial((9,), lm.asarray([40] * 9), 0.5, key=key))
    drawn = compiled(lm.random.key(1))
    np.testing.assert_array_equal(
        drawn, lm.random.binomial((9,), [40] * 9, 0.5, key=lm.random.key(1))
    )
    with pytest.raises(ValueError, match="at least 0"):
        keras.random.binomial((2,), -1, 0.5)


# ---- images ------------------------------------------------------------------------------------
def test_smart_resize_crops_to_the_proportions_and_keeps_the_kind():
    image = np.zeros((4, 8, 1), "float32")
    image[:, 2:6] = 1.0  # the middle square
    found = keras.preprocessing.image.smart_resize(image, (2, 2))
    assert isinstance(found, np.ndarray) and found.min() == 1.0
    batch = keras.preprocessing.image.smart_resize(keras.ops.ones((2, 4, 8, 1)), (3, 5))
    assert batch.shape == (2, 3, 5, 1)
    with pytest.raises(ValueError, match="smart_resize: invalid size"):
        keras.preprocessing.image.smart_resize(image, (2, 2, 2))


def test_normalize_returns_the_kind_that_it_was_given():
    rows = np.float32([[3.0, 4.0], [0.0, 0.0]])
    assert isinstance(keras.utils.normalize(rows), np.ndarray)
    found = keras.utils.normalize(lm.asarray(rows))
    assert isinstance(found, lm.Tensor) and found.tolist() == keras.utils.normalize(rows).tolist()


def test_data_sets_take_the_formats_of_keras():
    for form in ("tf", "grain"):
        data = keras.utils.timeseries_dataset_from_array(np.arange(4), None, 2, format=form)
        assert data.arrays().tolist() == [[0, 1], [1, 2], [2, 3]]
    with pytest.raises(ValueError, match="format"):
        keras.utils.timeseries_dataset_from_array(np.arange(4), None, 2, format="torch")
    left, right = keras.utils.split_dataset(np.arange(5), 3, preferred_backend="grain")
    assert (len(left), len(right)) == (3, 2)
