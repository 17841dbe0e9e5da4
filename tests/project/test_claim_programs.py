"""The programs of examples/claims at a small size: what lectures say holds."""

import runpy

import numpy as np
import pytest

from example_programs import run_small
from paths import EXAMPLES


@pytest.fixture
def image(tmp_path):
    return tmp_path / "figure.png"


def test_linear_layers_multiply_to_one(image):
    difference, one, three, ten, relu = run_small("claims/linear_layers", image).values()
    assert difference < 1e-4
    assert max(one, three, ten) < 70 and relu > 85


def test_gradients_vanish_in_deep_sigmoid_networks_only(image):
    found = run_small("claims/deep_training", image)
    assert found["gradient of first layer / last, sigmoid, log10"] < -4
    assert abs(found["gradient of first layer / last, ReLU and He, log10"]) < 2
    assert found["accuracy: sigmoid, SGD, %"] < 25


def test_layers_separate_two_sheets_step_by_step(image):
    shares = list(run_small("claims/crumpled_paper", image).values())
    assert shares[0] < 75 and shares[-1] > shares[0] + 15


def test_the_sheets_are_folded_and_do_not_touch():
    names = runpy.run_path(str(EXAMPLES / "claims/crumpled_paper.py"))
    x, y = names["sheets"](600, np.random.default_rng(0))
    one, other = x[y == 0], x[y == 1]
    radii = [np.linalg.norm(each[:, :2], axis=1) for each in (one, other)]
    assert x.shape == (600, 3) and radii[0].min() > 0.1
    assert np.linalg.norm(one[:, None] - other[None], axis=-1).min() > 0.02


def test_few_and_many_weights_predict_new_points_badly(image):
    stiff, right, flexible, trained, network, noise = run_small(
        "claims/curve_fitting", image
    ).values()
    assert right < stiff and right < 10**flexible and network < stiff
    assert trained < noise
