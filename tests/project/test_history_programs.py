"""The programs of examples/history at a small size: they find what their papers are about."""

import runpy

import numpy as np
import pytest

from example_programs import run_small
from paths import EXAMPLES


@pytest.fixture
def image(tmp_path, monkeypatch, small_mnist):
    """The path of the program's figure; data sets are small."""
    monkeypatch.setenv("LAMINA_DATA", str(small_mnist))
    monkeypatch.setenv("LAMINA_OFFLINE", "1")
    return tmp_path / "figure.png"


def test_one_unit_computes_14_of_16_functions(image):
    found = run_small("history/mcculloch_pitts_1943", image)
    assert found["functions of 2 inputs by one unit"] == 14
    assert found["functions of 3 inputs"] == 104
    assert found["rows of the half adder that are right"] == 4
    assert found["step in which brief cold is felt as heat"] == 3


def test_outer_products_recall_and_the_rule_of_oja_finds_the_first_component(image):
    exact, crosstalk, wrong, angle, length, growth = run_small("history/hebb_1949", image).values()
    assert exact < 1e-12 and crosstalk == pytest.approx(1, abs=0.05)
    assert 0 < wrong < 1
    assert angle < 3 and length == pytest.approx(1, abs=0.01) and growth > 1


def test_elman_finds_the_structure_in_time(image):
    unknown, also, known, begin, end = run_small("history/elman_1990", image).values()
    assert known < 0.15 < 0.45 < min(unknown, also)
    assert begin > 2 > 1 > end


def test_only_both_directions_know_enough(image):
    forwards, backwards, both = run_small("history/bidirectional_1997", image).values()
    assert both < 0.25
    assert 0.61 * 0.95 < forwards < 0.81
    assert 0.3 * 0.95 < backwards < 0.5


def test_perceptrons_keep_the_bound_and_separate_half_of_the_labelings_at_2n(image):
    bound, ratio, xor, *shares = run_small("history/perceptron_1958", image).values()
    assert bound == 1 and ratio < 1 and xor > 0
    assert shares[0] > shares[1] > shares[2]
    assert shares[0] > 75 and 30 < shares[1] < 65 and shares[2] < 30


def test_backpropagation_finds_the_ratio_of_the_weights_of_symmetry(image):
    found = run_small("history/backpropagation_1986", image)
    assert found["XOR solved"] >= 0.5 and found["symmetry solved"] >= 0.5
    assert found["symmetry, second weight / first"] == pytest.approx(2, rel=0.1)
    assert found["symmetry, third weight / first"] == pytest.approx(4, rel=0.1)
    assert found["8-3-8 solved"] == 1


def test_a_map_unfolds_over_the_square(image):
    before, after, quantization, exponent = run_small("history/kohonen_1982", image).values()
    assert after < 2 < 50 < before
    assert quantization < 1.1
    assert 0.4 < exponent < 0.9


def test_recall_is_better_with_few_patterns_and_energy_never_rises(image):
    found = run_small("history/hopfield_1982", image)
    assert found["overlap at P = 0.12 N, N = 1,000"] > 0.9
    assert found["updates that raise the energy"] == 0
    inverse, outer = list(found.values())[-2:]
    assert inverse > 0.9 > outer


def test_a_plan_makes_its_sequence_and_attracts(image):
    _, error, back = run_small("history/jordan_1986", image).values()
    assert error < 0.35 and back > 30


def test_dropout_is_trained_with_the_three_shares(image):
    none, hidden, inputs, saved = run_small("history/dropout_2012", image).values()
    assert 0 < none < 3000 and 0 < hidden < 4000 and 0 < inputs < 5000
    assert saved == pytest.approx(100 * (1 - inputs / none))


def test_memory_cells_learn_over_lags_that_simple_units_do_not(image):
    found = run_small("history/lstm_1997", image)
    assert found["adding T = 100, squared error"] < 0.06
    assert found["adding, squared error of a simple network"] < 0.3
    names = runpy.run_path(str(EXAMPLES / "history/lstm_1997.py"))
    x, y, allowed = names["strings"](50, np.random.default_rng(0))
    steps = x.sum(axis=(1, 2)).astype(int)
    assert (x[:, 0, names["LETTERS"].index("B")] == 1).all() and steps.min() >= 8
    for row, last in enumerate(steps):
        assert allowed[row, range(last), y[row, :last]].all()
        assert y[row, last - 2] == x[row, 1].argmax()  # the letter that has to be remembered


def test_the_exact_gradient_is_enumerated_and_learns_more_than_contrastive_divergence(image):
    difference, exact, contrastive, eight, sixteen = run_small("history/rbm_1986", image).values()
    assert difference < 1e-5
    assert -6 < exact < -3.4 and contrastive < -3.4
    assert 0 < eight <= 8 and 0 < sixteen <= 8


def test_a_boltzmann_machine_invents_codes(image):
    solved, _, _, distinct = run_small("history/boltzmann_1985", image).values()
    assert solved > 0.1 and 2 < distinct <= 8


def test_hidden_units_of_a_boltzmann_machine_are_only_connected_to_visible_ones():
    names = runpy.run_path(str(EXAMPLES / "history/boltzmann_1985.py"))
    linked = names["connections"](4, 2)
    assert (linked == linked.T).all() and not linked[8:, 8:].any()
    assert linked[:4, 4:8].sum() == 0 and linked[8:, :8].all()
    found = names["distinct"](np.array([[1, 2, 3, 0], [1, 1, 3, 3]]))
    assert found.tolist() == [4, 2]
    counts = np.array([[4, 1]] * 3 + [[1, 4]] * 12)
    assert names["first_solved"](counts, 4).tolist() == [0, 13]
