"""Data sets: their arrays, the places where files are looked for, and errors for damaged ones."""

import functools
import gzip
import hashlib
import http.server
import io
import os
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamina.datasets import digits, download, fashion_mnist, labeled_images, mnist, playground
from lamina.datasets.download import Source, find_file
from lamina.datasets.idx import read_idx
from lamina.errors import (
    CacheError,
    DownloadError,
    FileFormatError,
    RangeError,
    UnknownNameError,
)
from lamina.settings import settings
from paths import ROOT

FILES = list(mnist.SOURCE.digests)


def idx(array: np.ndarray) -> bytes:
    types = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    code = types[array.dtype.str[1:]]
    extents = struct.pack(f">{array.ndim}I", *array.shape)
    return (
        bytes([0, 0, code, array.ndim])
        + extents
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def small_set() -> dict[str, bytes]:
    """The four files of a data set of 20 and 10 images."""
    rng = np.random.default_rng(0)
    contents = []
    for count in (20, 10):
        contents.append(idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)))
        contents.append(idx((np.arange(count) % 10).astype(np.uint8)))
    return dict(zip(FILES, contents, strict=True))


def put(folder: Path, files: dict[str, bytes], zipped: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.fixture
def places(tmp_path):
    """A folder for the user's data and one for the cache; no downloads."""
    with settings(data=tmp_path / "data", cache_dir=tmp_path / "cache", offline=True):
        yield tmp_path


class TestIdx:
    @pytest.mark.parametrize("kind", ["u1", "i1", "i2", "i4", "f4", "f8"])
    @pytest.mark.parametrize("zipped", [False, True])
    def test_reads_what_was_written(self, tmp_path, kind, zipped):
        array = np.arange(-6, 18).reshape(2, 3, 4).astype(kind)
        path = tmp_path / "file"
        path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
        read = read_idx(path)
        np.testing.assert_array_equal(read, array)
        assert read.dtype == array.dtype
        assert read.flags.writeable

    def test_an_empty_array_is_one(self, tmp_path):
        (tmp_path / "file").write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
        assert read_idx(tmp_path / "file").shape == (0, 28, 28)

    WHOLE = idx(np.zeros((2, 3), np.uint8))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", r"not an IDX file: its first bytes are \[\]"),
            (b"\0\0", "not an IDX file"),
            (b"<!DOCTYPE html>", r"first bytes are \[3c 21 44 4f\], expected 00 00"),
            (b"\x89PNG\r\n", "not an IDX file"),
            (b"\0\0\x07\x02" + WHOLE[4:], "not an IDX file"),
            (b"\0\0\x08\xff" + WHOLE[4:], "not an IDX file"),
            (WHOLE[:9], "truncated: expected 8 bytes of extents .* holds 5"),
            (WHOLE[:-1], r"expected 6 bytes of values .* shape \(2, 3\), the file holds 5"),
            (WHOLE + b"x", "the file holds more"),
            (b"\0\0\x08\x02" + b"\xff" * 8, "claims an array of shape"),
            (gzip.compress(WHOLE)[:-3], "truncated or damaged gzip file of .* bytes"),
            (gzip.compress(WHOLE)[:-8] + b"\0" * 8, "truncated or damaged gzip"),
            (gzip.compress(WHOLE)[:11] + b"\xff\xff" + gzip.compress(WHOLE)[13:], "gzip"),
            (gzip.compress(WHOLE[:-1]), "the file holds 5"),
        ],
    )
    def test_refuses_what_is_damaged_or_foreign(self, tmp_path, content, message):
        path = tmp_path / "some-file"
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=message) as caught:
            read_idx(path)
        assert str(path) in caught.value.message


class TestFolders:
    @pytest.mark.parametrize("zipped", [False, True])
    def test_folder_of_the_data_set(self, places, zipped):
        put(places / "data" / "mnist", small_set(), zipped)
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
        assert (x_train.shape, y_train.shape) == ((20, 28, 28), (20,))
        assert (x_test.shape, y_test.shape) == ((10, 28, 28), (10,))
        assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
        assert y_test.tolist() == list(range(10))

    @pytest.mark.parametrize("name", ["fashion_mnist", "fashion-mnist"])
    def test_fashion_mnist_has_its_own(self, places, name):
        put(places / "data" / name, small_set())
        assert fashion_mnist.load_data()[0][0].shape == (20, 28, 28)
        assert len(fashion_mnist.CLASS_NAMES) == 10

    def test_files_named_with_a_dot_are_found(self, places):
        files = {name.replace("-idx", ".idx"): data for name, data in small_set().items()}
        put(places / "data" / "mnist", files, zipped=False)
        assert len(mnist.load_data()[0][0]) == 20

    def test_the_users_folder_comes_before_the_cache(self, places):
        put(places / "cache" / "datasets" / "mnist", dict.fromkeys(FILES, b"damaged"))
        put(places / "data" / "mnist", small_set())
        assert len(mnist.load_data()[0][0]) == 20

    def test_the_cache(self, places):
        put(places / "cache" / "datasets" / "mnist", small_set())
        assert len(mnist.load_data()[0][0]) == 20

    def test_flat_files_have_to_be_the_published_files(self, places):
        put(places / "data", small_set())
        with pytest.raises(FileFormatError, match="not the file of this name of MNIST") as caught:
            mnist.load_data()
        assert caught.value.hint.endswith(str(places / "data" / "mnist"))

    def test_flat_files_are_never_fashion_mnist(self, places):
        put(places / "data", small_set())
        with pytest.raises(DownloadError):
            fashion_mnist.load_data()

    def test_labels_of_another_number_of_images_raise(self, places):
        files = small_set()
        files[FILES[1]] = files[FILES[3]]
        put(places / "data" / "mnist", files)
        with pytest.raises(FileFormatError, match=r"shape \(10,\), expected .* the 20 images in"):
            mnist.load_data()

    def test_images_of_another_size(self, places):
        put(places / "data" / "mnist", small_set() | {FILES[0]: idx(np.zeros((2, 8, 8), "u1"))})
        with pytest.raises(FileFormatError, match=r"shape \(2, 8, 8\), expected .* 28x28"):
            mnist.load_data()

    def test_labels_out_of_range(self, places):
        files = small_set() | {FILES[3]: idx(np.full(10, 11, np.uint8))}
        put(places / "data" / "mnist", files)
        with pytest.raises(FileFormatError, match="label 11, expected 0 to 9"):
            mnist.load_data()

    def test_truncated_download_of_the_users_own(self, places):
        folder = put(places / "data" / "mnist", small_set())
        path = folder / f"{FILES[0]}.gz"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(FileFormatError, match="truncated or damaged gzip"):
            mnist.load_data()


class TestNowhere:
    def test_offline_the_error_names_the_folders_and_the_fix(self, places):
        with pytest.raises(DownloadError) as caught:
            mnist.load_data()
        text = str(caught.value)
        for part in (
            "MNIST: train-images-idx3-ubyte.gz is not on this machine",
            f"looked in: {places / 'data' / 'mnist'}",
            f"looked in: {places / 'cache' / 'datasets' / 'mnist'}",
            "LAMINA_OFFLINE",
            "t10k-labels-idx1-ubyte.gz",
            f"set LAMINA_DATA={places / 'data'}",
        ):
            assert part in text
        places_named = [line for line in text.splitlines() if "looked in" in line]
        assert len(places_named) == len(set(places_named))

    def test_without_a_data_folder(self, tmp_path):
        nowhere = settings(data=None, cache_dir=tmp_path, offline=True)
        with nowhere, pytest.raises(DownloadError, match="LAMINA_DATA is not set"):
            mnist.load_data()

    def test_no_network(self, tmp_path, capsys):
        source = replace(mnist.SOURCE, mirrors=("http://127.0.0.1:1/",))
        nowhere = settings(data=None, cache_dir=tmp_path, offline=False, timeout=2)
        with nowhere, pytest.raises(DownloadError, match="tried: http://127") as caught:
            find_file(source, FILES[0])
        assert "refused (in 3 attempts)" in " ".join(str(caught.value).split())
        assert str(caught.value).count("tried: ") == 1
        assert list(tmp_path.rglob("*.gz")) == []


@pytest.fixture
def mirror(tmp_path):
    """A server on this machine that holds the small data set; gives its address and folder."""
    folder = put(tmp_path / "mirror", small_set())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shaky(monkeypatch):
    """A server that gives the answers of a list in order, with the size of the last of them; its
    address, that list, and the list of what it was asked for."""
    monkeypatch.setattr(download, "WAIT", 0.0)
    answers, asked = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, content = answers.pop(0)
            self.send_response(status)
            whole = answers[-1][1] if status == 200 and answers else content
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", answers, asked
    server.shutdown()
    thread.join()
    server.server_close()


def source_at(*mirrors: str) -> Source:
    digests = [hashlib.sha256(content).hexdigest() for content in small_set().values()]
    return Source("small", "Small", mirrors, labeled_images.digests(*digests))


class TestDownload:
    def test_from_the_mirror_into_the_cache_and_then_from_there(self, mirror, tmp_path, capsys):
        address, _ = mirror
        with settings(data=None, cache_dir=tmp_path / "cache", offline=False):
            train, test = labeled_images.load(source_at(address), (28, 28), 10)
            with settings(offline=True):
                again, _ = labeled_images.load(source_at(), (28, 28), 10)
        assert (train[0].shape, test[0].shape) == ((20, 28, 28), (10, 28, 28))
        np.testing.assert_array_equal(train[0], again[0])
        assert f"downloading Small: {address}{FILES[0]}.gz" in capsys.readouterr().err
        cached = sorted(path.name for path in (tmp_path / "cache" / "datasets" / "small").iterdir())
        assert cached == sorted(f"{name}.gz" for name in FILES)

    def test_a_changed_file_is_refused_and_the_next_mirror_asked(self, mirror, tmp_path, capsys):
        address, folder = mirror
        put(folder / "bad", dict.fromkeys(FILES, b"something else"))
        with settings(data=None, cache_dir=tmp_path / "cache", offline=False):
            path = find_file(source_at(f"{address}bad/", address), FILES[0])
            assert read_idx(path).shape == (20, 28, 28)
            with pytest.raises(DownloadError, match="bytes that are not this file") as caught:
                find_file(source_at(f"{address}bad/", f"{address}missing/"), FILES[1])
        assert "404" in str(caught.value)
        assert not (path.parent / f"{FILES[1]}.gz").exists()

    def test_a_server_that_fails_is_asked_again(self, shaky, tmp_path, capsys, monkeypatch):
        address, answers, asked = shaky
        content = gzip.compress(small_set()[FILES[0]])
        answers += [(503, b""), (200, content[:10]), (200, content)]
        with settings(data=None, cache_dir=tmp_path / "cache", offline=False):
            path = find_file(source_at(address), FILES[0])
        assert path.read_bytes() == content
        assert len(asked) == 3

    def test_after_three_failures_the_error_names_the_reason_once(self, shaky, tmp_path, capsys):
        address, answers, asked = shaky
        answers += [(500, b"")] * 5
        nowhere = settings(data=None, cache_dir=tmp_path / "cache", offline=False)
        with nowhere, pytest.raises(DownloadError) as caught:
            find_file(source_at(address), FILES[0])
        assert len(asked) == 3 and str(caught.value).count("HTTP Error 500") == 1
        assert "(in 3 attempts)" in " ".join(str(caught.value).split())

    def test_a_missing_file_is_asked_for_once(self, shaky, tmp_path, capsys):
        address, answers, asked = shaky
        answers += [(404, b"")] * 5
        nowhere = settings(data=None, cache_dir=tmp_path / "cache", offline=False)
        with nowhere, pytest.raises(DownloadError):
            find_file(source_at(address), FILES[0])
        assert len(asked) == 1

    def test_a_terminal_shows_how_much_has_come(self, shaky, tmp_path, monkeypatch):
        address, answers, _ = shaky
        content = gzip.compress(small_set()[FILES[0]])
        answers.append((200, content))
        shown = io.StringIO()
        shown.isatty = lambda: True
        monkeypatch.setattr(sys, "stderr", shown)
        monkeypatch.setattr(download, "BLOCK", 100)
        with settings(data=None, cache_dir=tmp_path / "cache", offline=False):
            find_file(source_at(address), FILES[0])
        assert f" of {len(content) / 1e6:.1f} MB" in shown.getvalue()
        assert shown.getvalue().rsplit("\r", 1)[1] == ""  # erased at the end

    def test_two_processes_at_once(self, mirror, tmp_path):
        address, _ = mirror
        code = (
            "import sys; sys.path[:0] = ['tests', 'tests/data']\n"
            "from test_datasets import source_at, labeled_images\n"
            f"print(labeled_images.load(source_at({address!r}), (28, 28), 10)[0][0].sum())"
        )
        environment = os.environ | {"LAMINA_CACHE_DIR": str(tmp_path / "cache"), "LAMINA_DATA": ""}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        answers = {process.communicate(timeout=60)[0] for process in processes}
        assert len(answers) == 1 and answers != {""}
        assert len(list((tmp_path / "cache" / "datasets" / "small").iterdir())) == 4

    def test_unwritable_cache(self, mirror, tmp_path, capsys):
        address, _ = mirror
        (tmp_path / "cache").write_text("a file where the folder should be")
        unwritable = settings(data=None, cache_dir=tmp_path / "cache", offline=False)
        with unwritable, pytest.raises(CacheError, match="cannot write") as caught:
            find_file(source_at(address), FILES[0])
        assert "LAMINA_CACHE_DIR" in caught.value.hint


@pytest.mark.skipif(not (settings.data and (settings.data / "mnist").is_dir()), reason="no MNIST")
def test_the_real_mnist(tmp_path):
    for name, digest in mnist.SOURCE.digests.items():
        flat = replace(mnist.SOURCE, name="elsewhere", digests={name: digest}, flat=True)
        with settings(data=settings.data / "mnist"):
            assert find_file(flat, name).is_file()  # its SHA-256 is the one in our table
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
    ]  # fmt: skip
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert x_train.mean() / 255 == pytest.approx(0.1307, abs=1e-4)


@pytest.mark.network
@pytest.mark.parametrize("source", [mnist.SOURCE, fashion_mnist.SOURCE], ids=lambda s: s.name)
def test_every_mirror_has_every_file(source, tmp_path, capsys):
    for number, address in enumerate(source.mirrors):
        with settings(data=None, cache_dir=tmp_path / str(number), offline=False):
            for name in source.digests:
                read_idx(find_file(replace(source, mirrors=(address,)), name))


class TestDigits:
    def test_shapes_and_values(self):
        (x_train, y_train), (x_test, y_test) = digits.load_data()
        assert (x_train.shape, y_train.shape) == ((1437, 8, 8), (1437,))
        assert (x_test.shape, y_test.shape) == ((360, 8, 8), (360,))
        assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
        assert (x_train.min(), x_train.max()) == (0, 16)

    def test_digits_are_the_published_set(self):
        """Counts per class and the mean pixel, as scikit-learn documents and computes them."""
        (x_train, y_train), (x_test, y_test) = digits.load_data()
        labels = np.concatenate([y_train, y_test])
        assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
        assert np.concatenate([x_train, x_test]).sum() == 561718

    def test_each_digit_has_its_share_of_the_test_set(self):
        (_, y_train), (_, y_test) = digits.load_data()
        share = np.bincount(y_test) / (np.bincount(y_test) + np.bincount(y_train))
        assert np.abs(share - 360 / 1797).max() < 1 / 170

    def test_no_image_is_in_both_parts(self):
        (x_train, _), (x_test, _) = digits.load_data()
        train = {image.tobytes() for image in x_train}
        assert not train & {image.tobytes() for image in x_test}

    def test_the_file_of_digits_is_small_and_names_its_authors(self):
        folder = Path(digits.__file__).parent / "optical_digits"
        assert (folder / "digits.npz").stat().st_size < 60_000
        text = (folder / "README.md").read_text()
        assert "Alpaydin" in text and "Creative Commons Attribution 4.0" in text


class TestPlayground:
    @pytest.mark.parametrize("name", playground.SHAPES)
    def test_form(self, name):
        x, y = playground.SHAPES[name](301, 0.1, 7)
        assert (x.shape, y.shape) == ((301, 2), (301,))
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert set(y.tolist()) == {0, 1}
        assert np.abs(x).max() < 8

    @pytest.mark.parametrize("name", playground.SHAPES)
    def test_seed(self, name):
        draw = playground.SHAPES[name]
        np.testing.assert_array_equal(draw(50, 0.2, 3)[0], draw(50, 0.2, 3)[0])
        assert not np.array_equal(draw(50, 0.2, 3)[0], draw(50, 0.2, 4)[0])

    def test_circle_without_noise(self):
        x, y = playground.circle(400)
        radius = np.hypot(*x.T)
        assert (radius[y == 1] < 2.5).all() and (radius[y == 0] >= 3.5).all()
        assert radius.max() <= 5 and y.sum() == 200

    def test_xor_without_noise(self):
        x, y = playground.xor(400)
        np.testing.assert_array_equal(y, x[:, 0] * x[:, 1] >= 0)
        assert np.abs(x).min() >= 0.3 and 5 < np.abs(x).max() <= 5.3

    def test_gaussian_spreads_with_noise(self):
        for noise, variance in ((0.0, 0.5), (0.5, 4.0)):
            x, y = playground.gaussian(20_000, noise)
            np.testing.assert_allclose(x[y == 1].mean(axis=0), 2, atol=0.1)
            np.testing.assert_allclose(x[y == 0].mean(axis=0), -2, atol=0.1)
            np.testing.assert_allclose(x[y == 1].var(axis=0), variance, rtol=0.05)

    def test_spiral_without_noise(self):
        x, y = playground.spiral(200)
        radius, angle = np.hypot(*x.T), np.arctan2(x[:, 0], x[:, 1])
        turn = 3.5 * np.pi * radius / 5 + np.where(y == 1, 0, np.pi)
        np.testing.assert_allclose(np.exp(1j * angle), np.exp(1j * turn), atol=1e-4 + 0.01)

    def test_noise_mislabels_points_near_the_border_only(self):
        x, y = playground.xor(2000, noise=0.1)
        wrong = y != (x[:, 0] * x[:, 1] >= 0)
        assert 0 < wrong.mean() < 0.2
        assert np.abs(x[wrong]).min(axis=1).max() <= 0.5 + 1e-6

    def test_load_data_is_what_keras_returns(self):
        (x_train, y_train), (x_test, y_test) = playground.load_data("spiral", 100, 0.1, 5, 0.2)
        assert (x_train.shape, y_train.shape) == ((80, 2), (80,))
        assert (x_test.shape, y_test.shape) == ((20, 2), (20,))

    def test_bad_arguments(self):
        with pytest.raises(UnknownNameError, match="did you mean 'spiral'"):
            playground.load_data("spirals")
        with pytest.raises(RangeError, match="n_samples is 1"):
            playground.circle(1)
        with pytest.raises(RangeError, match="noise is -1"):
            playground.circle(noise=-1)
        with pytest.raises(RangeError, match="test_fraction is 1"):
            playground.load_data(test_fraction=1)
