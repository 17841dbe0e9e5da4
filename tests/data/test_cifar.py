"""CIFAR-10 and CIFAR-100 from archives of the published form, whole, damaged and malicious."""

import functools
import gzip
import hashlib
import http.server
import io
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest

from lamina.datasets import cifar, cifar10, cifar100
from lamina.errors import DownloadError, FileFormatError, UnknownNameError
from lamina.settings import settings

NAME10, NAME100 = "cifar-10-binary.tar.gz", "cifar-100-binary.tar.gz"


def records(count: int, classes: tuple[int, ...], seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, most, (count, 1)) for most in classes]
    pixels = rng.integers(0, 256, (count, cifar.PIXELS))
    return np.concatenate([*labels, pixels], axis=1).astype(np.uint8).tobytes()


def small(archive: cifar.Archive) -> dict[str, bytes]:
    """The files of a data set of 4 images a file for training and 3 for tests, by their paths."""
    counts = dict.fromkeys(archive.train, 4) | dict.fromkeys(archive.test, 3)
    return {
        f"{archive.folder}/{name}": records(count, archive.classes, seed)
        for seed, (name, count) in enumerate(counts.items())
    }


def packed(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def places(tmp_path):
    with settings(data=tmp_path / "data", cache_dir=tmp_path / "cache", offline=True):
        yield tmp_path


def put(places, content: bytes, name: str = NAME10, folder: str = "data/cifar10") -> None:
    (places / folder).mkdir(parents=True, exist_ok=True)
    (places / folder / name).write_bytes(content)


class TestFiles:
    def test_images_and_labels_are_where_keras_puts_them(self, places):
        files = small(cifar10.ARCHIVE)
        put(places, packed(files | {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}))
        (x_train, y_train), (x_test, y_test) = cifar10.load_data()
        assert (x_train.shape, y_train.shape) == ((20, 32, 32, 3), (20, 1))
        assert (x_test.shape, y_test.shape) == ((3, 32, 32, 3), (3, 1))
        assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
        assert x_train.flags.c_contiguous and x_train.flags.writeable and y_train.flags.writeable
        second = files["cifar-10-batches-bin/data_batch_2.bin"]
        assert y_train[4, 0] == second[0]
        row, column = 5, 7
        colors = [second[1 + plane * 1024 + row * 32 + column] for plane in range(3)]
        assert x_train[4, row, column].tolist() == colors

    @pytest.mark.parametrize(("mode", "position"), [("coarse", 0), ("fine", 1)])
    def test_both_labels_of_cifar_100(self, places, mode, position):
        files = small(cifar100.ARCHIVE)
        put(places, packed(files), NAME100, "data/cifar100")
        (x_train, y_train), (_, y_test) = cifar100.load_data(label_mode=mode)
        assert x_train.shape == (4, 32, 32, 3) and y_test.shape == (3, 1)
        size = 2 + cifar.PIXELS
        expected = files["cifar-100-binary/train.bin"][position::size]
        assert y_train[:, 0].tolist() == list(expected)

    def test_names_of_the_classes(self):
        assert len(set(cifar10.CLASS_NAMES)) == 10
        assert len(set(cifar100.CLASS_NAMES)) == 100 and len(set(cifar100.COARSE_CLASS_NAMES)) == 20
        assert list(cifar100.CLASS_NAMES) == sorted(cifar100.CLASS_NAMES)

    @pytest.mark.parametrize("folder", ["cifar10", "cifar10/cifar-10-batches-bin", "."])
    def test_an_unpacked_archive(self, places, folder):
        for name, content in small(cifar10.ARCHIVE).items():
            inner = name if folder == "." else f"{folder}/{name.rpartition('/')[2]}"
            (places / "data" / inner).parent.mkdir(parents=True, exist_ok=True)
            (places / "data" / inner).write_bytes(content)
        assert len(cifar10.load_data()[0][0]) == 20

    def test_the_cache_of_an_archive(self, places):
        put(places, packed(small(cifar10.ARCHIVE)), folder="cache/datasets/cifar10")
        assert len(cifar10.load_data()[1][0]) == 3

    def test_nowhere(self, places):
        with pytest.raises(DownloadError, match=f"CIFAR-10: {NAME10} is not on this") as caught:
            cifar10.load_data()
        assert f"set LAMINA_DATA={places / 'data'}" in str(caught.value)

    def test_unknown_label_mode(self):
        with pytest.raises(UnknownNameError, match="label_mode 'fin'"):
            cifar100.load_data("fin")


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not path.endswith(name)}


SMALL = small(cifar10.ARCHIVE)
TEST = "cifar-10-batches-bin/test_batch.bin"


class TestDamaged:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "truncated or damaged .tar.gz file of 0 bytes"),
            (b"<!DOCTYPE html>", r"truncated or damaged .tar.gz file of 15 bytes"),
            (packed(SMALL)[:5000], "truncated or damaged"),
            (packed(SMALL)[:-1000], "truncated or damaged"),
            (gzip.compress(b"no tar" * 1000), "truncated or damaged"),
            (packed(SMALL, "w:"), "truncated or damaged"),
            (packed(without(SMALL, "test_batch.bin")), "holds no test_batch.bin"),
            (packed({"cifar-10-batches-py/data_batch_1": b"\x80\x03}q\x00."}), "holds no data_bat"),
            (packed(SMALL | {TEST: SMALL[TEST][:-1]}), "test_batch.bin has 9,218 bytes, expected"),
            (packed(SMALL | {TEST: b""}), "test_batch.bin has 0 bytes"),
            (packed(SMALL | {TEST: b"\x0a" + SMALL[TEST][1:]}), "the label 10, expected 0 to 9"),
        ],
    )
    def test_is_refused_and_named(self, places, content, message):
        put(places, content)
        with pytest.raises(FileFormatError, match=message) as caught:
            cifar10.load_data()
        assert str(places / "data" / "cifar10" / NAME10) in caught.value.message

    def test_a_pickled_archive_is_distinguished_from_the_binary_one(self, places):
        put(places, packed({"cifar-10-batches-py/test_batch": b"\x80\x03}q\x00."}))
        with pytest.raises(FileFormatError) as caught:
            cifar10.load_data()
        assert "can run code" in caught.value.hint

    def test_nothing_is_written_or_followed(self, places):
        """Paths that climb, links and devices: only the wanted names count, and only as bytes."""
        buffer = io.BytesIO(packed(SMALL | {"../../climbed.bin": b"x", "/absolute.bin": b"x"}))
        plain = io.BytesIO(gzip.decompress(buffer.getvalue()))
        with tarfile.open(fileobj=plain, mode="a") as tar:
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
                member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
                member.type, member.linkname = kind, "/etc/passwd"
                tar.addfile(member)
        put(places, gzip.compress(plain.getvalue()))
        before = sorted(places.rglob("*"))
        assert len(cifar10.load_data()[1][0]) == 3
        assert sorted(places.rglob("*")) == before
        assert not (places.parent / "climbed.bin").exists()

    def test_a_member_that_claims_too_many_bytes_raises(self, places):
        member = tarfile.TarInfo(TEST)
        member.size = 1 << 40
        put(places, gzip.compress(member.tobuf() + b"\0" * 4096))
        with pytest.raises(FileFormatError, match="claims 1,099,511,627,776 bytes"):
            cifar10.load_data()


def test_download_is_checked(tmp_path, capsys):
    content = packed(small(cifar10.ARCHIVE))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / NAME10).write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "mirror"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        published = replace(cifar10.ARCHIVE.source, mirrors=(address,))
        digest = hashlib.sha256(content).hexdigest()
        ours = replace(published, digests={NAME10: digest})
        with settings(data=None, cache_dir=tmp_path / "cache", offline=False):
            with pytest.raises(DownloadError, match="bytes that are not this file"):
                cifar.load(replace(cifar10.ARCHIVE, source=published))
            assert not list((tmp_path / "cache").rglob("*.gz"))
            train, _ = cifar.load(replace(cifar10.ARCHIVE, source=ours))
        server.shutdown()
        thread.join()
    assert len(train[0]) == 20
    assert (tmp_path / "cache" / "datasets" / "cifar10" / NAME10).is_file()
    assert f"downloading CIFAR-10: {address}{NAME10}" in capsys.readouterr().err


@pytest.mark.network
@pytest.mark.parametrize("archive", [cifar10.ARCHIVE, cifar100.ARCHIVE])
def test_the_published_archives(archive, tmp_path, capsys):
    with settings(data=None, cache_dir=tmp_path, offline=False):
        train, test = cifar.load(archive, label=len(archive.classes) - 1)
    assert (train[0].shape, test[0].shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert set(np.bincount(train[1][:, 0])) == {50000 // archive.classes[-1]}
