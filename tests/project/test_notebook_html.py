"""HTML of tensors, models, histories and searches in notebooks: it is right and safe."""

import html.parser
import math

import numpy as np
import pytest

import lamina as lm
from lamina import notebook
from lamina.callbacks import History
from lamina.string_tensor import StringTensor
from lamina.tune import Params, Results, Trial

HOSTILE = "<script>alert('x')</script>\"&"
WITHOUT_END = {"img", "br", "circle", "polyline"}


class Page(html.parser.HTMLParser):
    """The elements and texts of a page, whose tags have to be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes, self.cells, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in WITHOUT_END:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        if tag not in WITHOUT_END:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data


def page(value):
    """The parsed page of a value, which has neither scripts nor handlers of events."""
    found = Page(value._repr_html_())
    assert not {"script", "iframe", "img", "style", "link", "a"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on") or name == "href"]
    return found


# ---- arrays ------------------------------------------------------------------------------------
def test_a_small_matrix_is_shown_whole():
    found = page(lm.asarray([[1.0, 2.5], [float("nan"), 1e9]]))
    assert "float32[2, 2]" in found.text
    assert found.cells == ["", "0", "1", "0", "1", "2.5", "1", "nan", "1e+09"]


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        (lm.asarray(2.5), ["2.5"]),
        (lm.asarray([1, 2]), ["0", "1", "1", "2"]),
        (lm.asarray([True]), ["True"]),
        (lm.zeros((0, 3)), []),
        (lm.asarray([1.5], dtype="bfloat16"), ["1.5"]),
    ],
)
def test_tensors_of_all_ranks_and_dtypes_are_shown(value, cells):
    found = page(value)
    assert found.cells == cells
    assert str(value.dtype) in found.text


def test_of_a_large_tensor_the_ends_and_the_range_are_shown():
    values = np.arange(3 * 100 * 50, dtype=np.float32).reshape(3, 100, 50)
    values[1, 0, 0] = np.inf
    found = page(lm.asarray(values))
    assert "[0, :, :]" in found.text
    assert found.cells[1:12] == ["0", "1", "2", "3", "4", "⋯", "45", "46", "47", "48", "49"]
    assert found.cells[-2:] == [f"{v:.4g}" for v in (values[0, 99, 48], values[0, 99, 49])]
    assert "min 0, mean 7500, max 1.5e+04, 1 not finite" in found.text
    assert len(lm.asarray(values)._repr_html_()) < 40_000


def test_a_traced_tensor_shows_its_type():
    seen = []

    @lm.compile
    def function(x):
        seen.append(page(x).text)
        return x

    function(lm.ones((2, 3)))
    assert seen == ["Tensor(traced, float32[2, 3])"]
    assert page(lm.Input((4,))).text == "<SymbolicTensor shape=(None, 4), dtype=float32>"


def test_a_tensor_in_a_gradient_can_be_shown():
    def loss(x):
        assert "2.5" in page(x).text
        return lm.sum(x * x)

    assert lm.grad(loss)(lm.asarray([2.5])).tolist() == [5.0]


def test_variables_and_strings_are_shown_and_escaped():
    variable = lm.Variable([1.0], name="w", trainable=False)
    assert "Variable w" in page(variable).text and "frozen" in page(variable).text
    found = page(StringTensor([["a", HOSTILE], [b"\xff", "long " * 30]]))
    assert repr(HOSTILE) in found.cells
    assert all(len(cell) < 60 for cell in found.cells)


# ---- models ------------------------------------------------------------------------------------
def test_a_model_is_shown_as_its_summary():
    model = lm.Sequential(
        [lm.Input((4,)), lm.layers.Dense(3, name="first"), lm.layers.Dense(1, name="last")],
        name="small",
    )
    model.layers[0].trainable = False
    found = page(model)
    assert found.cells[:4] == ["Layer (type)", "Output Shape", "Param #", "Trainable"]
    assert found.cells[4:] == [
        *("first (Dense)", "(None, 3)", "15", "N"),
        *("last (Dense)", "(None, 1)", "4", "Y"),
    ]
    assert "small Sequential" in found.text and "Total params: 19" in found.text


class WithOwnCall(lm.Model):
    def __init__(self):
        super().__init__()
        self.inner = lm.layers.Dense(2)

    def call(self, x):
        return self.inner(x)


def test_models_without_weights_and_without_layers_are_shown():
    assert "0 (unbuilt)" in page(WithOwnCall()).cells
    assert "Total params: 0" in page(lm.Sequential()).text


def test_names_of_layers_are_escaped():
    model = lm.Sequential([lm.Input((1,)), lm.layers.Dense(1, name="<b>&")], name="<i>")
    assert "<b>& (Dense)" in page(model).cells
    assert "<i>" in page(model).text


# ---- histories ---------------------------------------------------------------------------------
def history(**values):
    found = History()
    found.history = dict(values)
    found.epoch = list(range(max((len(v) for v in values.values()), default=0)))
    return found


def test_a_history_has_a_row_with_curves_and_the_best_epoch_for_each_metric():
    found = page(
        history(
            loss=[2.0, 1.0, 0.5],
            accuracy=[0.1, 0.5, 0.9],
            val_loss=[2.5, 1.25, 1.5],
            val_accuracy=[0.2, 0.4, 0.3],
        )
    )
    assert found.cells == [
        *("", "", "training", "validation", "best"),
        *("loss", "", "0.5", "1.5", "1.25 (epoch 2)"),
        *("accuracy", "", "0.9", "0.3", "0.4 (epoch 2)"),
    ]
    assert found.tags.count("svg") == 2 and found.tags.count("polyline") == 4


def test_the_best_epoch_has_the_number_that_fit_gave_it():
    found = history(val_loss=[2.0, 1.0])
    found.epoch = [10, 11]
    assert page(found).cells[-1] == "1 (epoch 12)"


def test_a_history_without_validation_without_epochs_and_with_several_numbers_a_metric():
    assert page(history(loss=[1.0, 0.5])).cells == ["", "", "training", "loss", "", "0.5"]
    assert "0 epochs" in page(history()).text
    assert page(history(loss=[1.0], recall=[[0.1, 0.2]])).cells[3:] == ["loss", "", "1"]
    assert HOSTILE in page(history(**{HOSTILE: [1.0, 2.0]})).cells


def test_curves_skip_what_is_not_finite_and_long_ones_are_thinned():
    broken = notebook.curves([1.0, math.nan, 2.0, 3.0], [math.inf])
    assert broken.count("<circle") == 1 and broken.count("<polyline") == 1
    assert "nan" not in broken and "inf" not in broken
    long = notebook.curves(list(range(10_000)), [])
    assert len(long) < 6000
    assert f'{notebook.WIDTH - 3}.0,3.0"' in long  # the last value


def test_the_history_that_fit_returns_is_shown():
    model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    found = model.fit(np.ones((4, 2), "f"), np.ones((4, 1), "f"), epochs=2, verbose=0)
    assert "2 epochs" in page(found).text


# ---- searches ----------------------------------------------------------------------------------
def test_trials_are_shown_and_messages_of_failed_ones_are_escaped():
    good = Trial(0, Params(rate=0.1), 0, 1, 0.5, [{"loss": [0.5]}], "complete")
    bad = Trial(1, Params(rate=0.2), 0, 0, None, [], "failed", HOSTILE)
    found = page(Results([good, bad], "loss", True))
    assert found.cells[:8] == ["trial", "rate", "epochs", "loss", "0", "0.1", "1", "0.5"]
    assert HOSTILE in found.cells
