"""Data files that are damaged are refused with one error that names the file."""

import gzip
import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
import mutations
import vision_files
from lamina.data import corpora
from lamina.data.markup import parsed
from lamina.data.mat_files import synsets_of
from lamina.datasets.idx import read_idx
from lamina.errors import FileFormatError, LaminaError

IDX = b"\0\0\x08\x02" + bytes([0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(12))


def zipped_texts():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(3):
            for name in "ab":
                archive.writestr(f"texts/{name}/{k}.txt", f"text {k} ä")
    return buffer.getvalue()


def texts(path):
    data = lm.keras.utils.text_dataset_from_directory(path, verbose=False, shuffle=False)
    return [len(batch[0]) for batch in data]


def annotated(path):
    """Read an XML file of boxes."""
    return parsed(Path(path).read_bytes(), path)


def synsets(path):
    return synsets_of(Path(path).read_bytes(), path)


def meta_mat():
    io_ = pytest.importorskip("scipy.io")
    buffer = io.BytesIO()
    kinds = [("ILSVRC2012_ID", "f8"), ("WNID", "O"), ("words", "O")]
    rows = [(k, f"n{k:08}", "word " * k) for k in range(1, 4)]
    io_.savemat(buffer, {"synsets": np.array(rows, dtype=kinds).reshape(-1, 1)})
    return buffer.getvalue()


READERS = {
    "xml": ("x.xml", vision_files.annotation([(1, 2, 3, 4)] * 3, "abc"), annotated),
    "mat": ("x.mat", meta_mat(), synsets),
    "idx": ("x.idx", IDX, lambda path: read_idx(Path(path))),
    "gzipped idx": ("x.gz", gzip.compress(IDX), lambda path: read_idx(Path(path))),
    "zipped texts": ("x.zip", zipped_texts(), texts),
    "text": ("x.txt", "some wörds".encode(), lambda path: corpora.read_text(Path(path), "text")),
    "strings": (
        "x.txt", "a\nb\nwörd\n".encode(), lambda path: lm.layers.StringLookup(vocabulary=path)
    ),
    "integers": ("x.txt", b"12\n34\n5\n", lambda path: lm.layers.IntegerLookup(vocabulary=path)),
}  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
def test_damaged_data_files_are_read_or_refused_by_name(kind, tmp_path):
    name, content, read = READERS[kind]
    path, chance, refused = tmp_path / name, random.Random(5), 0
    path.write_bytes(content)
    read(str(path))
    for k in range(60):
        change = chance.choice(mutations.DAMAGE)
        path.write_bytes(change(content, chance))
        try:
            read(str(path))
        except LaminaError as error:
            refused += 1
            assert str(path) in str(error), (change, k)
    assert refused > 5


def test_a_header_that_claims_more_than_the_file_holds_allocates_nothing(tmp_path):
    claim = b"\0\0\x08\x02" + b"\0\1\0\0" * 2  # 4 GB
    for name, content in (("x.idx", claim), ("x.gz", gzip.compress(claim))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileFormatError, match="claims an array of shape"):
            read_idx(tmp_path / name)
