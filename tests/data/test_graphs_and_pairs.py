"""Cora, Multi30k and SICK: what their loaders return, and damaged files."""

import gzip

import numpy as np
import pytest

import lamina as lm
from example_data import write_cora, write_multi30k, write_sick
from lamina.errors import DownloadError, FileFormatError, UnknownNameError

datasets = lm.datasets


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LAMINA_DATA", str(tmp_path))
    monkeypatch.setenv("LAMINA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("LAMINA_OFFLINE", "1")
    return tmp_path


@pytest.mark.parametrize(
    ("module", "file"),
    [(datasets.cora, "cora.npz"), (datasets.multi30k, "train.de"), (datasets.sick, "SICK_train")],
)
def test_a_set_that_is_nowhere_is_named_with_the_places(module, file, folder):
    with pytest.raises(DownloadError, match=file) as caught:
        module.load_data()
    assert str(folder) in str(caught.value)


def test_cora_has_features_labels_edges_and_a_split(folder):
    write_cora(folder / "graph")
    graph = datasets.cora.load_data()
    assert graph.features.shape == (280, 70) and graph.features.dtype == np.float32
    assert (graph.features.sum(axis=1) == 8).all()
    assert graph.labels.shape == (280,) and graph.edges.shape[1] == 2
    assert [len(part) for part in (graph.train, graph.validation, graph.test)] == [70, 70, 140]


@pytest.mark.parametrize("name", ["edges", "feature_indices", "test_index", "feature_indptr"])
def test_numbers_out_of_range_in_cora_are_an_error(name, folder):
    write_cora(folder / "cora")
    path = folder / "cora" / "cora.npz"
    with np.load(path) as arrays:
        found = dict(arrays)
    found[name] = found[name].copy()
    found[name].ravel()[-1] = 99_999
    np.savez(path, **found)
    with pytest.raises(FileFormatError, match=r"cora\.npz"):
        datasets.cora.load_data()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut"])
def test_a_damaged_cora_is_an_error_with_its_path(content, folder):
    (folder / "cora").mkdir()
    (folder / "cora" / "cora.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"cora\.npz"):
        datasets.cora.load_data()


def test_multi30k_has_pairs_of_sentences(folder):
    write_multi30k(folder / "text" / "multi30k")
    german, english = datasets.multi30k.load_data("test")
    assert len(german) == len(english) == 30
    assert german[0].split()[0] == english[0].split()[0] + "en"
    with pytest.raises(UnknownNameError, match="validation"):
        datasets.multi30k.load_data("val")


def test_unequal_or_damaged_files_of_multi30k_are_an_error(folder):
    write_multi30k(folder / "multi30k")
    path = folder / "multi30k" / "val.en.gz"
    path.write_bytes(gzip.compress(b"one line\n"))
    with pytest.raises(FileFormatError, match="expected 30, got 1"):
        datasets.multi30k.load_data("validation")
    path.write_bytes(path.read_bytes()[:12])
    with pytest.raises(FileFormatError, match=r"val\.en\.gz"):
        datasets.multi30k.load_data("validation")


def test_sick_has_pairs_labels_and_relatedness(folder):
    write_sick(folder)
    pairs = datasets.sick.load_data("validation")
    assert len(pairs.premises) == len(pairs.hypotheses) == 30
    assert pairs.labels[:3].tolist() == [0, 1, 2] and (pairs.relatedness == 3).all()
    assert pairs.premises[1] == pairs.hypotheses[1]


def test_a_row_of_sick_without_a_known_label_is_an_error_with_its_line(folder):
    write_sick(folder)
    path = folder / "text" / "sick" / "SICK_test.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4].replace("ENTAILMENT", "PERHAPS").replace("NEUTRAL", "PERHAPS")
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(FileFormatError, match="line 5: expected sentence_A"):
        datasets.sick.load_data("test")
