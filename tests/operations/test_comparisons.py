"""== and != of variables are elementwise, and of what has no value yet by identity where a truth is
asked for."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError, TracedValueError
from lamina.keras import ops


# ---- variables ---------------------------------------------------------------------------------
def test_a_variable_is_compared_elementwise_with_anything_that_is_a_number():
    v = lm.Variable([1.0, 2.0])
    for other in (1, 1.0, np.float32(1), [1.0, 1.0], np.ones(2), lm.ones(2), lm.Variable([1.0, 1])):
        assert (v == other).tolist() == [True, False]
        assert (v != other).tolist() == [False, True]
        assert (other == v).tolist() == [True, False]
    scalar = lm.Variable(3, name="count")
    assert scalar == 3 and bool(scalar != 3) is False and scalar != 2 and scalar <= 3
    with pytest.raises(ShapeError, match="one element"):
        bool(v == 1)


@pytest.mark.parametrize("other", [None, "a", object(), {}, {1}, lm, print])
def test_objects_that_are_not_numbers_are_unequal_to_tensors_and_variables(other):
    for x in (lm.Variable(1.0), lm.asarray(1.0), lm.keras.Input((2,))):
        assert (x == other) is False and (x != other) is True
        assert x in [other, x] and other not in [x]


def test_variables_stay_keys_of_dictionaries_and_members_of_sets():
    a, b = lm.Variable([1.0, 2.0]), lm.Variable([1.0, 2.0])
    assert len({a, b, a}) == 2 and {a: 1, b: 2}[b] == 2 and a in {a} and b not in {a}
    assert hash(a) == hash(a) != hash(b)


def test_a_program_can_ask_the_optimizer_how_many_steps_it_has_made():
    model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
    model.compile(lm.optimizers.Adam(), "mse")
    assert model.optimizer.iterations == 0
    model.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=2, verbose=0)
    assert model.optimizer.iterations == 3 and model.optimizer.iterations != 1000


def test_variables_of_equal_values_are_trained_and_saved_as_two(
    tmp_path,
):
    def model():
        dense = [lm.layers.Dense(2, kernel_initializer="ones") for _ in range(2)]
        built = lm.Sequential([lm.Input((2,)), *dense])
        built.compile(lm.optimizers.AdamW(0.1, weight_decay=0.1), "mse")
        return built

    trained = model()
    first = trained.layers[0].kernel
    trained.optimizer.exclude_from_weight_decay([first])
    trained.layers[1].trainable = False
    trained.fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)
    assert not (trained.layers[0].kernel == trained.layers[1].kernel).any()
    trained.save_weights(tmp_path / "w.safetensors")
    other = model()
    other.load_weights(tmp_path / "w.safetensors")
    assert all((a == b).all() for a, b in zip(trained.weights, other.weights, strict=True))


# ---- tensors without values --------------------------------------------------------------------
def test_symbolic_tensors_are_found_in_lists_by_identity():
    a, b, c = lm.keras.Input((3,)), lm.keras.Input((3,)), lm.keras.Input((4,))
    h = lm.layers.Dense(3)(a)
    total = h + b
    assert a in [b, a] and a not in [b, c, h, total] and total in [a, total]
    assert [a, b].index(b) == 1 and [a, b] == [a, b] and [a, b] != [b, a]
    model = lm.Model([a, b], total)
    assert model.inputs == [a, b] and model.inputs != [b, a] and model.outputs == [total]
    assert {a: 1, b: 2}[b] == 2
    assert a == a and a != b and bool(a == b) is False and bool(a != a) is False


def test_symbolic_tensors_are_compared_elementwise_by_the_model():
    a, b = lm.keras.Input((3,)), lm.keras.Input((3,))
    model = lm.Model([a, b], [ops.cast(a == b, "float32"), ops.cast(a != 0, "float32")])
    x, y = np.array([[0.0, 1, 2]], "float32"), np.array([[0.0, 5, 2]], "float32")
    same, nonzero = model.predict([x, y], verbose=0)
    assert same.tolist() == [[1, 0, 1]] and nonzero.tolist() == [[0, 1, 1]]


def test_a_branch_on_a_comparison_of_values_is_refused_where_there_are_none():
    a = lm.keras.Input((3,))
    with pytest.raises(TracedValueError):
        bool(a == 0)
    with pytest.raises(TracedValueError):
        lm.compile(lambda x, y: x if x == y else y)(lm.asarray(1.0), lm.asarray(1.0))
    count = lm.Variable(0)
    with pytest.raises(TracedValueError, match=r"lm\.cond"):
        lm.compile(lambda x: x if count == 0 else -x)(lm.asarray(1.0))
