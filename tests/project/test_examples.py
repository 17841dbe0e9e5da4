"""The examples, the README and the page on training: every line of code in them runs."""

import itertools
import re
import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from paths import ROOT

EXAMPLES = ROOT / "examples"
PAGES = ["README.md", "docs/training.md"]
TRAIN, TEST = 1200, 360  # rows of the small MNIST, of tests/project/conftest.py

ACCURACY = {  # after a number of epochs on the small MNIST
    "mnist_softmax_regression": (8, 0.8),
    "mnist_mlp": (3, 0.85),
    "mnist_mlp_one_hot": (3, 0.85),
    "lenet5": (6, 0.85),
    "mnist_convnet": (2, 0.9),
    "mnist_by_rows": (12, 0.8),
}

CONVOLUTIONAL = {"convolution_by_hand", "shallow_vggnet", "resnet"}
TEXTS = {"text_classification", "word_language_model"}  # in test_text_examples.py
VISION = {  # in test_vision_examples.py
    "detection_bccd",
    "segmentation_em",
    "imagenet",
    "fine_tuning",
}
SEQUENCES = {  # in test_sequence_examples.py
    "vanishing_gradient",
    "sine_waves",
    "dates_with_attention",
}


@pytest.fixture(autouse=True)
def place(monkeypatch, small_mnist, tmp_path):
    monkeypatch.setenv("LAMINA_DATA", str(small_mnist))
    monkeypatch.setenv("LAMINA_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def test_every_example_is_tested():
    tested = {*ACCURACY, "lecture_mnist", "alvinn", *CONVOLUTIONAL, *SEQUENCES, *VISION}
    tested |= {"character_language_model", "tensor_parallel_transformer", *TEXTS}
    tested |= {"regularization", "batch_sizes"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


@pytest.mark.parametrize("name", ACCURACY)
def test_example_on_a_small_mnist(name, capsys):
    epochs, least = ACCURACY[name]
    accuracy = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](epochs)
    assert accuracy > least
    assert f"Epoch {epochs}/{epochs}" in capsys.readouterr().out


def test_the_convolution_by_hand(capsys):
    runpy.run_path(str(EXAMPLES / "convolution_by_hand.py"))["main"]()
    assert "      10    7    4\n      27   24   21\n" in capsys.readouterr().out


def test_shallow_vggnet_reads_digits(capsys):
    names = runpy.run_path(str(EXAMPLES / "shallow_vggnet.py"))
    assert names["main"](epochs=9) > 0.93
    names["ShallowVGGNet"].build(32, 32, 3, 10).summary()
    printed = capsys.readouterr().out
    assert "2,171,178" in printed  # as Keras counts them, of which
    assert "2,169,770" in printed  # trainable and
    assert "1,408" in printed  # not


def test_shallow_vggnet_reads_folders_of_photographs_and_draws(tmp_path):
    image = pytest.importorskip("PIL.Image")
    names = runpy.run_path(str(EXAMPLES / "shallow_vggnet.py"))
    for part, kind, number in itertools.product(("train", "test"), ("green", "red"), range(50)):
        folder = tmp_path / "photographs" / part / kind
        folder.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(number).integers(0, 200, (32, 32, 3), np.uint8)
        picture[..., 0 if kind == "red" else 1] += 55
        image.fromarray(picture).save(folder / f"{number}.png")
    (x, y), (x_test, _), found = names["images"](f"{tmp_path}/photographs")
    assert x.shape == x_test.shape == (100, 32, 32, 3)
    assert found == ["green", "red"] and np.bincount(y).tolist() == [50, 50]
    names["main"](1, f"{tmp_path}/photographs", 32, folder=str(tmp_path / "drawn"))
    drawn = {path.stem.removeprefix("shallow_vggnet_") for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {"shallow_vggnet", "filters", "maps", "layers", "confusion"}


def test_resnet_18_has_its_weights_and_reads_digits():
    names = runpy.run_path(str(EXAMPLES / "resnet.py"))
    counts = [sum(v.size for v in names["resnet"]().trainable_weights)]
    counts += [sum(v.size for v in names["resnet"](blocks=(3, 4, 6, 3)).trainable_weights)]
    assert counts == [11_173_962, 21_282_122]
    assert names["main"](epochs=6) > 0.88


def test_characters_are_learned(tmp_path, capsys):
    names = runpy.run_path(str(EXAMPLES / "character_language_model.py"))
    corpus = lm.data.CharacterCorpus("the cat sat on the mat, and that was that.\n" * 200)
    small = {"transformer": {"width": 32, "blocks": 1}, "lstm": {"width": 16, "units": 64}}
    for name, (make, _) in names["MODELS"].items():
        names["MODELS"][name] = (partial(make, **small[name]), 0.01)
    found = names["main"](steps=60, corpus=corpus, path="characters.png")
    assert max(found.values()) < 1.8  # of log2(15) = 3.9 knowing nothing
    assert set(found) == {"lstm", "transformer"}
    assert (tmp_path / "characters.png").stat().st_size > 10_000
    assert "us a character in the first half" in capsys.readouterr().out


def test_regularization_closes_the_gap(capsys):
    names = runpy.run_path(str(EXAMPLES / "regularization.py"))
    found = names["main"](12, 300, (0,), "gaps.png", "sizes.png", (1, 64))
    printed = capsys.readouterr().out
    assert "near 0" in printed and "    64 " in printed
    gaps = {name: r.mean("train", 1) - r.mean("test", 1) for name, r in found.items()}
    assert gaps["none (large network)"] > gaps["augmentation, dropout"]
    zeros = {name: r.zeros[0] for name, r in found.items()}
    assert zeros["L1 penalty"] > 5 * zeros["none (large network)"]
    assert len(found["none (large network)"].histories[0]["val_loss"]) == 12
    assert all(Path(f"{name}.png").stat().st_size > 10_000 for name in ("gaps", "sizes"))


def test_batch_sizes_are_compared_at_all_rates(capsys):
    names = runpy.run_path(str(EXAMPLES / "batch_sizes.py"))
    names["main"].__globals__.update(SIZES=(16, 32, 64), RATES=(0.05, 0.1, 0.2))
    found, equal, seconds = names["main"](2, 600, (0,), "sizes.png")
    assert found.shape == (3, 3, 1) and (seconds > 0).all()
    assert found[0, 1] > found[2, 1] - 0.05  # more steps with the same rate
    np.testing.assert_array_equal(names["along"](found, "linear"), found[range(3), range(3)])
    np.testing.assert_array_equal(names["along"](found, "constant"), found[:, 1])
    np.testing.assert_array_equal(equal[:2], names["along"](found, "best")[:2])
    assert "best rate, equal steps" in capsys.readouterr().out
    assert Path("sizes.png").stat().st_size > 10_000


def test_alvinn_learns_to_steer(capsys, tmp_path):
    names = runpy.run_path(str(EXAMPLES / "alvinn.py"))
    error = names["main"](count=1000, epochs=15, path="roads.png")
    assert error < 0.15  # always straight on has an error of 0.33
    assert (tmp_path / "roads.png").stat().st_size > 10_000
    assert names["network"]().count_params() == 960 * 4 + 4 + 4 * 30 + 30


def test_the_output_hill_of_alvinn_gives_the_steering_direction():
    names = runpy.run_path(str(EXAMPLES / "alvinn.py"))
    steering = np.linspace(-0.8, 0.8, 9)
    found = names["steering_of"](names["hills"](steering))
    np.testing.assert_allclose(found, steering, atol=0.03)


def small(text):
    """The lecture's program with the numbers of the small MNIST."""
    return text.replace("60000", str(TRAIN)).replace("10000", str(TEST))


def test_the_lecture_as_printed(capsys):
    text = (EXAMPLES / "lecture_mnist.py").read_text(encoding="utf-8")
    names: dict = {}
    exec(compile(small(text), "lecture_mnist.py", "exec"), names)
    _, accuracy = names["results"]
    assert accuracy > 0.85
    names["model"].summary()
    assert "401,920" in capsys.readouterr().out


def test_the_readme_shows_the_lecture_program():
    blocks = code(ROOT / "README.md")
    program = (EXAMPLES / "lecture_mnist.py").read_text(encoding="utf-8")
    assert any(block in program.replace("# fmt: off\n", "") + "\n" for block in blocks)


def code(path):
    """The blocks of Python in a page."""
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_code_in_pages_runs(page, capsys):
    blocks = code(ROOT / page)
    assert blocks
    names: dict = {"__name__": "page"}
    for block in blocks:
        exec(compile(small(block), page, "exec"), names)


@pytest.mark.slow
@pytest.mark.network
def test_the_lecture_reaches_its_accuracy(monkeypatch):
    """On the real MNIST, wherever it is had from."""
    monkeypatch.undo()
    text = (EXAMPLES / "lecture_mnist.py").read_text(encoding="utf-8")
    names: dict = {}
    exec(compile(text, "lecture_mnist.py", "exec"), names)
    assert names["results"][1] >= 0.975
