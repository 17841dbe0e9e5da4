"""The programs of examples/history at a small size: they find what their papers are about."""

import pytest

from example_programs import run_small


@pytest.fixture
def image(tmp_path):
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
