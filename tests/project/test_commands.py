"""The commands on trainings and models: recipes, runs, predictions, files."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina.cli import main

RECIPE = """
[data]
csv = "points.csv"
target = "side"

[[layers]]
type = "Dense"
units = {units}
activation = "relu"
[[layers]]
type = "Dense"
units = 2
activation = "softmax"

[compile]
optimizer = {{type = "Adam", learning_rate = 0.05}}
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
epochs = 4
validation_split = 0.2
seed = 1
"""
SPACE = """
[space]
units = [2, 8]

[tune]
method = "grid"
epochs = 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a table and recipes."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(100, 3))
    rows = [f"{a},{b},{c},{'left' if a + b < 0 else 'right'}" for a, b, c in x]
    (tmp_path / "points.csv").write_text("\n".join(["a,b,c,side", *rows]))
    (tmp_path / "new.csv").write_text("a,b,c\n-2,-2,0\n2,2,0\n")
    (tmp_path / "points.toml").write_text(RECIPE.format(units=8))
    (tmp_path / "search.toml").write_text(RECIPE.format(units='"$units"') + SPACE)
    return tmp_path


def result(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_recipe_is_trained_evaluated_and_used(capsys):
    found = result(capsys, "train", "points.toml", "--epochs", "20")
    assert found["epochs"] == 20 and found["val_accuracy"] > 0.8
    scores = result(capsys, "evaluate", found["model"], "points.csv", "--target", "side")
    assert scores["accuracy"] > 0.9
    (left, right) = result(capsys, "predict", found["model"], "new.csv")["new.csv"]
    assert max(left, key=left.get) == "0" and max(right, key=right.get) == "1"


def test_a_training_is_resumed_with_the_same_bits(capsys, folder):
    whole = result(capsys, "train", "points.toml", "--out", "whole")
    result(capsys, "train", "points.toml", "--out", "parts", "--epochs", "2")
    assert {**result(capsys, "resume", "parts"), "model": ""} == {**whole, "model": ""}
    one, other = (lm.load_model(folder / name / "model.lamina") for name in ("whole", "parts"))
    for a, b in zip(one.weights, other.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


def test_a_search_finds_the_best_of_a_space(capsys):
    found = result(capsys, "tune", "search.toml")
    assert found["params.units"] in (2, 8)
    assert lm.load_model(found["model"]).count_params() > 0


def test_files_are_inspected_without_executing_them(capsys, folder):
    model = result(capsys, "train", "points.toml")["model"]
    assert result(capsys, "inspect", model)["parameters"] == 3 * 8 + 8 + 8 * 2 + 2
    assert result(capsys, "inspect", "points")["epochs"] == 4
    state = next((folder / "points" / "states").glob("state-*.state"))
    assert result(capsys, "inspect", str(state))["epoch"] == 4
    (folder / "bad.lamina").write_bytes(b"\x80\x04 a pickle")
    assert main(["inspect", "bad.lamina"]) == 1
    assert "never read" in capsys.readouterr().err


def test_curves_are_drawn_and_times_measured(capsys, folder):
    pytest.importorskip("matplotlib")
    model = result(capsys, "train", "points.toml")["model"]
    result(capsys, "plot", "points", "--out", "curves.png")
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    found = result(capsys, "bench", model, "--batch", "4")
    assert found["predict_ms"] > 0 and found["train_ms"] > 0


def test_a_program_gets_its_arguments(capsys, folder):
    (folder / "program.py").write_text("import sys\nprint('got', sys.argv[1:], __name__)\n")
    assert main(["train", "program.py", "a", "b"]) == 0
    assert "got ['a', 'b'] __main__" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("[fit]", "[fitt]"), "did you mean 'fit'"),
        (("epochs = 4", "epoch = 4"), "did you mean 'epochs'"),
        (('type = "Dense"', 'type = "Desne"'), "did you mean 'Dense'"),
        (('csv = "points.csv"', 'csv = "pionts.csv"'), "pionts.csv"),
        (('target = "side"', 'target = "sight"'), "no column 'sight'"),
        (("[data]", "[data"), "is not TOML"),
        (("[compile]", "[space]"), "section [compile] is missing"),
    ],
)
def test_mistakes_in_a_recipe_are_named(change, text, capsys, folder):
    path = folder / "wrong.toml"
    path.write_text((folder / "points.toml").read_text().replace(*change, 1))
    assert main(["train", "wrong.toml"]) == 1
    assert text in capsys.readouterr().err


def test_another_recipe_does_not_overwrite_a_run(capsys, folder):
    result(capsys, "train", "points.toml", "--out", "run")
    (folder / "points.toml").write_text(RECIPE.format(units=9))
    assert main(["train", "points.toml", "--out", "run"]) == 1
    assert "another recipe" in capsys.readouterr().err
