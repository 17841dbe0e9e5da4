"""The table of a model: shapes, counts, totals; as text and in a terminal."""

import numpy as np
import pytest

from lamina import layers as L
from lamina.errors import UnknownNameError
from lamina.models import Model, Sequential
from lamina.models.summary import size_text


def text_of(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    assert len(lines) == 1
    return lines[0]


def test_the_lectures_network():
    model = Sequential([
        L.Dense(512, activation="relu", input_shape=(784,)),
        L.Dense(10, activation="softmax"),
    ])  # fmt: skip
    assert text_of(model).splitlines() == [
        'Model: "sequential"',
        "-" * 65,
        "Layer (type)                  Output Shape                Param #",
        "-" * 65,
        "dense (Dense)                 (None, 512)                 401,920",
        "dense_1 (Dense)               (None, 10)                    5,130",
        "-" * 65,
        "Total params: 407,050 (1.55 MB)",
        "Trainable params: 407,050 (1.55 MB)",
        "Non-trainable params: 0 (0.00 B)",
    ]


def test_print_is_the_default(capsys):
    model = Sequential([L.Flatten(input_shape=(28, 28))])
    model.summary()
    assert "flatten (Flatten)" in capsys.readouterr().out


def test_frozen_and_nested_layers():
    inner = Sequential([L.Dense(4, input_shape=(8,)), L.ReLU()], name="inner")
    inner.trainable = False
    model = Sequential([inner, L.Dense(2)])
    text = text_of(model, expand_nested=True, show_trainable=True)
    assert "  dense (Dense)" in text and "Non-trainable params: 36" in text
    assert "Trainable params: 10 " in text
    rows = {line.split()[0]: line.split()[-1] for line in text.splitlines() if "(" in line}
    assert rows["inner"] == "N" and rows["dense"] in ("N", "Y")


def test_graphs_say_what_is_connected_to_what():
    a, b = L.Input((3,), name="a"), L.Input((3,), name="b")
    model = Model([a, b], L.Dense(2)(L.Concatenate()([L.ReLU()(a), b * 2.0])))
    text = text_of(model)
    assert "Connected to" in text
    (line,) = [line for line in text.splitlines() if line.startswith("concatenate")]
    assert line.endswith("re_lu, b")


def test_outputs_of_several_tensors_and_layers_not_called_yet():
    class Pair(L.Layer):
        def call(self, inputs):
            return {"one": inputs, "two": inputs[:, :1]}

    class Unused(Model):
        def __init__(self):
            super().__init__()
            self.pair, self.never = Pair(), L.Dense(3)

        def call(self, inputs):
            return self.pair(inputs)["two"]

    model = Unused()
    model(np.ones((2, 3)))
    text = text_of(model)
    assert "(None, 3), (None, 1)" in text
    assert "?" in text


def test_a_range_of_layers():
    model = Sequential([L.Dense(4, input_shape=(8,)), L.ReLU(), L.Dense(2), L.Softmax()])
    text = text_of(model, layer_range=("re_lu", "dense_1"))
    assert "re_lu" in text and "dense_1" in text
    assert "dense (" not in text and "softmax" not in text
    with pytest.raises(UnknownNameError, match="'relu'"):
        text_of(model, layer_range=("relu", "dense_1"))


def test_a_box_in_a_terminal(capsys, monkeypatch):
    pytest.importorskip("rich")
    model = Sequential([L.Dense(512, input_shape=(784,), name="with[brackets]")])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    model.summary()
    shown = capsys.readouterr().out
    assert "┃" in shown and "401,920" in shown and "with[brackets]" in shown


def test_sizes():
    assert [size_text(n) for n in (0, 1023, 1024, 1_628_200)] == [
        "0.00 B",
        "1023.00 B",
        "1.00 KB",
        "1.55 MB",
    ]


def test_a_model_that_is_not_built_yet():
    inner = L.Dense(3)
    inner.build((None, 2))
    text = text_of(Sequential([inner, L.Dense(2)], name="later"))
    assert "dense_1 (Dense)" in text and text.count("0 (unbuilt)") == 1
    assert "Total params: 9 (36.00 B)" in text
    assert text.splitlines()[-2].startswith("Not built: ") and "later.build(" in text


@pytest.mark.parametrize("columns", [80, 100])
def test_a_table_fits_into_the_terminal_and_breaks_names_at_underscores(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    image = L.Input((224, 224, 3), name="image_of_the_patient_in_color")
    x = L.Conv2D(64, 7, name="stage_1_convolution_with_a_long_name")(image)
    y = L.Conv2D(64, 1, name="stage_1_shortcut")(x)
    model = Model(image, L.Add(name="stage_1_residual_addition")([x, y]))
    lines = text_of(model).splitlines()
    assert max(map(len, lines)) <= columns
    whole = "".join(line.split("  ")[0].strip() for line in lines)
    assert "stage_1_convolution_with_a_long_name" in whole.replace(" ", "")
