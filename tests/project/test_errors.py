"""The family of exceptions: what they derive from, what they say, and how they survive a trip."""

import inspect
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import lamina as lm
from lamina import errors
from lamina.errors import LaminaError, MissingExtraError, UnknownNameError

FAMILY = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, LaminaError)
]
EXPECTED_BASES = {
    "ShapeError": ValueError,
    "DTypeError": TypeError,
    "RangeError": ValueError,
    "OutOfBoundsError": IndexError,
    "ArgumentError": ValueError,
    "DataError": ValueError,
    "TracedValueError": TypeError,
    "GradientError": ValueError,
    "NotBuiltError": ValueError,
    "StateError": RuntimeError,
    "UnknownNameError": ValueError,
    "SettingError": ValueError,
    "FileFormatError": ValueError,
    "DownloadError": OSError,
    "CacheError": OSError,
    "MissingExtraError": ImportError,
    "EngineError": RuntimeError,
    "CompileError": RuntimeError,
}


@pytest.mark.parametrize("name", EXPECTED_BASES)
def test_numpy_users_catch_what_they_expect(name):
    with pytest.raises(EXPECTED_BASES[name], match="what happened"):
        raise getattr(errors, name)("what happened")


def test_an_axis_out_of_range_is_an_index_error_and_a_value_error():
    for base in (IndexError, ValueError):
        with pytest.raises(base, match="sum: axis 2 is out of bounds"):
            lm.sum(lm.ones((2, 3)), axis=2)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
class TestEachError:
    def test_explains_itself(self, kind):
        text = inspect.getdoc(kind)
        assert kind is LaminaError or "Cause" in text or "Fix:" in text

    def test_shows_the_hint_on_its_own_line(self, kind):
        error = kind("what happened", hint="what to do")
        assert str(error) == "what happened\n  hint: what to do"
        assert (error.message, error.hint) == ("what happened", "what to do")

    def test_needs_no_hint(self, kind):
        assert str(kind("what happened")) == "what happened"

    def test_crosses_a_process_boundary(self, kind):
        error = pickle.loads(pickle.dumps(kind("what happened", hint="what to do")))
        assert type(error) is kind
        assert str(error) == "what happened\n  hint: what to do"


def test_a_message_stays_on_one_screen():
    text = str(errors.ShapeError("\n".join(map(str, range(1000))), hint="look here"))
    assert len(text.splitlines()) < 30
    assert "more lines" in text
    assert text.endswith("hint: look here")
    assert len(str(errors.ShapeError("x" * 100_000))) < 2200


class TestUnknownName:
    def test_names_the_nearest(self):
        error = errors.unknown_name("optimizer", "adm", ["adam", "sgd", "Adamax"])
        assert isinstance(error, UnknownNameError)
        assert error.message == "unknown optimizer 'adm'"
        assert error.hint.startswith("did you mean 'adam'")
        assert "Known: 'Adamax', 'adam', 'sgd'" in error.hint

    def test_does_not_mind_capitals(self):
        hint = errors.unknown_name("loss", "meansquarederror", ["MeanSquaredError"]).hint
        assert "did you mean 'MeanSquaredError'?" in hint

    def test_does_not_guess_wildly(self):
        assert errors.unknown_name("loss", "zzz", ["hinge"]).hint == "Known: 'hinge'"

    def test_shortens_long_lists_and_odd_names(self):
        error = errors.unknown_name("layer", 3.5, [f"layer{i}" for i in range(100)])
        assert "unknown layer 3.5" in str(error)
        assert "and 60 more" in error.hint


class TestNeedExtra:
    def test_gives_the_module(self):
        assert errors.need_extra("json.decoder", "plot", "a test").__name__ == "json.decoder"

    def test_names_the_line_to_type(self):
        with pytest.raises(MissingExtraError, match="an image needs no_such_thing") as caught:
            errors.need_extra("no_such_thing.part", "plot", "an image")
        assert caught.value.hint == "pip install matplotlib pillow"

    def test_need_extra_does_not_change_other_failures(self, tmp_path, monkeypatch):
        (tmp_path / "there_but_broken.py").write_text("import missing_dependency_of_it\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ModuleNotFoundError, match="missing_dependency_of_it") as caught:
            errors.need_extra("there_but_broken", "plot", "an image")
        assert not isinstance(caught.value, LaminaError)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((2, 3), np.float32), "float32 array of shape (2, 3)"),
        (np.zeros(4, np.int8), "int8 array of shape (4,)"),
        (np.float32(1.5), "np.float32(1.5)"),
        (np.array(3), "array(3)"),
        ("n/a", "'n/a'"),
        (None, "None"),
        ("x" * 500, "'" + "x" * 76 + "..."),
    ],
)
def test_describe(value, text):
    assert errors.describe(value) == text


def test_warnings_name_the_users_line():
    """Whatever was in between: the file that is named is the one that called Lamina."""
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(1,))])
    model.compile(lm.optimizers.SGD(1e30), "mse")
    x = np.ones((4, 1), "float32")
    with pytest.warns(UserWarning, match="smaller learning rate") as caught:
        model.fit(x, x, epochs=2, verbose=0)
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_message_on_a_terminal_breaks_between_words(columns, monkeypatch):
    message = "fit: " + " ".join(f"word{k}" for k in range(60)) + "\n  column 'a' " + "holds " * 30
    error = errors.ShapeError(message, hint="a_name_that_is_longer_than_a_line_" * 3 + " and more")
    plain = str(error)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True))
    shown = f"lamina.errors.ShapeError: {error}"
    assert shown.split()[1:] == plain.split()
    lines = shown.splitlines()
    assert all(len(line) < columns for line in lines if "longer" not in line)
    assert str(errors.ShapeError("short")) == "short"
    monkeypatch.setattr(sys, "stderr", None)
    assert str(error) == plain
