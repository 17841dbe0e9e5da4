"""Mistakes in arguments that would otherwise compute something else: each is a clear error."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina import layers as L
from lamina import metrics as M
from lamina.errors import ArgumentError, DTypeError, LaminaError, RangeError, ShapeError

IMAGE = np.ones((1, 2, 2, 4), "float32")
X = np.ones((2, 3, 4), "float32")
ONES = np.ones(3, "float32")


def frozen_by_word():
    L.Dense(1).trainable = "no"


# ---- (what is done, the class of the error, part of its message) --------------------------------
MISTAKES = {
    "trainable of a layer": (
        lambda: L.Dense(1, trainable="yes"),
        RangeError,
        r"Dense: invalid trainable \(expected True or False, got 'yes'\)",
    ),
    "trainable set": (frozen_by_word, RangeError, "expected True or False, got 'no'"),
    "trainable of a variable": (
        lambda: lm.Variable(ONES, trainable="no"),
        RangeError,
        "Variable: invalid trainable",
    ),
    "Input with two batches": (
        lambda: lm.Input(batch_size=2, batch_shape=(3, 4)),
        ArgumentError,
        "Input: got both batch_shape and batch_size",
    ),
    "layer with two batches": (
        lambda: L.Dense(1, batch_size=2, batch_input_shape=(3, 4)),
        ArgumentError,
        "Dense: got both batch_input_shape and batch_size",
    ),
    "layer with two shapes": (
        lambda: L.Dense(1, input_shape=(2,), batch_shape=(3, 4)),
        ArgumentError,
        "Dense: got both batch_shape and input_shape",
    ),
    "layer with one shape twice": (
        lambda: L.Dense(1, batch_input_shape=(3, 4), batch_shape=(3, 4)),
        ArgumentError,
        "Dense: got both batch_shape and batch_input_shape",
    ),
    "depth_to_space": (
        lambda: lm.nn.depth_to_space(IMAGE, 1),
        RangeError,
        r"depth_to_space: invalid block_size \(expected an integer of at least 2, got 1\)",
    ),
    "space_to_depth": (lambda: lm.nn.space_to_depth(IMAGE, 1), RangeError, "block_size"),
    "pad of another mode": (
        lambda: lm.pad(IMAGE, 1, mode="symmetric", constant_values=1),
        ArgumentError,
        "pad: constant_values=1 has no meaning with mode='symmetric'",
    ),
    "integers of uniform": (
        lambda: keras.random.uniform((2,), dtype="int32"),
        DTypeError,
        "uniform: expected a floating dtype, got 'int32'",
    ),
    "floats of randint": (
        lambda: lm.random.randint((2,), 0, 5, dtype="float32"),
        DTypeError,
        "randint: expected an integer dtype, got float32",
    ),
    "bools of randint": (
        lambda: keras.random.randint((2,), 0, 2, dtype="bool"),
        DTypeError,
        "randint: expected an integer dtype, got bool",
    ),
    "class_id of one axis": (
        lambda: M.Precision(class_id=0).update_state(ONES, ONES),
        ShapeError,
        r"expected predictions \(samples, classes\) with class_id=0",
    ),
    "class_id at a recall": (
        lambda: M.PrecisionAtRecall(0.5, class_id=0).update_state(ONES, ONES),
        ShapeError,
        r"expected predictions \(samples, classes\) with class_id=0",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_would_compute_something_else_raises(name):
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        mistake()


@pytest.mark.parametrize("shape", [3, "abc", (2, -1, 4), (0, 1, 1), (2, 1.5, 4), ("a", 1, 1)])
@pytest.mark.parametrize(
    "drop",
    [
        lambda shape: L.Dropout(0.5, noise_shape=shape),
        lambda shape: L.AlphaDropout(0.5, noise_shape=shape),
        lambda shape: keras.random.dropout(X, 0.5, noise_shape=shape, seed=1),
    ],
    ids=["Dropout", "AlphaDropout", "random.dropout"],
)
def test_dropout_raises_for_an_invalid_noise_shape(drop, shape):
    with pytest.raises(LaminaError, match="noise_shape"):
        drop(shape)


def test_random_dropout_takes_none_in_its_noise_shape_for_the_extent_of_the_inputs():
    found = keras.random.dropout(X, 0.5, noise_shape=(None, 1, None), seed=1).numpy()
    np.testing.assert_array_equal(found, np.repeat(found[:, :1], 3, axis=1))
    assert len(np.unique(found)) == 2
    with pytest.raises(ShapeError, match=r"noise_shape \(1, None\) has 2 axes"):
        keras.random.dropout(X, 0.5, noise_shape=(1, None), seed=1)


@pytest.mark.parametrize("labels", [[0, 1], None])
def test_datasets_of_folders_raise_for_class_names_next_to_given_labels(tmp_path, labels):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(ArgumentError, match="class_names: expected None unless labels='inferred'"):
        keras.utils.text_dataset_from_directory(
            tmp_path, labels=labels, label_mode=None, class_names=["a", "b"]
        )


def test_a_shape_and_a_batch_size_of_a_layer_go_together():
    model = lm.Sequential([L.Dense(1, input_shape=(4,), batch_size=2)])
    assert model.input_shape == (2, 4)
    assert lm.Input((4,), batch_size=2).shape == (2, 4)
