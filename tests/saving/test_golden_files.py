"""Files that earlier versions wrote are read by this one: see tools/write_golden_files.py."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.errors import FileFormatError
from lamina.saving import container

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import write_golden_files as golden

VERSIONS = sorted(path.name for path in golden.GOLDEN.iterdir() if path.is_dir())


def expected(version):
    return json.loads((golden.GOLDEN / version / "expected.json").read_text())


def test_there_are_files_of_the_current_version():
    kinds = {path.name for path in (golden.GOLDEN / str(container.VERSION)).iterdir()}
    assert kinds == {"expected.json", "model", "model.lamina", "run", "weights.safetensors"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ["model.lamina", "model"])
def test_a_model_of_every_version_is_read(version, form):
    x, y = golden.data()
    wanted = expected(version)["model"]
    model = lm.load_model(golden.GOLDEN / version / form)
    assert golden.digest(model) == wanted["digest"]
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted["outputs"], atol=1e-5)
    assert model.optimizer.weight_decay == golden.model().optimizer.weight_decay
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


@pytest.mark.parametrize("version", VERSIONS)
def test_weights_of_every_version_are_read(version):
    x, _ = golden.data()
    wanted = expected(version)["model"]
    for name in ("weights.safetensors", "model.lamina", "model"):
        model = golden.model()
        model.load_weights(golden.GOLDEN / version / name)
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted["outputs"], atol=1e-5)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_training_of_every_version_is_continued(version, tmp_path):
    x, y = golden.data()
    wanted = expected(version)["run"]
    shutil.copytree(golden.GOLDEN / version / "run", tmp_path / "run")
    model = lm.resume(tmp_path / "run", x, y, verbose=0)
    assert golden.digest(model) == wanted["digest"]
    assert model.history.history == wanted["history"]
    model = lm.resume(tmp_path / "run", x, y, epochs=4, verbose=0)
    assert model.history.epoch == [0, 1, 2, 3]
    assert {name: values[:2] for name, values in model.history.history.items()} == wanted["history"]


def test_a_later_version_is_refused_with_its_number(tmp_path):
    shutil.copytree(golden.GOLDEN / VERSIONS[-1] / "model", tmp_path / "m")
    path = tmp_path / "m" / container.MANIFEST
    text = path.read_text()
    path.write_text(text.replace(f'"version": {container.VERSION}', '"version": 99'))
    with pytest.raises(FileFormatError, match=r"has version 99.*\n.*install that, or a newer one"):
        lm.load_model(tmp_path / "m")
