"""imdb, reuters and the two tables of house prices, from files of the published form."""

import json
import pickle
import sys

import numpy as np
import pytest

import lamina as lm
from lamina.datasets import boston_housing, california_housing, imdb, object_lists, reuters
from lamina.errors import DownloadError, FileFormatError, RangeError


def texts(count, rng):
    found = np.empty(count, object)
    found[:] = [rng.integers(1, 70000, rng.integers(3, 9)).tolist() for _ in range(count)]
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(lm.settings, "data", tmp_path, raising=False)
    with lm.settings(data=tmp_path, offline=True):
        yield tmp_path


def test_reviews_are_moved_cut_and_shuffled(folder):
    rng = np.random.default_rng(0)
    x, y = texts(20, rng), np.arange(20) % 2
    (folder / "imdb").mkdir()
    np.savez(folder / "imdb" / "imdb.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=1000)
    assert len(x_train) == len(y_train) == 20 and len(x_test) == len(y_test) == 8
    order = np.arange(20)
    np.random.RandomState(113).shuffle(order)
    first = x[order[0]]
    assert x_train[0] == [1] + [w + 3 if w + 3 < 1000 else 2 for w in first]
    assert y_train[0] == y[order[0]]
    (short, labels), _ = imdb.load_data(maxlen=6)
    assert len(short) == len(labels) < 20 and max(map(len, short)) < 6
    (plain, _), _ = imdb.load_data(start_char=None, oov_char=None, num_words=1000)
    assert all(w < 1000 for row in plain for w in row)
    (folder / "imdb" / "imdb_word_index.json").write_text(json.dumps({"the": 1}))
    assert imdb.get_word_index() == {"the": 1}


def test_newswires_are_divided(folder):
    x, y = texts(10, np.random.default_rng(1)), np.arange(10)
    np.savez(folder / "reuters.npz", x=x, y=y)
    with pytest.raises(FileFormatError, match="not the file of this name"):
        reuters.load_data()
    (folder / "reuters").mkdir()
    (folder / "reuters.npz").rename(folder / "reuters" / "reuters.npz")
    (x_train, y_train), (_, y_test) = reuters.load_data(test_split=0.3)
    assert len(x_train) == 7 and sorted([*y_train, *y_test]) == list(range(10))
    assert len(reuters.get_label_names()) == 46


@pytest.mark.parametrize("module", [boston_housing, california_housing])
def test_tables_are_shuffled_and_divided(folder, module):
    name = module.SOURCE.name
    (folder / name).mkdir()
    x = np.arange(700.0)[:, None]
    np.savez(folder / name / f"{name}.npz", x=x, y=x[:, 0] * 2)
    (x_train, y_train), (x_test, _) = module.load_data()
    assert x_train.shape == (560, 1) and len(x_test) == 140
    np.testing.assert_array_equal(x_train[:, 0] * 2, y_train)
    assert not np.array_equal(x_train[:, 0], np.sort(x_train[:, 0]))
    with pytest.raises(RangeError, match="test_split"):
        module.load_data(test_split=1.5)
    if module is california_housing:
        assert len(module.load_data("small")[0][0]) == 480


def test_a_missing_file_names_the_folder(folder):
    with pytest.raises(DownloadError) as caught:
        imdb.load_data()
    assert "imdb.npz" in str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_lists_are_read_from_every_protocol(tmp_path, protocol):
    x = texts(50, np.random.default_rng(2))
    x[3] = [0, 255, 256, 65535, 65536, 2**31 - 1, -1]
    path = write(tmp_path, pickle.dumps(x, protocol), 50)
    assert object_lists.arrays(path)["x"] == x.tolist()


def write(folder, content, count):
    import io
    import zipfile

    head = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(head, header)
    path = folder / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", head.getvalue() + content)
    return path


class Harmful:
    def __reduce__(self):
        return sys.exit, (3,)


def test_nothing_in_a_file_is_executed(tmp_path):
    x = np.empty(1, object)
    x[0] = Harmful()
    for content in (pickle.dumps(x), pickle.dumps(Harmful()), pickle.dumps([Harmful()])):
        with pytest.raises(FileFormatError):
            object_lists.arrays(write(tmp_path, content, 1))


def test_damaged_files_are_errors(tmp_path):
    x = texts(20, np.random.default_rng(3))
    whole = pickle.dumps(x, 3)
    rng = np.random.default_rng(4)
    for k in range(300):
        content = bytearray(whole)
        content[rng.integers(len(whole))] = rng.integers(256)
        path = write(tmp_path, bytes(content[: rng.integers(len(whole))] if k % 3 else content), 20)
        try:
            found = object_lists.arrays(path)["x"]
        except FileFormatError:
            continue
        assert isinstance(found, list) and all(isinstance(row, list) for row in found)
